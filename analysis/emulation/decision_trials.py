"""Nested target trials in days: at every decision, to act now or not.

Decision rows and a cohort followed in days become a cohort of trial entries with two strategies
for `emulate` (Hernan et al. 2008; Gran et al. 2010; Danaei et al. 2013): weights of the first
decision, of staying with the arm and of being followed, competing events, and intervals with every
model carried. A person enters many trials; errors are therefore clustered by person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.arrays import NEVER, BoolArray, FloatArray, IntArray
from analysis.emulation.cohort import CENSORED, EVENT, Cohort, HazardRows, Strategy
from analysis.emulation.design import Design
from analysis.emulation.emulation import Emulation
from analysis.emulation.influence import clustered_errors
from analysis.emulation.intervals import standard_deviation
from analysis.emulation.msm import design_chance, had_before, of_chosen

ACTED: Final = "acted"
NOT_ACTED: Final = "not acted"


@dataclass(frozen=True)
class DecisionTrials:
    """Trial entries in days: a cohort of entries, the two arms as strategies, and follow-up rows.

    An entry is a decision of an eligible person; `decision` (entries,) is its position in the
    decision rows, `person` (entries,) whose it is in the first cohort, `acted` (entries,) what was
    done. The unit of an entry is its person's, so that every interval is clustered by it.
    """

    cohort: Cohort
    strategies: tuple[Strategy, Strategy]
    follow_up: HazardRows | None
    decision: IntArray
    person: IntArray
    acted: BoolArray


def decision_trials(
    cohort: Cohort,
    decisions: HazardRows,
    horizon: int,
    *,
    eligible: BoolArray | None = None,
    follow_up: HazardRows | None = None,
    hold: Sequence[str] = (),
) -> DecisionTrials:
    """Return the trials that start at decisions, days counted from each start up to the horizon.

    `decisions.happened` says that the person acted; `eligible` (decisions,) where a trial may
    start, at decisions of people who have not acted before when absent. What is done at the start
    is weighted for. Arms named in `hold` (`ACTED`, `NOT_ACTED`) are followed per protocol: an
    entry leaves at the first later decision that differs, and later decisions are weighted for as
    well; the other arms are followed whatever comes later, as by intention to treat. `follow_up`
    are rows of the first cohort after which people may be lost. Feed `cohort`, `strategies` and
    `follow_up` to `emulate`. Starts after a person's last day are left out.
    """
    may_start = first_actions(decisions) if eligible is None else eligible
    may_start = may_start & (decisions.day <= cohort.last_day[decisions.person])
    entry = np.flatnonzero(may_start).astype(np.int64)
    person, start = decisions.person[entry], decisions.day[entry]
    apart = cohort.last_day[person] - start
    entries = Cohort(
        np.unique(cohort.unit[person], return_inverse=True)[1].astype(np.int64),
        np.minimum(apart, horizon),
        np.where(apart <= horizon, cohort.ending[person], CENSORED),
        horizon,
    )
    acted = decisions.happened[entry]
    arms = [
        _arm(name, entries, decisions, entry, acted=name == ACTED, holds=name in hold)
        for name in (ACTED, NOT_ACTED)
    ]
    followed = None
    if follow_up is not None:
        keys = _keys(follow_up)
        first = np.searchsorted(keys, person * _SPAN + start)
        after = np.searchsorted(keys, person * _SPAN + start + entries.last_day, side="right")
        followed = _entry_rows(follow_up, first, after, start, follow_up.happened)
    return DecisionTrials(entries, (arms[0], arms[1]), followed, entry, person, acted)


def first_actions(decisions: HazardRows) -> BoolArray:
    """Return at which decisions the person had not acted before (rows,)."""
    return ~had_before(decisions.person, decisions.happened)


def start_weights(
    trials: DecisionTrials, decisions: HazardRows, *, precision: float = 0.01
) -> FloatArray:
    """Return each entry's stabilised weight for what was done at its start (entries,)."""
    design = _rows_of(decisions.design, trials.decision)
    acting = design_chance(design, trials.acted, precision=precision)
    share = np.full(len(acting), trials.acted.mean())
    return of_chosen(share, trials.acted) / of_chosen(acting, trials.acted)


def entry_periods(cohort: Cohort, days: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Return entry, period and whether the event happened, one row for each `days` at risk.

    A pooled logistic model of these rows is one of the event's own hazard; people leave with a
    competing event.
    """
    periods = cohort.last_day // days + 1
    entry = np.repeat(np.arange(cohort.people), periods)
    period = np.arange(len(entry)) - np.repeat(np.cumsum(periods) - periods, periods)
    is_last = period == periods[entry] - 1
    return entry, period, is_last & (cohort.ending[entry] == EVENT)


def daily_difference(
    emulation: Emulation, name: str, comparator: str
) -> tuple[FloatArray, FloatArray]:
    """Return a strategy's risk less another's on every day, and the errors of that (days,).

    Errors are of the same resamples where there are any, else of the clustered influences, whose
    variances are interpolated between the days worked out.
    """
    one, other = emulation[name], emulation[comparator]
    difference = one.curve.risk - other.curve.risk
    if len(one.draws):
        return difference, standard_deviation(one.draws - other.draws)
    if one.influence is None or other.influence is None:
        raise ValueError("There are neither resamples nor influences to tell an error.")
    moves = one.influence.corrected - other.influence.corrected
    variances = clustered_errors(moves, one.influence.unit) ** 2
    return difference, np.sqrt(np.interp(np.arange(len(difference)), one.influence.days, variances))


_SPAN: Final = NEVER // 2**20


def _keys(rows: HazardRows) -> IntArray:
    """Return a number for each row that rises with person and day."""
    return rows.person * _SPAN + rows.day


def _arm(
    name: str,
    entries: Cohort,
    decisions: HazardRows,
    entry: IntArray,
    *,
    acted: bool,
    holds: bool,
) -> Strategy:
    """Return the arm of entries that acted (or did not): who is not of it leaves on day 0."""
    differs = decisions.happened != acted
    first, after = entry, entry + 1
    if holds:
        last = decisions.day[entry] + entries.last_day
        after = np.searchsorted(
            _keys(decisions), decisions.person[entry] * _SPAN + last, side="right"
        )
        after = np.maximum(after, entry + 1)
    rows = _entry_rows(decisions, first, after, decisions.day[entry], differs)
    leaves_on = np.full(entries.people, NEVER, dtype=np.int64)
    left = np.flatnonzero(rows.happened)[::-1]
    leaves_on[rows.person[left]] = rows.day[left]
    return Strategy(name, leaves_on, _until_left(rows, leaves_on))


def _until_left(rows: HazardRows, leaves_on: IntArray) -> HazardRows:
    """Return the rows up to the first one of its entry on which it left."""
    later = had_before(rows.person, rows.happened)
    kept = np.flatnonzero(~later & (rows.day <= leaves_on[rows.person]))
    if len(kept) == len(later):
        return rows
    return HazardRows(
        rows.person[kept], rows.day[kept], rows.happened[kept], _rows_of(rows.design, kept)
    )


def _entry_rows(
    rows: HazardRows, first: IntArray, after: IntArray, start: IntArray, happened: BoolArray
) -> HazardRows:
    """Return rows `first` to before `after` of each entry, days counted from its start."""
    lengths = np.maximum(after - first, 0)
    entry = np.repeat(np.arange(len(first)), lengths)
    now = np.arange(len(entry)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[entry]
    return HazardRows(
        entry, rows.day[now] - start[entry], happened[now], _rows_of(rows.design, now)
    )


def _rows_of(design: Design, rows: IntArray) -> Design:
    return Design(design.names, design.values[rows], design.centers, design.scales)
