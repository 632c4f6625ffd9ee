import numpy as np
import pytest
from scipy import integrate, stats

from analysis.emulation.calibration import (
    EmpiricalNull,
    ErrorModel,
    calibrated_estimates,
    calibrated_p,
    empirical_null,
    error_model,
    error_model_of_null,
    expected_absolute_error,
    left_out_p,
)
from analysis.emulation.emulation import NotEstimableError
from tests.emulation.golden import golden_numbers, golden_rows

CASE = "15_empirical_calibration"


def negative_controls(file="data.csv"):
    rows = golden_rows(CASE, file)
    rows = rows.filter(rows["groundTruth"] == 0)
    return rows["logRr"].to_numpy(), rows["seLogRr"].to_numpy()


def test_the_null_of_the_self_controlled_study_equals_r():
    given = golden_numbers(CASE)["sccs_null"]
    null = empirical_null(*negative_controls())
    assert null.mean == pytest.approx(given["null_mean"], abs=1e-4)
    assert null.spread == pytest.approx(given["null_sd"], abs=1e-4)


# By R's optim on the same likelihood, run to a relative tolerance of 1e-15.
@pytest.mark.parametrize(
    ("file", "mean", "spread"),
    [
        ("data.csv", 0.79211649365129, 0.28342287177932),
        ("caseControl.csv", 0.90014069453272, 0.34473486063696),
        ("cohortMethod.csv", -0.045935392117641, 0.543205606688),
    ],
)
def test_nulls_equal_a_general_optimiser(file, mean, spread):
    null = empirical_null(*negative_controls(file))
    assert (null.mean, null.spread) == pytest.approx((mean, spread), abs=1e-6)


def test_sertraline_is_nothing_special_among_its_controls():
    null = empirical_null(*negative_controls())
    rows = golden_rows(CASE)
    drug = rows.filter(rows["groundTruth"] == 1)
    p = calibrated_p(null, drug["logRr"].to_numpy(), drug["seLogRr"].to_numpy())
    assert p == pytest.approx([0.83901800398445], abs=1e-5)
    assert expected_absolute_error(null) == pytest.approx(0.79255547237326, abs=1e-6)


# By R's optim (linear spread) and the limits of EmpiricalCalibration (2025) for the fitted model.
@pytest.mark.parametrize(
    ("file", "parameters", "limits"),
    [
        (
            "simulated_controls.csv",
            (0.2463109661214, 1.0069782620124, 0.25867001088642, -0.013945792594481),
            [(0.25193099, -0.28075254, 0.772219186), (-0.54252508, -1.15444585, 0.091928805)],
        ),
        (
            "southworthReplication.csv",
            (-0.066550148496255, 0.93329241263247, 0.18746580459139, 0.0029772518139044),
            [(0.60704463, 0.15997055, 1.05909557), (-0.25013581, -0.82937365, 0.32694483)],
        ),
    ],
)
def test_error_models_and_calibrated_intervals_equal_r(file, parameters, limits):
    rows = golden_rows(CASE, file).drop_nulls(["logRr", "seLogRr", "trueLogRr"])
    model = error_model(*(rows[name].to_numpy() for name in ("logRr", "seLogRr", "trueLogRr")))
    fitted = (model.mean_at_none, model.mean_slope, model.spread_at_none, model.spread_slope)
    assert fitted == pytest.approx(parameters, abs=1e-6)
    ours = calibrated_estimates(model, [0.5, -0.3], [0.1, 0.2])
    got = np.column_stack([ours.value, ours.low, ours.high])
    np.testing.assert_allclose(got, limits, atol=1e-4)


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
