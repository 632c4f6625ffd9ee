"""Weighted Aalen-Johansen cumulative incidence on a grid of days, with competing events.

The hazard of each cause on a day is the weighted share of those at risk to whom it happens; the
risk by day t sums it over event-free survival up to the day before (Aalen and Johansen 1978). With
weights that make what is left of a strategy stand for everybody, this is the risk had everybody
followed it (Gran et al. 2010; Hernan and Robins 2020, chapter 17). Weights are constant between
changes, so sums over those at risk are running sums of differences: the work is one pass over rows.
"""

from dataclasses import dataclass

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.cohort import COMPETING, EVENT
from analysis.emulation.weights import WeightPath


@dataclass(frozen=True)
class DailySums:
    """Weighted sums for every day 0 to horizon (days,): at risk, events, competing events."""

    at_risk: FloatArray
    events: FloatArray
    competing: FloatArray


@dataclass(frozen=True)
class Incidence:
    """Risk of the event by every day and event-free survival after it (days,)."""

    risk: FloatArray
    survival: FloatArray
    competing_risk: FloatArray


def daily_sums(
    path: WeightPath, weights: FloatArray, counts: FloatArray | None = None
) -> DailySums:
    """Return the weighted sums of every day; `counts` (people,) says how often a person counts."""
    counts = np.ones(len(path.last_day)) if counts is None else counts
    days = path.horizon + 1
    enters = counts * (path.last_day >= 0)
    final = _final_weights(path, weights)
    change = np.bincount(
        path.day, weights=counts[path.person] * _increments(path, weights), minlength=days + 1
    )
    leaving = np.bincount(path.last_day + 1, weights=enters * final, minlength=days + 1)
    flow = change[:days] - leaving[:days]
    flow[0] += float(np.sum(enters))
    leaves = counts * final
    return DailySums(
        np.cumsum(flow),
        _sum_on_days(path, leaves, EVENT, days),
        _sum_on_days(path, leaves, COMPETING, days),
    )


def at_risk_counts(path: WeightPath) -> IntArray:
    """Return how many clones are at risk on every day (days,), each counted once."""
    days = path.horizon + 1
    ever = path.last_day[path.last_day >= 0]
    leaving = np.bincount(ever + 1, minlength=days + 1)[:days]
    return np.asarray(len(ever) - np.cumsum(leaving), dtype=np.int64)


def incidence(sums: DailySums) -> Incidence:
    """Return the cumulative incidence from the weighted sums; flat where nobody is at risk."""
    anyone = sums.at_risk > 0.5
    at_risk = np.where(anyone, sums.at_risk, 1.0)
    event_hazard = np.where(anyone, sums.events / at_risk, 0.0)
    competing_hazard = np.where(anyone, sums.competing / at_risk, 0.0)
    remaining = np.clip(1.0 - event_hazard - competing_hazard, 0.0, 1.0)
    survival: FloatArray = np.cumprod(remaining, dtype=np.float64)
    before = np.r_[1.0, survival[:-1]]
    return Incidence(
        np.cumsum(before * event_hazard), survival, np.cumsum(before * competing_hazard)
    )


def aalen_johansen(
    last_day: IntArray, ending: IntArray, horizon: int, counts: FloatArray | None = None
) -> Incidence:
    """Return the cumulative incidence of people who all weigh the same (or as counted)."""
    return incidence(daily_sums(unweighted_path(last_day, ending, horizon), np.empty(0), counts))


def unweighted_path(last_day: IntArray, ending: IntArray, horizon: int) -> WeightPath:
    """Return the path of people whose weight never changes; days after the horizon are cut."""
    none = np.empty(0, dtype=np.int64)
    return WeightPath(
        none,
        none,
        none,
        none,
        np.empty(0, dtype=bool),
        np.minimum(last_day, horizon),
        np.full(len(last_day), -1, dtype=np.int64),
        np.where(last_day <= horizon, ending, 0),
        horizon,
    )


def risk_standard_errors(
    last_day: IntArray, ending: IntArray, horizon: int
) -> tuple[Incidence, FloatArray]:
    """Return the unweighted incidence and the standard error of its risk on every day (days,).

    The delta method over the days' multinomial counts, which is the infinitesimal jackknife and
    Greenwood's formula where nothing competes (Andersen et al. 1993, section IV.4).
    """
    path = unweighted_path(last_day, ending, horizon)
    sums = daily_sums(path, np.empty(0))
    curve = incidence(sums)
    at_risk = np.maximum(sums.at_risk, 1.0)
    event_hazard, any_hazard = sums.events / at_risk, (sums.events + sums.competing) / at_risk
    before = np.r_[1.0, curve.survival[:-1]]
    variance = np.zeros(horizon + 1)
    remaining = np.where(any_hazard < 1.0, 1.0 - any_hazard, 1.0)
    for day in range(horizon + 1):
        past = slice(0, day + 1)
        later = curve.risk[day] - curve.risk[past]
        to_event = before[past] - later / remaining[past]
        to_competing = -later / remaining[past]
        mean = to_event * event_hazard[past] + to_competing * (any_hazard - event_hazard)[past]
        spread = (
            to_event**2 * event_hazard[past]
            + to_competing**2 * (any_hazard - event_hazard)[past]
            - mean**2
        )
        variance[day] = float(np.sum(spread / at_risk[past]))
    return curve, np.sqrt(np.maximum(variance, 0.0))


def _increments(path: WeightPath, weights: FloatArray) -> FloatArray:
    if len(weights) == 0:
        return weights
    before = np.r_[1.0, weights[:-1]]
    before[path.is_first] = 1.0
    return np.asarray(weights - before, dtype=np.float64)


def _final_weights(path: WeightPath, weights: FloatArray) -> FloatArray:
    if len(weights) == 0:
        return np.ones(len(path.last_day))
    return np.asarray(np.where(path.last_row >= 0, weights[path.last_row], 1.0), dtype=np.float64)


def _sum_on_days(path: WeightPath, leaves: FloatArray, ending: int, days: int) -> FloatArray:
    who = path.ending == ending
    sums = np.bincount(path.last_day[who], weights=leaves[who], minlength=days)
    return np.asarray(sums[:days], dtype=np.float64)
