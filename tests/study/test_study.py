import math
from dataclasses import replace

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, VERDICTS
from analysis.study import StudyResult
from analysis.study.study import open_study, primary_analysis, sealed
from tests.study.registries import (
    analyse_study,
    lost_on,
    only_some,
    open_protocol,
    quick_protocol,
    shuffled,
    simulated,
    violated_on,
    with_constant,
    without_events,
)

CANNOT = VERDICTS[3]
NUMBERS = ["value", "low", "high", "standard_error"]


def primary_verdict(result: StudyResult) -> tuple[str, str]:
    row = result.verdicts.filter(pl.col("analysis") == "primary").row(0, named=True)
    return row["verdict"], row["reason"]


def contrast(result: StudyResult, measure: str) -> dict:
    rows = result.estimates.filter(
        (pl.col("analysis") == "primary")
        & (pl.col("strategy") == "strict")
        & (pl.col("comparator") == "natural")
        & (pl.col("measure") == measure)
    )
    return rows.row(0, named=True)


@pytest.fixture(scope="module")
def opened() -> StudyResult:
    return analyse_study(simulated(), open_protocol())


@pytest.fixture(scope="module")
def closed() -> StudyResult:
    return analyse_study(simulated(), open_protocol(detectable_largest_difference=0.001))


def test_every_frame_is_as_its_table_declares(opened):
    for name in ("estimates", "risk_curves", "gates", "verdicts", "balance"):
        assert dict(getattr(opened, name).schema) == {
            column: kind() if isinstance(kind, type) else kind
            for column, kind in RESULT_TABLES[name].items()
        }


def test_open_gates_let_the_answer_through(opened):
    gates = opened.gates.filter(pl.col("analysis") == "primary")
    assert gates["status"].unique().to_list() == ["passed"]
    verdict, reason = primary_verdict(opened)
    assert verdict in VERDICTS[:3]
    assert "all gates passed" in reason
    difference, ratio = contrast(opened, "risk_difference"), contrast(opened, "risk_ratio")
    assert difference["status"] == ratio["status"] == "estimated"
    assert difference["low"] < difference["value"] < difference["high"]
    assert ratio["low"] < ratio["value"] < ratio["high"]
    assert difference["hypothesis"] == "completion"
    assert difference["episodes"] == 1_500


def test_the_difference_is_that_of_the_two_risks(opened):
    risks = opened.estimates.filter(
        (pl.col("analysis") == "primary") & (pl.col("measure") == "risk")
    )
    assert risks["comparator"].null_count() == 2
    by_strategy = dict(zip(risks["strategy"], risks["value"], strict=True))
    difference = by_strategy["strict"] - by_strategy["natural"]
    assert contrast(opened, "risk_difference")["value"] == pytest.approx(difference)
    last = opened.risk_curves.filter((pl.col("day") == 365) & (pl.col("analysis") == "primary"))
    assert dict(zip(last["strategy"], last["risk"], strict=True)) == by_strategy


def test_biased_comparisons_are_always_marked(opened):
    biased = opened.estimates.filter(pl.col("analysis") == "biased_comparison")
    assert biased["is_biased_comparison"].all()
    assert biased.height == 8
    others = opened.estimates.filter(pl.col("analysis") != "biased_comparison")
    assert not others["is_biased_comparison"].any()
    assert set(biased["strategy"]) == {
        "completed_all",
        "not_completed_all",
        "never_violated",
        "ever_violated",
    }


def test_a_closed_gate_takes_every_number_away(closed):
    verdict, reason = primary_verdict(closed)
    assert verdict == CANNOT
    assert "power failed" in reason
    dropped = closed.estimates.filter(pl.col("analysis").is_in(["primary", "biased_comparison"]))
    assert dropped.height == 12
    assert set(dropped["status"]) == {"sealed"}
    assert dropped.select(pl.col(*NUMBERS, "events").is_null().all()).row(0) == (True,) * 5
    assert dropped["reason"].str.contains("power failed").all()
    assert closed.risk_curves.is_empty()


def test_no_number_of_a_sealed_estimate_is_left_in_any_frame():
    study = open_study(simulated(), open_protocol(detectable_largest_difference=0.001))
    hidden = analyse_study(simulated(), open_protocol()).estimates.filter(
        pl.col("analysis").is_in(["primary", "biased_comparison"])
    )
    numbers = {number for name in NUMBERS for number in hidden[name].drop_nulls()}
    result = sealed(study)
    for frame in (result.estimates, result.risk_curves, result.gates, result.balance):
        shown = {
            number
            for name, kind in frame.schema.items()
            if kind == pl.Float64
            for number in frame[name].drop_nulls()
        }
        assert not numbers & shown


def test_diagnostics_stay_when_the_estimate_is_sealed(closed):
    controls = closed.estimates.filter(pl.col("analysis").str.starts_with("negative_control"))
    assert set(controls["status"]) == {"estimated"}
    assert closed.balance.height > 0
    assert closed.gates.filter(pl.col("analysis") == "primary").height == 10


def test_the_order_of_rows_changes_nothing_to_the_last_bit(opened):
    again = analyse_study(shuffled(simulated(), seed=5), open_protocol())
    for name in ("estimates", "risk_curves", "gates", "verdicts", "balance"):
        assert getattr(again, name).equals(getattr(opened, name))


def test_other_keys_for_the_same_episodes_change_nothing(opened):
    tables = simulated()
    renumber = (pl.lit(1_000_000) - pl.col("episode_key")).cast(pl.Int32).alias("episode_key")
    patients = (pl.lit(900_000) - pl.col("patient_key")).cast(pl.Int32).alias("patient_key")
    other = replace(
        tables,
        baseline=tables.baseline.with_columns(renumber, patients),
        decision_points=tables.decision_points.with_columns(renumber),
        contacts=tables.contacts.with_columns(renumber),
        first_events=tables.first_events.with_columns(renumber),
        order_decision_points=tables.order_decision_points.with_columns(renumber),
        care_points=tables.care_points.with_columns(renumber),
    )
    assert analyse_study(other, open_protocol()).estimates.equals(opened.estimates)


def test_the_follow_up_gate_closes_where_violators_are_lost_more_often():
    result = analyse_study(simulated("unequal_followup"), open_protocol())
    gate = result.gates.filter(pl.col("gate") == "follow_up_gap").row(0, named=True)
    assert gate["status"] == "failed"
    assert primary_verdict(result)[0] == CANNOT


def test_the_overlap_gate_closes_where_clinics_never_wait():
    result = analyse_study(simulated("no_overlap"), open_protocol())
    closed_by = result.gates.filter(pl.col("status") != "passed")["gate"].to_list()
    assert "overlap_probability" in closed_by
    assert primary_verdict(result)[0] == CANNOT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tables: only_some(tables, 0), "fewer than 50 patients"),
        (lambda tables: only_some(tables, 5), "fewer than 50 patients"),
        (lambda tables: without_events(tables, "reinjury"), "No event was seen by the horizon"),
        (lambda tables: violated_on(tables, None), "Nobody ever left the strict order"),
        (lambda tables: violated_on(tables, 0), "Nobody followed the strategy strict"),
        (lambda tables: lost_on(tables, 200), "still under observation at the horizon"),
        (
            lambda tables: replace(tables, decision_points=tables.decision_points.clear()),
            "no session at which advancing early was possible",
        ),
    ],
    ids=["nobody", "five", "no_event", "all_strict", "none_strict", "all_lost", "no_decisions"],
)
def test_data_without_an_answer_give_the_words_and_no_number(change, said):
    result = analyse_study(change(simulated()), open_protocol())
    verdict, reason = primary_verdict(result)
    assert verdict == CANNOT
    assert said in reason
    rows = result.estimates.filter(pl.col("analysis") == "primary")
    assert set(rows["status"]) == {"impossible"}
    assert rows.select(pl.col(*NUMBERS).is_null().all()).row(0) == (True,) * 4
    biased = result.estimates.filter(pl.col("analysis") == "biased_comparison")
    assert biased["value"].null_count() == biased.height
    assert result.risk_curves.is_empty()


def test_one_clinic_and_constant_covariates_do_no_harm():
    constant = with_constant(
        simulated(), clinic_id="only", chronicity="unknown", comorbidity_count=None
    )
    result = analyse_study(constant, open_protocol())
    assert contrast(result, "risk_difference")["status"] == "estimated"


def test_a_clinic_that_never_waits_is_seen_and_not_a_crash():
    tables = simulated()
    clinics = tables.baseline.select("episode_key", "clinic_id")
    points = tables.decision_points.join(clinics, on="episode_key")
    first = clinics["clinic_id"].min()
    separated = points.filter((pl.col("clinic_id") != first) | (pl.col("session_number") == 1))
    separated = separated.with_columns(
        pl.when(pl.col("clinic_id") == first)
        .then(pl.lit(value=True))
        .otherwise(pl.col("is_violation"))
        .alias("is_violation")
    ).drop("clinic_id")
    early = clinics.filter(pl.col("clinic_id") == first)["episode_key"].implode()
    adherence = tables.adherence.with_columns(
        pl.when(pl.col("episode_key").is_in(early))
        .then(pl.lit(0))
        .otherwise(pl.col("first_violation_day"))
        .alias("first_violation_day")
    )
    result = analyse_study(
        replace(tables, decision_points=separated, adherence=adherence), open_protocol()
    )
    gate = result.gates.filter(pl.col("gate") == "overlap_probability").row(0, named=True)
    assert gate["status"] == "failed"


def test_a_negative_control_that_nobody_recorded_is_left_to_the_other():
    result = analyse_study(without_events(simulated(), "unrelated_illness"), open_protocol())
    gates = result.gates.filter(pl.col("gate").str.starts_with("negative_control"))
    assert gates["gate"].to_list() == ["negative_control_other_region"]
    assert "no control here: unrelated_illness." in gates["reason"].item()
    assert primary_verdict(result)[0] != CANNOT


def test_without_any_negative_control_the_verdict_is_sealed():
    tables = without_events(simulated(), "unrelated_illness")
    result = analyse_study(without_events(tables, "other_region"), open_protocol())
    gate = result.gates.filter(pl.col("gate") == "negative_control").row(0, named=True)
    assert gate["status"] == "not_evaluated"
    assert primary_verdict(result)[0] == CANNOT


def test_every_gate_reason_is_a_sentence_with_what_is_needed(closed):
    for gate in closed.gates.iter_rows(named=True):
        assert gate["reason"].endswith(".")
        assert gate["value"] is None or math.isfinite(gate["value"])


def test_the_shipped_gates_seal_a_small_registry():
    result = analyse_study(only_some(simulated(), 100), quick_protocol())
    assert primary_verdict(result)[0] == CANNOT


def test_intervals_by_influences_need_no_resamples():
    protocol = open_protocol()
    by_influence = replace(protocol, intervals=replace(protocol.intervals, method="influence"))
    linear, drawn = (
        open_study(simulated(), each).primary.emulation for each in (by_influence, protocol)
    )
    one, other = (each.difference("strict", "natural") for each in (linear, drawn))
    assert len(linear["strict"].draws) == 0
    assert one.value == other.value
    assert one.standard_error == pytest.approx(other.standard_error, rel=0.6)


def test_the_controls_are_told_by_influences_and_the_primary_by_resamples():
    study = open_study(simulated(), open_protocol())
    assert study.primary.emulation["strict"].influence is None
    assert all(len(each.emulation["strict"].draws) == 0 for each in study.controls)


@pytest.mark.slow
def test_influences_and_resamples_agree_on_a_registry():
    protocol = quick_protocol()
    both = replace(
        protocol,
        bootstrap=replace(protocol.bootstrap, replicates=600),
        intervals=replace(protocol.intervals, method="both"),
    )
    found = primary_analysis(simulated("protective", episodes=4_000), both).emulation
    pairs = [
        found.risk_errors("strict"),
        found.risk_errors("natural"),
        found.difference_errors("strict", "natural"),
        found.ratio_errors("strict", "natural"),
    ]
    for errors in pairs:
        assert errors.influence == pytest.approx(errors.bootstrap, rel=0.08)
