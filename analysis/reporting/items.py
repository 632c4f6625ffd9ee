"""The items of STROBE, RECORD and TARGET, in short words of our own.

Numbers are those of the statements (von Elm et al. 2007; Benchimol et al. 2015; Cashin et al.
2025); the words are ours, so the statements themselves are the reference. `answer` names the text
of `analysis.reporting.answers` that fills the item; None: a person must write it.
"""

from dataclasses import dataclass
from typing import Final

STROBE: Final = "STROBE"
RECORD: Final = "RECORD"
TARGET: Final = "TARGET"


@dataclass(frozen=True)
class Item:
    """One item of a reporting statement and the name of the text that fills it."""

    statement: str
    number: str
    section: str
    asks: str
    answer: str | None = None


def _items(statement: str, *rows: tuple[str, str, str, str | None]) -> tuple[Item, ...]:
    return tuple(Item(statement, *row) for row in rows)


ITEMS: Final = (
    *_items(
        STROBE,
        ("1a", "Title and abstract", "Study design in title or abstract", "design"),
        ("1b", "Title and abstract", "Balanced summary in the abstract", None),
        ("2", "Introduction", "Scientific background and rationale", None),
        ("3", "Introduction", "Objectives and prespecified hypotheses", "hypotheses"),
        ("4", "Methods", "Key elements of the design", "design"),
        ("5", "Methods", "Setting, locations and relevant dates", "setting"),
        ("6a", "Methods", "Eligibility, sources, follow-up of participants", "eligibility"),
        ("6b", "Methods", "Matching, if any", "matching"),
        ("7", "Methods", "Outcomes, exposures, confounders, effect modifiers", "variables"),
        ("8", "Methods", "Sources and ways of measurement of each variable", "measurement"),
        ("9", "Methods", "Efforts against bias", "bias"),
        ("10", "Methods", "How the study size was arrived at", "size"),
        ("11", "Methods", "Handling of quantitative variables", "quantities"),
        ("12a", "Methods", "Statistical methods, control of confounding", "analysis"),
        ("12b", "Methods", "Subgroups and interactions", "subgroup_methods"),
        ("12c", "Methods", "Missing data", "missing"),
        ("12d", "Methods", "Loss to follow-up", "loss"),
        ("12e", "Methods", "Sensitivity analyses", "sensitivity_methods"),
        ("13a", "Results", "Numbers at each stage of the study", "selection"),
        ("13b", "Results", "Reasons for non-participation", "selection"),
        ("13c", "Results", "Flow diagram", "flow"),
        ("14a", "Results", "Characteristics of participants", "participants"),
        ("14b", "Results", "Participants with missing data for each variable", None),
        ("14c", "Results", "Follow-up time", "follow_up"),
        ("15", "Results", "Outcome events over time", "outcomes"),
        ("16a", "Results", "Estimates with precision, and confounders adjusted for", "estimate"),
        ("16b", "Results", "Category boundaries of continuous variables", "quantities"),
        ("16c", "Results", "Absolute as well as relative risks", "estimate"),
        ("17", "Results", "Other analyses", "other_results"),
        ("18", "Discussion", "Key results against the objectives", "verdict"),
        ("19", "Discussion", "Limitations, direction and size of bias", None),
        ("20", "Discussion", "Cautious overall interpretation", None),
        ("21", "Discussion", "Generalisability", None),
        ("22", "Other information", "Funding and role of funders", None),
    ),
    *_items(
        RECORD,
        ("1.1", "Title and abstract", "Type of data and names of databases", "data_type"),
        ("1.2", "Title and abstract", "Region and time frame", "time_frame"),
        ("1.3", "Title and abstract", "Linkage, if any", "linkage"),
        ("6.1", "Methods", "Codes or algorithms that select the population", "algorithms"),
        ("6.2", "Methods", "Validation of these codes or algorithms", None),
        ("6.3", "Methods", "Flow of the linkage", "linkage"),
        ("7.1", "Methods", "Full list of codes for exposures, outcomes, confounders", "codes"),
        ("12.1", "Methods", "Access of the investigators to the database", None),
        ("12.2", "Methods", "Data cleaning", "cleaning"),
        ("12.3", "Methods", "Level and quality of linkage", "linkage"),
        ("13.1", "Results", "Selection of the persons in the study, with filtering", "selection"),
        ("19.1", "Discussion", "Consequences of data not collected for the question", None),
        ("22.1", "Other information", "Protocol, raw data and program code", "access"),
    ),
    *_items(
        TARGET,
        ("1a", "Abstract", "Named as an attempt to emulate a target trial", "design"),
        ("1b", "Abstract", "Data sources used for the emulation", "data_type"),
        ("1c", "Abstract", "Key assumptions, methods and findings", None),
        ("2", "Introduction", "Background and gap in what is known", None),
        ("3", "Introduction", "The causal question", "question"),
        ("4", "Introduction", "Why a target trial is emulated", None),
        ("5", "Methods", "Data sources", "setting"),
        ("6a", "Methods: target trial", "Eligibility criteria", "target:Eligibility"),
        ("6b", "Methods: target trial", "Treatment strategies", "target:Treatment strategies"),
        ("6c", "Methods: target trial", "Assignment", "target:Assignment"),
        ("6d", "Methods: target trial", "Time zero and follow-up", "target:Follow-up"),
        ("6e", "Methods: target trial", "Outcomes", "target:Outcome"),
        ("6f", "Methods: target trial", "Causal contrasts", "target:Contrasts"),
        ("6g", "Methods: target trial", "Identifying assumptions", "target:assumptions"),
        ("6h", "Methods: target trial", "Data analysis plan", "target:Analysis"),
        ("7a", "Methods: emulation", "Eligibility criteria", "emulation:Eligibility"),
        ("7b", "Methods: emulation", "Treatment strategies", "emulation:Treatment strategies"),
        ("7c", "Methods: emulation", "Assignment", "emulation:Assignment"),
        ("7d", "Methods: emulation", "Time zero and follow-up", "emulation:Follow-up"),
        ("7e", "Methods: emulation", "Outcomes", "emulation:Outcome"),
        ("7f", "Methods: emulation", "Causal contrasts", "emulation:Contrasts"),
        ("7g(i)", "Methods: emulation", "Identifying assumptions", "emulation:assumptions"),
        ("7g(ii)", "Methods: emulation", "Variables of these assumptions", "variables"),
        ("7h(i)", "Methods: emulation", "Data analysis procedures", "emulation:Analysis"),
        ("7h(ii)", "Methods: emulation", "Analyses of sensitivity", "sensitivity_methods"),
        ("8", "Results", "Selection of participants", "selection"),
        ("9", "Results", "Baseline data", "participants"),
        ("10", "Results", "Follow-up", "follow_up"),
        ("11", "Results", "Missing data", None),
        ("12", "Results", "Outcomes", "outcomes"),
        ("13", "Results", "Effect estimates with precision", "estimate"),
        ("14", "Results", "Additional analyses", "other_results"),
        ("15", "Discussion", "Interpretation", None),
        ("16", "Discussion", "Limitations", None),
        ("17", "Other information", "Ethical approval and consent", None),
        ("18", "Other information", "Registration and protocol", "registration"),
        ("19", "Other information", "Access to data, code and materials", "access"),
        ("20", "Other information", "Funding and role of the funders", None),
        ("21", "Other information", "Conflicts of interest", None),
    ),
)
