"""Who is at risk at every event time, so that sums over them cost one pass over the rows.

Event times are numbered stratum by stratum. A row is at risk at the numbers first, ..., last - 1,
so a sum over those at risk is a running sum of what leaves minus what has yet to enter.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from analysis.survival.arrays import FloatArray, IntArray
from analysis.survival.counting import CountingRows

# Times this close, as a share of the longest, differ by rounding only.
ROUNDING_SHARE: Final = 1e-11


@dataclass(frozen=True)
class RiskSets:
    """Rows that are at risk at some event time, numbered event times, and the tied events' terms.

    rows (n,) : which of the given rows these are. first, last (n,) : event times at risk.
    event_rows (events,) : places among n of rows with an event; event_place (events,) : its time.
    times, strata (m,) : event times by stratum; event_count, event_weight (m,) : events on each.
    term_place, share, term_weight (terms,) : Efron's terms - at which event time, which share of
        the tied events has left the risk set, and the weight; one of share 0 a time for Breslow.
    flow_places (2 n,) : where each row leaves and, next to it, where it enters.
    """

    rows: IntArray
    first: IntArray
    last: IntArray
    weights: FloatArray
    event_rows: IntArray
    event_place: IntArray
    times: FloatArray
    strata: IntArray
    event_count: IntArray
    event_weight: FloatArray
    term_place: IntArray
    share: FloatArray
    term_weight: FloatArray
    flow_places: npt.NDArray[np.int32]

    def sums_at_risk(self, mass: FloatArray, columns: FloatArray) -> FloatArray:
        """Return sums over those at risk of mass (n,) times columns (k, n): shape (m, k)."""
        rows = self.first.size
        signed = np.empty((rows, 2))
        signed[:, 0] = mass
        np.negative(mass, out=signed[:, 1])
        starts = np.arange(0, 2 * rows + 1, 2, dtype=np.int32)
        shape = (self.times.size + 1, rows)
        flow = csc_array((signed.ravel(), self.flow_places, starts), shape=shape)
        sums = np.empty((self.times.size, columns.shape[0]))
        for place, column in enumerate(columns):
            change: FloatArray = flow @ column
            sums[::-1, place] = np.cumsum(change[:0:-1])
        return sums

    def sums_of_events(self, mass: FloatArray, columns: FloatArray) -> FloatArray:
        """Return sums over each time's events of mass (events,) times columns (k, events)."""
        size = self.times.size
        sums = [np.bincount(self.event_place, mass * column, minlength=size) for column in columns]
        return np.stack(sums, axis=1)


def risk_sets(rows: CountingRows, *, efron: bool) -> RiskSets:
    """Return the risk sets of rows that hold at least one event of positive weight.

    Times that differ by no more than rounding are one time, as days divided by 365.25 need it.
    """
    is_event = rows.is_event & (rows.weights > 0)
    moments = _distinct(rows.exit[is_event])
    keys = rows.strata[is_event] * (moments.size + 1) + _reached(moments, rows.exit[is_event])
    event_keys = np.unique(keys)
    first = _first_beyond(event_keys, rows, moments, rows.entry)
    last = _first_beyond(event_keys, rows, moments, rows.exit)
    kept = np.flatnonzero((last > first) & (rows.weights > 0))
    first, last = first[kept], last[kept]
    weights, is_event = rows.weights[kept], is_event[kept]
    event_rows = np.flatnonzero(is_event)
    event_place = last[event_rows] - 1
    count = np.bincount(event_place, minlength=event_keys.size)
    weight: FloatArray = np.bincount(
        event_place, weights[event_rows], minlength=event_keys.size
    ).astype(np.float64)
    terms = count if efron else np.ones_like(count)
    term_place = np.repeat(np.arange(event_keys.size), terms)
    nth = np.arange(term_place.size) - np.repeat(np.cumsum(terms) - terms, terms)
    return RiskSets(
        rows=kept,
        first=first,
        last=last,
        weights=weights,
        event_rows=event_rows,
        event_place=event_place,
        times=moments[event_keys % (moments.size + 1) - 1],
        strata=event_keys // (moments.size + 1),
        event_count=count,
        event_weight=weight,
        term_place=term_place,
        share=nth / terms[term_place],
        term_weight=(weight / terms)[term_place],
        flow_places=np.column_stack([last, first]).astype(np.int32).ravel(),
    )


def _first_beyond(
    event_keys: IntArray, rows: CountingRows, moments: FloatArray, times: FloatArray
) -> IntArray:
    """Return the number of the first event time of a row's stratum later than its time."""
    reached = _reached(moments, times)
    if not rows.strata.any():
        return reached
    keys = rows.strata * (moments.size + 1) + reached
    return np.searchsorted(event_keys, keys, side="right").astype(np.int64)


def _distinct(times: FloatArray) -> FloatArray:
    """Return the sorted times, each of those that rounding parted only once."""
    moments = np.unique(times)
    return moments[np.r_[True, np.diff(moments) > _rounding(moments)]]


def _rounding(moments: FloatArray) -> float:
    return ROUNDING_SHARE * float(max(abs(moments[0]), abs(moments[-1])))


def _reached(moments: FloatArray, times: FloatArray) -> IntArray:
    """Return how many of the sorted moments are at or before each time, by table where whole."""
    longest = moments[-1] + 1
    is_short = moments[0] >= 0 and longest <= times.size
    if is_short and np.array_equal(times, np.floor(times)):
        table = np.searchsorted(moments, np.arange(longest + 1), side="right").astype(np.int64)
        whole = np.clip(times, -1.0, longest).astype(np.int64)
        return np.asarray(table[np.maximum(whole, 0)] * (times >= 0), dtype=np.int64)
    late = times + _rounding(moments)
    return np.searchsorted(moments, late, side="right").astype(np.int64)
