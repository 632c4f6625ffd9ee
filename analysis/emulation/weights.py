"""Inverse probability weights that change on the days of decisions and after the days of contacts.

The weight of a person on day t is one over the product of the probabilities of having stayed with
the strategy at every decision with day <= t, and of having been followed after every contact with
day < t (Robins and Finkelstein 2000; Hernan and Robins 2020, chapters 12 and 17).
"""

from dataclasses import dataclass

import numpy as np

from analysis.emulation.arrays import BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.cohort import Cohort, HazardRows, Strategy


@dataclass(frozen=True)
class WeightPath:
    """Where the weights of a strategy's clones change; everything that coefficients do not touch.

    Rows are sorted by person and day. `source` is the position of the row in the decisions'
    rows followed by the follow-up's rows, `person` whose it is, `day` the first day on which the
    weight is the new one. `last_day` (people,) is the last day at risk in the strategy, -1 for
    people never at risk in it; `last_row` (people,) the last row of a person, -1 without one.
    """

    source: IntArray
    person: IntArray
    day: IntArray
    first_row_of_person: IntArray
    is_first: BoolArray
    last_day: IntArray
    last_row: IntArray
    ending: IntArray
    horizon: int


def weight_path(cohort: Cohort, strategy: Strategy, follow_up: HazardRows | None) -> WeightPath:
    """Return where the weights of the strategy's clones change while they are at risk."""
    stays = strategy.leaves_on > cohort.last_day
    last_day = np.where(stays, cohort.last_day, strategy.leaves_on - 1)
    person, day = _changes(strategy.decisions, follow_up)
    kept = np.flatnonzero(day <= last_day[person])
    order = kept[np.lexsort((kept, day[kept], person[kept]))]
    person, day = person[order], day[order]
    starts = segment_starts(person)
    is_first = np.zeros(len(person), dtype=bool)
    is_first[starts] = True
    last_row = np.full(cohort.people, -1, dtype=np.int64)
    last_row[person] = np.arange(len(person))
    return WeightPath(
        order,
        person,
        day,
        np.repeat(starts, np.diff(np.r_[starts, len(person)])).astype(np.int64),
        is_first,
        last_day,
        last_row,
        np.where(stays, cohort.ending, 0),
        cohort.horizon,
    )


def hazard_sums(hazards: FloatArray, path: WeightPath) -> FloatArray:
    """Return the log weight after each row of the path (rows,).

    `hazards` (decisions then follow-up) holds -log(1 - probability) of every hazard row.
    """
    steps = hazards[path.source]
    running = np.cumsum(steps)
    before_person = np.r_[0.0, running][path.first_row_of_person]
    return np.asarray(running - before_person, dtype=np.float64)


def path_weights(hazards: FloatArray, path: WeightPath, cap: float | None = None) -> FloatArray:
    """Return the weight after each row of the path (rows,), no larger than the cap."""
    weights = np.exp(np.minimum(hazard_sums(hazards, path), 690.0))
    return weights if cap is None else np.minimum(weights, cap)


def weights_on(weights: FloatArray, path: WeightPath, days: IntArray) -> FloatArray:
    """Return each person's weight on their own day of `days` (people,); 1 before any change."""
    span = path.horizon + 2
    keys = path.person * span + path.day
    people = np.arange(len(path.last_day))
    row = np.searchsorted(keys, people * span + np.minimum(days, path.horizon), side="right") - 1
    if len(weights) == 0:
        return np.ones(len(people))
    is_own = (row >= 0) & (path.person[np.maximum(row, 0)] == people)
    return np.where(is_own, weights[np.maximum(row, 0)], 1.0)


def effective_sample_size(weights: FloatArray) -> float:
    """Return (sum w)^2 / sum w^2, 0 for no weights (Kish 1965)."""
    squares = float(np.sum(weights * weights))
    return float(np.sum(weights)) ** 2 / squares if squares > 0.0 else 0.0


def minus_log_staying(linear_predictor: FloatArray) -> FloatArray:
    """Return -log(1 - p) of each linear predictor, p its inverse logit."""
    odds = np.exp(np.minimum(linear_predictor, 690.0))
    odds += 1.0
    return np.asarray(np.log(odds, out=odds), dtype=np.float64)


def _changes(
    decisions: HazardRows | None, follow_up: HazardRows | None
) -> tuple[IntArray, IntArray]:
    people = [rows.person for rows in (decisions, follow_up) if rows is not None]
    days = [decisions.day] if decisions is not None else []
    if follow_up is not None:
        days.append(follow_up.day + 1)
    if not people:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(people), np.concatenate(days)
