"""The joint test of specifications, on estimates whose dependence is planted."""

import numpy as np
import pytest
from scipy import stats

from analysis.scrutiny.joint import joint_test

UNITS = 400


def moves_of(correlation: float, specifications: int, seed: int = 1) -> np.ndarray:
    """Influences with unit spread, and this correlation between any two specifications."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(UNITS, 1))
    own = random.normal(size=(UNITS, specifications))
    values = np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own
    values -= values.mean(axis=0)
    return values / np.linalg.norm(values, axis=0) * np.sqrt((UNITS - 1.0) / UNITS)


@pytest.mark.parametrize("estimate", [0.5, 1.5, 2.5])
def test_one_and_the_same_specification_many_times_is_one_test(estimate):
    moves = np.repeat(moves_of(0.0, 1), 20, axis=1)
    own = joint_test(np.full(20, estimate), moves, 0.95, 3)
    assert own.median_p == pytest.approx(2 * stats.norm.sf(estimate), abs=0.02)


def test_agreement_counts_for_more_where_specifications_are_apart():
    estimates = np.full(30, 1.0)
    alike = joint_test(estimates, moves_of(0.95, 30), 0.95, 3)
    apart = joint_test(estimates, moves_of(0.05, 30), 0.95, 3)
    assert apart.median_p < 0.01 < alike.median_p


def test_the_share_of_clear_results_is_held_against_chance():
    moves = moves_of(0.5, 30)
    none, many = np.full(30, 0.3), np.r_[np.full(25, 2.5), np.full(5, 0.0)]
    assert joint_test(none, moves, 0.95, 3).share_p == 1.0
    assert joint_test(many, moves, 0.95, 3).share_p < 0.05
    opposed = np.r_[np.full(15, 2.5), np.full(15, -2.5)]
    assert joint_test(opposed, moves, 0.95, 3).share_p > joint_test(many, moves, 0.95, 3).share_p


def test_without_effect_its_p_values_are_uniform():
    random = np.random.default_rng(8)
    moves = moves_of(0.6, 12)
    factor = np.linalg.cholesky(moves.T @ moves)
    found = [
        joint_test(factor @ random.normal(size=12), moves, 0.95, 3).median_p for _ in range(300)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.001
