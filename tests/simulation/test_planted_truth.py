"""What each scenario says is true of it, and what a careless reader would see in it."""

import polars as pl
import pytest

from analysis.simulation import SCENARIOS, SyntheticRegistry, simulate_registry
from tests.simulation.worlds import simulated


def test_every_scenario_says_in_a_sentence_what_is_true() -> None:
    wanted = {
        "null",
        "protective",
        "harmful",
        "hidden_confounder",
        "unequal_followup",
        "no_overlap",
    }
    assert wanted <= set(SCENARIOS)
    assert all(scenario.sentence.endswith(".") for scenario in SCENARIOS.values())


@pytest.mark.parametrize(
    "scenario", ["null", "hidden_confounder", "unequal_followup", "no_overlap"]
)
def test_without_an_effect_the_true_difference_is_exactly_zero(scenario: str) -> None:
    truth = simulated(scenario).truth
    assert truth["risk_difference"] == 0.0
    assert truth["risk_ratio"] == 1.0


def test_strict_lowers_the_risk_where_it_protects() -> None:
    assert -0.09 < simulated("protective").truth["risk_difference"] < -0.03


def test_strict_raises_the_risk_where_it_harms() -> None:
    assert 0.03 < simulated("harmful").truth["risk_difference"] < 0.08


def test_the_truth_is_known_to_a_thousandth() -> None:
    for scenario in ("null", "protective", "harmful"):
        errors = simulated(scenario).truth["monte_carlo_standard_error"]
        assert max(errors[of] for of in ("strict", "natural", "risk_difference")) < 0.001


def test_risk_curves_rise_to_the_risk_at_the_horizon() -> None:
    truth = simulated("protective").truth
    for strategy in ("strict", "natural"):
        risks = [point[strategy] for point in truth["risk_curves"]]
        assert risks == sorted(risks)
        assert risks[-1] == truth["risk"][strategy]


def test_the_truth_belongs_to_the_clinics_and_not_to_the_number_of_episodes() -> None:
    few, many = (
        simulate_registry(episodes=size, clinics=4, seed=9, scenario="harmful", truth_people=1000)
        for size in (50, 500)
    )
    assert few.truth["risk"] == many.truth["risk"]


def test_usual_care_looks_like_the_study_expects() -> None:
    for scenario in ("null", "protective", "harmful"):
        truth = simulated(scenario).truth
        assert 0.33 < truth["natural_care"]["ever_violates_share"] < 0.48
        assert 0.18 < truth["risk"]["natural"] < 0.34
        assert truth["natural_care"]["strict_weight_999"] < 20


def test_careless_comparisons_see_an_effect_where_there_is_none() -> None:
    outcomes = _outcomes(simulated("null"))
    completed = outcomes.group_by("has_completed_all").agg(pl.col("is_reinjured").mean())
    risk = dict(completed.iter_rows())
    assert risk[True] / risk[False] < 0.8
    never = outcomes.group_by("has_violated").agg(pl.col("is_reinjured").mean())
    risk = dict(never.iter_rows())
    assert risk[False] / risk[True] > 1.15


def test_status_at_365_is_known_alike_but_not_where_follow_up_is_unequal() -> None:
    assert abs(_gap_in_status_known(simulated("null"))) < 0.08
    assert _gap_in_status_known(simulated("unequal_followup")) > 0.18


def test_status_at_365_is_known_of_most() -> None:
    assert 0.65 < _outcomes(simulated("null"))["is_known"].mean() < 0.9


def test_without_overlap_many_decisions_could_not_have_gone_the_strict_way() -> None:
    assert _hopeless_share(simulated("null")) == 0.0
    assert _hopeless_share(simulated("no_overlap")) > 0.03


def test_the_hidden_trait_moves_the_negative_controls_of_whoever_violates() -> None:
    for scenario, low, high in (("null", 0.85, 1.12), ("hidden_confounder", 1.15, 1.6)):
        outcomes = _outcomes(simulated(scenario))
        shares = outcomes.group_by("has_violated").agg(pl.col("has_other_region").mean())
        risk = dict(shares.iter_rows())
        assert low < risk[True] / risk[False] < high


def _hopeless_share(registry: SyntheticRegistry) -> float:
    return float((registry.decisions["violation_probability"] > 0.95).mean())


def _gap_in_status_known(registry: SyntheticRegistry) -> float:
    known = _outcomes(registry).group_by("has_violated").agg(pl.col("is_known").mean())
    share = dict(known.iter_rows())
    return float(share[False] - share[True])


def _outcomes(registry: SyntheticRegistry) -> pl.DataFrame:
    """Return one row an episode with what a careless reader would compare."""
    tables = registry.tables
    events = tables["events"]
    counted = pl.col("exit_met") & (pl.col("exit_evidence") != "inferred")
    completed = (
        tables["sessions"].filter(counted).group_by("episode_id").agg(pl.col("stage").n_unique())
    )
    return tables["episodes"].select(
        is_reinjured=_has(events.filter(kind="reinjury")),
        has_other_region=_has(events.filter(kind="other_region")),
        has_violated=_has(registry.decisions.filter("is_violation")),
        has_completed_all=_has(completed.filter(stage=5)),
        is_known=~_has(registry.contacts.filter("is_lost"))
        | _has(events.filter(pl.col("kind").is_in(["reinjury", "surgery", "death"]))),
    )


def _has(rows: pl.DataFrame) -> pl.Expr:
    return pl.col("episode_id").is_in(rows["episode_id"].unique().to_list())
