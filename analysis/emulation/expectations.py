"""What is expected by the horizon under a strategy: risks, times and counts, with influences.

All of them are sums over days of what is left times a hazard or a share: with b the part left
before the day, h and g the hazards of the event and of what competes, u, v and w their worths,

    constant + sum over days of b x (h x u + g x v + w)

An event worth 1 gives the risk; worth the days left to the horizon, the time lost to it (Andersen
2013); recurrent events, which end nothing, their mean count (Ghosh and Lin 2000); a day worth the
share in some state, the time spent in it. Derivatives in the daily sums are in closed form, and
the influences of people, weight models included, are those of `analysis.emulation.influence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.curves import LEAST_AT_RISK, DailySums
from analysis.emulation.influence import (
    RowGains,
    SumsAdjoint,
    clustered_errors,
    corrected,
    sums_influence,
)
from analysis.emulation.intervals import (
    Estimate,
    difference_estimate,
    interval_quantile,
    ratio_estimate,
    risk_estimate,
)


@dataclass(frozen=True)
class Worth:
    """What an event, a competing event and a day begun without either are worth (days,)."""

    of_event: FloatArray
    of_competing: FloatArray
    of_day: FloatArray
    constant: float = 0.0


@dataclass(frozen=True)
class Course:
    """The daily hazards, the part that stays in through each day, and what is left before it.

    All arrays (days,). Recurrent events take nobody out: then only what competes does.
    """

    at_risk: FloatArray
    event_hazard: FloatArray
    competing_hazard: FloatArray
    left: FloatArray
    before: FloatArray
    is_recurrent: bool


@dataclass(frozen=True)
class Expected:
    """Numbers about one strategy: values (numbers,), and each person's influence on them.

    `derivatives` (people x numbers) are in how often the person counts; `own` is the part of them
    in which the weights of the person's own unit answer the unit; `unit` (people,) are the
    independent units, from 0 without gaps.
    """

    names: tuple[str, ...]
    values: FloatArray
    derivatives: FloatArray
    own: FloatArray
    unit: IntArray

    def value(self, name: str) -> float:
        """Return the number of this name."""
        return float(self.values[self.names.index(name)])

    def moves(self, name: str) -> FloatArray:
        """Return each person's influence on this number, as errors need it (people,)."""
        place = self.names.index(name)
        return corrected(self.derivatives[:, place], self.own[:, place])

    @property
    def units(self) -> int:
        """Return the number of independent units."""
        return int(self.unit.max()) + 1

    def error(self, name: str) -> float:
        """Return the standard error of the number of this name."""
        return float(clustered_errors(self.moves(name)[:, None], self.unit)[0])

    def risk(self, name: str, level: float) -> Estimate:
        """Return a risk with its interval on the logit scale."""
        return risk_estimate(self.value(name), self.error(name), level, self.units)

    def time(self, name: str, level: float) -> Estimate:
        """Return a time with its symmetric interval."""
        own = difference_estimate(self.value(name), self.error(name), level, self.units)
        return replace(own, measure=name)

    def count(self, name: str, level: float) -> Estimate:
        """Return a mean count with its interval on the log scale."""
        value, error = self.value(name), self.error(name)
        if value <= 0.0:
            return Estimate(name, value, value, value, error)
        factor = float(np.exp(interval_quantile(level, self.units) * error / value))
        return Estimate(name, value, value / factor, value * factor, error)


def difference(one: Expected, other: Expected, name: str, level: float) -> Estimate:
    """Return one strategy's number less another's, of the same people."""
    moves = one.moves(name) - other.moves(name)
    error = float(clustered_errors(moves[:, None], one.unit)[0])
    return difference_estimate(one.value(name) - other.value(name), error, level, one.units)


def ratio(one: Expected, other: Expected, name: str, level: float) -> Estimate | None:
    """Return one strategy's number over another's; None where either is not above 0."""
    values = one.value(name), other.value(name)
    if min(values) <= 0.0:
        return None
    moves = one.moves(name) / values[0] - other.moves(name) / values[1]
    error = float(clustered_errors(moves[:, None], one.unit)[0])
    return ratio_estimate(values[0] / values[1], error, level, one.units)


def course(sums: DailySums, *, is_recurrent: bool = False) -> Course:
    """Return the course of what is left; nothing happens where nobody is at risk."""
    anyone = sums.at_risk > LEAST_AT_RISK
    at_risk = np.where(anyone, sums.at_risk, np.inf)
    of_event, of_competing = sums.events / at_risk, sums.competing / at_risk
    leaving = of_competing if is_recurrent else of_event + of_competing
    left = np.clip(1.0 - leaving, 0.0, 1.0)
    before = np.r_[1.0, np.cumprod(left)[:-1]]
    return Course(at_risk, of_event, of_competing, left, before, is_recurrent)


def expected_value(along: Course, worth: Worth) -> float:
    """Return the number that these worths make."""
    return worth.constant + float(along.before @ _daily(along, worth))


def expected_adjoint(along: Course, worths: Sequence[Worth]) -> SumsAdjoint:
    """Return the derivatives of the numbers in every daily sum, the worth of a day held."""
    later = np.stack([_later(along, worth) for worth in worths], axis=1)
    staying = np.where(along.left > 0.0, along.left, np.inf)[:, None]
    before, at_risk = along.before[:, None], along.at_risk[:, None]
    to_leaving = -later / staying
    to_event = before * np.stack([worth.of_event for worth in worths], axis=1)
    to_event += 0.0 if along.is_recurrent else to_leaving
    to_competing = before * np.stack([worth.of_competing for worth in worths], axis=1)
    to_competing += to_leaving
    mean = to_event * along.event_hazard[:, None] + to_competing * along.competing_hazard[:, None]
    start = np.zeros((1, len(worths)))
    return SumsAdjoint(
        np.concatenate([start, np.cumsum(-mean / at_risk, axis=0)]),
        to_event / at_risk,
        to_competing / at_risk,
    )


def expected_under(
    clones: WeightedPath,
    unit: IntArray,
    along: Course,
    worths: dict[str, Worth],
    *,
    weights: FloatArray,
    gains: RowGains | None = None,
) -> Expected:
    """Return the numbers of these names under a strategy, with every person's influence.

    `weights` are the clones' (rows of their path,); `gains` (numbers in the order of the worths)
    what they rest on beside the daily sums.
    """
    adjoint = expected_adjoint(along, list(worths.values()))
    moves, own = sums_influence(
        clones.path, weights, clones.pair, unit, adjoint, cap=clones.cap, gains=gains
    )
    values = np.array([expected_value(along, worth) for worth in worths.values()])
    return Expected(tuple(worths), values, moves, own, unit)


def _daily(along: Course, worth: Worth) -> FloatArray:
    of_events = along.event_hazard * worth.of_event + along.competing_hazard * worth.of_competing
    return np.asarray(of_events + worth.of_day, dtype=np.float64)


def _later(along: Course, worth: Worth) -> FloatArray:
    """Return what every day's successors add to the number (days,)."""
    added = along.before * _daily(along, worth)
    return np.asarray(np.cumsum(added[::-1])[::-1] - added, dtype=np.float64)
