"""What the people lost to follow-up would have to hide for a conclusion to change.

Weighting for loss assumes that a person lost on day d would have met the event by the horizon as
often as those still followed: with the probability

    remaining risk q = (risk by the horizon - risk by day d) / share free of any event on day d,

so that the risk under a strategy is (events seen + sum of q over the lost) / W, each person with
weight w, one over the probability of having stayed with the strategy, and W the number of people
(Efron 1967: the product-limit curve is self-consistent). The weight for follow-up is no part of
w: it hands the lost on to others, who here answer for themselves. An event more than q expects
moves the difference of two risks by w / W; where the same person also stands in the comparator's
risk with weight v of V, by w / W - v / V. This gives

    difference(delta) = difference + sum over the lost of (w / W - v / V) (q(delta) - q),
    q(delta) = delta q / (1 - q + delta q),

the odds of the event among the lost multiplied by delta (delta adjustment: Rubin 1987; Cro et al.
2020), and the tipping point, the least departure at which the interval covers no effect, or at
which the estimate crosses it (Yan, Lee and Li 2009). The standard error is held as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.optimize import brentq

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.intervals import Estimate

# Odds multiplied by e^40 or divided by it are those of certainty.
FARTHEST_LOG_DELTA: Final = 40.0


@dataclass(frozen=True)
class LostPeople:
    """The people lost from a strategy while they followed it.

    `weights` (lost,) are one over the probability of having stayed with the strategy until the
    last day seen, without any weight for follow-up; `remaining_risks` (lost,) the predicted risk
    from then to the horizon; `population` the number of people cloned into the strategy.
    `comparator_weights` (lost,) are the same people's in the comparator's risk (1 where nobody
    can leave it), absent where they do not count there.
    """

    weights: FloatArray
    remaining_risks: FloatArray
    population: float
    comparator_weights: FloatArray | None = None
    comparator_population: float = math.inf

    def __post_init__(self) -> None:
        if self.weights.shape != self.remaining_risks.shape:
            raise ValueError("Every lost person needs a weight and a remaining risk.")
        if np.any((self.remaining_risks < 0.0) | (self.remaining_risks > 1.0)):
            raise ValueError("A remaining risk lies between 0 and 1.")

    @property
    def pull(self) -> FloatArray:
        """Return how far an event of each lost person moves the difference (lost,)."""
        own = self.weights / self.population
        if self.comparator_weights is None:
            return own
        return own - self.comparator_weights / self.comparator_population


@dataclass(frozen=True)
class Departure:
    """What among the lost would move the difference far enough; None where nothing can.

    `shift` is the change of the difference that is needed, 0 where none is. `delta` multiplies
    the odds of the event, `further_events` is how many events that is beyond those expected (in
    people; below 0 for fewer), `share_of_lost` the share of the lost with the event then.
    `fewest_further_events` is enough when those with the largest weights are hit first.
    """

    shift: float
    delta: float | None
    further_events: float | None
    share_of_lost: float | None
    fewest_further_events: float | None


@dataclass(frozen=True)
class TippingPoint:
    """The departures at which the interval covers no effect and at which the estimate crosses it.

    `expected_events` is what the model expects among the `lost` people.
    """

    lost: int
    expected_events: float
    interval_covers: Departure
    estimate_crosses: Departure


def remaining_risks(risk: FloatArray, event_free: FloatArray, days: IntArray) -> FloatArray:
    """Return the risk from each day to the horizon of those free of any event on it (people,).

    `risk` and `event_free` are curves (days,) from day 0 to the horizon.
    """
    later, free = risk[-1] - risk[days], event_free[days]
    shares = np.divide(later, free, out=np.zeros(len(days)), where=free > 0.0)
    return np.asarray(np.clip(shares, 0.0, 1.0), dtype=np.float64)


def shifted_risks(risks: FloatArray, delta: float) -> FloatArray:
    """Return the risks with their odds multiplied by delta."""
    if delta < 0.0:
        raise ValueError("Odds are multiplied by 0 or more.")
    odds = delta * risks
    below = 1.0 - risks + odds
    return np.divide(odds, below, out=risks.astype(np.float64), where=below > 0.0)


def shift_of_difference(lost: LostPeople, delta: float) -> float:
    """Return how far the difference moves when the odds among the lost are multiplied by delta."""
    change = shifted_risks(lost.remaining_risks, delta) - lost.remaining_risks
    return float(lost.pull @ change)


def delta_curve(difference: Estimate, lost: LostPeople, deltas: Sequence[float]) -> pl.DataFrame:
    """Return the difference and its interval at each delta, with the events among the lost."""
    shifts = [shift_of_difference(lost, delta) for delta in deltas]
    events = [float(np.sum(shifted_risks(lost.remaining_risks, delta))) for delta in deltas]
    return pl.DataFrame(
        {
            "delta": list(deltas),
            "events_among_lost": events,
            "difference": [difference.value + shift for shift in shifts],
            "low": [difference.low + shift for shift in shifts],
            "high": [difference.high + shift for shift in shifts],
        },
        schema=dict.fromkeys(
            ("delta", "events_among_lost", "difference", "low", "high"), pl.Float64
        ),
    )


def tipping_point(difference: Estimate, lost: LostPeople) -> TippingPoint:
    """Return what among the lost would take away the difference or its clearness."""
    if difference.low <= 0.0 <= difference.high:
        to_cover = 0.0
    else:
        to_cover = -difference.high if difference.high < 0.0 else -difference.low
    return TippingPoint(
        len(lost.weights),
        float(np.sum(lost.remaining_risks)),
        _departure(lost, to_cover),
        _departure(lost, -difference.value),
    )


def _departure(lost: LostPeople, shift: float) -> Departure:
    """Return the least departure that moves the difference by `shift`."""
    delta = _delta_of_shift(lost, shift)
    if delta is None:
        return Departure(shift, None, None, None, _fewest(lost, shift))
    events = float(np.sum(shifted_risks(lost.remaining_risks, delta)))
    expected = float(np.sum(lost.remaining_risks))
    share = events / len(lost.weights) if len(lost.weights) else None
    return Departure(shift, delta, events - expected, share, _fewest(lost, shift))


def _delta_of_shift(lost: LostPeople, shift: float) -> float | None:
    if shift == 0.0:
        return 1.0

    def missing(log_delta: float) -> float:
        return shift_of_difference(lost, math.exp(log_delta)) - shift

    end = math.copysign(FARTHEST_LOG_DELTA, shift)
    if missing(end) * shift < 0.0:
        return None
    return math.exp(float(brentq(missing, 0.0, end, xtol=1e-12, rtol=1e-14)))


def _fewest(lost: LostPeople, shift: float) -> float | None:
    """Return the events more (or fewer) than expected that do when the heaviest go first."""
    if shift == 0.0:
        return 0.0
    room = 1.0 - lost.remaining_risks if shift > 0.0 else lost.remaining_risks
    order = np.argsort(-lost.pull, kind="stable")
    pull, room = lost.pull[order], room[order]
    pull, room = pull[pull > 0.0], room[pull > 0.0]
    reached, events = np.cumsum(pull * room), np.cumsum(room)
    if len(reached) == 0 or reached[-1] < abs(shift):
        return None
    last = int(np.searchsorted(reached, abs(shift)))
    needed = events[last] - (reached[last] - abs(shift)) / pull[last]
    return math.copysign(float(needed), shift)
