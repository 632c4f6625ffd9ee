"""Limits of chance around a target for units of different size, overdispersion allowed for.

Ratios of observed to expected counts and shares are held against what chance alone would give
(Spiegelhalter 2005). Where units differ by more than chance, z-scores say how much more: their
mean square is the dispersion, of which a variance between units follows (DerSimonian and Laird
1986), and limits are widened by it (Spiegelhalter et al. 2012), so that only units beyond the
others' spread stand out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# One in forty and one in a thousand on either side.
WARNING_LEVEL: Final = 0.95
ALARM_LEVEL: Final = 0.998
USUAL_TRIM: Final = 0.1


@dataclass(frozen=True)
class Scores:
    """How far units are from the target on a scale where chance has the same spread for all.

    z : (units,), in standard errors; errors : (units,), the standard error on that scale.
    """

    z: FloatArray
    errors: FloatArray


@dataclass(frozen=True)
class Overdispersion:
    """How much more units differ than by chance.

    dispersion is the mean square of z-scores with the extremes drawn in, 1 where there is chance
    alone; between_variance is the variance between units on the scores' scale, 0 where chance is
    enough; units is how many were counted.
    """

    dispersion: float
    between_variance: float
    units: int


@dataclass(frozen=True)
class Limits:
    """Lower and upper limits by unit, in the unit of the figure; arrays (units,)."""

    lower: FloatArray
    upper: FloatArray


def log_ratio_scores(observed: npt.ArrayLike, expected: npt.ArrayLike) -> Scores:
    """Return the scores of ratios observed / expected on the log scale, the target being 1.

    A unit without any observed case has the score of minus infinity, which `left_out` can leave
    out and `drawn_in` cannot draw in.
    """
    cases, chance = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    errors = 1.0 / np.sqrt(chance)
    with np.errstate(divide="ignore"):
        return Scores(np.log(cases / chance) / errors, errors)


def root_ratio_scores(observed: npt.ArrayLike, expected: npt.ArrayLike) -> Scores:
    """Return the scores of ratios observed / expected on the square-root scale, the target 1."""
    cases, chance = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    errors = 1.0 / (2.0 * np.sqrt(chance))
    return Scores((np.sqrt(cases / chance) - 1.0) / errors, errors)


def share_scores(numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> Scores:
    """Return the scores of shares on the arcsine scale, the target being the share of all."""
    cases, sizes = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    errors = 1.0 / (2.0 * np.sqrt(sizes))
    target = np.arcsin(np.sqrt(cases.sum() / sizes.sum()))
    return Scores((np.arcsin(np.sqrt(cases / sizes)) - target) / errors, errors)


def drawn_in(scores: Scores, trim: float = USUAL_TRIM) -> Overdispersion:
    """Return the overdispersion with the extreme tenths of scores drawn in to where they begin.

    Winsorised after Spiegelhalter (2005); `trim` is the share on either side.
    """
    low, high = np.quantile(scores.z, [trim, 1.0 - trim])
    return _overdispersion(np.clip(scores.z, low, high), scores.errors)


def left_out(scores: Scores, trim: float = USUAL_TRIM) -> Overdispersion:
    """Return the overdispersion with the extreme tenths of scores left out.

    As the summary hospital-level mortality indicator of the NHS has it: units are put into
    1 / trim classes by rank, of which the first and the last do not count.
    """
    from scipy.stats import rankdata

    classes = 1.0 / trim
    place = np.floor(rankdata(scores.z) * classes / (len(scores.z) + 1))
    kept = (place > 0) & (place < classes - 1)
    return _overdispersion(scores.z[kept], scores.errors[kept])


def _overdispersion(z: FloatArray, errors: FloatArray) -> Overdispersion:
    units = len(z)
    dispersion = float(np.sum(z**2) / units)
    weights = 1.0 / errors**2
    excess = units * dispersion - (units - 1)
    between = excess / (weights.sum() - np.sum(weights**2) / weights.sum())
    return Overdispersion(dispersion, max(float(between), 0.0), units)


def exact_ratio_limits(expected: npt.ArrayLike, level: float) -> Limits:
    """Return the limits of observed / expected by chance, exact for Poisson counts (Ulm 1990)."""
    from scipy.special import chdtri

    chance, tail = np.asarray(expected, np.float64), (1.0 - level) / 2.0
    lower = chdtri(2.0 * chance, 1.0 - tail) / 2.0 / chance
    return Limits(lower, chdtri(2.0 * (chance + 1.0), tail) / 2.0 / chance)


def log_ratio_limits(expected: npt.ArrayLike, between_variance: float, level: float) -> Limits:
    """Return limits of observed / expected on the log scale, widened by the variance between."""
    reach = _quantile(level) * np.sqrt(1.0 / np.asarray(expected, np.float64) + between_variance)
    return Limits(np.exp(-reach), np.exp(reach))


def exact_share_limits(
    target: float | FloatArray, denominators: npt.ArrayLike, level: float
) -> Limits:
    """Return the limits of shares around the target, exact for binomial counts.

    The target is one for all units, or one for each.
    Counts are whole, so limits are interpolated between the two counts next to the level
    (Spiegelhalter 2005, appendix A.1.1).
    """
    sizes, tail = np.asarray(denominators, np.float64), (1.0 - level) / 2.0
    lower = _interpolated_count(tail, sizes, target) / sizes
    upper = _interpolated_count(1.0 - tail, sizes, target) / sizes
    return Limits(np.maximum(lower, 0.0), np.minimum(upper, 1.0))


def share_limits(
    target: float, denominators: npt.ArrayLike, between_variance: float, level: float
) -> Limits:
    """Return limits of shares on the arcsine scale, widened by the variance between units."""
    sizes = np.asarray(denominators, np.float64)
    reach = _quantile(level) * np.sqrt(1.0 / (4.0 * sizes) + between_variance)
    middle = np.arcsin(np.sqrt(target))
    ends = np.clip(middle - reach, 0.0, None), np.clip(middle + reach, None, np.pi / 2.0)
    return Limits(np.sin(ends[0]) ** 2, np.sin(ends[1]) ** 2)


def _interpolated_count(
    probability: float, sizes: FloatArray, target: float | FloatArray
) -> FloatArray:
    from scipy.stats import binom

    count = binom.ppf(probability, sizes, target)
    above, chance = binom.cdf(count, sizes, target), binom.pmf(count, sizes, target)
    return np.asarray(count - (above - probability) / chance, dtype=np.float64)


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2.0))
