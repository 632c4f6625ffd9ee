"""Care session by session, as it would run if no event and no loss ended it.

At every session where an earlier stage is still open the therapist may move on early. The
probability is logistic in what the record shows at that moment and nothing else (only the
scenario `hidden_confounder` adds a trait that is not recorded). A session that does not move on
early works the stage that is due, or goes back to an earlier one in a flare. The strategy *strict*
is therefore this same process with the early move never chosen.
"""

import numpy as np

from analysis.simulation.care import (
    GOALS_MET,
    LEFT_EARLY,
    MOST_VISITS,
    NEVER,
    STAGE_COUNT,
    Care,
    Habits,
    Now,
    Visits,
    logistic,
    pain_above_typical,
)
from analysis.simulation.choices import choose
from analysis.simulation.clinics import Clinics
from analysis.simulation.people import Floats, Integers, People
from analysis.simulation.scenarios import FOLLOW_UP_DAYS, HORIZON_DAYS, Leaving, Pain, Scenario
from analysis.simulation.severity import DAYS_PER_WEEK
from analysis.simulation.treatment import treat

LAST_SESSION_DAY = HORIZON_DAYS - 15
DISCHARGE_SHARE = 0.6
LONG_PAUSE_SHARE = 0.03


def draw_visits(
    rng: np.random.Generator,
    people: People,
    clinics: Clinics,
    severity: Floats,
    scenario: Scenario,
) -> Visits:
    """Draw the attended sessions of every episode; severity is episodes x weeks, in pain points."""
    habits = _habits(people, clinics, scenario)
    care = Care(people.count)
    in_care = np.arange(people.count)
    for visit in range(MOST_VISITS):
        care.attended[in_care] = visit + 1
        care.days[in_care, visit] = care.day[in_care]
        now = Now(rng, care, habits, in_care, visit)
        _measure_pain(now, severity, scenario.pain)
        treat(now, choose(now, scenario.deviation), scenario.healing)
        in_care = _stay_in_care(now, scenario.pain, scenario.leaving)
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
    now: Now,
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


def _stay_in_care(now: Now, pain: Pain, leaving: Leaving) -> Integers:
    """Move on to the next visit; return the episodes that come to it."""
    care, rows = now.care, now.rows
    stage = care.stages[rows, now.number]
    gap = _draw_gap(now)
    has_finished = care.completed[rows, STAGE_COUNT - 1] & (
        care.completed[rows, :STAGE_COUNT].all(axis=1) | (care.first_violation[rows] < NEVER)
    )
    is_discharged = has_finished & now.draw(DISCHARGE_SHARE)
    leave = logistic(
        leaving.at_session
        + leaving.pain_point * pain_above_typical(now)
        + leaving.visit * (now.number + 1)
    )
    leaves = ~is_discharged & now.draw(leave)
    care.ending[rows[is_discharged]] = GOALS_MET
    care.ending[rows[leaves]] = LEFT_EARLY
    care.pain_relief[rows] += gap / DAYS_PER_WEEK * np.array(pain.slope_per_week)[stage - 1]
    care.day[rows] += gap
    goes_on = ~is_discharged & ~leaves & (care.day[rows] <= LAST_SESSION_DAY)
    return np.asarray(rows[goes_on], dtype=np.int64)


def _draw_gap(now: Now) -> Integers:
    """Draw days to the next session; it never falls on the day of a scheduled follow-up."""
    gap = 2 + now.rng.poisson(4.5, len(now.rows)) + 14 * now.draw(LONG_PAUSE_SHARE)
    meets_follow_up = np.isin(now.care.day[now.rows] + gap, FOLLOW_UP_DAYS)
    return np.asarray(gap + meets_follow_up, dtype=np.int64)
