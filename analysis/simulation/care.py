"""The state of care while the visits pass, and what is left of it when all are done."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.people import Flags, Floats, Integers
from analysis.simulation.scenarios import TYPICAL_PAIN_NRS

MOST_VISITS = 32
NEVER = 32_000
STAGE_COUNT = 5

EXIT_UNRECORDED, EXIT_NOT_MET, EXIT_MET = 0, 1, 2
EVIDENCE_NONE, EVIDENCE_MEASURED, EVIDENCE_ATTESTED, EVIDENCE_INFERRED = 0, 1, 2, 3
GOALS_MET, LEFT_EARLY, CARE_CAPPED = 0, 1, 2


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


class Care:
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
        """Return what is left when care is over."""
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
class Now:
    """One visit: whose it is (rows), and what it changes (care)."""

    rng: np.random.Generator
    care: Care
    habits: Habits
    rows: Integers
    number: int

    def draw(self, probability: Floats | float) -> Flags:
        """Draw for every episode in care whether something of that probability happens."""
        return np.asarray(self.rng.random(len(self.rows)) < probability)


@dataclass(frozen=True)
class Choice:
    """What the therapist chose at one visit; one entry an episode in care."""

    working: Integers
    had_violated: Flags
    moves_early: Flags
    only_beside: Flags
    stage: Integers


def pain_above_typical(now: Now) -> Floats:
    """Return the last known pain of every episode in care, as points above the typical one."""
    return np.asarray(now.care.last_pain[now.rows] - TYPICAL_PAIN_NRS, dtype=np.float64)


def logistic(value: Floats) -> Floats:
    """Return the probability that belongs to a log odds."""
    return np.asarray(1 / (1 + np.exp(-value)), dtype=np.float64)
