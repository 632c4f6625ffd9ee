import numpy as np
import pytest
from scipy import integrate, stats

from analysis.emulation.calibration import (
    EmpiricalNull,
    ErrorModel,
    calibrated_estimates,
    calibrated_p,
    empirical_null,
    empirical_null_of_families,
    error_model,
    error_model_of_null,
    expected_absolute_error,
    left_out_p,
)
from analysis.emulation.emulation import NotEstimableError


def test_without_systematic_error_nothing_is_calibrated_away():
    none = EmpiricalNull(0.0, 0.0, 0.0, 30, 0)
    assert calibrated_p(none, 0.2, 0.1) == pytest.approx(2 * stats.norm.sf(2.0))
    ours = calibrated_estimates(error_model_of_null(none), 0.2, 0.1)
    reach = 0.1 * stats.norm.ppf(0.975)
    assert (ours.low[0], ours.high[0]) == pytest.approx((0.2 - reach, 0.2 + reach), abs=1e-9)
    assert expected_absolute_error(none) == 0.0


def test_a_calibrated_interval_covers_no_effect_exactly_when_calibrated_p_says_so():
    null = EmpiricalNull(0.15, 0.2, 0.0, 40, 0)
    estimates, errors = np.linspace(-0.6, 1.0, 41), np.full(41, 0.12)
    ours = calibrated_estimates(error_model_of_null(null), estimates, errors)
    covers = (ours.low <= 0.0) & (ours.high >= 0.0)
    assert covers.tolist() == (calibrated_p(null, estimates, errors) >= 0.05).tolist()


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 0.3), (0.4, 0.2), (-1.0, 0.05)])
def test_the_expected_absolute_error_is_the_integral(mean, spread):
    density = stats.norm(mean, spread).pdf
    whole, _ = integrate.quad(lambda x: abs(x) * density(x), -4, 4, points=[0.0, mean])
    ours = expected_absolute_error(EmpiricalNull(mean, spread, 0.1, 20, 0))
    assert ours == pytest.approx(whole, rel=1e-7)


def test_planted_error_is_found_and_left_out_controls_look_uniform():
    random = np.random.default_rng(5)
    errors = random.uniform(0.05, 0.3, 400)
    estimates = random.normal(0.2, np.hypot(0.15, errors))
    null = empirical_null(estimates, errors)
    assert abs(null.mean - 0.2) < 3 * null.mean_error
    assert null.spread == pytest.approx(0.15, abs=0.03)
    p = left_out_p(estimates[:60], errors[:60])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_controls_that_scatter_as_their_errors_say_have_no_spread():
    null = empirical_null([-0.1, 0.0, 0.1, 0.05], [1.0, 1.0, 1.0, 1.0])
    assert null.spread == 0.0
    assert null.mean == pytest.approx(0.0125)


def test_controls_without_a_finite_error_are_left_out_and_counted():
    null = empirical_null([0.1, 0.3, -0.2, 0.4, np.nan, 9.0], [0.1, 0.2, 0.1, 0.2, 0.1, np.inf])
    alone = empirical_null([0.1, 0.3, -0.2, 0.4], [0.1, 0.2, 0.1, 0.2])
    assert (null.controls, null.left_out) == (4, 2)
    assert (null.mean, null.spread) == (alone.mean, alone.spread)


def test_a_limit_that_the_error_never_reaches_is_infinite():
    wild = ErrorModel(0.0, 1.0, 0.1, 0.8, 30, 0)
    ours = calibrated_estimates(wild, 0.5, 0.1)
    assert ours.high[0] == np.inf
    assert ours.low[0] < 0.5


@pytest.mark.parametrize(
    ("estimates", "errors", "words"),
    [
        ([], [], "0 of 0 controls"),
        ([0.1, 0.2], [0.1, 0.1], "2 of 2 controls"),
        ([0.1, 0.2, 0.3], [np.inf, np.inf, 0.1], "1 of 3 controls"),
        ([0.1, 0.1, 0.1], [0.1, 0.2, 0.3], "the same estimate"),
        ([0.1, 0.2, 0.3], [0.1, 0.0, 0.3], "not above 0"),
    ],
)
def test_too_little_to_learn_from_is_refused_in_words(estimates, errors, words):
    with pytest.raises(NotEstimableError, match=words):
        empirical_null(estimates, errors)


def test_a_line_needs_different_effects_and_must_rise():
    with pytest.raises(NotEstimableError, match="same true effect"):
        error_model([0.1, 0.2, 0.4], [0.1, 0.1, 0.1], [0.0, 0.0, 0.0])
    with pytest.raises(NotEstimableError, match="do not rise"):
        calibrated_estimates(ErrorModel(0.0, -0.2, 0.1, 0.0, 9, 0), 0.1, 0.1)


def test_one_family_is_the_plain_null_and_equal_families_are_as_if_repeated():
    random = np.random.default_rng(9)
    estimates, errors = random.normal(0.1, 0.3, 30), np.full(30, 0.1)
    one = empirical_null_of_families(estimates, errors, ["same"] * 30)
    assert one == empirical_null(estimates, errors)
    many, few = random.normal(0.0, 0.1, 24), np.array([0.8, 1.0])
    both = np.r_[many, few]
    own = empirical_null_of_families(both, np.full(26, 0.1), ["many"] * 24 + ["few"] * 2)
    repeated = empirical_null(np.r_[many, np.repeat(few, 12)], np.full(48, 0.1))
    assert (own.mean, own.spread) == pytest.approx((repeated.mean, repeated.spread), rel=1e-6)
    assert own.controls == 26
    assert own.mean_error > repeated.mean_error


def test_families_are_of_the_controls_that_are_left():
    estimates = np.array([0.0, np.nan, 0.2, 0.1, -0.1])
    own = empirical_null_of_families(estimates, np.full(5, 0.1), ["a", "b", "a", "a", "a"])
    assert (own.controls, own.left_out) == (4, 1)
    assert own.mean == pytest.approx(0.05)
    with pytest.raises(ValueError, match="family"):
        empirical_null_of_families(estimates, np.full(5, 0.1), ["a"])
