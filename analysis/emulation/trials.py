"""A sequence of nested target trials: a new one starts wherever an eligible person decides.

Who is treated at the start of a trial and who is not are compared over the time that follows,
whatever came before (Hernan et al. 2008; Gran et al. 2010; Danaei et al. 2013). A person enters
many trials; errors are therefore clustered by person. Rows of people and periods
(`person_periods`) are expanded to trial rows, weighted for switching and censoring, and read by a
marginal structural pooled logistic model or by weighted risks per arm; conventions are those of R's
TrialEmulation, so that its numbers are reproduced. Decisions in days: `decision_trials`.

Weights are one over probabilities of what was done, times those of a numerator model where one is
named (Robins, Hernan and Brumback 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import NEVER, BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.design import Term, design_matrix
from analysis.emulation.msm import (
    assignment_factors,
    chance,
    had_before,
)
from analysis.emulation.pooled import (
    PooledFit,
    StandardisedSurvival,
    fit_pooled,
    influence_errors,
    shared_designs,
    standardised_survival,
)

# Moves an estimate that the data determine by less than a millionth of its error, and keeps
# finite what they do not (the slope over trial periods, where the later ones hold no event).
TRIAL_PRECISION: Final = 1e-10


@dataclass(frozen=True)
class PersonPeriods:
    """Rows of people and successive periods, sorted, and what happened in each; arrays (rows,).

    `frame` holds the covariates; `person` is coded from 0; `previous` is the treatment one row
    before, untreated on a person's first row. `lost` says that the person was lost after the row.
    """

    frame: pl.DataFrame
    person: IntArray
    period: IntArray
    treated: BoolArray
    previous: BoolArray
    happened: BoolArray
    eligible: BoolArray
    lost: BoolArray | None

    def only(self, kept: BoolArray) -> "PersonPeriods":
        """Return the rows that are kept, with what was known of them before."""
        return PersonPeriods(
            self.frame.filter(pl.Series(kept)),
            self.person[kept],
            self.period[kept],
            self.treated[kept],
            self.previous[kept],
            self.happened[kept],
            self.eligible[kept],
            None if self.lost is None else self.lost[kept],
        )

    @property
    def is_first(self) -> BoolArray:
        """Return which rows are the first of their person (rows,)."""
        first = np.zeros(len(self.person), dtype=bool)
        first[segment_starts(self.person)] = True
        return first

    @property
    def switches(self) -> BoolArray:
        """Return on which rows the treatment differs from the row before (rows,)."""
        return np.asarray((self.treated != self.previous) & ~self.is_first, dtype=np.bool_)


@dataclass(frozen=True)
class TrialRows:
    """One row for every period of every trial of every person; arrays (trial rows,).

    `start` and `now` are positions in the periods: where the trial started, and this row. `trial`
    is the period of the start, `followup` the periods since, `assigned` the treatment at the
    start, `dose` the treated periods since, this one included.
    """

    start: IntArray
    now: IntArray
    person: IntArray
    trial: IntArray
    followup: IntArray
    assigned: BoolArray
    dose: IntArray
    happened: BoolArray

    @property
    def height(self) -> int:
        """Return the number of trial rows."""
        return len(self.now)


@dataclass(frozen=True)
class TrialRisks:
    """Weighted risk of the event by the end of every period since the start, untreated and treated.

    `risk` (2 x periods); `influences` (people x 2 x periods) hold the weights as known.
    """

    risk: FloatArray
    influences: FloatArray

    @property
    def difference(self) -> FloatArray:
        """Return the risk if treated at the start less that if not, by every period (periods,)."""
        return np.asarray(self.risk[1] - self.risk[0], dtype=np.float64)

    @property
    def standard_errors(self) -> FloatArray:
        """Return the errors of both risks (2 x periods), clustered by person."""
        return np.stack([influence_errors(self.influences[:, arm]) for arm in (0, 1)])

    @property
    def difference_errors(self) -> FloatArray:
        """Return the errors of the difference (periods,), clustered by person."""
        return influence_errors(self.influences[:, 1] - self.influences[:, 0])


def person_periods(
    rows: pl.DataFrame,
    *,
    person: str,
    period: str,
    treated: str,
    happened: str,
    eligible: str,
    lost: str | None = None,
) -> PersonPeriods:
    """Return the rows sorted, from a person's first eligible period to the first event.

    Columns named may be 0 and 1 or true and false, but for `person` (anything that sorts) and
    `period` (whole numbers, each once a person). Raises ValueError for a period that a person has
    twice.
    """
    frame = rows.sort(person, period)
    code = (frame[person].rank("dense").to_numpy() - 1).astype(np.int64)
    time = frame[period].cast(pl.Int64).to_numpy().astype(np.int64)
    if np.any((np.diff(code) == 0) & (np.diff(time) == 0)):
        raise ValueError("A person has two rows for one period; give each period once.")
    flags = {
        name: frame[name].cast(pl.Boolean).to_numpy().astype(bool)
        for name in (treated, happened, eligible, *([lost] if lost else []))
    }
    has_begun = had_before(code, flags[eligible]) | flags[eligible]
    kept = has_begun & ~had_before(code, flags[happened])
    code, treatment = code[kept], flags[treated][kept]
    starts = segment_starts(code)
    previous = np.r_[False, treatment[:-1]] if len(code) else treatment
    previous[starts] = False
    return PersonPeriods(
        frame.filter(pl.Series(kept)),
        code,
        time[kept],
        treatment,
        previous,
        flags[happened][kept],
        flags[eligible][kept],
        flags[lost][kept] if lost else None,
    )


def within_trials(periods: PersonPeriods) -> PersonPeriods:
    """Return the rows that some trial still runs on when trials end at a switch of treatment.

    A row on which a running trial ends is kept: it tells of the switch. Per-protocol weights are
    fitted on these rows.
    """
    at = np.arange(len(periods.person))
    first = np.maximum.accumulate(np.where(periods.is_first, at, 0))
    switch = np.maximum.accumulate(np.where(periods.switches, at, 0))
    before = np.r_[0, switch[:-1]] if len(at) else at
    regime = np.maximum(first, np.where(at > first, before, first))
    last_eligible = np.maximum.accumulate(np.where(periods.eligible, at, -1))
    return periods.only(last_eligible >= regime)


def expand_trials(
    periods: PersonPeriods,
    *,
    until_switch: bool = False,
    trials: tuple[int, int] | None = None,
    last_followup: int | None = None,
) -> TrialRows:
    """Return every trial's rows: a trial starts on each eligible row and runs on to the last.

    With `until_switch` it ends before the row on which the treatment changes (per protocol).
    `trials` are the first and last period in which one may start; `last_followup` the last period
    since the start that is kept.
    """
    height = len(periods.person)
    first, last = trials if trials else (-NEVER, NEVER)
    may_start = periods.eligible & (periods.period >= first) & (periods.period <= last)
    starts = np.flatnonzero(may_start).astype(np.int64)
    ends = _ends(periods, until_switch=until_switch)[starts]
    lengths = ends - starts
    start = np.repeat(starts, lengths)
    now = np.arange(len(start)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + start
    followup = periods.period[now] - periods.period[start]
    if last_followup is not None:
        kept = followup <= last_followup
        start, now, followup = start[kept], now[kept], followup[kept]
    doses = np.cumsum(periods.treated) if height else np.empty(0, dtype=np.int64)
    return TrialRows(
        start,
        now,
        periods.person[start],
        periods.period[start],
        followup,
        periods.treated[start],
        doses[now] - doses[start] + periods.treated[start],
        periods.happened[now],
    )


def switch_factors(
    periods: PersonPeriods,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = None,
    *,
    precision: float = 0.0,
) -> FloatArray:
    """Return each row's factor for having been treated as it was (rows,).

    Models are fitted apart for rows that follow a treated and an untreated period. Without a
    numerator the factor is one over the denominator's probability; with `()` the numerator is the
    share of those with the same treatment before.
    """
    factors = np.ones(len(periods.person))
    for before in (False, True):
        own = np.flatnonzero(periods.previous == before)
        factors[own] = assignment_factors(
            periods.frame[own], periods.treated[own], denominator, numerator, precision=precision
        )
    return factors


def censoring_factors(
    periods: PersonPeriods,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = None,
    *,
    pool_numerator: bool = False,
    pool_denominator: bool = False,
    precision: float = 0.0,
) -> FloatArray:
    """Return each row's factor for not being lost after it, lost or not (rows,).

    Models are fitted apart by the treatment one period before, unless pooled. Numerators are as in
    `switch_factors`.
    """
    if periods.lost is None:
        raise ValueError("Nothing says who was lost; name its column in person_periods.")
    stayed = ~periods.lost
    whole = [np.arange(len(stayed))]
    apart = [np.flatnonzero(periods.previous == before) for before in (False, True)]
    factors = np.ones(len(stayed))
    for own in whole if pool_denominator else apart:
        factors[own] /= chance(periods.frame[own], stayed[own], denominator, precision=precision)
    if numerator is not None:
        for own in whole if pool_numerator else apart:
            factors[own] *= chance(periods.frame[own], stayed[own], numerator, precision=precision)
    return factors


def start_factors(
    periods: PersonPeriods,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = (),
    *,
    precision: float = 0.0,
) -> FloatArray:
    """Return each eligible row's factor for the treatment with which a trial starts there (rows,).

    Models are fitted on the eligible rows, one trial a row; other rows have 1. The preset
    numerator is the share of all starts with the same treatment.
    """
    factors = np.ones(len(periods.person))
    own = np.flatnonzero(periods.eligible)
    factors[own] = assignment_factors(
        periods.frame[own], periods.treated[own], denominator, numerator, precision=precision
    )
    return factors


def trial_weights(
    trials: TrialRows, *factors: FloatArray, at_start: FloatArray | None = None
) -> FloatArray:
    """Return the product of the rows' factors after the start, times the start's (trial rows,)."""
    log_start = np.zeros(trials.height) if at_start is None else np.log(at_start)[trials.start]
    for each in factors:
        running = np.cumsum(np.log(each))
        log_start = log_start + running[trials.now] - running[trials.start]
    return np.asarray(np.exp(log_start), dtype=np.float64)


def trial_frame(periods: PersonPeriods, trials: TrialRows) -> pl.DataFrame:
    """Return the covariates at each trial's start with `assigned`, `dose`, `trial`, `followup`."""
    own = {
        "assigned": trials.assigned.astype(np.float64),
        "dose": trials.dose,
        "trial": trials.trial,
        "followup": trials.followup,
    }
    baseline = periods.frame.drop(own.keys(), strict=False)[trials.start]
    return baseline.with_columns(pl.Series(name, values) for name, values in own.items())


def fit_trials(
    periods: PersonPeriods,
    trials: TrialRows,
    terms: Sequence[Term],
    *,
    weights: FloatArray | None = None,
    precision: float = TRIAL_PRECISION,
) -> PooledFit:
    """Return the marginal structural pooled logistic model of the trials, errors by person.

    `terms` read the columns of `trial_frame`: covariates as they were at the start, and time.
    """
    design = design_matrix(trial_frame(periods, trials), terms)
    return fit_pooled(
        design, trials.happened, weights=weights, cluster=trials.person, precision=precision
    )


def standardised_trials(
    periods: PersonPeriods,
    trials: TrialRows,
    terms: Sequence[Term],
    *,
    target: int,
    followups: int,
    weights: FloatArray | None = None,
    precision: float = TRIAL_PRECISION,
) -> tuple[StandardisedSurvival, StandardisedSurvival]:
    """Return survival had nobody and had everybody been treated from the start on.

    The model is that of `fit_trials`; its predictions are averaged over the people who enter the
    trial of period `target`, over `followups` periods since the start. Errors take these people as
    given and are clustered by person.
    """
    rows = trial_frame(periods, trials)
    people = rows.filter((pl.col("trial") == target) & (pl.col("followup") == 0))
    followup = np.tile(np.arange(followups), people.height)
    repeated = people[np.repeat(np.arange(people.height), followups)]
    scenarios = [
        repeated.with_columns(
            pl.lit(float(arm)).alias("assigned"),
            pl.Series("dose", (followup + 1) * arm),
            pl.Series("followup", followup),
        )
        for arm in (0, 1)
    ]
    own, untreated, treated = shared_designs([rows, *scenarios], terms)
    fit = fit_pooled(
        own, trials.happened, weights=weights, cluster=trials.person, precision=precision
    )
    return (
        standardised_survival(fit, untreated, followups),
        standardised_survival(fit, treated, followups),
    )


def trial_risks(trials: TrialRows, weights: FloatArray | None = None) -> TrialRisks:
    """Return the weighted risk by arm and period since the start, without a model of time.

    The hazard of a period is the weighted share of the arm's rows with the event.
    """
    weights = np.ones(trials.height) if weights is None else weights
    periods = int(trials.followup.max(initial=-1)) + 1
    person = np.unique(trials.person, return_inverse=True)[1].astype(np.int64)
    people = int(person.max(initial=-1)) + 1
    risk, influences = np.empty((2, periods)), np.empty((people, 2, periods))
    for arm in (0, 1):
        own = np.flatnonzero(trials.assigned == bool(arm))
        weight, when = weights[own], trials.followup[own]
        at_risk = np.bincount(when, weight, minlength=periods)
        events = np.bincount(when, weight * trials.happened[own], minlength=periods)
        hazard = np.divide(events, at_risk, out=np.zeros(periods), where=at_risk > 0.0)
        survival = np.cumprod(1.0 - hazard)
        scale = at_risk * (1.0 - hazard)
        scale = np.divide(1.0, scale, out=np.zeros(periods), where=scale > 0.0)
        apart = weight * (trials.happened[own] - hazard[when]) * scale[when]
        cell = person[own] * periods + when
        sums = np.bincount(cell, apart, minlength=people * periods).reshape(people, periods)
        risk[arm] = 1.0 - survival
        influences[:, arm] = survival * np.cumsum(sums, axis=1)
    return TrialRisks(risk, influences)


def _ends(periods: PersonPeriods, *, until_switch: bool) -> IntArray:
    """Return for every row the position before which a trial that starts there ends (rows,)."""
    height = len(periods.person)
    bounds = np.r_[segment_starts(periods.person), height]
    ends = np.repeat(bounds[1:], np.diff(bounds))
    if not until_switch:
        return np.asarray(ends, dtype=np.int64)
    at = np.where(periods.switches, np.arange(height), height)
    later = np.minimum.accumulate(np.r_[at, height][::-1])[::-1][1:]
    return np.asarray(np.minimum(ends, later), dtype=np.int64)
