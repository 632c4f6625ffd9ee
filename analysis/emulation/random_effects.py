"""Estimates of several groups pooled by random effects, and how far the groups differ.

The variance between groups is by restricted maximum likelihood (Viechtbauer 2005) or by Paule and
Mandel (1982); the interval of the mean is that of Hartung and Knapp (2001) and Sidik and Jonkman
(2002), by default never narrower than its plain form (Roever, Knapp and Friede 2015); the
prediction interval is for the effect in a group not seen (Higgins, Thompson and Spiegelhalter
2009), with the degrees of freedom of that mean. A ratio is pooled as its log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, stdtrit

from analysis.emulation.arrays import FloatArray
from analysis.emulation.emulation import NotEstimableError

REML: Final = "reml"
PAULE_MANDEL: Final = "paule_mandel"
FEWEST_GROUPS: Final = 3
# Halvings of an interval until two neighbouring numbers are left.
BISECTIONS: Final = 200


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q of independent estimates, its p by chi square, and how many there are."""

    q: float
    p: float
    groups: int


@dataclass(frozen=True)
class PooledGroups:
    """The mean effect of groups with its interval, and the interval for a group not seen.

    `tau` is the standard deviation between groups in the unit of the estimate; `i_squared` the
    part of an estimate's variance that it makes up (Higgins and Thompson 2002), from 0 to 1.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    predicted_low: float
    predicted_high: float
    tau: float
    i_squared: float
    heterogeneity: Heterogeneity


def heterogeneity(estimates: npt.ArrayLike, standard_errors: npt.ArrayLike) -> Heterogeneity:
    """Return whether the groups' estimates (groups,) differ more than by chance (Cochran 1954).

    Raises `NotEstimableError` with fewer than two groups, or when one has no error above 0.
    """
    values, variances = _checked(estimates, standard_errors, fewest=2)
    q, degrees = _spread(values, 1.0 / variances), len(values) - 1
    return Heterogeneity(q, float(chdtrc(degrees, q)), len(values))


def pool_groups(
    estimates: npt.ArrayLike,
    standard_errors: npt.ArrayLike,
    *,
    level: float = 0.95,
    method: str = REML,
    is_never_narrower: bool = True,
) -> PooledGroups:
    """Return the mean of independent estimates (groups,) of groups whose effects differ.

    `is_never_narrower` holds the interval to at least the width that its weights alone give.
    Raises `NotEstimableError` with fewer than three groups, or when one has no error above 0.
    """
    values, variances = _checked(estimates, standard_errors, fewest=FEWEST_GROUPS)
    between = _between_variance(values, variances, method)
    weights, degrees = 1.0 / (variances + between), len(values) - 1
    mean = float(weights @ values / weights.sum())
    factor = _spread(values, weights) / degrees
    if is_never_narrower:
        factor = max(factor, 1.0)
    error = float(np.sqrt(factor / weights.sum()))
    quantile = float(stdtrit(degrees, 0.5 + level / 2.0))
    reach, farther = quantile * error, quantile * float(np.hypot(error, np.sqrt(between)))
    return PooledGroups(
        mean,
        error,
        mean - reach,
        mean + reach,
        mean - farther,
        mean + farther,
        float(np.sqrt(between)),
        between / (between + _typical_variance(variances)),
        heterogeneity(values, np.sqrt(variances)),
    )


def _checked(
    estimates: npt.ArrayLike, standard_errors: npt.ArrayLike, fewest: int
) -> tuple[FloatArray, FloatArray]:
    values = np.asarray(estimates, dtype=np.float64)
    errors = np.asarray(standard_errors, dtype=np.float64)
    if values.shape != errors.shape or values.ndim != 1:
        raise ValueError("Every group needs one estimate and one standard error.")
    if len(values) < fewest:
        raise NotEstimableError(f"There are fewer than {fewest} groups with an estimate.")
    if not (np.all(np.isfinite(values)) and np.all(np.isfinite(errors)) and np.all(errors > 0.0)):
        raise NotEstimableError("A group has no estimate with an error.")
    return values, errors**2


def _between_variance(values: FloatArray, variances: FloatArray, method: str) -> float:
    if method == PAULE_MANDEL:
        return _root(lambda between: _spread(values, 1.0 / (variances + between)) - len(values) + 1)
    if method == REML:
        return _root(lambda between: _restricted_score(values, 1.0 / (variances + between)))
    raise ValueError(f"There is no way to estimate the variance between groups called {method}.")


def _restricted_score(values: FloatArray, weights: FloatArray) -> float:
    """Return twice the slope of the restricted log likelihood in the variance between groups."""
    residuals = values - weights @ values / weights.sum()
    explained = weights.sum() - np.sum(weights**2) / weights.sum()
    return float(np.sum((weights * residuals) ** 2) - explained)


def _spread(values: FloatArray, weights: FloatArray) -> float:
    residuals = values - weights @ values / weights.sum()
    return float(weights @ residuals**2)


def _typical_variance(variances: FloatArray) -> float:
    weights = 1.0 / variances
    total = float(weights.sum())
    return (len(weights) - 1) * total / (total**2 - float(np.sum(weights**2)))


def _root(slope: Callable[[float], float]) -> float:
    """Return where the slope turns negative, 0 when it never is above 0 (bisection)."""
    if slope(0.0) <= 0.0:
        return 0.0
    low, high = 0.0, 1.0
    while slope(high) > 0.0:
        low, high = high, 2.0 * high
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)
