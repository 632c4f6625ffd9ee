"""The mean number of recurrent events by the horizon under a strategy.

An event ends nobody's follow-up; what competes (death, surgery) does, and those whom it took stay
in the mean and have no more events (Cook and Lawless 1997; Ghosh and Lin 2000). Clones are weighted
as for the first event, so weights go on changing after an event as decisions and contacts do.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.areas import row_on, weight_on
from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.curves import DailySums, daily_sums
from analysis.emulation.expectations import Course, Expected, Worth, course, expected_under
from analysis.emulation.influence import RowGains
from analysis.emulation.weights import WeightPath

MEAN_COUNT: Final = "mean_count"


@dataclass(frozen=True)
class RecurrentEvents:
    """Who had an event on which day, all arrays (events,), at most one a person and day."""

    person: IntArray
    day: IntArray

    def seen_in(self, path: WeightPath) -> "RecurrentEvents":
        """Return the events that a strategy's clones had while at risk in it."""
        kept = (self.day >= 0) & (self.day <= path.last_day[self.person])
        return RecurrentEvents(self.person[kept], self.day[kept])


def mean_count(clones: WeightedPath, unit: IntArray, events: RecurrentEvents) -> Expected:
    """Return the mean count by the horizon of a cohort in which no event ends follow-up."""
    weights, own = clones.weights, events.seen_in(clones.path)
    along = count_course(clones.path, weights, own)
    days = clones.path.horizon + 1
    worth = Worth(np.ones(days), np.zeros(days), np.zeros(days))
    gains = _gains(clones.path, own, along)
    worths = {MEAN_COUNT: worth}
    return expected_under(clones, unit, along, worths, weights=weights, gains=gains)


def mean_count_curve(along: Course) -> FloatArray:
    """Return the mean count by every day (days,)."""
    return np.asarray(np.cumsum(along.before * along.event_hazard), dtype=np.float64)


def count_course(
    path: WeightPath,
    weights: FloatArray,
    events: RecurrentEvents,
    counts: FloatArray | None = None,
) -> Course:
    """Return the course of recurrent events; `counts` (people,) says how often a person counts."""
    sums = daily_sums(path, weights, counts)
    own = weight_on(path, weights, events.person, events.day)
    if counts is not None:
        own = own * counts[events.person]
    happened = _sums(events.day, own, path.horizon + 1)
    return course(DailySums(sums.at_risk, happened, sums.competing), is_recurrent=True)


def _gains(path: WeightPath, events: RecurrentEvents, along: Course) -> RowGains:
    """Return what a unit of weight adds by the events that it is there for."""
    worth = (along.before / along.at_risk)[events.day]
    row, is_own = row_on(path, events.person, events.day)
    rows = _sums(row[is_own], worth[is_own], len(path.day))
    start = _sums(events.person[~is_own], worth[~is_own], len(path.last_day))
    return RowGains(rows[:, None], start[:, None])


def _sums(place: IntArray, values: FloatArray, places: int) -> FloatArray:
    return np.asarray(np.bincount(place, values, minlength=places), dtype=np.float64)
