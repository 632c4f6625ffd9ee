"""What a session does with its stage: the exit, its evidence, and the stages worked beside it."""

import numpy as np

from analysis.simulation.care import (
    EVIDENCE_ATTESTED,
    EVIDENCE_INFERRED,
    EVIDENCE_MEASURED,
    EVIDENCE_NONE,
    EXIT_MET,
    EXIT_NOT_MET,
    EXIT_UNRECORDED,
    STAGE_COUNT,
    Choice,
    Now,
    logistic,
    pain_above_typical,
)
from analysis.simulation.people import Flags
from analysis.simulation.scenarios import Healing

EXIT_LOGIT = (-1.1, -0.8, -0.8, -0.8, -0.8)
EXIT_VISIT = 0.45
EXIT_PAIN_POINT = -0.12
EXIT_AHEAD = -0.9
BESIDE_AFTER_EXIT_SHARE = 0.12
BESIDE_EARLIER_SHARE = 0.08


def treat(
    now: Now,
    choice: Choice,
    healing: Healing,
) -> None:
    """Work the chosen stage, judge its exit, and record both."""
    care, rows = now.care, now.rows
    stage = choice.stage
    exit_probability = logistic(
        np.array(EXIT_LOGIT)[stage - 1]
        + healing.exit_shift
        + EXIT_VISIT * care.worked[rows, stage]
        + EXIT_PAIN_POINT * pain_above_typical(now)
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
    now: Now,
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
    now: Now,
    choice: Choice,
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
    now: Now,
    choice: Choice,
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
