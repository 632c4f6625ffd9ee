"""Networks of clinics that grow from release to release, drawn episode by episode.

Every table is counted from the same episodes, so that all sums over clinics, groups and tables
hold, as they do in a registry. The newest start months are given as quarters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis.contracts.results import conform

Tables = dict[str, pl.DataFrame]
STAGES = (1, 2, 3)
REASONS = ("goals_met", "moved")
CONDITIONS = ("tendon", "back", "joint")
REGIONS = ("knee", "spine")
UNMEASURED, NOT_IMPROVED, IMPROVED = range(3)


@dataclass
class Episodes:
    """The episodes of a network so far, one entry each; an episode is a patient's only one."""

    clinic: np.ndarray
    condition: np.ndarray
    region: np.ndarray
    stages_exited: np.ndarray
    reason: np.ndarray
    pain: np.ndarray
    reinjured: np.ndarray
    is_known: np.ndarray
    is_violated: np.ndarray
    sessions: np.ndarray

    @classmethod
    def new(cls, draw: np.random.Generator, clinics: np.ndarray, habits: "Habits") -> "Episodes":
        """Return new episodes of these clinics, as they are at their first release."""
        size = clinics.size
        started = cls(
            clinic=clinics,
            condition=draw.choice(len(CONDITIONS), size, p=habits.conditions),
            region=draw.choice(len(REGIONS), size, p=habits.regions),
            stages_exited=np.zeros(size, np.int64),
            reason=np.full(size, -1),
            pain=np.full(size, UNMEASURED),
            reinjured=np.zeros(size, bool),
            is_known=np.zeros(size, bool),
            is_violated=np.zeros(size, bool),
            sessions=draw.integers(1, 6, size),
        )
        for _ in range(int(draw.integers(1, 4))):
            started.go_on(draw, habits)
        return started

    def go_on(self, draw: np.random.Generator, habits: "Habits") -> None:
        """Let care go on: stages are exited, pain is measured, some leave, some fall ill again."""
        size = self.clinic.size
        in_care = (self.reason < 0) & (self.stages_exited < len(STAGES))
        advances = in_care & (draw.random(size) < habits.advance)
        self.stages_exited[advances] += 1
        leaves = in_care & ~advances & (draw.random(size) < habits.leave)
        self.reason[leaves] = draw.integers(0, len(REASONS), int(leaves.sum()))
        measured = (self.pain == UNMEASURED) & (draw.random(size) < habits.measure)
        self.pain[measured] = np.where(
            draw.random(int(measured.sum())) < habits.improve, IMPROVED, NOT_IMPROVED
        )
        self.reinjured |= draw.random(size) < habits.reinjure
        self.is_known |= self.reinjured | (draw.random(size) < habits.follow)
        self.is_violated |= draw.random(size) < habits.violate
        self.sessions = self.sessions + draw.integers(0, 3, size)

    def joined(self, later: "Episodes") -> "Episodes":
        """Return these episodes and later ones."""
        return Episodes(
            **{name: np.concatenate([own, vars(later)[name]]) for name, own in vars(self).items()}
        )


@dataclass(frozen=True)
class Habits:
    """How the clinics of a network work: shares of episodes, each between two releases."""

    conditions: tuple[float, ...]
    regions: tuple[float, ...]
    advance: float
    leave: float
    measure: float
    improve: float
    reinjure: float
    follow: float
    violate: float

    @classmethod
    def drawn(cls, draw: np.random.Generator) -> "Habits":
        """Return habits of which some make small counts and some large ones."""
        rare = float(draw.choice([0.02, 0.1, 0.3]))
        return cls(
            tuple(draw.dirichlet(np.full(len(CONDITIONS), draw.choice([0.4, 2.0])))),
            tuple(draw.dirichlet(np.full(len(REGIONS), draw.choice([0.4, 2.0])))),
            advance=float(draw.uniform(0.05, 0.6)),
            leave=float(draw.uniform(0.02, 0.3)),
            measure=float(draw.uniform(0.02, 0.7)),
            improve=float(draw.uniform(0.1, 0.9)),
            reinjure=rare / 4,
            follow=float(draw.uniform(0.02, 0.6)),
            violate=rare,
        )


def growing_network(seed: int, releases: int = 8) -> list[tuple[Tables, str]]:
    """Return the tables and the quarter of successive releases of one network of 3-12 clinics."""
    draw = np.random.default_rng(seed)
    habits = Habits.drawn(draw)
    sizes = draw.choice([2, 5, 9, 14, 22, 40, 90, 300], int(draw.integers(3, 13)))
    clinics = np.repeat(np.arange(sizes.size), sizes)
    episodes = Episodes.new(draw, clinics, habits)
    quarter, found = 0, []
    for release in range(releases):
        if release:
            episodes = _grown(draw, episodes, habits, sizes.size)
            quarter += int(draw.random() < 0.3)
        found.append((tables_of(episodes, sizes.size), f"20{20 + quarter // 4}-Q{quarter % 4 + 1}"))
    return found


def _grown(draw: np.random.Generator, episodes: Episodes, habits: Habits, size: int) -> Episodes:
    if draw.random() < 0.6:
        # Only a few records more, so that two releases differ by a handful of people.
        some = draw.random(episodes.clinic.size) < draw.choice([0.0, 0.03, 0.2])
        _let_some_go_on(draw, episodes, habits, some)
    else:
        episodes.go_on(draw, habits)
    if draw.random() < 0.5:
        count = int(draw.integers(0, 9))
        clinics = draw.integers(0, size, count)
    else:
        share = draw.uniform(0.0, 0.15)
        clinics = episodes.clinic[draw.random(episodes.clinic.size) < share]
    return episodes.joined(Episodes.new(draw, clinics, habits))


def _let_some_go_on(
    draw: np.random.Generator, episodes: Episodes, habits: Habits, some: np.ndarray
) -> None:
    chosen = Episodes(**{name: own[some] for name, own in vars(episodes).items()})
    chosen.go_on(draw, habits)
    for name, own in vars(episodes).items():
        own[some] = vars(chosen)[name]


def tables_of(episodes: Episodes, size: int) -> Tables:
    """Return five results tables of the episodes, network first."""
    units = [("network", "network", np.ones(episodes.clinic.size, bool))]
    units += [("clinic", f"c{number:02}", episodes.clinic == number) for number in range(size)]
    rows: dict[str, list[dict[str, Any]]] = {
        "unit_summaries": [],
        "responders": [],
        "stage_exits": [],
        "stage_endings": [],
        "group_summaries": [],
    }
    for kind, name, own in units:
        unit = {"unit_kind": kind, "unit_name": name}
        rows["unit_summaries"].append(unit | _summary(episodes, own))
        rows["responders"].append(unit | _responders(episodes, own))
        rows["stage_exits"] += [unit | row for row in _exits(episodes, own)]
        rows["stage_endings"] += [unit | row for row in _endings(episodes, own)]
        rows["group_summaries"] += [unit | row for row in _groups(episodes, own)]
    return {
        table: conform(table, pl.DataFrame(found, infer_schema_length=None))
        for table, found in rows.items()
    }


def _summary(episodes: Episodes, own: np.ndarray) -> dict[str, int]:
    return {
        "patients": int(own.sum()),
        "episodes": int(own.sum()),
        "attended_sessions": int(episodes.sessions[own].sum()),
        "episodes_ever_violated": int(episodes.is_violated[own].sum()),
        "episodes_completed_all": int((episodes.stages_exited[own] == len(STAGES)).sum()),
        "reinjuries": int(episodes.reinjured[own].sum()),
        "status_known": int(episodes.is_known[own].sum()),
    }


def _responders(episodes: Episodes, own: np.ndarray) -> dict[str, Any]:
    unmeasured, not_improved, improved = np.bincount(episodes.pain[own], minlength=3).tolist()
    total = unmeasured + not_improved + improved
    return {
        "domain": "pain",
        "change": "important",
        "episodes": total,
        "patients": total,
        "improved": improved,
        "not_improved": not_improved,
        "unmeasured": unmeasured,
        "share_improved": improved / total if total else None,
    }


def _exits(episodes: Episodes, own: np.ndarray) -> Iterator[dict[str, int]]:
    exited = episodes.stages_exited[own]
    for stage in STAGES:
        entered = int((exited >= stage - 1).sum())
        left = int((exited >= stage).sum())
        if entered:
            yield {
                "stage": stage,
                "episodes": entered,
                "patients": entered,
                "exited": left,
                "not_exited": entered - left,
            }


def _endings(episodes: Episodes, own: np.ndarray) -> Iterator[dict[str, Any]]:
    for stage in STAGES:
        for number, reason in enumerate(REASONS):
            at_stage = episodes.stages_exited[own] == stage - 1
            count = int((at_stage & (episodes.reason[own] == number)).sum())
            if count:
                yield {"stage": stage, "reason": reason, "episodes": count, "patients": count}


def _groups(episodes: Episodes, own: np.ndarray) -> Iterator[dict[str, Any]]:
    kinds: Sequence[tuple[str, np.ndarray, tuple[str, ...]]] = (
        ("condition", episodes.condition, CONDITIONS),
        ("region", episodes.region, REGIONS),
    )
    for kind, values, names in kinds:
        for number, name in enumerate(names):
            of_group = own & (values == number)
            if not of_group.any():
                continue
            summary = _summary(episodes, of_group)
            improved = int((episodes.pain[of_group] == IMPROVED).sum())
            yield {
                "subgroup_kind": kind,
                "subgroup": name,
                "improved": improved,
                "share_improved": improved / summary["episodes"],
                **{
                    count: summary[count]
                    for count in (
                        "patients",
                        "episodes",
                        "episodes_completed_all",
                        "reinjuries",
                        "status_known",
                    )
                },
            }
