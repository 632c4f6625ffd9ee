"""Centre and limits of a series; nothing here judges or draws them.

Shares have p charts, rates of rare or repeated events u charts, single measurements XmR charts; how
many cases, or how long, it takes from one rare event to the next have g and t charts. Limits are at
three standard errors, worked out from the counted points alone and held for all: a baseline is a
choice of counted points. The `fitting_` functions choose the chart that the numbers can carry.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

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
# A period with fewer people than this share of the usual number is no neighbour of the others.
SMALLEST_PART: Final = 0.5
# With fewer points neither limits nor runs mean much (Anhoej and Olesen 2014: ten).
FEWEST_POINTS: Final = 10
# What three standard errors of a normal value leave out on either side.
TAIL_BEYOND_LIMITS: Final = 0.00135
# Below this expected count a share is too far from normal for three-error limits.
SMALLEST_EXPECTED_COUNT: Final = 5.0


@dataclass(frozen=True)
class Chart:
    """A series with its centre and limits.

    values, lower, upper : shape (points,); nan where there is no value or no limit.
    spread : Laney's ratio of the variation seen between neighbours to the binomial one; 1 for
        a p chart, nan where there are no limits.
    is_large : shape (points,); which points are of enough people for rules to hold, all of them
        where it is None.
    """

    method: str
    values: FloatArray
    center: float
    lower: FloatArray
    upper: FloatArray
    spread: float
    is_large: BoolArray | None = None


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


def means_chart(sums: FloatArray, sizes: FloatArray, counted: BoolArray) -> Chart:
    """Return the XmR chart of means of groups whose `sizes` differ (Taylor 2018).

    Moving ranges are those of the means' distances from the centre times the root of their sizes,
    so that a small group has wide limits; with equal sizes it is the plain XmR chart.
    """
    values = shares(sums, sizes)
    center = float(sums[counted].sum() / sizes[counted].sum())
    roots = np.sqrt(sizes)
    reach = LIMIT_ERRORS * _spread(((values - center) * roots)[counted])
    reaches = shares(np.full(sizes.shape, reach), roots)
    return Chart(XMR_CHART, values, center, center - reaches, center + reaches, 1.0)


def g_chart(cases: FloatArray, counted: BoolArray, events: int = 1) -> Chart:
    """Return the chart of cases between rare events, with geometric limits (Benneyan 2001).

    `cases` are those without the event from one to the next, or in all until so many `events`: a
    sum of geometric waits, whose variance is mean * (mean / events + 1). The centre is the median,
    since half of skewed values lie below it; limits are around the mean.
    """
    values = np.asarray(cases, dtype=np.float64)
    mean = float(values[counted].mean())
    reach = LIMIT_ERRORS * np.sqrt(mean * (mean / events + 1.0))
    everywhere = np.ones(values.shape)
    lower, upper = max(mean - reach, 0.0) * everywhere, (mean + reach) * everywhere
    return Chart(G_CHART, values, float(np.median(values[counted])), lower, upper, 1.0)


def t_chart(times: FloatArray, counted: BoolArray, events: int = 1) -> Chart:
    """Return the chart of times from one rare event to the next, or until so many `events`.

    Of single events it is the XmR chart of their power 1 / 3.6 (Nelson 1994); of several, limits
    and centre are quantiles of the gamma distribution with that shape and the mean of the counted
    times (Xie, Goh and Ranjan 2002), beyond which as much lies as beyond three standard errors.
    Raises `ValueError` where a time is not greater than zero.
    """
    values = np.asarray(times, dtype=np.float64)
    if np.any(values <= 0.0):
        raise ValueError("Times between events must be greater than zero.")
    if events > 1:
        return _gamma_chart(values, counted, events)
    drawn = xmr_chart(values ** (1.0 / POWER_OF_TIMES), counted)
    center, lower, upper = (
        np.maximum(ends, 0.0) ** POWER_OF_TIMES for ends in (drawn.center, drawn.lower, drawn.upper)
    )
    return Chart(T_CHART, values, float(center), lower, upper, 1.0)


def _gamma_chart(times: FloatArray, counted: BoolArray, events: int) -> Chart:
    from scipy.special import gammaincinv

    wait = float(times[counted].mean()) / events
    tails = np.array([TAIL_BEYOND_LIMITS, 0.5, 1.0 - TAIL_BEYOND_LIMITS])
    lower, center, upper = wait * gammaincinv(events, tails)
    everywhere = np.ones(times.shape)
    return Chart(T_CHART, times, float(center), lower * everywhere, upper * everywhere, 1.0)


def run_chart(numerators: FloatArray, denominators: FloatArray, counted: BoolArray) -> Chart:
    """Return the series around the median of its counted points, without limits."""
    values = shares(numerators, denominators)
    return _unlimited(RUN_CHART, values, float(np.median(values[counted])))


def fitting_chart(
    numerators: FloatArray,
    denominators: FloatArray,
    counted: BoolArray,
    baseline: BoolArray | None = None,
) -> Chart:
    """Return the chart that these counts of a share can carry.

    None below ten counted points, a run chart where few cases are expected in a period, else a
    p chart, with Laney's correction where neighbours vary more than binomial counts would. A period
    in which few cases are expected has no limits and is held against no rule; on a run chart, one
    of far fewer people than usual. `baseline` says which of the counted points make centre and
    limits, all of them unless it is given.
    """
    counted, made_of = _usable(denominators, counted, baseline)
    if not _is_long_enough(counted, made_of):
        return _too_short(numerators, denominators, made_of)
    center = float(numerators[made_of].sum() / denominators[made_of].sum())
    rarer = min(center, 1 - center)
    if not _are_enough(rarer * denominators[made_of]):
        return _among_neighbours(
            run_chart(numerators, denominators, made_of), denominators, made_of
        )
    corrected = p_prime_chart(numerators, denominators, made_of)
    chart = corrected if corrected.spread > 1 else p_chart(numerators, denominators, made_of)
    return _without_limits_of_few(chart, rarer * denominators)


def fitting_rate_chart(
    counts: FloatArray,
    exposures: FloatArray,
    counted: BoolArray,
    baseline: BoolArray | None = None,
) -> Chart:
    """Return the chart that these counts of events can carry, chosen as `fitting_chart` does.

    The limits are those of u charts.
    """
    counted, made_of = _usable(exposures, counted, baseline)
    if not _is_long_enough(counted, made_of):
        return _too_short(counts, exposures, made_of)
    center = float(counts[made_of].sum() / exposures[made_of].sum())
    if not _are_enough(center * exposures[made_of]):
        return _among_neighbours(run_chart(counts, exposures, made_of), exposures, made_of)
    corrected = u_prime_chart(counts, exposures, made_of)
    chart = corrected if corrected.spread > 1 else u_chart(counts, exposures, made_of)
    return _without_limits_of_few(chart, center * exposures)


def fitting_mean_chart(
    sums: FloatArray,
    denominators: FloatArray,
    counted: BoolArray,
    baseline: BoolArray | None = None,
) -> Chart:
    """Return the XmR chart of means, sum over denominator; none below ten counted points."""
    counted, made_of = _usable(denominators, counted, baseline)
    if not _is_long_enough(counted, made_of):
        return _too_short(sums, denominators, made_of)
    return means_chart(sums, denominators, made_of)


def fitting_waits_chart(
    waits: FloatArray,
    ones: FloatArray,
    counted: BoolArray,
    baseline: BoolArray | None = None,
    *,
    method: str,
    events: int,
) -> Chart:
    """Return the g or t chart of waits until so many events; none below ten counted points."""
    counted, made_of = _usable(ones, counted, baseline)
    if not _is_long_enough(counted, made_of):
        return _too_short(waits, ones, made_of)
    drawn = g_chart if method == G_CHART else t_chart
    return drawn(waits, made_of, events)


def _usable(
    denominators: FloatArray, counted: BoolArray, baseline: BoolArray | None
) -> tuple[BoolArray, BoolArray]:
    counted = counted & (denominators > 0)
    return counted, counted if baseline is None else counted & baseline


def _is_long_enough(counted: BoolArray, made_of: BoolArray) -> bool:
    return bool(np.count_nonzero(counted) >= FEWEST_POINTS and made_of.any())


def _are_enough(expected: FloatArray) -> bool:
    return float(np.median(expected)) >= SMALLEST_EXPECTED_COUNT


def _without_limits_of_few(chart: Chart, expected: FloatArray) -> Chart:
    """Take the limits away where too few cases are expected for them to mean what they say.

    Where hardly any case is expected there is none in most periods, so that one after the other
    lies on the same side of the centre: rules about runs do not hold there either.
    """
    is_large = expected >= SMALLEST_EXPECTED_COUNT
    lower, upper = (np.where(is_large, ends, np.nan) for ends in (chart.lower, chart.upper))
    return replace(chart, lower=lower, upper=upper, is_large=is_large)


def _among_neighbours(chart: Chart, denominators: FloatArray, made_of: BoolArray) -> Chart:
    """Leave periods of far fewer people than those of the baseline to no rule.

    Their shares scatter more, and around another median.
    """
    usual = float(np.median(denominators[made_of]))
    return replace(chart, is_large=denominators >= SMALLEST_PART * usual)


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
