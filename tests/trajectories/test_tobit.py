"""Slopes that allow for the ends of a scale find the truth behind a ceiling."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.survival.arrays import FloatArray
from analysis.trajectories.doubts import Slopes
from analysis.trajectories.least_squares import StageRows, fit_least_squares, stage_rows
from analysis.trajectories.reml import NotEstimableError
from analysis.trajectories.tobit import fit_tobit, tobit_doubts

PROTOCOL = load_protocol()


def rows_of(values: FloatArray, *columns: FloatArray) -> StageRows:
    terms = np.column_stack([np.ones(len(values)), *columns])
    told = (len(values),) * terms.shape[1]
    stages = tuple(range(1, terms.shape[1]))
    return StageRows(stages, values, terms, np.arange(len(values)), told)


def errors(slopes: Slopes) -> FloatArray:
    return np.sqrt(np.diag(slopes.covariance))


def behind_a_ceiling(people: int = 800) -> pl.DataFrame:
    """Draw percents that rise by 6 a week in stage 1 and 3 in stage 2, cut off at 100."""
    draw = np.random.default_rng(8)
    weeks = np.tile(np.arange(8.0), people)
    person = np.repeat(np.arange(people), 8)
    first, second = np.minimum(weeks, 4), np.maximum(weeks - 4, 0)
    value = 66 + 6 * first + 3 * second + draw.normal(0, 6, people)[person]
    value += draw.normal(0, 6, value.size)
    return pl.DataFrame(
        {
            "patient_key": person,
            "value": np.clip(value, 0, 100),
            "weeks_stage_1": first,
            "weeks_stage_2": second,
            **{f"weeks_stage_{stage}": np.zeros(value.size) for stage in (3, 4, 5)},
        }
    )


def test_without_values_at_an_end_it_is_least_squares() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=60)
    rows = rows_of(5 + x + draw.normal(size=60), x)
    plain = fit_least_squares(rows)
    fit = fit_tobit(rows, -100.0, 100.0)
    assert fit.slopes.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert errors(fit.slopes) == pytest.approx(errors(plain), rel=1e-9)


def test_two_values_at_the_ends_of_a_mean_are_those_of_the_normal_integral() -> None:
    # Without columns the gradient in the mean is zero where the residuals of the inside values
    # and the hazards of those at the ends cancel.
    from scipy.stats import norm

    values = np.array([0.0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 10, 10])
    fit = fit_tobit(rows_of(values), 0.0, 10.0)
    mean, deviation = float(fit.slopes.coefficients[0]), fit.deviation
    inside = values[(values > 0) & (values < 10)]
    low, high = (0 - mean) / deviation, (10 - mean) / deviation
    balance = np.sum((inside - mean) / deviation)
    balance += -norm.pdf(low) / norm.cdf(low) + 2 * norm.pdf(high) / norm.sf(high)
    assert balance == pytest.approx(0, abs=1e-8)


def test_planted_slopes_are_found_behind_a_ceiling_that_flattens_least_squares() -> None:
    rows = stage_rows(behind_a_ceiling())
    fit = fit_tobit(rows, 0.0, 100.0)
    planted = np.array([6.0, 3.0])
    away = (fit.slopes.coefficients[1:] - planted) / errors(fit.slopes)[1:]
    assert np.abs(away).max() < 3
    plain = fit_least_squares(rows)
    assert plain.coefficients[2] < 3 - 10 * errors(plain)[2]


def test_both_slopes_stand_beside_each_other() -> None:
    doubts = tobit_doubts(behind_a_ceiling(40), PROTOCOL.domains["strength"], 0.95)
    assert [doubt.measure for doubt in doubts] == [
        "slope_stage_1",
        "slope_stage_2",
        "slope_stage_1_uncensored",
        "slope_stage_2_uncensored",
    ]
    assert {doubt.unit for doubt in doubts} == {"% per week"}
    assert {doubt.patients for doubt in doubts} == {40}


def test_what_cannot_be_said_is_said_in_words() -> None:
    points = behind_a_ceiling(40)
    strength = PROTOCOL.domains["strength"]
    for worse, words in [
        (points.clear(), "nobody was measured"),
        (points.with_columns(value=pl.lit(100.0)), "all values are the same"),
        (
            points.with_columns(
                value=pl.when(pl.int_range(pl.len()) < 5).then(90.0).otherwise(100.0)
            ),
            "nearly all values lie at the ends of the scale",
        ),
    ]:
        (doubt,) = tobit_doubts(worse, strength, 0.95)
        assert (doubt.status, doubt.reason, doubt.value) == ("impossible", words, None)


def test_a_stage_that_few_worked_has_no_slope() -> None:
    points = behind_a_ceiling(40).with_columns(
        weeks_stage_3=pl.when(pl.col("patient_key") < 5).then(1.0).otherwise(0.0)
    )
    assert stage_rows(points).stages == (1, 2)
    with pytest.raises(NotEstimableError):
        stage_rows(points.filter(pl.col("patient_key") < 5))
