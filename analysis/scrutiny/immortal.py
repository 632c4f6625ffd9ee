"""Careless comparisons beside the designed one, and how much of them is immortal time.

Who completed all stages, or was never seen to break the order, had to stay free of the event long
enough to be counted so: time in which the event could not happen is credited to the group (Suissa
2008). The same Cox model is fitted twice: with the group as it turned out in the end, and with the
group as it stood on each day (Levesque et al. 2010). Days before completing then count as not
completed, days before the first violation as not violated. The ratio of the two hazard ratios is
the part of the careless answer that is immortal time; what is left between the second and the
designed estimate is confounding, and that a hazard ratio is no risk ratio.

Neither model is adjusted for anything, and surgery and death end follow-up.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES
from analysis.emulation.arrays import NEVER, BoolArray, FloatArray, IntArray
from analysis.emulation.cohort import EVENT, Cohort
from analysis.emulation.intervals import Estimate, ratio_estimate
from analysis.scrutiny.exposures import next_session, session_courses
from analysis.scrutiny.ground import Ground
from analysis.scrutiny.rows import (
    IMMORTAL_TIME,
    SensitivityRow,
    impossible,
    interval,
)
from analysis.study.biased import BiasedComparison, biased_comparisons
from analysis.study.rows import NATURAL, STRICT
from analysis.survival.counting import counting_rows
from analysis.survival.cox import CoxFit, fit_cox
from analysis.survival.refusal import NotEstimableError

STAGE_FIVE: Final = "Completing is dated on the first session by the end of which stage 5 was."
HAZARD_MEASURES: Final = (
    "hazard_ratio_in_the_end",
    "hazard_ratio_by_day",
    "immortal_time_ratio",
)
NO_CARE_POINTS: Final = "No record says when stage 5 was completed."


@dataclass(frozen=True)
class Membership:
    """A group of a careless comparison: who was in it in the end, and from when until when.

    All (people,); `since` and `until` are `NEVER` where the day did not come, `until` excluded.
    """

    in_the_end: BoolArray
    since: IntArray
    until: IntArray


def immortal_rows(ground: Ground) -> list[SensitivityRow]:
    """Return every careless ratio, the designed one, and the part that is immortal time."""
    designed = ground.emulation.ratio(STRICT, NATURAL)
    if designed is None:
        rows = [impossible(IMMORTAL_TIME, "designed_risk_ratio", "There is no risk ratio.")]
    else:
        limits = designed.low, designed.high
        rows = [interval(IMMORTAL_TIME, "designed_risk_ratio", designed.value, limits)]
    comparisons = biased_comparisons(ground.population, ground.study.cohort, ground.level)
    for comparison, (membership, words) in zip(comparisons, _memberships(ground), strict=True):
        rows.append(_naive_row(comparison))
        rows += _hazard_rows(ground, comparison.group.name, membership, words)
    return rows


def _memberships(ground: Ground) -> Iterator[tuple[Membership, str]]:
    """Yield the groups in the order of the careless comparisons, with what is to be said."""
    population = ground.population
    never = np.full(population.episodes, NEVER)
    done = population.completed_stages >= len(STAGES)
    yield Membership(done, np.where(done, _finished_on(ground), NEVER), never), STAGE_FIVE
    start = np.zeros(population.episodes, dtype=np.int64)
    yield Membership(~population.ever_violated, start, population.violated_on), ""


def _finished_on(ground: Ground) -> IntArray:
    """Return the day of the session after the last one that left stage 5 to be completed."""
    points = ground.tables.care_points
    person = ground.population.person_of(points["episode_key"])
    days = points["day"].cast(pl.Int64).to_numpy()
    known = person >= 0
    before = np.full(ground.population.episodes, -1, dtype=np.int64)
    np.maximum.at(before, person[known], days[known])
    sessions = session_courses(ground.tables, ground.population)
    return next_session(sessions, np.arange(len(before)), before)


def _naive_row(comparison: BiasedComparison) -> SensitivityRow:
    measure = f"naive_risk_ratio_{comparison.group.name}"
    if comparison.ratio is None:
        reason = " ".join(each.reason for each in (comparison.group, comparison.rest))
        return impossible(IMMORTAL_TIME, measure, reason.strip())
    limits = comparison.ratio.low, comparison.ratio.high
    words = f"Biased comparison with {comparison.rest.name}."
    return interval(IMMORTAL_TIME, measure, comparison.ratio.value, limits, words)


def _hazard_rows(
    ground: Ground, name: str, membership: Membership, words: str
) -> list[SensitivityRow]:
    measures = [f"{kind}_{name}" for kind in HAZARD_MEASURES]
    if words == STAGE_FIVE and ground.tables.care_points.is_empty():
        return [impossible(IMMORTAL_TIME, measure, NO_CARE_POINTS) for measure in measures]
    try:
        ratios = immortal_time(ground.study.cohort, membership, ground.level)
    except NotEstimableError as refusal:
        return [impossible(IMMORTAL_TIME, measure, str(refusal)) for measure in measures]
    return [
        interval(IMMORTAL_TIME, measure, ratio.value, (ratio.low, ratio.high), words)
        for measure, ratio in zip(measures, ratios, strict=True)
    ]


def immortal_time(
    cohort: Cohort, membership: Membership, level: float
) -> tuple[Estimate, Estimate, Estimate]:
    """Return the hazard ratio with the group as in the end, that by day, and their ratio.

    Errors are robust, by patient; that of the last ratio is of both fits together. Raises the
    survival core's `NotEstimableError` where a model has no answer.
    """
    fixed = _fit(cohort, membership.in_the_end, _whole_time(cohort))
    by_day = _fit(cohort, None, _split_time(cohort, membership))
    moves = _moves(fixed), _moves(by_day)
    logs = float(fixed.coefficients[0]), float(by_day.coefficients[0])
    both = ((logs[0], moves[0]), (logs[1], moves[1]), (logs[0] - logs[1], moves[0] - moves[1]))
    one, other, part = (
        ratio_estimate(math.exp(log_ratio), math.sqrt(float(move @ move)), level, cohort.units)
        for log_ratio, move in both
    )
    return one, other, part


@dataclass(frozen=True)
class _Time:
    """Person-time in rows: whose, from which day until before which, and in the group or not."""

    person: IntArray
    first: IntArray
    after: IntArray
    is_in: BoolArray


def _whole_time(cohort: Cohort) -> _Time:
    people = np.arange(cohort.people)
    nowhere = np.zeros(cohort.people, dtype=bool)
    return _Time(people, np.zeros_like(people), cohort.last_day + 1, nowhere)


def _split_time(cohort: Cohort, membership: Membership) -> _Time:
    """Return the time before, in and after the group, where there is any, by person and day."""
    people, end = np.arange(cohort.people), cohort.last_day + 1
    since = np.minimum(membership.since, end)
    until = np.maximum(np.minimum(membership.until, end), since)
    bounds = np.stack([np.zeros_like(end), since, until, end])
    person = np.tile(people, 3)
    first, after = bounds[:-1].ravel(), bounds[1:].ravel()
    is_in = np.repeat([False, True, False], cohort.people)
    kept = np.flatnonzero(after > first)
    kept = kept[np.lexsort((first[kept], person[kept]))]
    return _Time(person[kept], first[kept], after[kept], is_in[kept])


def _fit(cohort: Cohort, in_the_end: BoolArray | None, time: _Time) -> CoxFit:
    covariate = time.is_in if in_the_end is None else in_the_end[time.person]
    ends = time.after == cohort.last_day[time.person] + 1
    is_event = ends & (cohort.ending[time.person] == EVENT)
    rows = counting_rows(time.first, time.after, is_event, clusters=cohort.unit[time.person])
    return fit_cox(rows, covariate[:, None].astype(np.float64), residuals=True)


def _moves(fit: CoxFit) -> FloatArray:
    """Return how far each patient moves the log hazard ratio (patients,)."""
    return np.asarray(fit.kept_residuals() @ fit.covariance[:, 0], dtype=np.float64)
