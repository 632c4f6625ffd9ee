"""Whether groups have one survival curve."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray
from analysis.survival.refusal import NotEstimableError


@dataclass(frozen=True)
class LogRank:
    """The statistic, chi-square on `degrees` where the curves are one, and its p-value."""

    statistic: float
    degrees: int
    p_value: float


def log_rank(
    times: FloatArray,
    is_event: BoolArray,
    groups: npt.NDArray[np.generic],
    *,
    strata: npt.NDArray[np.generic] | None = None,
) -> LogRank:
    """Return the log-rank test of groups (people,), compared within strata where there are any.

    Source: Mantel (1966), as statsmodels has it. Raises NotEstimableError without two groups or
    without events.
    """
    size = np.unique(groups).size
    if size < 2 or not np.any(is_event):
        raise NotEstimableError("A comparison of curves needs two groups and at least one event.")
    from statsmodels.duration.survfunc import survdiff

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        statistic, p_value = survdiff(times, is_event.astype(np.int64), groups, strata=strata)
    return LogRank(float(statistic), size - 1, float(p_value))
