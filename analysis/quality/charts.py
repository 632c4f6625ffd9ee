"""Centre and limits of a series; nothing here judges or draws them.

Shares have p charts, rates of rare or repeated events u charts, single measurements XmR charts; how
many cases, or how long, it takes from one rare event to the next have g and t charts. Limits are at
three standard errors, worked out from the counted points alone and held for all: a baseline is a
choice of counted points.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

P_CHART: Final = "p"
P_PRIME_CHART: Final = "p_prime"
U_CHART: Final = "u"
U_PRIME_CHART: Final = "u_prime"
XMR_CHART: Final = "xmr"
G_CHART: Final = "g"
T_CHART: Final = "t"
RUN_CHART: Final = "run"
NO_CHART: Final = "none"

LIMIT_ERRORS: Final = 3.0
# Mean moving range of two standard normal values (Montgomery 2009, d2 of samples of two).
MEAN_MOVING_RANGE: Final = 1.128
# Makes exponential times about normal (Nelson 1994).
POWER_OF_TIMES: Final = 3.6
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
    spread = _spread((plain.values[counted] - plain.center) / errors[counted])
    return _limited(P_PRIME_CHART, plain.values, plain.center, errors * spread, spread)


def u_chart(counts: FloatArray, exposures: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of rates with Poisson limits (Montgomery 2009, section 7.3).

    `counts` of events over `exposures` (days, sessions, ...); limits are cut at 0.
    """
    values = shares(counts, exposures)
    center = float(counts[counted].sum() / exposures[counted].sum())
    return _limited(
        U_CHART, values, center, _poisson_errors(center, exposures), 1.0, largest=np.inf
    )


def u_prime_chart(counts: FloatArray, exposures: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of rates whose limits hold under overdispersion (Laney 2002)."""
    plain = u_chart(counts, exposures, counted)
    errors = _poisson_errors(plain.center, exposures)
    spread = _spread((plain.values[counted] - plain.center) / errors[counted])
    return _limited(
        U_PRIME_CHART, plain.values, plain.center, errors * spread, spread, largest=np.inf
    )


def xmr_chart(values: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of single values, limits from the mean moving range (Shewhart 1931).

    Montgomery (2009), section 6.4; limits are not cut, as a measurement has no bounds here.
    """
    values = np.asarray(values, dtype=np.float64)
    center = float(values[counted].mean())
    reach = LIMIT_ERRORS * _spread(values[counted])
    everywhere = np.ones(values.shape)
    lower, upper = (center - reach) * everywhere, (center + reach) * everywhere
    return Chart(XMR_CHART, values, center, lower, upper, 1.0)


def g_chart(cases: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of cases between rare events, with geometric limits (Benneyan 2001).

    The centre is the median, since half of skewed values lie below it; limits are around the mean.
    """
    values = np.asarray(cases, dtype=np.float64)
    mean = float(values[counted].mean())
    reach = LIMIT_ERRORS * np.sqrt(mean * (mean + 1.0))
    everywhere = np.ones(values.shape)
    lower, upper = max(mean - reach, 0.0) * everywhere, (mean + reach) * everywhere
    return Chart(G_CHART, values, float(np.median(values[counted])), lower, upper, 1.0)


def t_chart(times: FloatArray, counted: BoolArray) -> Chart:
    """Return the chart of times between rare events: XmR of their power 1 / 3.6 (Nelson 1994).

    Raises `ValueError` where a time is not greater than zero.
    """
    values = np.asarray(times, dtype=np.float64)
    if np.any(values <= 0.0):
        raise ValueError("Times between events must be greater than zero.")
    drawn = xmr_chart(values ** (1.0 / POWER_OF_TIMES), counted)
    center, lower, upper = (
        np.maximum(ends, 0.0) ** POWER_OF_TIMES for ends in (drawn.center, drawn.lower, drawn.upper)
    )
    return Chart(T_CHART, values, float(center), lower, upper, 1.0)


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


def _spread(values: FloatArray) -> float:
    """Return the standard deviation that neighbours tell: the mean moving range over its own."""
    return float(np.abs(np.diff(values)).mean() / MEAN_MOVING_RANGE)


def _poisson_errors(center: float, exposures: FloatArray) -> FloatArray:
    return np.sqrt(shares(np.full(exposures.shape, center), exposures))


def _binomial_errors(center: float, denominators: FloatArray) -> FloatArray:
    return np.sqrt(shares(np.full(denominators.shape, center * (1 - center)), denominators))


def _limited(
    method: str,
    values: FloatArray,
    center: float,
    errors: FloatArray,
    spread: float,
    *,
    largest: float = 1.0,
) -> Chart:
    lower = np.maximum(center - LIMIT_ERRORS * errors, 0.0)
    upper = np.minimum(center + LIMIT_ERRORS * errors, largest)
    return Chart(method, values, center, lower, upper, spread)
