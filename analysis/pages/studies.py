"""What the research page shows: the answer first, then all that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import ReleasedTable, ReleaseFacts
from analysis.figures import words
from analysis.figures.measures import analysis_name
from analysis.figures.words import Row, shows
from analysis.pages.blocks import Checklists, Points, Section, Text, Words
from analysis.pages.courses import trajectory_sections
from analysis.pages.designs import (
    PRIMARY,
    balance_section,
    gates_section,
    of_primary,
    people_section,
    positivity_section,
    trial_section,
    weights_section,
)
from analysis.pages.doubts import (
    certificate_section,
    sensitivity_section,
    specifications_section,
)
from analysis.pages.effects import (
    clinics_section,
    estimates_section,
    hypotheses_section,
    risk_section,
    secondary_section,
    subgroups_section,
    trials_section,
)
from analysis.pages.shelf import Shelf
from analysis.reporting import (
    CHECKLISTS,
    checklist,
    methods,
    references_in,
    study_facts,
    target_trial,
)

HYPOTHESES: Final = {
    "completion": "moving on only after the current stage's exit is met lowers re-injury",
    "order": "working the stages in order lowers re-injury",
    "endurance": "finishing the endurance stage lowers re-injury",
    "specificity": "this order matters more than rival orders",
}
CLAIMS: Final = {
    **HYPOTHESES,
    "primary": HYPOTHESES["completion"],
    "early_loading": "beginning strength or endurance early differs from the strict order",
}
VERDICT_CLASSES: Final = {
    "compatible with lower re-injury": "lower",
    "no clear difference": "none",
    "compatible with higher re-injury": "higher",
    "cannot be estimated from these data": "sealed",
}
STANDING_WORDS: Final = {
    "registered": "The protocol was registered before these data were looked at.",
    "exploratory": "Exploratory: the protocol was changed, or the data were looked at, after it "
    "was registered.",
    "not registered": "The protocol is not registered, so the analysis could have been chosen "
    "after the fact.",
}
NO_STANDING: Final = "Whether the protocol was registered beforehand is not recorded."


@dataclass(frozen=True)
class Verdict:
    """What an analysis concludes, in the study's own words, and how much weight it carries."""

    analysis: str
    name: str
    meaning: str
    words: str
    reason: str
    standing: str
    standing_words: str
    style: str


@dataclass(frozen=True)
class ResearchPage:
    """The answer of the first screen, and the sections below it."""

    verdicts: Sequence[Verdict]
    summary: str
    failed_gates: Sequence[str]
    sections: Sequence[Section]


def research_page(
    shelf: Shelf, released: Mapping[str, ReleasedTable], protocol: Protocol, facts: ReleaseFacts
) -> ResearchPage:
    """Return the study as far as it is released."""
    own_gates = of_primary(shelf.rows("gates"))
    verdicts = _verdicts(shelf.rows("verdicts"))
    return ResearchPage(
        verdicts=verdicts,
        summary=_summary(shelf.rows("estimates")),
        failed_gates=[words.spelled(row["gate"]) for row in own_gates if row["status"] != "passed"],
        sections=(
            trial_section(protocol),
            people_section(shelf),
            gates_section(shelf),
            risk_section(shelf),
            hypotheses_section(shelf),
            positivity_section(shelf, protocol),
            weights_section(shelf),
            balance_section(shelf, protocol),
            subgroups_section(shelf),
            clinics_section(shelf),
            secondary_section(shelf),
            trials_section(shelf),
            sensitivity_section(shelf),
            specifications_section(shelf, is_registered=verdicts[0].standing == "registered"),
            certificate_section(shelf),
            *trajectory_sections(shelf),
            estimates_section(shelf),
            _not_run_section(shelf),
            *_report_sections(released, protocol, facts),
        ),
    )


def _verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Return the verdicts, the primary analysis' first."""
    if not rows:
        not_estimated = "cannot be estimated from these data"
        return [_verdict(PRIMARY, not_estimated, "The analysis was not run.", None)]
    ordered = sorted(rows, key=lambda row: str(row["analysis"]) != PRIMARY)
    return [
        _verdict(row["analysis"], row["verdict"], row["reason"] or "", row["standing"])
        for row in ordered
    ]


def _verdict(analysis: str, verdict: str, reason: str, standing: str | None) -> Verdict:
    return Verdict(
        analysis,
        analysis_name(analysis),
        CLAIMS.get(analysis, ""),
        verdict,
        reason,
        standing or "",
        STANDING_WORDS.get(standing or "", NO_STANDING),
        VERDICT_CLASSES[verdict],
    )


def _summary(estimates: Sequence[Row]) -> str:
    """Return the primary estimate as a sentence, or an empty text when it is not shown."""
    wanted = {
        (row["strategy"], row["measure"]): row
        for row in of_primary(estimates)
        if shows(row, "value") and not row["is_biased_comparison"]
    }
    strict, natural = wanted.get(("strict", "risk")), wanted.get(("natural", "risk"))
    difference = wanted.get(("strict", "risk_difference"))
    if strict is None or natural is None or difference is None:
        return ""
    told = (
        f"Had every stage been completed before the next, an estimated "
        f"{words.percent(strict['value'])} would have been injured again by day "
        f"{strict['horizon_days']}; with stages chosen as usual, "
        f"{words.percent(natural['value'])}. "
        f"The difference is {words.points(difference['value'])}"
    )
    if not shows(difference, "low", "high"):
        return f"{told}."
    interval = words.span(difference["low"], difference["high"], words.points)
    return f"{told} (95% interval {interval})."


def _not_run_section(shelf: Shelf) -> Section:
    told = tuple(_not_run(shelf))
    return Section(
        "notrun",
        "Not run, failed or impossible",
        "Everything that was planned and has no number, with the reason.",
        (Points(told) if told else Words(("Everything that was planned was run.",)),),
    )


def _not_run(shelf: Shelf) -> list[str]:
    estimates = shelf.rows("estimates")
    told = [
        f"{analysis_name(row['analysis'])}{_of_part(row)}: {words.status_words(row)}"
        + (f" ({row['reason']})" if row["reason"] else "")
        for row in estimates
        if row["status"] in {"not_run", "failed", "impossible", "suppressed"}
    ]
    told += [
        f"Hypothesis {name} ({meaning}): not run"
        for name, meaning in HYPOTHESES.items()
        if name not in {row["hypothesis"] for row in estimates}
    ]
    told += [
        f"{words.domain_name(row['domain'])}, "
        f"{words.spelled(row['term'] or row['model']).lower()}: {row['reason']}"
        for row in shelf.rows("trajectory_gaps")
        if not row["subgroup_kind"]
    ]
    return list(dict.fromkeys(told))


def _of_part(row: Row) -> str:
    """Return the subgroup in words; a clinic is not named."""
    if not row["subgroup"]:
        return ""
    if row["subgroup_kind"] == "clinic":
        return ", a clinic"
    return f", {words.spelled(row['subgroup']).lower()}"


def _report_sections(
    released: Mapping[str, ReleasedTable], protocol: Protocol, facts: ReleaseFacts
) -> tuple[Section, Section]:
    found = study_facts(released)
    passages = methods(protocol, facts, found)
    table = target_trial(protocol)
    texts = [text for passage in passages for text in passage.paragraphs]
    texts += [text for row in table for text in (row.target, row.emulation)]
    items = checklist(protocol, facts, found)
    by_statement = tuple(
        (name, tuple(item for item in items if item.statement == name)) for name in CHECKLISTS
    )
    return (
        Section(
            "methods",
            "Methods, in words",
            "For a paper or a protocol, filled from this release. As a file of the release: "
            "report/methods.md.",
            (Text(passages, references_in(texts)),),
        ),
        Section(
            "checklists",
            "Reporting checklists",
            "What software can fill is filled; the rest is marked for a person. The words of the "
            "items are ours, the statements are the reference. As a file: report/checklists.csv.",
            (Checklists(by_statement),),
        ),
    )
