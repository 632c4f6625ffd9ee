"""Performance measures over simulated registries, each with its Monte Carlo error.

Names and formulas: Morris, White and Crowther 2019, table 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.calibration.findings import Finding


@dataclass(frozen=True)
class Measure:
    """One number over the registries and its Monte Carlo error; NaN where it cannot be had.

    `registries` is how many registries it is made of.
    """

    value: float
    monte_carlo_error: float
    registries: int


@dataclass(frozen=True)
class Performance:
    """How the estimator of the risk difference did; differences and errors are shares.

    `rejection` is the share of intervals without zero: power where there is an effect, type I
    error where there is none. `sealed` and `answered` are over all registries, the others over
    those that held an answer, sealed or not.
    """

    truth: Measure
    bias: Measure
    empirical_error: Measure
    model_error: Measure
    coverage: Measure
    rejection: Measure
    sealed: Measure
    answered: Measure


def performance(findings: Sequence[Finding]) -> Performance:
    """Return the performance over the findings, in any order; the same findings, the same bytes."""
    answers = [finding for finding in findings if finding.is_estimated]
    errors = np.array([finding.value - finding.truth for finding in answers])
    squares = np.array([finding.standard_error**2 for finding in answers])
    truths = np.array([finding.truth for finding in answers])
    return Performance(
        truth=_mean(truths),
        bias=_mean(errors),
        empirical_error=_spread(errors),
        model_error=_model_error(squares),
        coverage=_share([finding.covers_truth for finding in answers]),
        rejection=_share([finding.excludes_none for finding in answers]),
        sealed=_share([finding.is_sealed for finding in findings]),
        answered=_share([finding.is_estimated for finding in findings]),
    )


def _mean(values: np.ndarray) -> Measure:
    count = len(values)
    if count < 2:
        return Measure(float(values[0]) if count else np.nan, np.nan, count)
    return Measure(float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)), count)


def _spread(errors: np.ndarray) -> Measure:
    count = len(errors)
    if count < 2:
        return Measure(np.nan, np.nan, count)
    spread = float(errors.std(ddof=1))
    return Measure(spread, spread / float(np.sqrt(2 * (count - 1))), count)


def _model_error(squares: np.ndarray) -> Measure:
    count = len(squares)
    if count < 2:
        return Measure(float(np.sqrt(squares[0])) if count else np.nan, np.nan, count)
    root = float(np.sqrt(squares.mean()))
    error = float(np.sqrt(squares.var(ddof=1) / (4 * count))) / root if root > 0.0 else np.nan
    return Measure(root, error, count)


def _share(happened: Sequence[bool]) -> Measure:
    count = len(happened)
    if not count:
        return Measure(np.nan, np.nan, 0)
    share = sum(happened) / count
    return Measure(share, float(np.sqrt(share * (1 - share) / count)), count)
