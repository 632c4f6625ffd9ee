"""Estimates with intervals from a standard error, on the scale that suits the measure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from analysis.emulation.arrays import FloatArray

DIFFERENCE: Final = "risk_difference"
RATIO: Final = "risk_ratio"
RISK: Final = "risk"
BOOTSTRAP: Final = "bootstrap"
INFLUENCE: Final = "influence"
BOTH: Final = "both"
# From this many units on, a quantile of Student's distribution is the normal one's.
MANY_UNITS: Final = 50


@dataclass(frozen=True)
class Estimate:
    """A number, its interval and its standard error (of the log for a ratio)."""

    measure: str
    value: float
    low: float
    high: float
    standard_error: float


@dataclass(frozen=True)
class StandardErrors:
    """The standard error of one number by each way that was asked for; None if it was not."""

    bootstrap: float | None
    influence: float | None

    @property
    def chosen(self) -> float:
        """Return the resamples' error if there is one, else that of the influences."""
        own = self.influence if self.bootstrap is None else self.bootstrap
        return float("nan") if own is None else own


def standard_deviation(draws: FloatArray) -> FloatArray:
    """Return the standard deviation over the first axis, divided by draws less one."""
    return np.asarray(np.std(draws, axis=0, ddof=1), dtype=np.float64)


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval of this level reaches."""
    return float(ndtri(0.5 + level / 2.0))


def interval_quantile(level: float, units: int | None = None) -> float:
    """Return how many standard errors an interval reaches whose error stems from `units` units.

    Student's with one degree of freedom less than units where they are fewer than `MANY_UNITS`,
    else, and when not told, the normal quantile.
    """
    if units is None or units >= MANY_UNITS:
        return normal_quantile(level)
    return float(stdtrit(units - 1.0, 0.5 + level / 2.0))


def difference_estimate(
    value: float, standard_error: float, level: float, units: int | None = None
) -> Estimate:
    """Return a difference with its symmetric interval."""
    reach = interval_quantile(level, units) * standard_error
    return Estimate(DIFFERENCE, value, value - reach, value + reach, standard_error)


def ratio_estimate(
    value: float, log_standard_error: float, level: float, units: int | None = None
) -> Estimate:
    """Return a ratio with an interval that is symmetric on the log scale."""
    factor = float(np.exp(interval_quantile(level, units) * log_standard_error))
    return Estimate(RATIO, value, value / factor, value * factor, log_standard_error)


def risk_estimate(
    value: float, standard_error: float, level: float, units: int | None = None
) -> Estimate:
    """Return a risk with an interval that is symmetric on the logit scale, so within 0 and 1."""
    low, high = risk_band(np.array([value]), np.array([standard_error]), level, units)
    return Estimate(RISK, value, float(low[0]), float(high[0]), standard_error)


def risk_band(
    risks: FloatArray, standard_errors: FloatArray, level: float, units: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper limits of risks; equal to the risk where it is 0 or 1."""
    inside = (risks > 0.0) & (risks < 1.0)
    safe = np.where(inside, risks, 0.5)
    reach = interval_quantile(level, units) * standard_errors / (safe * (1.0 - safe))
    low = np.where(inside, expit(logit(safe) - reach), risks)
    high = np.where(inside, expit(logit(safe) + reach), risks)
    return low, high
