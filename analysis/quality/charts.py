"""Centre and limits of a series of shares; nothing here judges or draws them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

P_CHART: Final = "p"
P_PRIME_CHART: Final = "p_prime"
RUN_CHART: Final = "run"
NO_CHART: Final = "none"

LIMIT_ERRORS: Final = 3.0
# Mean moving range of two standard normal values (Montgomery 2009, d2 of samples of two).
MEAN_MOVING_RANGE: Final = 1.128
# With fewer points neither limits nor runs mean much (Anhoej and Olesen 2014: ten).
FEWEST_POINTS: Final = 10
# Below this expected count a share is too far from normal for three-error limits.
SMALLEST_EXPECTED_COUNT: Final = 5.0


@dataclass(frozen=True)
class Chart:
    """A series with its centre and limits.

    values, lower, upper : shape (points,); nan where there is no value or no limit.
    spread : Laney's ratio of the variation seen between neighbours to the binomial one; 1 for
        a p chart, nan where there are no limits.
    """

    method: str
    values: FloatArray
    center: float
    lower: FloatArray
    upper: FloatArray
    spread: float


def shares(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Return numerator over denominator, nan where the denominator is zero."""
    values = np.full(denominators.shape, np.nan)
    np.divide(numerators, denominators, out=values, where=denominators > 0)
    return values


def p_chart(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of shares with binomial limits (Montgomery 2009, section 7.2).

    `counted` says which points make the centre; limits are cut at 0 and 1.
    """
    values = shares(numerators, denominators)
    center = float(numerators[counted].sum() / denominators[counted].sum())
    return _limited(P_CHART, values, center, _binomial_errors(center, denominators), 1.0)


def p_prime_chart(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of shares whose limits hold under overdispersion (Laney 2002)."""
    plain = p_chart(numerators, denominators, counted)
    errors = _binomial_errors(plain.center, denominators)
    deviations = (plain.values[counted] - plain.center) / errors[counted]
    spread = float(np.abs(np.diff(deviations)).mean() / MEAN_MOVING_RANGE)
    return _limited(P_PRIME_CHART, plain.values, plain.center, errors * spread, spread)


def run_chart(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    """Return the series around the median of its counted points, without limits."""
    values = shares(numerators, denominators)
    return _unlimited(RUN_CHART, values, float(np.median(values[counted])))


def fitting_chart(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart that these counts can carry.

    None below ten counted points, a run chart where few cases are expected in a period, else a
    p chart, with Laney's correction where neighbours vary more than binomial counts would.
    """
    counted = counted & (denominators > 0)
    if np.count_nonzero(counted) < FEWEST_POINTS:
        return _too_short(numerators, denominators, counted)
    center = float(numerators[counted].sum() / denominators[counted].sum())
    expected = float(np.median(denominators[counted])) * min(center, 1 - center)
    if expected < SMALLEST_EXPECTED_COUNT:
        return run_chart(numerators, denominators, counted)
    corrected = p_prime_chart(numerators, denominators, counted)
    return corrected if corrected.spread > 1 else p_chart(numerators, denominators, counted)


def _too_short(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    values, all_counted = shares(numerators, denominators), denominators[counted].sum()
    center = float(numerators[counted].sum() / all_counted) if all_counted > 0 else float("nan")
    return _unlimited(NO_CHART, values, center)


def _unlimited(method: str, values: FloatArray, center: float) -> Chart:
    nowhere = np.full(values.shape, np.nan)
    return Chart(method, values, center, nowhere, nowhere, float("nan"))


def _binomial_errors(center: float, denominators: FloatArray) -> FloatArray:
    return np.sqrt(shares(np.full(denominators.shape, center * (1 - center)), denominators))


def _limited(
    method: str, values: FloatArray, center: float, errors: FloatArray, spread: float
) -> Chart:
    lower = np.maximum(center - LIMIT_ERRORS * errors, 0.0)
    upper = np.minimum(center + LIMIT_ERRORS * errors, 1.0)
    return Chart(method, values, center, lower, upper, spread)
