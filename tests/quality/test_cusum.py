"""Risk-adjusted sums signal as their limit promises, and the scores are those of the paper."""

import numpy as np
import pytest

from analysis.quality.cusum import (
    average_run_length,
    case_scores,
    cumulative_sum,
    life_adjusted_display,
    limit_of,
)

RISKS = np.array([0.02, 0.05, 0.1, 0.25])


def test_the_scores_of_doubled_odds_are_those_of_the_paper():
    # Steiner et al. 2000, section 2: a death of a patient at risk 0.02 scores log(2 / 1.02), one at
    # risk 0.5 log(2 / 1.5); who survives scores log(1 / (1 + risk)).
    scores = case_scores([1, 1, 0], [0.02, 0.5, 0.02], odds_ratio=2.0)
    np.testing.assert_allclose(scores, np.log([2 / 1.02, 2 / 1.5, 1 / 1.02]))


def test_without_a_change_to_look_for_nothing_is_added():
    np.testing.assert_allclose(case_scores([0, 1], [0.1, 0.4], odds_ratio=1.0), 0.0, atol=1e-15)


def test_a_sum_never_falls_below_zero_and_begins_anew_after_a_signal():
    path = cumulative_sum(np.array([-1.0, 2.0, 2.0, -0.5, 3.5]), limit=3.0)
    assert path.values.tolist() == [0.0, 2.0, 4.0, 0.0, 3.5]
    assert path.signals.tolist() == [False, False, True, False, True]


def test_the_display_rises_by_the_risk_of_who_is_well_and_falls_by_the_rest_for_who_is_not():
    np.testing.assert_allclose(life_adjusted_display([0, 1, 0], [0.1, 0.4, 0.2]), [0.1, -0.5, -0.3])


def simulated_run_lengths(limit, odds_ratio, true_odds_ratio, runs, seed):
    draw = np.random.default_rng(seed)
    lengths = np.zeros(runs, dtype=int)
    so_far, going = np.zeros(runs), np.ones(runs, dtype=bool)
    while going.any():
        risk = draw.choice(RISKS, runs)
        odds = true_odds_ratio * risk / (1 - risk)
        happened = draw.random(runs) < odds / (1 + odds)
        so_far = np.maximum(0.0, so_far + case_scores(happened, risk, odds_ratio))
        lengths += going
        going &= so_far <= limit
    return lengths


@pytest.mark.parametrize(("odds_ratio", "truth"), [(2.0, 1.0), (2.0, 2.0), (0.5, 1.0)])
def test_run_lengths_are_those_of_simulated_cases(odds_ratio, truth):
    lengths = simulated_run_lengths(2.0, odds_ratio, truth, 4_000, seed=8)
    error = lengths.std() / np.sqrt(len(lengths))
    found = average_run_length(RISKS, odds_ratio, 2.0, truth)
    assert found == pytest.approx(lengths.mean(), abs=4 * error)


def test_the_limit_has_the_run_length_it_was_chosen_by():
    limit = limit_of(RISKS, 2.0, 500.0)
    assert average_run_length(RISKS, 2.0, limit) == pytest.approx(500.0, rel=0.01)


def test_impossible_limits_say_so():
    with pytest.raises(ValueError, match="greater than zero"):
        average_run_length(RISKS, 2.0, 0.0)
    with pytest.raises(ValueError, match="Every limit"):
        limit_of(RISKS, 2.0, 0.5)
