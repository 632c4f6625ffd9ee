"""Cumulative incidence under competing events, as it was observed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CENSORED: Final = 0
EVENT: Final = 1
COMPETING: Final = 2


@dataclass(frozen=True)
class Incidence:
    """Risk of the event by the horizon.

    risk : Aalen-Johansen estimate; nan when nobody could be followed to the horizon.
    error : its standard error with clusters; nan with fewer than two clusters.
    low, high : interval on the complementary log-log scale; where no event was seen, zero to
        the exact binomial limit of those followed to the horizon.
    """

    risk: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class _Steps:
    """The estimate on every event day; all arrays have shape (event days,)."""

    days: FloatArray
    at_risk: FloatArray
    event_hazard: FloatArray
    any_hazard: FloatArray
    free_before: FloatArray
    risk: FloatArray


def cumulative_incidence(
    days: FloatArray, causes: IntArray, clusters: IntArray, horizon: float, level: float
) -> Incidence:
    """Return the risk of `EVENT` by `horizon`, whose day counts, under competing events.

    `days` is when each person's follow-up ended, `causes` why. Someone censored on an event day
    was at risk on it. Source: Aalen and Johansen (1978); the error is the infinitesimal
    jackknife over clusters, as in R's survfit for several states.
    """
    if not _reaches(days, causes, horizon):
        return Incidence(np.nan, np.nan, np.nan, np.nan)
    steps = _steps(days, causes, horizon)
    risk = float(steps.risk[-1]) if steps.risk.size else 0.0
    error = _clustered_error(_influences(days, causes, horizon, steps), clusters)
    if risk == 0:
        followed = int(np.count_nonzero((days >= horizon) | (causes == COMPETING)))
        return Incidence(0.0, np.nan, 0.0, 1 - ((1 - level) / 2) ** (1 / followed))
    low, high = _interval(risk, error, level)
    return Incidence(risk, error, low, high)


def _reaches(days: FloatArray, causes: IntArray, horizon: float) -> bool:
    """Return whether anybody was followed to the horizon, or the last one followed had an event."""
    if days.size == 0:
        return False
    last = days.max()
    return bool(last >= horizon or np.all(causes[days == last] != CENSORED))


def _steps(days: FloatArray, causes: IntArray, horizon: float) -> _Steps:
    ended = np.sort(days)
    counted = (causes != CENSORED) & (days <= horizon)
    event_days = np.unique(days[counted])
    at_risk = days.size - np.searchsorted(ended, event_days, side="left")
    place = np.searchsorted(event_days, days[counted])
    any_count = np.bincount(place, minlength=event_days.size)
    event_count = np.bincount(place[causes[counted] == EVENT], minlength=event_days.size)
    any_hazard, event_hazard = any_count / at_risk, event_count / at_risk
    free_before = np.r_[1.0, np.cumprod(1 - any_hazard)][:-1]
    return _Steps(
        days=event_days,
        at_risk=at_risk.astype(np.float64),
        event_hazard=event_hazard,
        any_hazard=any_hazard,
        free_before=free_before,
        risk=np.cumsum(free_before * event_hazard),
    )


def _influences(days: FloatArray, causes: IntArray, horizon: float, steps: _Steps) -> FloatArray:
    """Return the derivative of the risk with respect to each person's weight."""
    if steps.days.size == 0:
        return np.zeros(days.size)
    staying = 1 - steps.any_hazard
    later = np.divide(
        steps.risk[-1] - steps.risk, staying, out=np.zeros_like(staying), where=staying > 0
    )
    own_event = steps.free_before / steps.at_risk
    own_any = later / steps.at_risk
    while_at_risk = np.r_[
        0.0, np.cumsum(own_any * steps.any_hazard - own_event * steps.event_hazard)
    ]
    influences: FloatArray = while_at_risk[np.searchsorted(steps.days, days, side="right")]
    counted = (causes != CENSORED) & (days <= horizon)
    place = np.searchsorted(steps.days, days[counted])
    influences[counted] += (causes[counted] == EVENT) * own_event[place] - own_any[place]
    return influences


def _clustered_error(influences: FloatArray, clusters: IntArray) -> float:
    names, place = np.unique(clusters, return_inverse=True)
    if names.size < 2:
        return float("nan")
    sums = np.bincount(place, weights=influences, minlength=names.size)
    return float(np.sqrt(np.sum(sums**2)))


def _interval(risk: float, error: float, level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    if risk >= 1 or not np.isfinite(error):
        return float("nan"), float("nan")
    reach = float(ndtri((1 + level) / 2)) * error / (risk * abs(np.log(risk)))
    return float(risk ** np.exp(reach)), float(risk ** np.exp(-reach))
