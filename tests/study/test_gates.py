import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.balance import DayBalance
from analysis.study.gates import (
    balance_gate,
    follow_up_gap_gate,
    follow_up_known_gate,
    negative_control_gates,
    overlap_effective_size_gate,
    overlap_probability_gate,
    records_gates,
    sealing_reason,
)
from analysis.study.population import Population
from tests.drawing import table
from tests.study.registries import quick_protocol

GATES = quick_protocol().gates
EVENTS = ("reinjury", "surgery", "death")


def balance(largest: float, people: int = 100, effective: float = 50.0) -> DayBalance:
    names = ("region=knee", "region=hip")
    weighted = np.array([-largest, 0.01])
    return DayBalance("strict", 90, names, weighted, weighted, people, effective)


def population(drawn: str) -> Population:
    rows = table(drawn)
    people = np.arange(rows.height)

    def days(column: str) -> np.ndarray:
        return rows[column].cast(pl.Int64).fill_null(NEVER).to_numpy()

    return Population(
        people, people, pl.DataFrame(), days("violated"), people, days("seen"),
        {"reinjury": days("reinjury")}, 365,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("largest", "status"), [(0.09, "passed"), (0.1, "failed"), (0.4, "failed")]
)
def test_balance_must_stay_below_its_limit(largest, status):
    gate = balance_gate([balance(0.02), balance(largest)], GATES)
    assert gate.status == status
    assert gate.value == largest
    assert "region=knee" in gate.reason
    assert "day 90" in gate.reason


@pytest.mark.parametrize(("low", "status"), [(0, "passed"), (1, "passed"), (2, "failed")])
def test_staying_must_be_possible_at_nearly_every_decision(low, status):
    staying = np.r_[np.full(low, 0.04), np.full(100 - low, 0.5)]
    assert overlap_probability_gate(staying, GATES).status == status


@pytest.mark.parametrize(("effective", "status"), [(10.0, "passed"), (9.0, "failed")])
def test_the_weights_must_leave_a_tenth_of_the_followed(effective, status):
    gate = overlap_effective_size_gate([balance(0.0), balance(0.0, 100, effective)], GATES)
    assert gate.status == status


FOLLOWED = """
    | violated | seen | reinjury |
    | -        | 365  | -        |
    | -        | 400  | -        |
    | 7        | 40   | 40       |
    | 7        | 30   | -        |
"""


def test_a_status_is_known_by_an_event_or_by_being_seen_late_enough():
    gate = follow_up_known_gate(population(FOLLOWED), GATES, EVENTS)
    assert gate.value == 0.75
    assert gate.status == "passed"


def test_the_gap_is_between_ever_and_never_in_violation():
    gate = follow_up_gap_gate(population(FOLLOWED), GATES, EVENTS)
    assert gate.value == 0.5
    assert gate.status == "failed"


def test_without_both_groups_there_is_no_gap_to_judge():
    drawn = "| violated | seen | reinjury |\n| 3 | 365 | - |\n| 9 | 365 | - |"
    assert follow_up_gap_gate(population(drawn), GATES, EVENTS).status == "not_evaluated"


def test_no_negative_control_is_a_gate_that_could_not_be_evaluated():
    (gate,) = negative_control_gates([], "strict", "natural", 0.95)
    assert gate.status == "not_evaluated"
    assert "negative_control could not be evaluated" in sealing_reason([gate])


def test_records_are_judged_over_all_clinics():
    quality = pl.DataFrame(
        {
            "clinic_id": [None, "c1"],
            "attended_sessions": [100, 10],
            "stage_known": [90, 1],
            "stage_changes": [40, 4],
            "stage_changes_with_evidence": [20, 4],
        }
    )
    stage, evidence = records_gates(quality, GATES)
    assert (stage.value, stage.status) == (0.9, "passed")
    assert (evidence.value, evidence.status) == (0.5, "failed")


def test_records_that_hold_nothing_could_not_be_evaluated():
    empty = table(
        "| clinic_id | attended_sessions | stage_known | stage_changes "
        "| stage_changes_with_evidence |"
    )
    assert [gate.status for gate in records_gates(empty, GATES)] == ["not_evaluated"] * 2
