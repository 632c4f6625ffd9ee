"""Limits stay frozen on a baseline until somebody records why they should not."""

import numpy as np
import pytest

from analysis.quality import Rebase
from analysis.quality.baselines import baseline, first_month, phases

MONTHS = ["2023-11", "2023-12", "2024-01", "2024-02", "2024-03", "2024-04"]


def rebase(start: str, unit_kind: str = "clinic", unit_name: str | None = "C1") -> Rebase:
    return Rebase("no_shows", unit_kind, unit_name, start, "new reminders", "2024-05-01", "R. Reed")


def test_the_first_points_that_count_are_the_baseline() -> None:
    counted = np.array([True, False, True, True, True])
    assert baseline(counted, 3).tolist() == [True, False, True, True, False]


def test_all_points_are_the_baseline_while_there_are_fewer() -> None:
    assert baseline(np.array([True, True, False]), 12).tolist() == [True, True, False]


def test_without_a_decision_there_is_one_phase() -> None:
    assert phases(MONTHS, []).tolist() == [0] * 6


def test_a_phase_begins_with_the_named_period() -> None:
    assert phases(MONTHS, [rebase("2024-01")]).tolist() == [0, 0, 1, 1, 1, 1]


def test_two_decisions_make_three_phases_in_any_order() -> None:
    decisions = [rebase("2024-03"), rebase("2023-12")]
    assert phases(MONTHS, decisions).tolist() == [0, 1, 1, 1, 2, 2]


def test_a_decision_taken_twice_begins_one_phase() -> None:
    assert phases(MONTHS, [rebase("2024-01")] * 2).tolist() == [0, 0, 1, 1, 1, 1]


def test_months_and_quarters_are_compared_by_their_first_month() -> None:
    assert phases(MONTHS, [rebase("2024-Q1")]).tolist() == [0, 0, 1, 1, 1, 1]
    assert phases(["2023-Q4", "2024-Q1", "2024-Q2"], [rebase("2024-02")]).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("decision", "is_about"),
    [
        (rebase("2024-01"), True),
        (rebase("2024-01", unit_name=None), True),
        (rebase("2024-01", unit_name="C2"), False),
        (rebase("2024-01", unit_kind="network", unit_name=None), False),
    ],
)
def test_a_decision_is_about_a_unit_or_about_all_of_its_kind(
    decision: Rebase, *, is_about: bool
) -> None:
    assert decision.is_about("no_shows", "clinic", "C1") == is_about
    assert not decision.is_about("pain_measured", "clinic", "C1")


@pytest.mark.parametrize("text", ["2024", "2024-13", "2024-00", "2024-Q5", "2024-1", "soon", ""])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a month"):
        first_month(text)
