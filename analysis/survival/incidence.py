"""Cumulative incidence, survival and mean counts, weighted or not, with their standard errors.

One sum serves them all: over event times, the hazard of the event times the share who have not left
just before. Who leaves makes the estimate: with events of any kind it is the risk under competing
events (Aalen and Johansen 1978), with one kind one less the survival (Kaplan and Meier 1958), with
deaths the mean number of recurrent events (Ghosh and Lin 2000), with nobody the mean of those never
removed (Nelson 1988). Errors are infinitesimal jackknives: the derivative with respect to each
row's weight, summed by cluster (Therneau, Crowson and Atkinson 2023, as in R's survfit).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.survival.counting import CountingRows, counting_rows

CENSORED: Final = 0
EVENT: Final = 1
COMPETING: Final = 2
# At risk below this share of the most ever at risk is what rounding leaves of nobody.
LEAST_AT_RISK_SHARE: Final = 1e-9


@dataclass(frozen=True)
class Steps:
    """The estimate at every step in time; all arrays have shape (times,).

    at_risk : weighted number. event_hazard, leaving_hazard : shares of them with the event and of
    them who leave. before : share not left before the step. expected : risk or mean count after it.
    """

    at_risk: FloatArray
    event_hazard: FloatArray
    leaving_hazard: FloatArray
    before: FloatArray
    expected: FloatArray

    @property
    def survival(self) -> FloatArray:
        """Return the share who have not left after each step (times,)."""
        return self.before * np.clip(1.0 - self.leaving_hazard, 0.0, 1.0)


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
class Curve:
    """An estimate at asked times and its standard errors, both (times,)."""

    times: FloatArray
    values: FloatArray
    standard_errors: FloatArray


def steps_of_sums(
    at_risk: FloatArray, events: FloatArray, leaving: FloatArray, least: float | None = None
) -> Steps:
    """Return the steps from weighted sums (times,); flat where no more than `least` are at risk."""
    if least is None:
        least = LEAST_AT_RISK_SHARE * float(np.max(at_risk, initial=0.0))
    anyone = at_risk > least
    divisor = np.where(anyone, at_risk, 1.0)
    event_hazard = np.where(anyone, events / divisor, 0.0)
    leaving_hazard = np.where(anyone, leaving / divisor, 0.0)
    remaining = np.cumprod(np.clip(1.0 - leaving_hazard, 0.0, 1.0))
    before = np.r_[1.0, remaining][:-1]
    return Steps(at_risk, event_hazard, leaving_hazard, before, np.cumsum(before * event_hazard))


def risk_errors(steps: Steps) -> FloatArray:
    """Return the standard error of the risk at every step (times,) of people who weigh the same.

    Needs events among those who leave. The delta method over the steps' multinomial counts, which
    is the infinitesimal jackknife, and Greenwood's formula where nothing competes (Andersen et al.
    1993, section IV.4). As a later risk enters linearly, running sums of three terms serve all.
    """
    at_risk = np.maximum(steps.at_risk, 1.0)
    remaining = np.where(steps.leaving_hazard < 1.0, 1.0 - steps.leaving_hazard, 1.0)
    events, others = steps.event_hazard, steps.leaving_hazard - steps.event_hazard
    of_event = steps.before + steps.expected / remaining
    of_other = steps.expected / remaining
    mean = of_event * events + of_other * others
    constant = of_event**2 * events + of_other**2 * others - mean**2
    linear = (mean - mean * steps.leaving_hazard) / remaining
    square = steps.leaving_hazard * (1.0 - steps.leaving_hazard) / remaining**2
    sums = [np.cumsum(terms / at_risk) for terms in (constant, linear, square)]
    later = steps.expected
    variance = sums[0] - 2.0 * later * sums[1] + later**2 * sums[2]
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


def event_steps(rows: CountingRows, is_leaving: BoolArray) -> tuple[FloatArray, Steps]:
    """Return the distinct times (times,) at which a row's event or leaving falls, and the steps."""
    course = _course(rows, is_leaving)
    return course.times, course.steps


@dataclass(frozen=True)
class _Course:
    """Steps of rows at the distinct times (times,) at which something happens."""

    rows: CountingRows
    is_leaving: BoolArray
    times: FloatArray
    steps: Steps


def expected_events(
    rows: CountingRows, is_leaving: npt.ArrayLike, at: npt.ArrayLike
) -> tuple[Curve, FloatArray]:
    """Return the expected events by the times asked, and each cluster's influence on them.

    `is_leaving` (rows,) marks the ends after which a person cannot have the event; the influences
    have shape (clusters, times). A row is a cluster of its own where the rows have none. Times
    count: an event on an asked time has happened by it.
    """
    course = _course(rows, np.asarray(is_leaving, dtype=np.bool_))
    times = np.atleast_1d(np.asarray(at, dtype=np.float64))
    own = np.arange(rows.exit.size) if rows.clusters is None else rows.clusters
    influences = np.empty((int(own.max(initial=-1)) + 1, times.size))
    for place, time in enumerate(times):
        influences[:, place] = np.bincount(own, _influences(course, float(time)))
    reached = np.searchsorted(course.times, times, side="right")
    values = np.r_[0.0, course.steps.expected][reached]
    return Curve(times, values, np.sqrt(np.sum(influences**2, axis=0))), influences


def aalen_johansen(
    times: FloatArray,
    causes: IntArray,
    at: npt.ArrayLike,
    *,
    cause: int = EVENT,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Curve:
    """Return the risk of one cause by the times asked, where every other positive cause competes.

    `times` and `causes` (people,) say when and why follow-up ended; cause 0 is censoring.
    """
    rows = _people(times, causes == cause, entry, weights, clusters)
    return expected_events(rows, causes != CENSORED, at)[0]


def kaplan_meier(
    times: FloatArray,
    is_event: BoolArray,
    at: npt.ArrayLike,
    *,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Curve:
    """Return the survival beyond the times asked with Greenwood's or, weighted, robust errors."""
    rows = _people(times, is_event, entry, weights, clusters)
    risk = expected_events(rows, is_event, at)[0]
    return Curve(risk.times, 1.0 - risk.values, risk.standard_errors)


def cumulative_incidence(
    days: FloatArray, causes: IntArray, clusters: IntArray, horizon: float, level: float
) -> Incidence:
    """Return the risk of `EVENT` by `horizon`, whose day counts, under competing events.

    `days` is when each person's follow-up ended, `causes` why. Someone censored on an event day
    was at risk on it.
    """
    if not _reaches(days, causes, horizon):
        return Incidence(np.nan, np.nan, np.nan, np.nan)
    curve = aalen_johansen(days, causes, horizon, clusters=clusters)
    risk = float(curve.values[0])
    if risk == 0:
        followed = int(np.count_nonzero((days >= horizon) | (causes == COMPETING)))
        return Incidence(0.0, np.nan, 0.0, 1 - ((1 - level) / 2) ** (1 / followed))
    error = float(curve.standard_errors[0]) if np.unique(clusters).size > 1 else np.nan
    low, high = _interval(risk, error, level)
    return Incidence(risk, error, low, high)


def _people(
    times: FloatArray,
    is_event: BoolArray,
    entry: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    clusters: npt.ArrayLike | None,
) -> CountingRows:
    """Return one row a person; whoever ends on day zero was still at risk on it."""
    begin = -np.inf if entry is None else entry
    return counting_rows(begin, times, is_event, weights=weights, clusters=clusters)


def _course(rows: CountingRows, is_leaving: BoolArray) -> _Course:
    times = np.unique(rows.exit[rows.is_event | is_leaving])
    inside = np.searchsorted(times, rows.entry, side="right")
    ended = np.searchsorted(times, rows.exit, side="right")
    flow = np.bincount(inside, rows.weights, minlength=times.size + 1)
    flow -= np.bincount(ended, rows.weights, minlength=times.size + 1)

    def sums(ends: BoolArray) -> FloatArray:
        counts = np.bincount(ended[ends] - 1, rows.weights[ends], minlength=times.size)
        return np.asarray(counts, dtype=np.float64)

    steps = steps_of_sums(
        np.cumsum(flow, dtype=np.float64)[:-1], sums(rows.is_event), sums(is_leaving)
    )
    return _Course(rows, is_leaving, times, steps)


def _influences(course: _Course, until: float) -> FloatArray:
    """Return each row's weight times the derivative with respect to it of what is expected."""
    rows, steps = course.rows, course.steps
    counted = int(np.searchsorted(course.times, until, side="right"))
    if counted == 0:
        return np.zeros(rows.exit.size)
    part = slice(0, counted)
    staying = 1.0 - steps.leaving_hazard[part]
    later = steps.expected[counted - 1] - steps.expected[part]
    lost = np.divide(later, staying, out=np.zeros_like(staying), where=staying > 0)
    of_event = steps.before[part] / steps.at_risk[part]
    of_leaving = lost / steps.at_risk[part]
    change = of_leaving * steps.leaving_hazard[part] - of_event * steps.event_hazard[part]
    while_at_risk = np.r_[0.0, np.cumsum(change)]
    times = course.times[part]
    influences = while_at_risk[np.searchsorted(times, rows.exit, side="right")]
    influences -= while_at_risk[np.searchsorted(times, rows.entry, side="right")]
    for ends, share in ((rows.is_event, of_event), (course.is_leaving, -of_leaving)):
        own = np.flatnonzero(ends & (rows.exit <= until))
        influences[own] += share[np.searchsorted(times, rows.exit[own])]
    return np.asarray(influences * rows.weights, dtype=np.float64)


def _reaches(days: FloatArray, causes: IntArray, horizon: float) -> bool:
    """Return whether anybody was followed to the horizon, or the last one followed had an event."""
    if days.size == 0:
        return False
    last = days.max()
    return bool(last >= horizon or np.all(causes[days == last] != CENSORED))


def _interval(risk: float, error: float, level: float) -> tuple[float, float]:
    from scipy.special import ndtri

    if risk >= 1 or not np.isfinite(error):
        return float("nan"), float("nan")
    reach = float(ndtri((1 + level) / 2)) * error / (risk * abs(np.log(risk)))
    return float(risk ** np.exp(reach)), float(risk ** np.exp(-reach))
