"""Care session by session, as it would run if no event and no loss ended it.

At every session where an earlier stage is still open the therapist may move on early. The
probability is logistic in what the record shows at that moment and nothing else (only the
scenario `hidden_confounder` adds a trait that is not recorded). A session that does not move on
early works the stage that is due, or goes back to an earlier one in a flare. The strategy *strict*
is therefore this same process with the early move never chosen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.clinics import Clinics
from analysis.simulation.people import Flags, Floats, Integers, People
from analysis.simulation.scenarios import (
    FOLLOW_UP_DAYS,
    HORIZON_DAYS,
    TYPICAL_PAIN_NRS,
    Deviation,
    Pain,
    Scenario,
)
from analysis.simulation.severity import DAYS_PER_WEEK

MOST_VISITS = 32
NEVER = 32_000
STAGE_COUNT = 5
LAST_SESSION_DAY = HORIZON_DAYS - 15

EXIT_UNRECORDED, EXIT_NOT_MET, EXIT_MET = 0, 1, 2
EVIDENCE_NONE, EVIDENCE_MEASURED, EVIDENCE_ATTESTED, EVIDENCE_INFERRED = 0, 1, 2, 3
GOALS_MET, LEFT_EARLY, CARE_CAPPED = 0, 1, 2

EXIT_LOGIT = (-1.1, -0.8, -0.8, -0.8, -0.8)
EXIT_VISIT = 0.45
EXIT_PAIN_POINT = -0.12
EXIT_AHEAD = -0.9
FLARE_LOGIT = -3.4
FLARE_PAIN_POINT = 0.25
BESIDE_AFTER_EXIT_SHARE = 0.12
BESIDE_EARLIER_SHARE = 0.08
RETURN_SHARE = 0.12
LEAVE_LOGIT = -4.1
LEAVE_PAIN_POINT = 0.25
LEAVE_VISIT = 0.03
DISCHARGE_SHARE = 0.6
LONG_PAUSE_SHARE = 0.03


@dataclass(frozen=True)
class Visits:
    """Attended sessions as episodes x MOST_VISITS arrays; row i is filled to `attended[i]`."""

    attended: Integers
    day: NDArray[np.int16]
    stage: NDArray[np.int8]
    beside_next: NDArray[np.int8]
    beside_earlier: NDArray[np.int8]
    exit_state: NDArray[np.int8]
    evidence: NDArray[np.int8]
    pain_nrs: NDArray[np.int8]
    last_pain_nrs: NDArray[np.int8]
    stage_due: NDArray[np.int8]
    visits_in_stage: NDArray[np.int8]
    violation_probability: Floats
    first_violation_day: Integers
    ending: NDArray[np.int8]

    @property
    def happens(self) -> Flags:
        """Return which cells hold a session, episodes x MOST_VISITS."""
        return np.asarray(np.arange(MOST_VISITS) < self.attended[:, None])


@dataclass(frozen=True)
class Habits:
    """What stays the same over one episode's visits; one entry an episode."""

    advance_logit: Floats
    pain_start: Floats
    pain_missing: Floats
    evidence: Floats
    measured: Floats
    inferred: Floats


class _Care:
    """The state of every episode's care while the visits pass; written in place."""

    def __init__(self, count: int) -> None:
        shape = (count, MOST_VISITS)
        self.day = np.zeros(count, dtype=np.int64)
        self.completed = np.zeros((count, STAGE_COUNT + 1), dtype=bool)
        self.worked = np.zeros((count, STAGE_COUNT + 2), dtype=np.int64)
        self.position = np.ones(count, dtype=np.int64)
        self.pain_relief = np.zeros(count)
        self.last_pain = np.zeros(count, dtype=np.int64)
        self.first_violation = np.full(count, NEVER, dtype=np.int64)
        self.ending = np.full(count, CARE_CAPPED, dtype=np.int8)
        self.attended = np.zeros(count, dtype=np.int64)
        self.days = np.zeros(shape, dtype=np.int16)
        self.stages = np.zeros(shape, dtype=np.int8)
        self.beside_next = np.zeros(shape, dtype=np.int8)
        self.beside_earlier = np.zeros(shape, dtype=np.int8)
        self.exits = np.zeros(shape, dtype=np.int8)
        self.evidence = np.zeros(shape, dtype=np.int8)
        self.pains = np.full(shape, -1, dtype=np.int8)
        self.last_pains = np.zeros(shape, dtype=np.int8)
        self.due = np.zeros(shape, dtype=np.int8)
        self.visits_due = np.zeros(shape, dtype=np.int8)
        self.probability = np.full(shape, np.nan)

    def visits(self) -> Visits:
        return Visits(
            self.attended,
            self.days,
            self.stages,
            self.beside_next,
            self.beside_earlier,
            self.exits,
            self.evidence,
            self.pains,
            self.last_pains,
            self.due,
            self.visits_due,
            self.probability,
            self.first_violation,
            self.ending,
        )


@dataclass(frozen=True)
class _Now:
    """One visit: whose it is (rows), and what it changes (care)."""

    rng: np.random.Generator
    care: _Care
    habits: Habits
    rows: Integers
    number: int

    def draw(self, probability: Floats | float) -> Flags:
        """Draw for every episode in care whether something of that probability happens."""
        return np.asarray(self.rng.random(len(self.rows)) < probability)


@dataclass(frozen=True)
class _Choice:
    """What the therapist chose at one visit; one entry an episode in care."""

    working: Integers
    had_violated: Flags
    moves_early: Flags
    only_beside: Flags
    stage: Integers


def draw_visits(
    rng: np.random.Generator,
    people: People,
    clinics: Clinics,
    severity: Floats,
    scenario: Scenario,
) -> Visits:
    """Draw the attended sessions of every episode; severity is episodes x weeks, in pain points."""
    habits = _habits(people, clinics, scenario)
    care = _Care(people.count)
    in_care = np.arange(people.count)
    for visit in range(MOST_VISITS):
        care.attended[in_care] = visit + 1
        care.days[in_care, visit] = care.day[in_care]
        now = _Now(rng, care, habits, in_care, visit)
        _measure_pain(now, severity, scenario.pain)
        _treat(now, _choose(now, scenario.deviation))
        in_care = _stay_in_care(now, scenario.pain)
    return care.visits()


def _habits(people: People, clinics: Clinics, scenario: Scenario) -> Habits:
    deviation, pain, clinic = scenario.deviation, scenario.pain, people.clinic
    return Habits(
        advance_logit=people.effect(deviation.baseline)
        + clinics.advance_logit[clinic]
        + deviation.hidden_trait * people.hidden_trait,
        pain_start=pain.start
        + people.chronicity.effect((("chronic", pain.chronic),))
        + pain.prior_episode * people.prior_episodes,
        pain_missing=clinics.pain_missing_share[clinic],
        evidence=clinics.evidence_share[clinic],
        measured=clinics.measured_share[clinic],
        inferred=clinics.inferred_share[clinic],
    )


def _measure_pain(
    now: _Now,
    severity: Floats,
    pain: Pain,
) -> None:
    """Measure pain before treatment; it is never missing at the first session."""
    care, rows = now.care, now.rows
    felt = now.habits.pain_start[rows] + care.pain_relief[rows]
    felt += severity[rows, care.day[rows] // DAYS_PER_WEEK]
    felt += now.rng.normal(0, pain.noise_sd, len(rows))
    value = np.clip(np.rint(felt), 0, 10).astype(np.int64)
    known = ~now.draw(now.habits.pain_missing[rows]) | (now.number == 0)
    care.pains[rows, now.number] = np.where(known, value, -1)
    care.last_pain[rows] = np.where(known, value, care.last_pain[rows])
    care.last_pains[rows, now.number] = care.last_pain[rows]


def _choose(
    now: _Now,
    deviation: Deviation,
) -> _Choice:
    """Choose the stage of this session from the measured history."""
    care, rows = now.care, now.rows
    due = 1 + np.argmin(care.completed[rows], axis=1)
    had_violated = care.first_violation[rows] < NEVER
    working = np.where(had_violated, care.position[rows], np.minimum(due, STAGE_COUNT))
    visits = care.worked[rows, working]
    can_move_early = working < STAGE_COUNT
    probability = logistic(
        np.array([*deviation.due_stage, 0.0])[working - 1]
        + deviation.pain_point * _pain_above_typical(now)
        + deviation.visit * visits
        + now.habits.advance_logit[rows]
    )
    moves_early = can_move_early & now.draw(probability)
    is_decision = can_move_early & ~had_violated
    care.due[rows, now.number] = due
    care.visits_due[rows, now.number] = visits
    care.probability[rows, now.number] = np.where(is_decision, probability, np.nan)
    care.first_violation[rows[is_decision & moves_early]] = care.day[
        rows[is_decision & moves_early]
    ]
    only_beside = moves_early & now.draw(deviation.beside_share)
    is_skip = now.draw(deviation.skip_share) & (working < STAGE_COUNT - 1)
    calm = _choose_calmly(now, due, working, had_violated)
    stage = np.where(moves_early, working + 1 + is_skip, calm)
    return _Choice(
        working, had_violated, moves_early, only_beside, np.where(only_beside, working, stage)
    )


def _choose_calmly(
    now: _Now,
    due: Integers,
    working: Integers,
    had_violated: Flags,
) -> Integers:
    """Choose a session's stage without moving on early: the one in work, or an earlier one."""
    flare = logistic(FLARE_LOGIT + FLARE_PAIN_POINT * _pain_above_typical(now))
    flares = (working > 1) & now.draw(flare)
    earlier = 1 + (now.rng.random(len(now.rows)) ** 2 * (working - 1)).astype(np.int64)
    makes_up = had_violated & (due < working) & now.draw(RETURN_SHARE)
    return np.where(makes_up, due, np.where(flares, earlier, working))


def _treat(
    now: _Now,
    choice: _Choice,
) -> None:
    """Work the chosen stage, judge its exit, and record both."""
    care, rows = now.care, now.rows
    stage = choice.stage
    exit_probability = logistic(
        np.array(EXIT_LOGIT)[stage - 1]
        + EXIT_VISIT * care.worked[rows, stage]
        + EXIT_PAIN_POINT * _pain_above_typical(now)
        + EXIT_AHEAD * (stage > choice.working)
    )
    exit_met = ~choice.only_beside & now.draw(exit_probability)
    care.stages[rows, now.number] = stage
    _record_exit(now, exit_met)
    _record_inferred_exit(now, choice)
    _work_beside(now, choice, exit_met)
    care.worked[rows, stage] += 1
    care.completed[rows, stage - 1] |= exit_met
    next_stage = np.minimum(stage + exit_met, STAGE_COUNT)
    care.position[rows] = np.where(stage >= care.position[rows], next_stage, care.position[rows])


def _record_exit(
    now: _Now,
    exit_met: Flags,
) -> None:
    """Record every met exit with evidence; that it was not met is sometimes left out."""
    care, rows = now.care, now.rows
    is_recorded = exit_met | now.draw(now.habits.evidence[rows])
    is_measured = now.draw(now.habits.measured[rows])
    seen = np.where(is_measured, EVIDENCE_MEASURED, EVIDENCE_ATTESTED)
    judged = np.where(exit_met, EXIT_MET, EXIT_NOT_MET)
    care.exits[rows, now.number] = np.where(is_recorded, judged, EXIT_UNRECORDED)
    care.evidence[rows, now.number] = np.where(is_recorded, seen, EVIDENCE_NONE)


def _record_inferred_exit(
    now: _Now,
    choice: _Choice,
) -> None:
    """Let some who moved on early write that the left stage must have been finished.

    Such an exit never counts as completion, so the early move stays a violation.
    """
    care, rows = now.care, now.rows
    infers = choice.moves_early & now.draw(now.habits.inferred[rows])
    before = max(now.number - 1, 0)
    worked_before = (care.stages[rows, before] == choice.working) & (now.number > 0)
    was_met = care.exits[rows, before] == EXIT_MET
    here = rows[infers & choice.only_beside]
    there = rows[infers & ~choice.only_beside & worked_before & ~was_met]
    for rows, column in ((here, now.number), (there, before)):
        care.exits[rows, column] = EXIT_MET
        care.evidence[rows, column] = EVIDENCE_INFERRED


def _work_beside(
    now: _Now,
    choice: _Choice,
    exit_met: Flags,
) -> None:
    """Add further stages to the session: the next one, or pain relief again."""
    care, rows = now.care, now.rows
    may_begin_next = (
        exit_met & ~choice.had_violated & (choice.stage == choice.working) & ~choice.moves_early
    )
    begins_next = may_begin_next & now.draw(BESIDE_AFTER_EXIT_SHARE)
    adds_next = (choice.only_beside | begins_next) & (choice.working < STAGE_COUNT)
    adds_earlier = (choice.stage > 1) & now.draw(BESIDE_EARLIER_SHARE)
    care.beside_next[rows, now.number] = np.where(adds_next, choice.working + 1, 0)
    care.beside_earlier[rows, now.number] = adds_earlier
    care.worked[rows[adds_next], choice.working[adds_next] + 1] += 1
    care.worked[rows[adds_earlier], 1] += 1


def _stay_in_care(now: _Now, pain: Pain) -> Integers:
    """Move on to the next visit; return the episodes that come to it."""
    care, rows = now.care, now.rows
    stage = care.stages[rows, now.number]
    gap = _draw_gap(now)
    has_finished = care.completed[rows, STAGE_COUNT - 1] & (
        care.completed[rows, :STAGE_COUNT].all(axis=1) | (care.first_violation[rows] < NEVER)
    )
    is_discharged = has_finished & now.draw(DISCHARGE_SHARE)
    leave = logistic(
        LEAVE_LOGIT + LEAVE_PAIN_POINT * _pain_above_typical(now) + LEAVE_VISIT * (now.number + 1)
    )
    leaves = ~is_discharged & now.draw(leave)
    care.ending[rows[is_discharged]] = GOALS_MET
    care.ending[rows[leaves]] = LEFT_EARLY
    care.pain_relief[rows] += gap / DAYS_PER_WEEK * np.array(pain.slope_per_week)[stage - 1]
    care.day[rows] += gap
    goes_on = ~is_discharged & ~leaves & (care.day[rows] <= LAST_SESSION_DAY)
    return np.asarray(rows[goes_on], dtype=np.int64)


def _draw_gap(now: _Now) -> Integers:
    """Draw days to the next session; it never falls on the day of a scheduled follow-up."""
    gap = 2 + now.rng.poisson(4.5, len(now.rows)) + 14 * now.draw(LONG_PAUSE_SHARE)
    meets_follow_up = np.isin(now.care.day[now.rows] + gap, FOLLOW_UP_DAYS)
    return np.asarray(gap + meets_follow_up, dtype=np.int64)


def _pain_above_typical(now: _Now) -> Floats:
    return np.asarray(now.care.last_pain[now.rows] - TYPICAL_PAIN_NRS, dtype=np.float64)


def logistic(value: Floats) -> Floats:
    """Return the probability that belongs to a log odds."""
    return np.asarray(1 / (1 + np.exp(-value)), dtype=np.float64)
