"""Every rule that fired is on one list: where, when, what the figures are, and what to ask."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from analysis.contracts.release import status_column
from analysis.contracts.results import RESULT_TABLES
from analysis.disclosure.rules import TABLE_RULES
from analysis.pages.meeting import DEFAULT_QUESTION, is_listed, month_numbers, signals
from analysis.pages.shelf import Shelf
from tests.pages.plausible import FACTS

COVERED = replace(FACTS, first_month="2023-01", last_month="2025-12")


def released(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the gate would release it; numbers that are not given are suppressed."""
    row = {name: values.get(name) for name in RESULT_TABLES[table]}
    for number in TABLE_RULES[table].numbers():
        shown = values.get(number.name) is not None
        row[status_column(number.name)] = "released" if shown else "suppressed"
    return row


def point(period: str, signal: str | None = None, **changed: Any) -> dict[str, Any]:
    given = {
        "chart": "premature_advance",
        "unit_kind": "network",
        "unit_name": "network",
        "period": period,
        "value": 0.4,
        "denominator": 120.0,
        "patients": 110,
        "center": 0.35,
        "lower": 0.2,
        "upper": 0.5,
        "signal": signal,
    }
    return released("quality_points", given | changed)


def shelf(*points: dict[str, Any], **tables: list[dict[str, Any]]) -> Shelf:
    return Shelf({"quality_points": list(points), **tables}, None, {})


def test_a_signal_says_where_when_what_and_what_to_ask() -> None:
    (found,) = signals(shelf(point("2025-01"), point("2025-02", "beyond_limits")), COVERED)
    assert found.indicator == "Episodes that moved on before a stage was completed"
    assert found.unit == "All clinics together"
    assert found.rule == "outside the limits"
    assert found.periods == "2025-02"
    assert found.latest == "40% of 120 (centre 35%, limits 20% to 50%)"
    assert found.question.endswith("?")


def test_neighbouring_periods_of_one_rule_are_one_entry() -> None:
    months = ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05"]
    rules = ["shift", "shift", None, "shift", "shift"]
    found = signals(shelf(*map(point, months, rules)), COVERED)
    assert [each.periods for each in found] == ["2025-04 to 2025-05", "2025-01 to 2025-02"]


def test_two_rules_in_one_period_are_two_entries() -> None:
    found = signals(
        shelf(point("2025-01", "beyond_limits;shift"), point("2025-02", "shift")), COVERED
    )
    assert [(each.periods, each.rule) for each in found] == [
        ("2025-01 to 2025-02", "part of a long run on one side of the centre"),
        ("2025-01", "outside the limits"),
    ]


def test_the_latest_figures_are_those_of_the_last_period() -> None:
    (found,) = signals(
        shelf(point("2025-02", "shift", value=0.6), point("2025-01", "shift", value=0.5)), COVERED
    )
    assert found.latest.startswith("60% of 120")


def test_units_are_kept_apart() -> None:
    north = {"unit_kind": "clinic", "unit_name": "north"}
    found = signals(
        shelf(
            point("2025-01", "shift", **north),
            point("2025-02", "shift"),
            point("2025-02", None, **north),
        ),
        COVERED,
    )
    assert [(each.unit, each.periods) for each in found] == [
        ("All clinics together", "2025-02"),
        ("Clinic north", "2025-01"),
    ]


def test_entries_stand_by_period_and_indicator_whatever_their_size() -> None:
    rows = [
        point("2025-01", "shift", value=0.9),
        point("2025-03", "shift", chart="exit_evidence", value=0.1),
        point("2025-03", "shift", chart="no_such_indicator", value=0.99),
        point("2025-Q3", "shift", chart="missed_sessions", value=0.01),
    ]
    found = signals(shelf(*rows), COVERED)
    assert [each.last_period for each in found] == ["2025-Q3", "2025-03", "2025-03", "2025-01"]
    same = [each.indicator for each in found if each.last_period == "2025-03"]
    assert same == sorted(same)
    assert signals(shelf(*reversed(rows)), COVERED) == found


def test_an_indicator_without_a_question_of_its_own_gets_the_common_one() -> None:
    (found,) = signals(shelf(point("2025-01", "shift", chart="no_such_indicator")), COVERED)
    assert (found.indicator, found.question) == ("No such indicator", DEFAULT_QUESTION)


def test_a_hidden_figure_is_not_told() -> None:
    (found,) = signals(shelf(point("2025-01", "shift", value=None)), COVERED)
    assert found.latest == "hidden: too few patients"


def test_a_mean_is_told_in_its_unit_with_its_number() -> None:
    mean = {"value": 12.3, "unit": "days", "center": 11.0, "lower": None}
    (found,) = signals(shelf(point("2025-01", "shift", **mean)), COVERED)
    assert found.latest == "12.3 days, n = 120 (centre 11.0 days)"


def test_a_sum_that_reached_its_limit_is_on_the_list() -> None:
    row = {
        "unit_kind": "clinic",
        "unit_name": "north",
        "outcome": "reinjury_365_days",
        "episodes": 50,
        "patients": 45,
        "observed": 15,
    }
    sums = [
        released("risk_cusums", row | {"period": month, "worse": worse, "signal": signal})
        for month, worse, signal in (("2025-01", 0.6, None), ("2025-02", 0.1, "worse"))
    ]
    (found,) = signals(shelf(risk_cusums=sums), COVERED)
    assert (found.unit, found.periods) == ("Clinic north", "2025-02")
    assert "worse than expected" in found.rule
    assert "15 of 50 episodes" in found.latest


@pytest.mark.parametrize(
    ("position", "listed"),
    [("alarm_high", True), ("warning_low", True), ("within", False), (None, False)],
)
def test_a_clinic_beyond_the_limits_of_its_case_mix_is_on_the_list(
    position: str | None, *, listed: bool
) -> None:
    row = {
        "unit_kind": "clinic",
        "unit_name": "north",
        "outcome": "improved_at_discharge",
        "episodes": 100,
        "observed": 80,
        "expected": 61.2,
        "position": position,
    }
    found = signals(shelf(case_mix=[released("case_mix", row)]), COVERED)
    assert [each.latest for each in found] == (
        ["80 of 100 episodes, where 61.2 were expected from the patients' state before treatment"]
        if listed
        else []
    )
    assert {each.periods for each in found} == ({"2023-01 to 2025-12"} if listed else set())


def test_a_requirement_that_is_not_met_is_no_signal() -> None:
    row = {"unit_kind": "clinic", "unit_name": "north", "tier": 1, "is_met": False}
    assert signals(shelf(data_quality=[released("data_quality", row)]), COVERED) == []


@pytest.mark.parametrize(
    ("period", "month", "listed"),
    [
        ("2025-03", "2025-03", True),
        ("2024-04", "2025-03", True),
        ("2024-03", "2025-03", False),
        ("2025-04", "2025-03", False),
        ("2025-Q1", "2025-02", True),
        ("2025-Q1", "2024-12", False),
        ("2024-Q2", "2025-05", True),
        ("2024-Q2", "2025-06", False),
        ("2024", "2025-11", True),
        ("2024", "2025-12", False),
    ],
)
def test_a_months_list_goes_back_a_year(period: str, month: str, *, listed: bool) -> None:
    assert is_listed(period, month) is listed


def test_a_months_list_knows_nothing_of_later_months() -> None:
    months = ["2025-01", "2025-02", "2025-03"]
    own = shelf(*(point(month, "shift", value=0.5) for month in months))
    (found,) = signals(own, COVERED, "2025-02")
    assert found.periods == "2025-01 to 2025-02"


def test_a_release_without_months_has_an_empty_list() -> None:
    nothing = replace(FACTS, first_month=None, last_month=None)
    row = {"unit_kind": "clinic", "unit_name": "north", "position": "alarm_high"}
    assert signals(shelf(case_mix=[released("case_mix", row)]), nothing) == []


def test_months_follow_each_other_across_years_and_quarters() -> None:
    periods = ["2024-11", "2024-12", "2025-01"]
    numbers = [month_numbers(period)[0] for period in periods]
    assert all(after == before + 1 for before, after in pairwise(numbers))
    assert month_numbers("2025-Q1") == (month_numbers("2025-01")[0], month_numbers("2025-03")[0])


@pytest.mark.parametrize("period", ["202", "2025-13", "2025-Q5", "May 2025", ""])
def test_a_period_of_another_form_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match=period or "^$"):
        month_numbers(period)
