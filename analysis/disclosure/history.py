"""Earlier releases as one system of cells, sums and steps, before the newest joins them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.disclosure.attacker import Flags, Ints, Ranges, Steps, Sums, deduce
from analysis.disclosure.board import Board, board_of, prior_of_hidden, same_counts, sums_of
from analysis.disclosure.differences import (
    Differences,
    differences_of,
    secret_moves,
    sums_of_differences,
)
from analysis.disclosure.ledger import (
    Decided,
    Past,
    Remembered,
    cells_before,
    changes,
    decided_before,
    growth,
    has_ended,
    joined,
    ranges_of,
    readable_tables,
    sheet_of,
)
from analysis.disclosure.sheet import Limits


@dataclass(frozen=True)
class Release:
    """A remembered release: its counts, what was decided, and where its cells begin.

    `anchors` gives for every cell the cell of the release in which it was last decided, by number
    among the cells of all releases. `moved` is what moved since the release before, `moved_first`
    the number of its first cell.
    """

    board: Board
    decided: Decided
    quarter: str | None
    offset: int
    anchors: Ints
    moved: Differences | None
    moved_first: int


@dataclass
class History:
    """The remembered releases, the oldest first, and everything a reader knows of them.

    `ranges` are those before any adding up of a reader who is told which hidden counts are small,
    `untold` those of one who is not; `secret` flags the small hidden counts, and what moved
    by as few. After the cells of a release stand those of what moved since the one before.
    """

    limits: Limits
    releases: list[Release] = field(default_factory=list)
    offset: int = 0
    ranges: list[Ranges] = field(default_factory=list)
    untold: list[Ranges] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    steps: list[Steps] = field(default_factory=list)
    secret: list[Flags] = field(default_factory=list)

    def past_of(self, board: Board, quarter: str | None) -> Past | None:
        """Return the last release as the past of this board."""
        if not self.releases:
            return None
        last = self.releases[-1]
        before = cells_before(last.board, board)
        return Past(last.board, last.decided, before, has_ended(last.quarter, quarter))

    def add(self, kept: Remembered) -> None:
        """Append a release that is remembered."""
        sheets = {name: sheet_of(name, kept.tables[name]) for name in readable_tables(kept)}
        board = board_of(sheets, self.limits)
        decided = decided_before(board, kept)
        past = self.past_of(board, kept.quarter)
        anchors = self.anchors_of(board, decided, past)
        if past is not None:
            self.steps += [self.growth_of(board, past), self._changes_shown(board, decided, past)]
        for ranges, is_told in ((self.ranges, True), (self.untold, False)):
            prior = prior_of_hidden(board, self.limits, is_told=is_told)
            ranges.append(ranges_of(board, decided, prior))
        self.secret.append(board.hidden & board.is_small)
        moves = self.add_all(board, anchors, changed_of(decided, past), 1)
        for differences, secret in moves:
            self.ranges.append(differences.ranges(board.shown()))
            self.untold.append(self.ranges[-1])
            self.secret.append(secret)
        moved = moves[0][0] if moves else None
        first = self.offset + board.size
        self.releases.append(
            Release(board, decided, kept.quarter, self.offset, anchors, moved, first)
        )
        self.offset += board.size + sum(differences.size for differences, _ in moves)

    def anchors_of(self, board: Board, decided: Decided, past: Past | None) -> Ints:
        """Return for every cell in which of all cells it was last decided."""
        anchors: Ints = np.arange(board.size, dtype=np.int64) + self.offset
        if past is not None:
            goes_on = past.known[decided.kept[past.known]]
            anchors[goes_on] = self.releases[-1].anchors[past.before[goes_on]]
        return anchors

    def add_all(
        self, board: Board, anchors: Ints, changed: Flags | None, since: int
    ) -> list[tuple[Differences, Flags]]:
        """Append the sums of a release, and what moved since so many releases before it.

        Returns the differences with flags for those that are secret; they are numbered after the
        cells of the board.
        """
        sums = sums_of(board)
        self._add_sums(sums, self.offset)
        for one, other in same_counts(board):
            equal = np.zeros(one.size)
            self.steps.append(Steps(one + self.offset, other + self.offset, equal, equal))
        moves: list[tuple[Differences, Flags]] = []
        first = self.offset + board.size
        later: Release | None = None
        for release in reversed(self.releases[-since:]):
            before = cells_before(release.board, board)
            differences = differences_of(
                board,
                release.board,
                before,
                anchors,
                release.offset,
                changed=changed if later is None else None,
                limits=self.limits,
            )
            offsets = (release.offset, self.offset, first)
            for moved in sums_of_differences(differences, board, sums, offsets):
                self._add_sums(moved, 0)
            if later is not None:
                former = (moves[-1][0], first - moves[-1][0].size)
                self._add_sums(chained(differences, first, former, later), 0)
            later = release
            secret = secret_moves(differences, board, release.board)
            moves.append((differences, secret if release is self.releases[-1] else secret & False))
            first += differences.size
        return moves

    def _add_sums(self, sums: Sums, offset: int) -> None:
        before = sum(each.least.size for each in self.sums)
        cell = sums.cell + offset
        self.sums.append(Sums(sums.number + before, cell, sums.sign, sums.least, sums.most))

    def growth_of(self, board: Board, past: Past) -> Steps:
        """Return that counts have grown since the last release."""
        return growth(board, past, self.releases[-1].offset, self.offset)

    def changes_of(self, board: Board, decided: Decided, past: Past) -> Steps:
        """Return what counts tell by being kept or changed, each as long as it is shown."""
        anchors = self.releases[-1].anchors
        return changes(board, decided, past, anchors, self.offset, limits=self.limits)

    def deduced(self, *, is_told: bool) -> Ranges:
        """Return what the remembered releases tell by themselves."""
        known = _joined_ranges(self.ranges if is_told else self.untold)
        return deduce(known, joined_sums(self.sums), joined(self.steps))

    def secrets(self) -> Flags:
        """Return which cells of the remembered releases are small hidden counts."""
        return np.concatenate([np.zeros(0, dtype=bool), *self.secret])

    def _changes_shown(self, board: Board, decided: Decided, past: Past) -> Steps:
        steps = self.changes_of(board, decided, past)
        holds = board.shown()[steps.later - self.offset]
        return Steps(steps.earlier[holds], steps.later[holds], steps.low[holds], steps.high[holds])


def changed_of(decided: Decided, past: Past | None) -> Flags | None:
    """Say which counts were shown and are decided anew within the quarter."""
    if past is None or past.quarter_ended:
        return None
    changed = np.zeros(decided.kept.size, dtype=bool)
    changed[past.known] = past.board.shown()[past.before[past.known]]
    return changed & ~decided.kept


def chained(
    differences: Differences, first: int, since_later: tuple[Differences, int], later: Release
) -> Sums:
    """Return that what moved is what moved until the later release, and what moved since then."""
    since, since_first = since_later
    until = later.moved
    if until is None:
        raise AssertionError("a later release has one before it")
    place = np.full(int(max(since.now.max(initial=0), differences.now.max(initial=0))) + 1, -1)
    place[since.now] = np.arange(since.size)
    step = np.full(later.board.size, -1)
    step[until.now] = np.arange(until.size)
    own = np.flatnonzero(place[differences.now] >= 0)
    part = place[differences.now[own]]
    other = step[since.before[part]]
    own, part, other = own[other >= 0], part[other >= 0], other[other >= 0]
    nothing = np.zeros(own.size)
    return Sums(
        np.tile(np.arange(own.size, dtype=np.int64), 3),
        np.concatenate([own + first, part + since_first, other + later.moved_first]),
        np.repeat([1.0, -1.0, -1.0], own.size),
        nothing,
        nothing,
    )


def joined_sums(parts: Sequence[Sums]) -> Sums:
    """Return all sums as one; they are numbered one after the other already."""
    return Sums(
        np.concatenate([np.zeros(0, np.int64), *(part.number for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.cell for part in parts)]),
        np.concatenate([np.zeros(0), *(part.sign for part in parts)]),
        np.concatenate([np.zeros(0), *(part.least for part in parts)]),
        np.concatenate([np.zeros(0), *(part.most for part in parts)]),
    )


def _joined_ranges(parts: Sequence[Ranges]) -> Ranges:
    return Ranges(
        np.concatenate([np.zeros(0), *(part.low for part in parts)]),
        np.concatenate([np.zeros(0), *(part.high for part in parts)]),
    )
