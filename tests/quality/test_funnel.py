"""Limits of chance and overdispersion equal R's, and what must hold holds."""

import numpy as np
import pytest
from scipy.stats import binom, poisson

from analysis.quality.funnel import (
    ALARM_LEVEL,
    WARNING_LEVEL,
    drawn_in,
    exact_ratio_limits,
    exact_share_limits,
    left_out,
    log_ratio_limits,
    log_ratio_scores,
    root_ratio_scores,
    share_limits,
    share_scores,
)


def test_exact_limits_of_counts_hold_their_share_of_chance():
    expected = np.array([4.0, 30.0, 4_000.0])
    limits = exact_ratio_limits(expected, WARNING_LEVEL)
    # The interval of as many cases as are expected: cautious, and less so the more there are.
    beyond = poisson.sf(np.ceil(limits.upper * expected) - 1, expected)
    assert np.all(beyond <= 0.025)
    assert beyond[2] == pytest.approx(0.025, abs=0.002)


def test_exact_limits_of_shares_stand_at_the_level_between_two_counts():
    limits = exact_share_limits(0.2, np.array([50.0]), WARNING_LEVEL)
    count = int(np.floor(limits.upper[0] * 50))
    assert binom.cdf(count, 50, 0.2) <= 0.975 <= binom.cdf(count + 1, 50, 0.2)


def test_exact_and_approximate_limits_meet_for_large_units():
    exact = exact_share_limits(0.3, np.array([40_000.0]), ALARM_LEVEL)
    near = share_limits(0.3, np.array([40_000.0]), 0.0, ALARM_LEVEL)
    np.testing.assert_allclose([exact.lower, exact.upper], [near.lower, near.upper], rtol=1e-3)


def test_the_limits_of_tiny_units_stay_within_none_and_all():
    exact = exact_share_limits(0.05, np.array([1.0, 2.0, 5.0]), ALARM_LEVEL)
    near = share_limits(0.05, np.array([1.0, 2.0, 5.0]), 0.1, ALARM_LEVEL)
    for limits in (exact, near):
        assert np.all(limits.lower >= 0.0)
        assert np.all(limits.upper <= 1.0)


def test_units_that_differ_by_chance_alone_have_no_variance_between():
    draw = np.random.default_rng(3)
    expected = draw.uniform(20, 200, 4_000)
    found = drawn_in(root_ratio_scores(draw.poisson(expected), expected), trim=0.0)
    # The mean square of 4,000 standard scores errs by sqrt(2 / 4000) = 0.022.
    assert found.dispersion == pytest.approx(1.0, abs=0.09)
    assert found.between_variance < 0.0005


def test_a_planted_variance_between_units_comes_back():
    draw = np.random.default_rng(4)
    expected = draw.uniform(50, 400, 6_000)
    own = np.exp(draw.normal(0.0, 0.3, 6_000))
    found = drawn_in(log_ratio_scores(draw.poisson(expected * own), expected), trim=0.0)
    # The variance of 6,000 units errs by 0.09 sqrt(2 / 6000) = 0.0016; logs of counts add 2 %.
    assert found.between_variance == pytest.approx(0.09, abs=0.007)
    wider = log_ratio_limits(expected, found.between_variance, WARNING_LEVEL)
    chance = log_ratio_limits(expected, 0.0, WARNING_LEVEL)
    assert np.all(wider.upper > chance.upper)


def test_a_few_outliers_do_not_make_all_units_look_dispersed():
    draw = np.random.default_rng(5)
    sizes = np.full(200, 100.0)
    cases = draw.binomial(100, 0.3, 200).astype(float)
    cases[:6] = 80.0
    scores = share_scores(cases, sizes)
    assert drawn_in(scores, trim=0.0).dispersion > 3.0
    assert drawn_in(scores).dispersion < 1.5
    assert left_out(scores).dispersion < 1.0


def test_a_unit_without_a_case_is_left_out_of_the_spread():
    scores = log_ratio_scores([0.0, *range(8, 27)], np.full(20, 16.0))
    assert np.isneginf(scores.z[0])
    assert np.isfinite(left_out(scores).between_variance)
