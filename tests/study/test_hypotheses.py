"""Order, endurance, specificity and early loading: rows, gates, sealing, and what has no answer."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import VERDICTS
from analysis.emulation.arrays import NEVER
from analysis.emulation.hazards import fit_hazards
from analysis.emulation.intervals import normal_quantile
from analysis.study import StudyResult, StudyTables
from analysis.study.population import study_population
from analysis.study.strategies import Ground, make_strategy
from analysis.study.study import OpenStudy, open_study, sealed
from tests.study.registries import (
    analyse_study,
    lost_on,
    only_some,
    open_protocol,
    quick_protocol,
    simulated,
    with_constant,
    without_events,
)

CANNOT = VERDICTS[3]
ANALYSES = ("order", "endurance", "specificity", "early_loading")
NUMBERS = ["value", "low", "high", "standard_error", "events"]


def by_influence(**gates: float):
    protocol = open_protocol(**gates)
    return replace(protocol, intervals=replace(protocol.intervals, method="influence"))


@pytest.fixture(scope="module")
def study() -> OpenStudy:
    return open_study(simulated(), by_influence())


@pytest.fixture(scope="module")
def result(study: OpenStudy) -> StudyResult:
    return sealed(study)


def rows_of(result: StudyResult, analysis: str) -> pl.DataFrame:
    return result.estimates.filter(pl.col("analysis") == analysis)


def verdict_of(result: StudyResult, analysis: str) -> tuple[str, str]:
    row = result.verdicts.filter(pl.col("analysis") == analysis).row(0, named=True)
    return row["verdict"], row["reason"]


def contrast(result: StudyResult, analysis: str, strategy: str, comparator: str) -> dict:
    return rows_of(result, analysis).row(
        by_predicate=(pl.col("strategy") == strategy)
        & (pl.col("comparator") == comparator)
        & (pl.col("measure") == "risk_difference"),
        named=True,
    )


def test_every_hypothesis_has_its_own_rows_gates_and_verdict(result):
    assert result.verdicts["analysis"].to_list() == ["primary", *ANALYSES]
    assert result.verdicts["standing"].null_count() == 5
    hypotheses = dict(result.estimates.select("analysis", "hypothesis").iter_rows())
    assert [hypotheses[analysis] for analysis in ANALYSES] == [
        "order",
        "endurance",
        "specificity",
        "completion",
    ]
    for analysis in ANALYSES:
        measures = rows_of(result, analysis)["measure"].unique().sort().to_list()
        assert measures == ["risk", "risk_difference", "risk_ratio"]
        gates = result.gates.filter(pl.col("analysis") == analysis)
        # Specificity has those of two rival orders and of the strict order in care.
        designs = 3 if analysis == "specificity" else 1
        assert gates["gate"].n_unique() == gates.height == 4 * designs
        assert result.balance.filter(pl.col("analysis") == analysis).height > 0
    assert "not_run" not in result.estimates["status"]


def test_order_and_endurance_are_answered_and_find_nothing_where_nothing_is_planted(result):
    for analysis, strategy in (("order", "in_order"), ("endurance", "stage_5_completed")):
        verdict, reason = verdict_of(result, analysis)
        assert verdict == "no clear difference"
        assert reason.endswith("covers no difference; all gates passed.")
        found = contrast(result, analysis, strategy, "natural")
        assert found["low"] < 0.0 < found["high"]
        assert found["standard_error"] < 0.02


def test_contrasts_are_of_the_same_people(study, result):
    rows = rows_of(result, "order")
    risks = dict(rows.filter(pl.col("measure") == "risk").select("strategy", "value").iter_rows())
    found = contrast(result, "order", "in_order", "natural")
    assert found["value"] == pytest.approx(risks["in_order"] - risks["natural"])
    errors = rows.filter(pl.col("measure") == "risk")["standard_error"]
    assert found["standard_error"] < 0.5 * float(np.hypot(*errors))
    # Natural care is one and the same in every analysis.
    natural = result.estimates.filter(
        (pl.col("strategy") == "natural")
        & (pl.col("measure") == "risk")
        & pl.col("analysis").is_in(["primary", "order", "endurance", "specificity"])
    )
    assert natural["value"].n_unique() == 1


def test_rivals_are_compared_at_a_level_that_holds_for_all_of_them(result):
    found = contrast(result, "specificity", "strict_seed", "strict_partial")
    reach = (found["high"] - found["low"]) / (2.0 * found["standard_error"])
    assert reach == pytest.approx(normal_quantile(1.0 - 0.05 / 2))
    assert "simultaneous over 2 rival orders" in found["reason"]
    completing = contrast(result, "specificity", "strict_seed", "in_order")
    reach = (completing["high"] - completing["low"]) / (2.0 * completing["standard_error"])
    assert reach == pytest.approx(normal_quantile(0.95))


def test_what_a_benefit_would_belong_to_is_told_apart(result):
    for pair in (
        ("strict_seed", "in_order"),
        ("strict_seed", "stage_5_completed"),
        ("strict_in_care", "stage_5_completed"),
    ):
        found = contrast(result, "specificity", *pair)
        assert found["status"] == "estimated"
        assert found["low"] < 0.0 < found["high"]
        assert found["reason"]


def test_an_order_that_nobody_could_keep_is_sealed_without_closing_the_others(result):
    rows = rows_of(result, "specificity")
    with_rival = (pl.col("strategy") == "strict_alt23") | (pl.col("comparator") == "strict_alt23")
    assert set(rows.filter(with_rival)["status"]) == {"sealed"}
    assert rows.filter(with_rival).select(pl.col(*NUMBERS).is_null().all()).row(0) == (True,) * 5
    assert set(rows.filter(~with_rival.fill_null(value=False))["status"]) == {"estimated"}
    verdict, reason = verdict_of(result, "specificity")
    assert verdict == CANNOT
    assert "_alt23 failed" in reason
    curves = result.risk_curves.filter(pl.col("analysis") == "specificity")
    assert set(curves["strategy"]) == {"strict_seed", "strict_partial", "natural"}


def test_rows_that_tell_the_primary_effect_are_sealed_with_it():
    # The power that order and endurance reach, and strict against natural does not.
    result = analyse_study(simulated(), by_influence(detectable_largest_difference=0.022))
    assert verdict_of(result, "primary")[0] == CANNOT
    for analysis in ("order", "endurance"):
        assert verdict_of(result, analysis)[0] != CANNOT
        rows = rows_of(result, analysis)
        is_natural = (pl.col("strategy") == "natural") & (pl.col("measure") == "risk")
        assert set(rows.filter(~is_natural)["status"]) == {"estimated"}
        assert rows.filter(is_natural)["status"].to_list() == ["sealed"]
    for analysis in ("specificity", "early_loading"):
        assert verdict_of(result, analysis)[0] == CANNOT
        assert set(rows_of(result, analysis)["status"]) == {"sealed"}
        assert rows_of(result, analysis).select(pl.col(*NUMBERS).is_null().all()).row(0) == (
            (True,) * 5
        )
    assert set(result.risk_curves["strategy"]) == {"in_order", "stage_5_completed"}


def test_a_gate_that_all_share_closes_all():
    result = analyse_study(simulated(), by_influence(status_known_smallest=0.999))
    for analysis in ANALYSES:
        verdict, reason = verdict_of(result, analysis)
        assert verdict == CANNOT
        assert "follow_up_known failed" in reason
        assert set(rows_of(result, analysis)["status"]) == {"sealed"}
    assert result.risk_curves.is_empty()


def test_few_who_began_early_cannot_carry_early_loading(result):
    gate = result.gates.filter(
        (pl.col("analysis") == "early_loading") & (pl.col("gate") == "overlap_probability")
    )
    assert gate["status"].item() == "failed"
    assert verdict_of(result, "early_loading")[0] == CANNOT


def test_the_strategies_of_the_influences_are_those_of_the_resamples(result):
    resampled = analyse_study(simulated(), open_protocol())
    assert rows_of(resampled, "order").equals(rows_of(result, "order"))
    assert rows_of(resampled, "specificity").equals(rows_of(result, "specificity"))
    drawn, linear = (rows_of(each, "primary")["value"] for each in (resampled, result))
    assert drawn.to_list() == pytest.approx(linear.to_list())


def test_in_a_world_where_waiting_protects_strict_does_better_than_order_alone():
    result = analyse_study(simulated("protective", 3_000, 4), by_influence())
    assert verdict_of(result, "primary")[0] == "compatible with lower re-injury"
    assert contrast(result, "order", "in_order", "natural")["value"] < 0.0
    assert contrast(result, "specificity", "strict_seed", "in_order")["high"] < 0.0
    assert contrast(result, "specificity", "strict_seed", "stage_5_completed")["high"] < 0.0


@pytest.mark.slow
def test_over_registries_without_an_effect_every_contrast_covers_none():
    deviations: dict[tuple[str, str], list[float]] = {}
    for seed in range(20, 26):
        found = open_study(simulated("null", 4_000, seed), by_influence())
        for answer in found.answers[:2]:
            (each,) = answer.contrasts
            difference = answer.emulation.difference(each.strategy, each.comparator)
            own = deviations.setdefault((each.strategy, each.comparator), [])
            own.append(difference.value / difference.standard_error)
    for own in deviations.values():
        assert np.max(np.abs(own)) < 3.0
        assert abs(np.mean(own)) < 3.0 / np.sqrt(len(own))


# What each strategy is made of.


def ground(tables: StudyTables) -> Ground:
    protocol = load_protocol()
    population = study_population(tables, protocol)
    return Ground(tables, population, population.cohort("reinjury", ("surgery", "death")), protocol)


def test_who_stays_in_care_is_counted_when_those_who_did_not_leave_the_strategy():
    strategy = make_strategy(ground(simulated()), "stage_5_completed")
    rows = strategy.decisions
    care = simulated().care_points.sort("episode_key", "day")
    assert set(rows.day - 42) <= set(care["day"].to_list())
    left = strategy.leaves_on < NEVER
    assert left.sum() == rows.happened.sum()
    # Nobody has a row after the one that ended care.
    assert np.all(rows.day[left[rows.person]] <= strategy.leaves_on[rows.person[left[rows.person]]])


def test_leaving_care_needs_to_have_been_seen():
    own = ground(simulated())
    strategy = make_strategy(own, "stage_5_completed")
    left = strategy.leaves_on < NEVER
    assert np.all(own.cohort.last_day[left] >= strategy.leaves_on[left])


def test_early_loading_is_decided_for_everybody_still_followed_on_one_day():
    own = ground(simulated())
    strategy = make_strategy(own, "early_loading")
    assert np.all(strategy.decisions.day == 28)
    assert len(strategy.decisions.person) == np.sum(own.cohort.last_day >= 28)
    begun = strategy.decisions.person[~strategy.decisions.happened]
    adherence = simulated().adherence.filter(order_name="seed").sort("episode_id")
    loading = adherence["first_loading_day"].to_numpy()[begun]
    assert np.all(loading <= 28)


def test_one_fit_of_two_ways_to_leave_is_two_fits():
    own = ground(simulated())
    both = make_strategy(own, "strict_in_care")
    parts = [make_strategy(own, name) for name in ("strict", "stage_5_completed")]
    leaves = np.minimum(*(part.leaves_on for part in parts))
    assert np.array_equal(both.leaves_on, leaves)
    together = fit_hazards(both.decisions, 0.01)
    apart = np.concatenate([fit_hazards(part.decisions, 0.01).probability for part in parts])
    people = np.concatenate([part.decisions.person for part in parts])
    days = np.concatenate([part.decisions.day for part in parts])
    order = np.lexsort((days, people))
    assert together.probability == pytest.approx(apart[order], abs=1e-4)


def test_a_strict_order_leaves_on_the_first_violation_of_that_order():
    own = ground(simulated())
    for order_name in ("seed", "partial"):
        strategy = make_strategy(own, f"strict_{order_name}")
        seen = strategy.leaves_on <= own.cohort.last_day
        assert strategy.decisions.happened.sum() == seen.sum()
    primary = make_strategy(own, "strict")
    assert np.array_equal(primary.leaves_on, make_strategy(own, "strict_seed").leaves_on)


# Data that hold no answer.


def skipped_on(tables: StudyTables, day: int | None) -> StudyTables:
    adherence = tables.adherence.with_columns(pl.lit(day).cast(pl.Int64).alias("first_skip_day"))
    points = tables.order_decision_points.filter(pl.col("day") <= (10_000 if day is None else day))
    is_skip = pl.lit(day is not None)
    return replace(
        tables, adherence=adherence, order_decision_points=points.with_columns(is_skip=is_skip)
    )


def loaded_on(tables: StudyTables, day: int | None) -> StudyTables:
    loading = pl.lit(day).cast(pl.Int64).alias("first_loading_day")
    return replace(tables, adherence=tables.adherence.with_columns(loading))


def never_left(tables: StudyTables) -> StudyTables:
    return replace(tables, care_points=tables.care_points.with_columns(is_left=pl.lit(value=False)))


def left_at_once(tables: StudyTables) -> StudyTables:
    points = tables.care_points.filter(pl.col("day") == 0)
    return replace(tables, care_points=points.with_columns(is_left=pl.lit(value=True)))


@pytest.mark.parametrize(
    ("analysis", "change", "said"),
    [
        ("order", lambda tables: skipped_on(tables, None), "Nobody ever skipped a stage"),
        ("order", lambda tables: skipped_on(tables, 0), "Nobody followed the strategy in_order"),
        (
            "order",
            lambda tables: replace(
                tables, order_decision_points=tables.order_decision_points.clear()
            ),
            "no session at which skipping a stage was possible",
        ),
        ("endurance", never_left, "Nobody was seen to stay away for more than 42 days"),
        ("endurance", left_at_once, "still under observation at the horizon"),
        (
            "endurance",
            lambda tables: replace(tables, care_points=tables.care_points.clear()),
            "Nobody was seen to stay away",
        ),
        ("early_loading", lambda tables: loaded_on(tables, None), "began one of the stages 4, 5"),
        ("early_loading", lambda tables: loaded_on(tables, 0), "Everybody began one of the stages"),
        (
            "specificity",
            lambda tables: replace(
                tables,
                adherence=tables.adherence.with_columns(
                    first_violation_day=pl.when(pl.col("order_name") != "partial").then(
                        "first_violation_day"
                    )
                ),
            ),
            "Nobody ever left the order partial",
        ),
    ],
)
def test_a_strategy_that_holds_no_answer_says_why_and_leaves_the_others(analysis, change, said):
    result = analyse_study(change(simulated()), by_influence())
    verdict, reason = verdict_of(result, analysis)
    assert verdict == CANNOT
    assert said in reason
    rows = rows_of(result, analysis)
    impossible = rows.filter(pl.col("status") == "impossible")
    assert impossible.height > 0
    assert impossible["reason"].str.contains(said, literal=True).all()
    assert rows.filter(pl.col("status") == "estimated").is_empty() or analysis == "specificity"
    gates = result.gates.filter(pl.col("analysis") == analysis)
    assert "not_evaluated" in gates["status"]
    assert verdict_of(result, "primary")[0] != CANNOT
    if analysis != "order":
        assert verdict_of(result, "order")[0] != CANNOT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tables: only_some(tables, 0), "fewer than 50 patients"),
        (lambda tables: only_some(tables, 5), "fewer than 50 patients"),
        (lambda tables: without_events(tables, "reinjury"), "No event was seen by the horizon"),
        (lambda tables: lost_on(tables, 200), "still under observation at the horizon"),
        (lambda tables: lost_on(tables, 0), "No event was seen by the horizon"),
    ],
    ids=["nobody", "five", "no_event", "all_lost", "lost_at_once"],
)
def test_data_without_an_answer_hold_none_on_any_hypothesis(change, said):
    result = analyse_study(change(simulated()), by_influence())
    for analysis in ANALYSES:
        verdict, reason = verdict_of(result, analysis)
        assert verdict == CANNOT
        rows = rows_of(result, analysis)
        assert set(rows["status"]) <= {"impossible", "sealed"}
        assert rows.select(pl.col("value", "low", "high").is_null().all()).row(0) == (True,) * 3
        assert said in reason
    assert result.risk_curves.is_empty()


def test_one_clinic_and_constant_covariates_do_no_harm_to_any_hypothesis():
    constant = with_constant(
        simulated(), clinic_id="only", chronicity="unknown", comorbidity_count=None
    )
    result = analyse_study(constant, by_influence())
    for analysis in ("order", "endurance"):
        assert set(rows_of(result, analysis)["status"]) == {"estimated"}


def test_the_shipped_gates_give_no_verdict_on_a_handful_of_patients():
    result = analyse_study(only_some(simulated(), 80), quick_protocol())
    assert set(result.verdicts["verdict"]) == {CANNOT}
