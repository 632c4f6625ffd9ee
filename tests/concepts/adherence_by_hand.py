"""Adherence spelled out session by session, as slowly and plainly as its definition reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.contracts.protocol import Protocol


@dataclass(frozen=True)
class Session:
    """One attended session: its stage, all stages worked, and whether the stage's exit counts."""

    stage: int
    worked: frozenset[int]
    is_exit_counted: bool


@dataclass(frozen=True)
class Adherence:
    """What the definitions make of an episode under one order."""

    violations: tuple[str | None, ...]
    completed_before: tuple[int, ...]
    inversion_share: float | None
    longest_ordered: int
    load_before_pain_exit: bool
    completed_stages: int
    highest_stage_worked: int
    first_skip: int | None
    first_loading: int | None


def adherence(sessions: Sequence[Session], protocol: Protocol, order_name: str) -> Adherence:
    """Return the adherence of the sessions, given in their order."""
    requires, ranks = protocol.stage_requires(order_name), protocol.stage_ranks(order_name)
    completed: set[int] = set()
    seen: set[int] = set()
    violations: list[str | None] = []
    completed_before: list[int] = []
    load_before_pain_exit = False
    for session in sessions:
        completed_before.append(len(completed))
        seen |= session.worked
        if session.is_exit_counted:
            completed.add(session.stage)
        missing = {need for stage in session.worked for need in requires[stage]} - completed
        violations.append(None if not missing else "skip" if missing - seen else "premature")
        load_before_pain_exit |= bool(session.worked & {4, 5}) and 1 not in completed
    sequence = [ranks[session.stage] for session in sessions]
    return Adherence(
        violations=tuple(violations),
        completed_before=tuple(completed_before),
        inversion_share=_inversion_share(sequence),
        longest_ordered=_longest_ordered(sequence),
        load_before_pain_exit=load_before_pain_exit,
        completed_stages=len(completed),
        highest_stage_worked=max(seen),
        first_skip=_first_skip(sessions, requires),
        first_loading=next(
            (
                at
                for at, each in enumerate(sessions)
                if each.worked & {*protocol.early_loading.stages}
            ),
            None,
        ),
    )


def _first_skip(sessions: Sequence[Session], requires: Mapping[int, Sequence[int]]) -> int | None:
    """Return which session, from 0, first worked a stage before all of lower rank had been."""
    seen: set[int] = set()
    for position, session in enumerate(sessions):
        seen |= session.worked
        if any(set(requires[stage]) - seen for stage in session.worked):
            return position
    return None


def _inversion_share(ranks: Sequence[int]) -> float | None:
    unequal = [(early, late) for early, late in combinations(ranks, 2) if early != late]
    if not unequal:
        return None
    return sum(early > late for early, late in unequal) / len(unequal)


def _longest_ordered(ranks: Sequence[int]) -> int:
    ending_here: list[int] = []
    for position, rank in enumerate(ranks):
        before = [ending_here[other] for other in range(position) if ranks[other] <= rank]
        ending_here.append(1 + max(before, default=0))
    return max(ending_here)
