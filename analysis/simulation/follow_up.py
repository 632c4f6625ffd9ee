"""What the clinics get to know: losses, scheduled attempts, and the events that stay hidden.

At every contact (an attended session or a reached follow-up) the person may be lost for good, with
a probability that is logistic in what is recorded by then. After the loss nothing more is seen,
and an event later than the last contact is known only to those who were not lost: they are seen
again at day 365 at the latest (the closing attempt is pursued until it is reached), or their death
is reported. So a loss hides events, and it depends on the record alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.care import NEVER, Visits, logistic
from analysis.simulation.clinics import Clinics
from analysis.simulation.outcomes import Outcomes
from analysis.simulation.people import Flags, Floats, Integers, People
from analysis.simulation.scenarios import FOLLOW_UP_DAYS, TYPICAL_PAIN_NRS, Loss

REFUSED_SHARE = 0.15
WITHDRAWN_SHARE = 0.12


@dataclass(frozen=True)
class Observation:
    """What is seen of every episode; arrays of episodes, or episodes x FOLLOW_UP_DAYS."""

    lost_day: Integers
    is_attempted: Flags
    outcome: NDArray[np.str_]
    session_loss: Floats
    follow_up_loss: Floats
    follow_up_last_pain: Integers

    def sees(self, day: Integers) -> Flags:
        """Say whether an event on that day becomes known."""
        return np.asarray((day <= self.lost_day) & (day < NEVER))


def end_care(visits: Visits, outcomes: Outcomes) -> Visits:
    """Return the visits without those on or after the day of the event that ended care."""
    end = outcomes.end_of_care
    attended = (visits.happens & (visits.day < end[:, None])).sum(axis=1)
    happened = visits.first_violation_day < end
    return replace(
        visits,
        attended=attended,
        first_violation_day=np.where(happened, visits.first_violation_day, NEVER),
    )


def observe(
    rng: np.random.Generator,
    people: People,
    clinics: Clinics,
    visits: Visits,
    death_day: Integers,
    *,
    loss: Loss,
) -> Observation:
    """Draw losses and the outcome of every scheduled attempt; visits end with care."""
    schedule = np.array(FOLLOW_UP_DAYS)
    baseline = (people.effect(loss.baseline) + clinics.loss_logit[people.clinic])[:, None]
    last_pain = _last_pain(visits, schedule)
    turn = visits.first_violation_day[:, None]
    session_loss = logistic(
        loss.at_session + baseline + _time_varying(loss, visits.last_pain_nrs, turn <= visits.day)
    )
    follow_up_loss = logistic(
        loss.at_follow_up + baseline + _time_varying(loss, last_pain, turn <= schedule)
    )
    answers = _answers(rng, people, clinics) & (schedule < death_day[:, None])
    session_day = np.where(visits.happens, visits.day, NEVER)
    lost_day = np.minimum(
        _first_loss(rng, session_loss, session_day),
        _first_loss(rng, follow_up_loss, np.where(answers, schedule, NEVER)),
    )
    outcome, is_attempted = _attempts(rng, answers, lost_day, death_day)
    return Observation(lost_day, is_attempted, outcome, session_loss, follow_up_loss, last_pain)


def _last_pain(visits: Visits, schedule: Integers) -> Integers:
    """Return the last pain known on every scheduled day, episodes x days."""
    rows = np.arange(len(visits.attended))
    columns = [((visits.day <= day) & visits.happens).sum(axis=1) - 1 for day in schedule]
    return np.stack([visits.last_pain_nrs[rows, column] for column in columns], axis=1).astype(
        np.int64
    )


def _time_varying(
    loss: Loss, last_pain: NDArray[np.int8] | Integers, has_violated: Flags
) -> Floats:
    return np.asarray(
        loss.pain_point * (last_pain - TYPICAL_PAIN_NRS) + loss.has_violated * has_violated,
        dtype=np.float64,
    )


def _answers(rng: np.random.Generator, people: People, clinics: Clinics) -> Flags:
    """Draw which attempts would be answered by somebody who is not lost."""
    silence = np.repeat(
        clinics.no_answer_share[people.clinic][:, None], len(FOLLOW_UP_DAYS), axis=1
    )
    silence[:, -1] = 0
    return np.asarray(rng.random(silence.shape) >= silence)


def _first_loss(rng: np.random.Generator, probability: Floats, contact_day: Integers) -> Integers:
    is_loss = rng.random(probability.shape) < probability
    return np.asarray(np.where(is_loss, contact_day, NEVER).min(axis=1), dtype=np.int64)


def _attempts(
    rng: np.random.Generator, answers: Flags, lost_day: Integers, death_day: Integers
) -> tuple[NDArray[np.str_], Flags]:
    """Return the outcome of every scheduled attempt, and which were made at all.

    Attempts stop after a known death and after the person withdrew.
    """
    schedule = np.array(FOLLOW_UP_DAYS)
    is_lost = schedule > lost_day[:, None]
    is_first_after_loss = is_lost & (np.cumsum(is_lost, axis=1) == 1)
    manner = rng.random(len(lost_day))[:, None]
    refuses = is_first_after_loss & (manner < REFUSED_SHARE)
    withdraws = is_first_after_loss & (manner > 1 - WITHDRAWN_SHARE)
    outcome = np.where(answers & ~is_lost, "reached", "no_answer")
    outcome = np.where(refuses, "refused", np.where(withdraws, "withdrawn", outcome))
    stops = is_lost & ~is_first_after_loss & (manner > 1 - WITHDRAWN_SHARE)
    knows_death = (death_day <= lost_day) & (death_day < NEVER)
    dead = (schedule >= death_day[:, None]) & knows_death[:, None]
    return outcome, ~stops & ~dead
