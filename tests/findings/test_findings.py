"""All results of the study together: what is there, what sealing takes, and that it is stable."""

from dataclasses import fields, replace

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES
from analysis.findings import Findings, find
from tests.study.registries import open_protocol, shuffled, simulated, violated_on

NUMBERS = ("value", "low", "high", "standard_error", "events")
PARTS = {
    "primary",
    "order",
    "specificity",
    "endurance",
    "early_loading",
    "by_condition",
    "by_region",
    "by_chronicity",
    "across_clinics",
    "leave_one_clinic_out",
    "nested_trials",
}


def few(**gates: float):
    protocol = open_protocol(**gates)
    small = replace(protocol.sensitivity, permutations=3, specifications=24)
    quick = replace(protocol.intervals, method="influence")
    return replace(protocol, sensitivity=small, intervals=quick)


@pytest.fixture(scope="module")
def told() -> Findings:
    return find(simulated("protective"), few())


@pytest.fixture(scope="module")
def closed() -> Findings:
    return find(simulated("protective"), few(status_known_smallest=1.0))


def test_every_table_is_as_declared_and_every_part_of_the_study_has_rows(told):
    for entry in fields(Findings):
        assert getattr(told, entry.name).schema == dict(RESULT_TABLES[entry.name]), entry.name
        assert getattr(told, entry.name).height, entry.name
    assert set(told.estimates["analysis"]) >= PARTS
    assert "not_run" not in set(told.estimates["status"])
    # The other hypotheses have gates of their own.
    sealed = told.estimates.filter(pl.col("status") == "sealed")
    assert set(sealed["analysis"]) <= {"order", "specificity", "endurance", "early_loading"}


def test_a_closed_gate_takes_the_numbers_of_everything_that_rests_on_the_primary(closed):
    own = closed.estimates.filter(~pl.col("analysis").str.starts_with("negative_control"))
    assert own.select(NUMBERS).null_count().row(0) == (own.height,) * len(NUMBERS)
    assert closed.risk_curves.is_empty()
    curve = closed.specification_curve
    assert curve.select(NUMBERS[:3]).null_count().row(0) == (curve.height,) * 3
    assert not set(curve["status"]) & {"estimated"}
    assert set(closed.verdicts["verdict"]) == {"cannot be estimated from these data"}
    # What tells of the design and the records stays.
    assert closed.weights.height
    assert closed.positivity.height
    assert closed.balance.height


def test_what_sealing_leaves_holds_no_number_that_it_took(told, closed):
    taken = told.estimates.filter(
        (pl.col("status") == "estimated")
        & ~pl.col("analysis").str.starts_with("negative_control")
        & pl.col("measure").is_in(["risk", "risk_difference", "risk_ratio"])
        & (pl.col("subgroup_kind").is_null() | (pl.col("subgroup_kind") != "stage"))
    )["value"].drop_nulls()
    assert taken.len() > 20
    for entry in fields(Findings):
        frame = getattr(closed, entry.name)
        for name, kind in frame.schema.items():
            if kind == pl.Float64:
                assert not frame[name].is_in(taken.implode()).any(), (entry.name, name)


def test_the_order_of_rows_changes_no_bit_of_any_table(told):
    again = find(shuffled(simulated("protective"), seed=3), few())
    for entry in fields(Findings):
        assert getattr(again, entry.name).equals(getattr(told, entry.name)), entry.name


def test_data_without_an_answer_give_the_reason_everywhere():
    found = find(violated_on(simulated(), None), few())
    own = found.estimates.filter(pl.col("analysis") == "primary")
    assert set(own["status"]) == {"impossible"}
    assert set(found.specification_curve["status"]) == {"impossible"}
    assert set(found.sensitivity["status"]) == {"impossible"}
    assert all(reason for reason in found.sensitivity["reason"])
