"""Earlier releases as one system of cells, sums and steps, before the newest joins them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.disclosure.attacker import Flags, Ints, Ranges, Steps, Sums, deduce
from analysis.disclosure.board import Board, board_of, prior_of_hidden, same_counts, sums_of
from analysis.disclosure.differences import Differences, sums_of_differences
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
    among the cells of all releases.
    """

    board: Board
    decided: Decided
    quarter: str | None
    offset: int
    anchors: Ints


@dataclass
class History:
    """The remembered releases, the oldest first, and everything a reader knows of them.

    `ranges` are those before any adding up; `secret` flags the small hidden counts.
    """

    limits: Limits
    last: Release | None = None
    offset: int = 0
    ranges: list[Ranges] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    steps: list[Steps] = field(default_factory=list)
    secret: list[Flags] = field(default_factory=list)

    def past_of(self, board: Board, quarter: str | None) -> Past | None:
        """Return the last release as the past of this board."""
        if self.last is None:
            return None
        before = cells_before(self.last.board, board)
        ended = has_ended(self.last.quarter, quarter)
        return Past(self.last.board, self.last.decided, before, ended)

    def add(self, kept: Remembered) -> None:
        """Append a release that is remembered."""
        sheets = {name: sheet_of(name, kept.tables[name]) for name in readable_tables(kept)}
        board = board_of(sheets, self.limits)
        decided = decided_before(board, kept)
        past = self.past_of(board, kept.quarter)
        anchors: Ints = np.arange(board.size, dtype=np.int64) + self.offset
        if past is not None:
            self.steps += [self.growth_of(board, past), self._changes_shown(board, decided, past)]
            goes_on = past.known[decided.kept[past.known]]
            anchors[goes_on] = self._anchors()[past.before[goes_on]]
        self.ranges.append(ranges_of(board, decided, prior_of_hidden(board, self.limits)))
        self.secret.append(board.hidden & board.is_small)
        self.add_sums(board)
        self.last = Release(board, decided, kept.quarter, self.offset, anchors)
        self.offset += board.size

    def add_sums(self, board: Board) -> None:
        """Append the sums of a release whose cells begin at the offset."""
        sums, before = sums_of(board), self._sums_count()
        self.sums.append(
            Sums(sums.number + before, sums.cell + self.offset, sums.sign, sums.least, sums.most)
        )
        for one, other in same_counts(board):
            equal = np.zeros(one.size)
            self.steps.append(Steps(one + self.offset, other + self.offset, equal, equal))

    def add_differences(self, differences: Differences, board: Board) -> None:
        """Append what moved since the last release; the sums of the newest were added last."""
        newest = self.sums[-1]
        before = self._sums_count() - newest.least.size
        own = Sums(newest.number - before, newest.cell, newest.sign, newest.least, newest.most)
        offsets = (self._last().offset, self.offset, self.offset + board.size)
        for sums in sums_of_differences(differences, board, own, offsets):
            number = sums.number + self._sums_count()
            self.sums.append(Sums(number, sums.cell, sums.sign, sums.least, sums.most))

    def _sums_count(self) -> int:
        return sum(each.least.size for each in self.sums)

    def growth_of(self, board: Board, past: Past) -> Steps:
        """Return that counts have grown since the last release."""
        return growth(board, past, self._last().offset, self.offset)

    def changes_of(self, board: Board, decided: Decided, past: Past) -> Steps:
        """Return what counts tell by being kept or changed, each as long as it is shown."""
        anchors = self._anchors()
        return changes(board, decided, past, anchors, self.offset, limits=self.limits)

    def deduced(self) -> Ranges:
        """Return what the remembered releases tell by themselves."""
        return deduce(_joined_ranges(self.ranges), joined_sums(self.sums), joined(self.steps))

    def secrets(self) -> Flags:
        """Return which cells of the remembered releases are small hidden counts."""
        return np.concatenate([np.zeros(0, dtype=bool), *self.secret])

    def _changes_shown(self, board: Board, decided: Decided, past: Past) -> Steps:
        steps = self.changes_of(board, decided, past)
        holds = board.shown()[steps.later - self.offset]
        return Steps(steps.earlier[holds], steps.later[holds], steps.low[holds], steps.high[holds])

    def _anchors(self) -> Ints:
        return self._last().anchors

    def _last(self) -> Release:
        if self.last is None:
            raise AssertionError("steps join a release to the one before it")
        return self.last


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
