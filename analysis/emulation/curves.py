"""Weighted Aalen-Johansen cumulative incidence on a grid of days, with competing events.

The hazard of each cause on a day is the weighted share of those at risk to whom it happens; the
risk by day t sums it over event-free survival up to the day before (Aalen and Johansen 1978). With
weights that make what is left of a strategy stand for everybody, this is the risk had everybody
followed it (Gran et al. 2010; Hernan and Robins 2020, chapter 17). Weights are constant between
changes, so sums over those at risk are running sums of differences: the work is one pass over rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.cohort import COMPETING, EVENT
from analysis.emulation.weights import WeightPath
from analysis.survival.incidence import Steps, risk_errors, steps_of_sums

# Weights are at least 1, so less than this at risk is what rounding leaves of nobody.
LEAST_AT_RISK: Final = 0.5


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
    steps = _steps(sums)
    competing_hazard = steps.leaving_hazard - steps.event_hazard
    return Incidence(steps.expected, steps.survival, np.cumsum(steps.before * competing_hazard))


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
    """Return the unweighted incidence and the standard error of its risk on every day (days,)."""
    sums = daily_sums(unweighted_path(last_day, ending, horizon), np.empty(0))
    return incidence(sums), risk_errors(_steps(sums))


def _steps(sums: DailySums) -> Steps:
    leaving = sums.events + sums.competing
    return steps_of_sums(sums.at_risk, sums.events, leaving, least=LEAST_AT_RISK)


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
