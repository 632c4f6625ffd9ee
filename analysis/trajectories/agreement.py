"""How far two measurements of the same thing agree, and the smallest change that is no noise.

Intraclass correlations after Shrout and Fleiss (1979), the standard error of measurement and the
smallest detectable change (de Vet et al. 2006), and limits of agreement of two methods (Bland and
Altman 1986).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.trajectories.reml import NotEstimableError

FloatArray = npt.NDArray[np.float64]
# Reach of the interval that holds 95 % of differences; Bland and Altman (1986) used 2.
USUAL_REACH: Final = 1.96


@dataclass(frozen=True)
class Correlation:
    """An intraclass correlation with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanSquares:
    """The two-way table's mean squares: between subjects, between raters, residual, within."""

    subjects: int
    raters: int
    between_subjects: float
    between_raters: float
    residual: float
    within_subjects: float


@dataclass(frozen=True)
class Reliability:
    """Agreement of raters on subjects, for a single rating and for the mean of all raters.

    `one_way`: each subject has raters of its own; `two_way_random`: the same raters, drawn from
    many, so that their differences count; `two_way_fixed`: the same raters and no others.
    Errors and changes are in the unit of the scores.
    """

    squares: MeanSquares
    one_way: Correlation
    two_way_random: Correlation
    two_way_fixed: Correlation
    one_way_mean: float
    two_way_random_mean: float
    two_way_fixed_mean: float
    error_of_agreement: float
    error_of_consistency: float

    @property
    def smallest_detectable_change(self) -> float:
        """Return the change of one subject that exceeds 95 % of differences of repeats."""
        return USUAL_REACH * math.sqrt(2.0) * self.error_of_agreement


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Mean and standard deviation of the differences of two methods, and where most of them lie.

    `mean_error` and `limit_error` are the standard errors of the mean and of either limit.
    """

    pairs: int
    mean: float
    deviation: float
    low: float
    high: float
    mean_error: float
    limit_error: float


def reliability(scores: npt.ArrayLike, level: float = 0.95) -> Reliability:
    """Return the reliability of complete ratings (subjects x raters).

    Raises `NotEstimableError` with fewer than two subjects or raters, a missing rating, or
    ratings that are all the same.
    """
    table = _complete_table(scores)
    squares = _mean_squares(table)
    n, k = squares.subjects, squares.raters
    between, residual, within = (
        squares.between_subjects,
        squares.residual,
        squares.within_subjects,
    )
    raters_excess = k * (squares.between_raters - residual) / n
    raters_variance = max(0.0, (squares.between_raters - residual) / n)
    return Reliability(
        squares,
        _f_interval(between, within, k, (n - 1, n * (k - 1)), level),
        _agreement_interval(squares, level),
        _f_interval(between, residual, k, (n - 1, (n - 1) * (k - 1)), level),
        _ratio(between - within, between),
        _ratio(between - residual, between + raters_excess / k),
        _ratio(between - residual, between),
        math.sqrt(residual + raters_variance),
        math.sqrt(residual),
    )


def limits_of_agreement(
    one: npt.ArrayLike, other: npt.ArrayLike, reach: float = USUAL_REACH
) -> LimitsOfAgreement:
    """Return where the differences `one` - `other` (pairs,) lie: mean +- reach deviations.

    The error of a limit is sqrt(3 / pairs) deviations (Bland and Altman 1986).
    """
    differences = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    if differences.ndim != 1 or len(differences) < 2 or not np.all(np.isfinite(differences)):
        raise NotEstimableError("limits of agreement need at least two complete pairs")
    mean, deviation = float(np.mean(differences)), float(np.std(differences, ddof=1))
    return LimitsOfAgreement(
        len(differences),
        mean,
        deviation,
        mean - reach * deviation,
        mean + reach * deviation,
        deviation / math.sqrt(len(differences)),
        deviation * math.sqrt(3.0 / len(differences)),
    )


def _complete_table(scores: npt.ArrayLike) -> FloatArray:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise NotEstimableError("reliability needs at least two subjects and two raters")
    if not np.all(np.isfinite(table)):
        raise NotEstimableError("every subject needs a rating by every rater")
    if float(np.ptp(table)) == 0.0:
        raise NotEstimableError("all ratings are the same")
    return table


def _mean_squares(table: FloatArray) -> MeanSquares:
    n, k = table.shape
    centered = table - np.mean(table)
    subjects, raters = np.mean(centered, axis=1), np.mean(centered, axis=0)
    left = centered - subjects[:, None] - raters[None, :]
    return MeanSquares(
        n,
        k,
        k * float(np.sum(subjects**2)) / (n - 1),
        n * float(np.sum(raters**2)) / (k - 1),
        float(np.sum(left**2)) / ((n - 1) * (k - 1)),
        float(np.sum((centered - subjects[:, None]) ** 2)) / (n * (k - 1)),
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


def _f_interval(
    between: float, error: float, raters: int, freedom: tuple[int, int], level: float
) -> Correlation:
    """Return a correlation whose interval follows from F = between / error."""
    from scipy.special import fdtri

    value = _ratio(between - error, between + (raters - 1) * error)
    if error <= 0.0:
        return Correlation(value, value, value)
    observed, tail = between / error, (1.0 + level) / 2.0
    low = observed / float(fdtri(freedom[0], freedom[1], tail))
    high = observed * float(fdtri(freedom[1], freedom[0], tail))
    return Correlation(value, (low - 1.0) / (low + raters - 1), (high - 1.0) / (high + raters - 1))


def _agreement_interval(squares: MeanSquares, level: float) -> Correlation:
    """Return the two-way random correlation with Satterthwaite's interval of Shrout and Fleiss."""
    from scipy.special import fdtri

    n, k = squares.subjects, squares.raters
    between, raters, residual = squares.between_subjects, squares.between_raters, squares.residual
    value = _ratio(between - residual, between + (k - 1) * residual + k * (raters - residual) / n)
    if residual <= 0.0 or not math.isfinite(value):
        return Correlation(value, math.nan, math.nan)
    ratio = raters / residual
    scale = n * (1.0 + (k - 1) * value) - k * value
    freedom = (
        (k - 1)
        * (n - 1)
        * (k * value * ratio + scale) ** 2
        / ((n - 1) * k**2 * value**2 * ratio**2 + scale**2)
    )
    tail, spread = (1.0 + level) / 2.0, k * raters + (k * n - k - n) * residual
    upper = float(fdtri(n - 1, freedom, tail))
    lower = float(fdtri(freedom, n - 1, tail))
    return Correlation(
        value,
        n * (between - upper * residual) / (upper * spread + n * between),
        n * (lower * between - residual) / (spread + n * lower * between),
    )
