"""Weights made of the true probabilities bring back the planted truth: the study's design works."""

from functools import cache

import numpy as np
import pytest

from analysis.simulation import simulate_registry
from tests.simulation.reweighting import Reweighted, reweigh
from tests.simulation.worlds import simulated

WITHIN = 3.0


@pytest.mark.parametrize("scenario", ["null", "protective", "harmful"])
def test_true_weights_recover_the_risks_and_their_difference(scenario: str) -> None:
    registry = simulated(scenario)
    _assert_covers(_reweighed(scenario), registry.truth)


def test_true_weights_find_no_effect_on_a_negative_control() -> None:
    weighted = reweigh(simulated("protective"), "other_region")
    truth = simulated("protective").truth["negative_controls"]["other_region"]
    assert weighted.difference.distance_from(0.0) < WITHIN
    assert weighted.natural.distance_from(truth["risk"]) < WITHIN


def test_true_weights_stay_moderate() -> None:
    weights = _reweighed("protective").strict_weights
    assert np.quantile(weights, 0.999) < 30


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["null", "protective"])
def test_over_several_seeds_the_estimate_is_off_by_chance_alone(scenario: str) -> None:
    distances = []
    for seed in range(20, 28):
        registry = simulate_registry(
            episodes=20_000, clinics=12, seed=seed, scenario=scenario, truth_people=50_000
        )
        estimate = reweigh(registry).difference
        truth = registry.truth["risk_difference"]
        distances.append((estimate.value - truth) / estimate.standard_error)
    assert abs(np.mean(distances)) < 3 / np.sqrt(len(distances))
    assert np.max(np.abs(distances)) < 3.5


@cache
def _reweighed(scenario: str) -> Reweighted:
    return reweigh(simulated(scenario))


def _assert_covers(weighted: Reweighted, truth: dict[str, object]) -> None:
    risk = truth["risk"]
    assert isinstance(risk, dict)
    assert isinstance(truth["risk_difference"], float)
    assert weighted.strict.distance_from(risk["strict"]) < WITHIN
    assert weighted.natural.distance_from(risk["natural"]) < WITHIN
    assert weighted.difference.distance_from(truth["risk_difference"]) < WITHIN
