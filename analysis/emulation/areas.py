"""Times by the horizon under a strategy: free of the event, and in a state that comes and goes.

A day counts as free while the event has not come by its end: someone with the event on day 40 was
free for 40 days. The mean time free of the event takes what competes as no event (time lost to a
cause, Andersen 2013), that free of either ends with the first (Royston and Parmar 2013). Days in a
state are the expected time alive, free of both and in it: what is left before each day times the
weighted share in the state among those still followed under the strategy.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.arrays import BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.curves import daily_sums
from analysis.emulation.expectations import Course, Expected, Worth, course, expected_under
from analysis.emulation.influence import RowGains
from analysis.emulation.weights import WeightPath

EVENT_RISK: Final = "risk_of_event"
COMPETING_RISK: Final = "risk_of_competing"
EITHER_RISK: Final = "risk_of_either"
FREE_OF_EVENT: Final = "time_free_of_event"
FREE_OF_EITHER: Final = "time_free_of_either"
DAYS_IN_STATE: Final = "days_in_state"


@dataclass(frozen=True)
class Spells:
    """Days on which a person's state changes, all arrays (changes,), sorted by person and day.

    From the beginning of `day` on the person is in the state, or not, until the next change;
    before the first one not.
    """

    person: IntArray
    day: IntArray
    is_in: BoolArray

    def __post_init__(self) -> None:
        later = np.diff(self.person) > 0
        if not np.all(later | ((np.diff(self.person) == 0) & (np.diff(self.day) > 0))):
            raise ValueError("Changes of state must be sorted by person and day, one a day.")


def risks_and_times(clones: WeightedPath, unit: IntArray) -> Expected:
    """Return the risks of the event, of what competes and of either, and the times free of them."""
    weights = clones.weights
    along = course(daily_sums(clones.path, weights))
    days = clones.path.horizon + 1
    none, one = np.zeros(days), np.ones(days)
    lost = clones.path.horizon - np.arange(days, dtype=np.float64)
    horizon = float(clones.path.horizon)
    worths = {
        EVENT_RISK: Worth(one, none, none),
        COMPETING_RISK: Worth(none, one, none),
        EITHER_RISK: Worth(one, one, none),
        FREE_OF_EVENT: Worth(-lost, none, none, horizon),
        FREE_OF_EITHER: Worth(-lost, -lost, none, horizon),
    }
    return expected_under(clones, unit, along, worths, weights=weights)


def days_in_state(clones: WeightedPath, unit: IntArray, spells: Spells) -> Expected:
    """Return the expected days free of events and in the state, of the days 1 to the horizon.

    A day is counted by the state with which it begins, as far as it is known then.
    """
    weights, path = clones.weights, clones.path
    along = course(daily_sums(path, weights))
    shares = _weighted_in_state(path, weights, spells) / along.at_risk
    shares[0] = 0.0
    none = np.zeros(path.horizon + 1)
    worth = Worth(none, none, shares)
    gains = _gains(path, spells, along, shares)
    return expected_under(clones, unit, along, {DAYS_IN_STATE: worth}, weights=weights, gains=gains)


def _gains(path: WeightPath, spells: Spells, along: Course, shares: FloatArray) -> RowGains:
    """Return what a unit of weight adds to the shares: in the state more, else less."""
    daily = along.before / along.at_risk
    daily[0] = 0.0
    all_days = np.r_[0.0, np.cumsum(daily * shares)]
    state = _StateSums(spells, np.r_[0.0, np.cumsum(daily)], path.horizon)
    everybody = np.arange(len(path.last_day))
    after = np.maximum(path.last_day + 1, 0)
    next_day = np.r_[path.day[1:], 0]
    is_last = path.last_row[path.person] == np.arange(len(path.day))
    next_day = np.where(is_last, after[path.person], next_day)
    rows = state.before(path.person, next_day) - state.before(path.person, path.day)
    rows -= all_days[next_day] - all_days[path.day]
    until = after.copy()
    starts = segment_starts(path.person)
    until[path.person[starts]] = path.day[starts]
    start = state.before(everybody, until) - all_days[until]
    return RowGains(rows[:, None], start[:, None])


@dataclass(frozen=True)
class _StateSums:
    """Sums over the days before a day on which a person is in the state of a daily number."""

    spells: Spells
    running: FloatArray
    horizon: int

    def before(self, person: IntArray, day: IntArray) -> FloatArray:
        """Return the sum over the person's days in the state before `day` (asked,)."""
        spells, running = self.spells, self.running
        if spells.person.size == 0:
            return np.zeros(len(person))
        at = running[np.minimum(spells.day, self.horizon + 1)]
        is_first = np.zeros(len(at), dtype=bool)
        is_first[segment_starts(spells.person)] = True
        added = np.where(np.r_[False, spells.is_in[:-1]] & ~is_first, np.diff(at, prepend=0.0), 0.0)
        total = np.cumsum(added)
        place, is_own = last_change(spells, person, day)
        first = np.searchsorted(spells.person, person[is_own])
        own = place[is_own]
        found = np.zeros(len(person))
        found[is_own] = (
            total[own] - total[first] + spells.is_in[own] * (running[day[is_own]] - at[own])
        )
        return found


def last_change(spells: Spells, person: IntArray, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the place of each person's last change by the beginning of a day, and if there is."""
    span = int(max(spells.day.max(initial=0), day.max(initial=0))) + 2
    keys = spells.person * span + spells.day
    place = np.searchsorted(keys, person * span + day, side="right") - 1
    is_own = place >= 0
    is_own[is_own] = spells.person[place[is_own]] == person[is_own]
    return place.astype(np.int64), is_own


def state_on(spells: Spells, person: IntArray, day: IntArray) -> BoolArray:
    """Return whether each person is in the state on a day (asked,)."""
    place, is_own = last_change(spells, person, day)
    found = np.zeros(len(person), dtype=bool)
    found[is_own] = spells.is_in[place[is_own]]
    return found


def weight_on(path: WeightPath, weights: FloatArray, person: IntArray, day: IntArray) -> FloatArray:
    """Return the weight of each person on a day while at risk (asked,); 1 before any change."""
    row, is_own = row_on(path, person, day)
    found = np.ones(len(person))
    found[is_own] = weights[row[is_own]]
    return found


def row_on(path: WeightPath, person: IntArray, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the row of the path in force for each person on a day, and whether there is one."""
    span = path.horizon + 2
    row = np.searchsorted(path.person * span + path.day, person * span + day, side="right") - 1
    is_own = row >= 0
    is_own[is_own] = path.person[row[is_own]] == person[is_own]
    return row.astype(np.int64), is_own


def _weighted_in_state(path: WeightPath, weights: FloatArray, spells: Spells) -> FloatArray:
    """Return the weighted number at risk and in the state on every day (days,).

    The product of weight and state changes where either does; sums run over these changes.
    """
    days = path.horizon + 1
    kept = (spells.day >= 0) & (spells.day <= path.last_day[spells.person])
    person, day, is_in = spells.person[kept], spells.day[kept], spells.is_in[kept]
    entered = is_in.astype(np.float64) - state_on(spells, person, day - 1)
    former = np.where(day > 0, weight_on(path, weights, person, day - 1), 1.0)
    flow = np.bincount(day, entered * former, minlength=days)
    weight_before = np.r_[1.0, weights[:-1]]
    weight_before[path.is_first] = 1.0
    own = state_on(spells, path.person, path.day)
    flow += np.bincount(path.day, (weights - weight_before) * own, minlength=days)
    there = np.flatnonzero(path.last_day >= 0)
    last = path.last_day[there]
    final = weight_on(path, weights, there, last) * state_on(spells, there, last)
    flow -= np.bincount(last + 1, final, minlength=days + 1)[:days]
    return np.asarray(np.cumsum(flow), dtype=np.float64)
