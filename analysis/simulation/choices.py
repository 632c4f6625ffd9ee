"""Which stage a session works: the choice that the study's strategies are about."""

import numpy as np

from analysis.simulation.care import NEVER, STAGE_COUNT, Choice, Now, logistic, pain_above_typical
from analysis.simulation.people import Flags, Integers
from analysis.simulation.scenarios import Deviation

FLARE_LOGIT = -3.4
FLARE_PAIN_POINT = 0.25
RETURN_SHARE = 0.12


def choose(
    now: Now,
    deviation: Deviation,
) -> Choice:
    """Choose the stage of this session from the measured history."""
    care, rows = now.care, now.rows
    due = 1 + np.argmin(care.completed[rows], axis=1)
    had_violated = care.first_violation[rows] < NEVER
    working = np.where(had_violated, care.position[rows], np.minimum(due, STAGE_COUNT))
    visits = care.worked[rows, working]
    can_move_early = working < STAGE_COUNT
    probability = logistic(
        np.array([*deviation.due_stage, 0.0])[working - 1]
        + deviation.pain_point * pain_above_typical(now)
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
    return Choice(
        working, had_violated, moves_early, only_beside, np.where(only_beside, working, stage)
    )


def _choose_calmly(
    now: Now,
    due: Integers,
    working: Integers,
    had_violated: Flags,
) -> Integers:
    """Choose a session's stage without moving on early: the one in work, or an earlier one."""
    flare = logistic(FLARE_LOGIT + FLARE_PAIN_POINT * pain_above_typical(now))
    flares = (working > 1) & now.draw(flare)
    earlier = 1 + (now.rng.random(len(now.rows)) ** 2 * (working - 1)).astype(np.int64)
    makes_up = had_violated & (due < working) & now.draw(RETURN_SHARE)
    return np.where(makes_up, due, np.where(flares, earlier, working))
