"""Fine and Gray's model of the subdistribution hazard, as a weighted Cox model.

Whoever had a competing event stays at risk with the chance of not being censored since: rows after
it weigh G(t-)/G(T-), G being Kaplan and Meier's curve of censoring. The errors carry that G was
estimated (Fine and Gray 1999, section 5).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.survival.counting import CountingRows, counting_rows
from analysis.survival.cox import BRESLOW, CoxFit, fit_cox
from analysis.survival.incidence import CENSORED, EVENT
from analysis.survival.refusal import NotEstimableError


@dataclass(frozen=True)
class SubdistributionFit:
    """Log subdistribution hazard ratios (k,), their covariance (k, k) and the weighted Cox fit."""

    coefficients: FloatArray
    covariance: FloatArray
    cox: CoxFit

    @property
    def standard_errors(self) -> FloatArray:
        """Return the errors, robust and with the censoring curve's part: shape (k,)."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class _Censoring:
    """The distinct times of censoring, how many were at risk at them, and the curve after them."""

    times: FloatArray
    at_risk: FloatArray
    hazard: FloatArray

    def free_before(self, times: FloatArray) -> FloatArray:
        curve = np.r_[1.0, np.cumprod(1.0 - self.hazard)]
        return np.asarray(curve[np.searchsorted(self.times, times)], dtype=np.float64)


@dataclass(frozen=True)
class _Extension:
    """Rows (rows,) after a competing event: whose, from when to when, weight, first event in it."""

    person: IntArray
    entry: FloatArray
    exit: FloatArray
    weight: FloatArray
    first_event: FloatArray


def fit_subdistribution(
    times: FloatArray,
    causes: IntArray,
    covariates: npt.ArrayLike,
    *,
    cause: int = EVENT,
    ties: str = BRESLOW,
    names: tuple[str, ...] = (),
) -> SubdistributionFit:
    """Return the model of one cause's subdistribution hazard on covariates (people, k).

    `times` and `causes` (people,) say when and why follow-up ended; 0 is censoring, any other cause
    competes. Rows are made for every stretch of equal weight: competing events times distinct
    weights. Refuses as `fit_cox` does.
    """
    table = np.asarray(covariates, dtype=np.float64)
    if not np.any(causes == cause):
        raise NotEstimableError("No event was seen, so no hazard ratio can be estimated.")
    is_competing = (causes != cause) & (causes != CENSORED)
    censoring = _censoring(times, causes == CENSORED)
    more = _extension(times, is_competing, np.unique(times[causes == cause]), censoring)
    person = np.r_[np.arange(times.size), more.person]
    rows = _rows(times, causes == cause, more)
    cox = fit_cox(rows, table[person], ties=ties, names=names, residuals=True)
    by_row = cox.kept_residuals()
    influences = _by_person(by_row, person, times.size)
    influences += _of_censoring(times, causes == CENSORED, censoring, more, by_row[times.size :])
    bread = cox.covariance
    return SubdistributionFit(cox.coefficients, bread @ (influences.T @ influences) @ bread, cox)


def _rows(times: FloatArray, is_event: BoolArray, more: _Extension) -> CountingRows:
    size = times.size + more.person.size
    return counting_rows(
        np.r_[np.full(times.size, -np.inf), more.entry],
        np.r_[times, more.exit],
        np.r_[is_event, np.zeros(more.person.size, dtype=np.bool_)],
        weights=np.r_[np.ones(times.size), more.weight],
        clusters=np.arange(size),
    )


def _censoring(times: FloatArray, is_censored: BoolArray) -> _Censoring:
    moments, count = np.unique(times[is_censored], return_counts=True)
    at_risk = times.size - np.searchsorted(np.sort(times), moments)
    return _Censoring(moments, at_risk.astype(np.float64), count / at_risk)


def _extension(
    times: FloatArray, is_competing: BoolArray, events: FloatArray, censoring: _Censoring
) -> _Extension:
    """Return rows of people with a competing event, one for the event times between censorings."""
    free = censoring.free_before(events)
    passed = np.searchsorted(censoring.times, events) + np.searchsorted(
        censoring.times, events, side="right"
    )
    starts = np.flatnonzero(np.r_[True, np.diff(passed) != 0])
    opens, closes = events[starts], events[np.r_[starts[1:], events.size] - 1]
    begins = np.r_[-np.inf, closes][: starts.size]
    who = np.flatnonzero(is_competing)
    first = np.searchsorted(closes, times[who], side="right")
    repeats = starts.size - first
    person = np.repeat(who, repeats)
    nth = np.arange(person.size) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    group = np.repeat(first, repeats) + nth
    own = times[person]
    return _Extension(
        person=person,
        entry=np.maximum(own, begins[group]),
        exit=closes[group],
        weight=free[starts][group] / censoring.free_before(own),
        first_event=opens[group],
    )


def _by_person(by_row: FloatArray, person: IntArray, size: int) -> FloatArray:
    columns = [np.bincount(person, column, minlength=size) for column in by_row.T]
    return np.stack(columns, axis=1)


def _of_censoring(
    times: FloatArray,
    is_censored: BoolArray,
    censoring: _Censoring,
    more: _Extension,
    residuals: FloatArray,
) -> FloatArray:
    """Return each person's influence on the score through the curve of censoring (people, k).

    A censoring at u bears on what people with an earlier competing event add from u on.
    """
    size = censoring.times.size
    since = np.searchsorted(censoring.times, times[more.person], side="right")
    until = np.searchsorted(censoring.times, more.first_event, side="right")
    reached = np.searchsorted(censoring.times, times, side="right")
    own = np.flatnonzero(is_censored)
    influences = np.zeros((times.size, residuals.shape[1]))
    for column, residual in enumerate(residuals.T):
        change = np.bincount(since, residual, minlength=size + 1)
        change -= np.bincount(until, residual, minlength=size + 1)
        per_person = -np.cumsum(change)[:size] / censoring.at_risk
        compensator = np.r_[0.0, np.cumsum(per_person * censoring.hazard)]
        influences[:, column] = -compensator[reached]
        influences[own, column] += per_person[reached[own] - 1]
    return influences
