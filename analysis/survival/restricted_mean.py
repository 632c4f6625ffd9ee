"""The mean time free of the event up to a limit, and how it differs between groups."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray
from analysis.survival.counting import CountingRows, counting_rows
from analysis.survival.incidence import event_steps
from analysis.survival.refusal import NotEstimableError


@dataclass(frozen=True)
class RestrictedMean:
    """The area under the survival curve up to `limit`, in units of time, and its error."""

    limit: float
    mean: float
    standard_error: float


@dataclass(frozen=True)
class RestrictedMeanContrast:
    """One group's mean less, and over, another's; the ratio's error is that of its log."""

    difference: float
    difference_error: float
    ratio: float
    log_ratio_error: float


def restricted_mean(
    times: FloatArray,
    is_event: BoolArray,
    limit: float,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> RestrictedMean:
    """Return the mean time to the event or the limit, whichever is first, of people (people,).

    The error is Greenwood's integrated (Klein and Moeschberger 2003, section 4.5), robust where
    people weigh differently or form clusters. Raises NotEstimableError where follow-up ends
    before the limit with someone still free of the event.
    """
    rows = counting_rows(-np.inf, times, is_event, weights=weights, clusters=clusters)
    last = float(np.max(times, initial=-np.inf))
    if last < limit and not np.all(is_event[times == last]):
        raise NotEstimableError(
            f"Nobody was followed to {limit:g}; the longest follow-up is {last:g}."
        )
    mean, influences = _area(rows, limit)
    own = np.arange(times.size) if rows.clusters is None else rows.clusters
    return RestrictedMean(limit, mean, float(np.sqrt(np.sum(np.bincount(own, influences) ** 2))))


def contrast(one: RestrictedMean, other: RestrictedMean) -> RestrictedMeanContrast:
    """Return how the means of two independent groups differ."""
    relative = one.standard_error / one.mean, other.standard_error / other.mean
    return RestrictedMeanContrast(
        difference=one.mean - other.mean,
        difference_error=float(np.hypot(one.standard_error, other.standard_error)),
        ratio=one.mean / other.mean,
        log_ratio_error=float(np.hypot(*relative)),
    )


def _area(rows: CountingRows, limit: float) -> tuple[float, FloatArray]:
    """Return the area up to the limit and each row's weighted influence on it (rows,)."""
    times, steps = event_steps(rows, rows.is_event)
    kept = times < limit
    times, hazard = times[kept], steps.event_hazard[kept]
    survival, at_risk = steps.survival[kept], steps.at_risk[kept]
    pieces = survival * np.diff(np.r_[times, limit])
    later = np.cumsum(pieces[::-1])[::-1]
    staying = 1.0 - hazard
    lost = np.divide(later, staying, out=np.zeros_like(later), where=staying > 0) / at_risk
    while_at_risk = np.r_[0.0, np.cumsum(lost * hazard)]
    influences = while_at_risk[np.searchsorted(times, rows.exit, side="right")]
    own = np.flatnonzero(rows.is_event & (rows.exit < limit))
    influences[own] -= lost[np.searchsorted(times, rows.exit[own])]
    first = times[0] if times.size else limit
    return float(first + pieces.sum()), influences * rows.weights
