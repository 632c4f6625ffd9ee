"""The whole scrutiny: declared tables, the same bytes again, and nothing told when sealed."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.contracts.results import ESTIMATE_STATUSES, RESULT_TABLES
from analysis.scrutiny import scrutinise, sealed_scrutiny
from analysis.study.study import open_study
from tests.scrutiny.grounds import influence_protocol, opened
from tests.study.registries import (
    lost_on,
    only_some,
    shuffled,
    simulated,
    violated_on,
    without_events,
)

TABLES = ("weights", "positivity", "sensitivity", "negative_exposures", "specification_curve")
TOLD_WHEN_SEALED = {"empirical_null", "empirical_null_exposures", "positive_control"}
REASON = "Sealed by the study's gates."


@pytest.fixture(scope="module")
def scrutiny():
    return scrutinise(opened(), simulated())


@pytest.fixture(scope="module")
def closed(scrutiny):
    return sealed_scrutiny(scrutiny, REASON)


def test_every_frame_is_as_its_table_declares(scrutiny, closed):
    for own in (scrutiny, closed):
        for name in TABLES:
            assert dict(getattr(own, name).schema) == {
                column: kind() if isinstance(kind, type) else kind
                for column, kind in RESULT_TABLES[name].items()
            }


def test_every_row_has_numbers_or_a_reason(scrutiny):
    for name, number in (
        ("sensitivity", "value"),
        ("negative_exposures", "risk_difference"),
        ("specification_curve", "value"),
    ):
        frame = getattr(scrutiny, name)
        assert set(frame["status"]) <= set(ESTIMATE_STATUSES)
        estimated = pl.col("status") == "estimated"
        assert frame.filter(estimated)[number].null_count() == 0
        others = frame.filter(~estimated)
        assert others[number].null_count() == others.height
        assert (others["reason"].str.len_chars() > 0).all()


def test_a_measure_of_a_method_stands_once(scrutiny):
    assert scrutiny.sensitivity.select("method", "measure").is_duplicated().sum() == 0


def test_the_same_tables_in_another_order_give_the_same_bytes(scrutiny):
    tables = shuffled(simulated(), 4)
    again = scrutinise(open_study(tables, influence_protocol(permutations=5)), tables)
    for name in TABLES:
        assert getattr(again, name).equals(getattr(scrutiny, name), null_equal=True), name


def test_sealed_nothing_is_left_that_rests_on_the_estimate(scrutiny, closed):
    rests = closed.sensitivity.filter(~pl.col("method").is_in(TOLD_WHEN_SEALED))
    assert rests.height > 20
    assert rests.select(pl.col("value", "low", "high").is_null().all()).row(0) == (True,) * 3
    was = scrutiny.sensitivity.filter(~pl.col("method").is_in(TOLD_WHEN_SEALED))
    estimated = (was["status"] == "estimated").to_numpy()
    assert set(rests.filter(pl.Series(estimated))["status"]) == {"sealed"}
    assert set(rests.filter(pl.Series(estimated))["reason"]) == {REASON}
    curve = closed.specification_curve
    gone = curve.select(pl.col("value", "low", "high", "events").is_null().all())
    assert gone.row(0) == (True,) * 4
    assert set(curve["status"]) <= {"sealed", "impossible", "not_run"}
    assert curve["is_registered"].sum() == 1


def test_sealed_the_diagnostics_stay(scrutiny, closed):
    for name in ("weights", "positivity", "negative_exposures"):
        assert getattr(closed, name).equals(getattr(scrutiny, name))
    kept = pl.col("method").is_in(TOLD_WHEN_SEALED)
    assert closed.sensitivity.filter(kept).equals(scrutiny.sensitivity.filter(kept))


def test_no_primary_number_is_told_when_sealed(closed):
    primary = opened().primary.emulation
    numbers = [
        primary.difference("strict", "natural").value,
        primary.ratio("strict", "natural").value,
        primary.risk("strict").value,
    ]
    for name in TABLES:
        for column, kind in getattr(closed, name).schema.items():
            if kind != pl.Float64:
                continue
            told = getattr(closed, name)[column].drop_nulls()
            for number in numbers:
                assert (told - number).abs().min() is None or (told - number).abs().min() > 1e-9


@pytest.mark.parametrize(
    "tables",
    [
        lambda: only_some(simulated(), 0),
        lambda: only_some(simulated(), 30),
        lambda: without_events(simulated(), "reinjury"),
        lambda: lost_on(simulated(), 40),
        lambda: violated_on(simulated(), None),
        lambda: violated_on(simulated(), 0),
    ],
    ids=["nobody", "few", "no_event", "all_lost", "never_violated", "always_violated"],
)
def test_data_without_an_answer_give_reasons_and_no_numbers(tables):
    tables = tables()
    own = scrutinise(open_study(tables, influence_protocol(permutations=3)), tables)
    sealed = sealed_scrutiny(own, REASON)
    for frame in (own.sensitivity, own.negative_exposures, own.specification_curve):
        assert set(frame["status"]) == {"impossible"}
        assert (frame["reason"].str.len_chars() > 0).all()
    assert own.sensitivity["value"].null_count() == own.sensitivity.height
    assert sealed.sensitivity.equals(own.sensitivity)


def test_one_clinic_and_no_controls_still_have_an_answer():
    tables = simulated("null", 600, 3)
    one = replace(
        tables, baseline=tables.baseline.with_columns(clinic_id=pl.lit("the only clinic"))
    )
    protocol = influence_protocol(permutations=3, specifications=4)
    protocol = replace(protocol, outcome=replace(protocol.outcome, negative_controls=()))
    own = scrutinise(open_study(one, protocol), one)
    assert set(own.negative_exposures["status"]) == {"estimated"}
    assert own.specification_curve.height <= 4
    controls = own.sensitivity.filter(method="positive_control")
    assert set(controls["status"]) == {"not_run"}
