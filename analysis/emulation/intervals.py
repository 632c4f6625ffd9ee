"""Estimates with intervals from a standard error, on the scale that suits the measure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit, ndtri

from analysis.emulation.arrays import FloatArray

DIFFERENCE: Final = "risk_difference"
RATIO: Final = "risk_ratio"
RISK: Final = "risk"


@dataclass(frozen=True)
class Estimate:
    """A number, its interval and its standard error (of the log for a ratio)."""

    measure: str
    value: float
    low: float
    high: float
    standard_error: float


def standard_deviation(draws: FloatArray) -> FloatArray:
    """Return the standard deviation over the first axis, divided by draws less one."""
    return np.asarray(np.std(draws, axis=0, ddof=1), dtype=np.float64)


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval of this level reaches."""
    return float(ndtri(0.5 + level / 2.0))


def difference_estimate(value: float, standard_error: float, level: float) -> Estimate:
    """Return a difference with its normal interval."""
    reach = normal_quantile(level) * standard_error
    return Estimate(DIFFERENCE, value, value - reach, value + reach, standard_error)


def ratio_estimate(value: float, log_standard_error: float, level: float) -> Estimate:
    """Return a ratio with an interval that is normal on the log scale."""
    factor = float(np.exp(normal_quantile(level) * log_standard_error))
    return Estimate(RATIO, value, value / factor, value * factor, log_standard_error)


def risk_estimate(value: float, standard_error: float, level: float) -> Estimate:
    """Return a risk with an interval that is normal on the logit scale, so within 0 and 1."""
    low, high = risk_band(np.array([value]), np.array([standard_error]), level)
    return Estimate(RISK, value, float(low[0]), float(high[0]), standard_error)


def risk_band(
    risks: FloatArray, standard_errors: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper limits of risks; equal to the risk where it is 0 or 1."""
    inside = (risks > 0.0) & (risks < 1.0)
    safe = np.where(inside, risks, 0.5)
    reach = normal_quantile(level) * standard_errors / (safe * (1.0 - safe))
    low = np.where(inside, expit(logit(safe) - reach), risks)
    high = np.where(inside, expit(logit(safe) + reach), risks)
    return low, high
