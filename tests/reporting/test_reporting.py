"""The report's texts tell the protocol's values and released figures, and mark what is missing."""

import csv
import re
from dataclasses import replace
from io import StringIO

import polars as pl
import pytest

from analysis.contracts.protocol import Protocol, parse_protocol
from analysis.disclosure import release_tables
from analysis.reporting import (
    ChecklistItem,
    StudyFacts,
    checklist,
    checklists_csv,
    methods,
    methods_markdown,
    references_in,
    study_facts,
    target_trial,
)
from analysis.reporting.items import ITEMS
from analysis.reporting.references import REFERENCES
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results, sealed

CAUSAL = re.compile(
    r"\b(proves?|proven|prevents?|prevented|causes|caused|causing)\b", re.IGNORECASE
)
CITED = re.compile(
    r"(?:[A-Z][\wá-ú]+(?: and [A-Z][\wá-ú]+| et al\.)?|von Elm et al\.) (?:19|20)\d\d"
)
CHANGED = """
[study]
horizon_days = 200
primary_order = "alt23"
[exits]
counted_evidence = ["measured"]
[trials]
horizon_days = 77
[weights]
truncation_quantile = 0.99
[intervals]
method = "influence"
cluster = "clinic"
[missing]
method = "imputation"
imputations = 7
[gates]
status_known_smallest = 0.71
"""


def facts(tables: dict[str, pl.DataFrame] | None = None) -> StudyFacts:
    return study_facts(release_tables(results() if tables is None else tables, DISCLOSURE))


def words(protocol: Protocol, found: StudyFacts | None = None) -> str:
    told = [text for passage in methods(protocol, FACTS, found) for text in passage.paragraphs]
    told += [text for row in target_trial(protocol) for text in (row.target, row.emulation)]
    return "\n".join(told)


def test_the_target_trial_has_every_component_of_the_protocol() -> None:
    names = [row.name for row in target_trial(PROTOCOL)]
    for name in (
        "Eligibility",
        "Treatment strategies",
        "Assignment",
        "Time zero",
        "Outcome",
        "Follow-up",
        "Estimands",
        "Contrasts",
        "Analysis",
    ):
        assert name in names
    assert sum(name.startswith("Assumption") for name in names) == 4
    assert all(row.target and row.emulation for row in target_trial(PROTOCOL))


def test_values_of_the_protocol_are_told_and_not_the_presets() -> None:
    told, preset = words(parse_protocol(CHANGED)), words(PROTOCOL)
    for value in (
        "day 200",
        "1 < 3 < 2 < 4 < 5",
        "77 days",
        "99%",
        "71%",
        "The clinic is the unit",
        "7 tables",
    ):
        assert value in told
        assert value not in preset or value.startswith("1 <")
    assert "day 365" not in told
    assert "attested" not in told.split("A stage is completed")[1].split(";")[0]
    assert "influence functions that carry" in told
    assert "resamples of whole patients" in preset


def test_every_citation_has_its_reference_and_every_reference_is_cited() -> None:
    told = words(PROTOCOL, facts())
    named = {work.cited for work in REFERENCES}
    assert {found.group() for found in CITED.finditer(told)} <= named
    assert {work.cited for work in references_in([told])} == named


def test_texts_hold_no_causal_word() -> None:
    items = checklist(PROTOCOL, FACTS, facts())
    told = words(PROTOCOL, facts()) + "\n".join(f"{item.asks} {item.text}" for item in items)
    assert not CAUSAL.findall(told)


def test_what_is_released_is_told_with_its_numbers() -> None:
    found = facts()
    assert "2\N{NARROW NO-BREAK SPACE}290 episodes" in found.participants
    assert "\N{MINUS SIGN}3 points" in found.estimate
    assert found.verdict.startswith("Verdict of the primary analysis: compatible with lower")
    assert found.standing == "registered"


def test_a_sealed_estimate_is_told_nowhere() -> None:
    found = facts(sealed(results()))
    assert found.estimate == ""
    assert "Of 9 gates, 1 did not pass (overlap effective)" in found.gates
    text = methods_markdown(PROTOCOL, FACTS, found)
    assert "points (95% interval" not in text


def test_no_text_names_a_clinic() -> None:
    reason = "balance_alt23 failed: -0.2 (clinic=St. Mary, west, strategy strict); below 0.1."
    tables = results()
    found = facts(tables | {"verdicts": tables["verdicts"].with_columns(reason=pl.lit(reason))})
    assert found.verdict.endswith(
        "balance alt23 failed: \N{MINUS SIGN}0.2 (clinic, strategy strict); below 0.1."
    )


def test_a_handful_of_patients_is_told_nowhere() -> None:
    found = facts(results([("tiny", 3)]))
    assert found.participants == found.follow_up == found.estimate == ""


def test_without_any_table_the_texts_stand() -> None:
    found = facts({})
    assert found == StudyFacts(*[""] * 10)
    assert "## Estimation" in methods_markdown(PROTOCOL, FACTS, found)
    assert status("STROBE", "16a", found) == "a person must write this"


def status(statement: str, number: str, found: StudyFacts) -> str:
    return item(statement, number, found).status


def item(statement: str, number: str, found: StudyFacts) -> ChecklistItem:
    items = checklist(PROTOCOL, FACTS, found)
    return next(one for one in items if (one.statement, one.number) == (statement, number))


@pytest.mark.parametrize(("statement", "numbers"), [("STROBE", 22), ("RECORD", 13), ("TARGET", 21)])
def test_every_numbered_item_of_a_statement_is_listed_once(statement: str, numbers: int) -> None:
    own = [one.number for one in ITEMS if one.statement == statement]
    assert len(own) == len(set(own))
    whole = (
        own if statement == "RECORD" else {re.sub(r"[a-z](\(i+\))?$", "", number) for number in own}
    )
    assert len(whole) == numbers


def test_items_say_who_fills_them() -> None:
    found = facts()
    assert status("STROBE", "4", found) == "filled by the software"
    assert status("STROBE", "22", found) == "a person must write this"
    assert status("RECORD", "22.1", found) == "filled in part; a person must add to it"
    assert item("TARGET", "7c", found).text == target_trial(PROTOCOL)[2].emulation
    assert "Positivity: " in item("TARGET", "7g(i)", found).text
    for one in checklist(PROTOCOL, FACTS, found):
        assert bool(one.text) == (one.status != "a person must write this")


def test_the_checklists_are_read_back_from_their_csv() -> None:
    items = checklist(PROTOCOL, FACTS, facts())
    rows = list(csv.DictReader(StringIO(checklists_csv(items))))
    assert [row["item"] for row in rows] == [one.number for one in items]
    assert [row["text"] for row in rows] == [one.text for one in items]


def test_a_spreadsheet_runs_nothing_of_the_checklists() -> None:
    hostile = ChecklistItem("STROBE", "1", "Title", "design", "filled", '=HYPERLINK("x")')
    (row,) = csv.DictReader(StringIO(checklists_csv([hostile])))
    assert row["text"].startswith("'=")


def test_names_cannot_break_out_of_the_markdown() -> None:
    study = replace(PROTOCOL.study, name="<b>x</b> | `y` [z](w)\n# top")
    text = methods_markdown(replace(PROTOCOL, study=study), FACTS, facts())
    assert text.splitlines()[0] == (r"# Methods: \<b\>x\</b\> | \`y\` \[z\](w) \# top")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {4}


def test_the_same_release_gives_the_same_texts() -> None:
    first, second = (methods_markdown(PROTOCOL, FACTS, facts()) for _ in range(2))
    assert first == second
