"""Hiding further counts until no small one can be worked out, from this or an earlier release."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from analysis.disclosure.attacker import (
    NO_STEPS,
    Flags,
    Ints,
    Ranges,
    Steps,
    Sums,
    deduce,
)
from analysis.disclosure.board import Board, groups_of_equals, prior_of_hidden
from analysis.disclosure.differences import Differences
from analysis.disclosure.history import History, changed_of, joined_sums
from analysis.disclosure.ledger import (
    Decided,
    Past,
    Remembered,
    decide_again,
    decide_anew,
    joined,
    ranges_of,
    stays_hidden,
)
from analysis.disclosure.sheet import Limits

# Up to so many differences are looked at, since every remembered release; beyond, since the last.
MOST_DIFFERENCES: Final = 400_000


@dataclass(frozen=True)
class Reader:
    """What a reader of all releases can know: every cell, sum and step, the newest release last.

    `board` and `decided` are those of the newest release, whose cells begin at `offset`; `past` is
    the release before it. What moved since earlier ones (`differences`) are cells after all
    others; `moves` flags those that are secret. `earlier` holds what is known of the cells of
    earlier releases without the newest (by who is told which hidden counts are small, and by who
    is not), `if_shown` the steps that hold as long as their later cell
    is shown, and `secret` flags the small hidden counts of earlier releases.
    """

    board: Board
    decided: Decided
    past: Past | None
    offset: int
    earlier: tuple[Ranges, Ranges]
    sums: Sums
    always: Steps
    if_shown: Steps
    secret: Flags
    differences: tuple[Differences, ...]
    moves: Flags
    limits: Limits
    is_told: bool = True

    @cached_property
    def stranger(self) -> "Reader":
        """Return the reader who is not told which hidden counts are small.

        Who is told knows some of them too closely even where nothing is shown, so that nothing
        more can be hidden from that reader; the stranger knows them only by what is shown.
        """
        return replace(self, is_told=False)

    @property
    def size(self) -> int:
        """Return the number of cells of all releases, differences included."""
        return self.offset + self.board.size + self.moves.size

    def is_newest(self, cell: int) -> bool:
        """Say whether the cell is a count of the newest release."""
        return self.offset <= cell < self.offset + self.board.size

    def steps(self) -> Steps:
        """Return the steps that hold with what is hidden now."""
        used = self.if_shown
        holds = self.board.shown()[used.later - self.offset]
        now = Steps(used.earlier[holds], used.later[holds], used.low[holds], used.high[holds])
        return joined([self.always, now])

    def known(self) -> Ranges:
        """Return what is known of every cell before any adding up."""
        prior = prior_of_hidden(self.board, self.limits, is_told=self.is_told)
        now = ranges_of(self.board, self.decided, prior)
        shown = self.board.shown()
        earlier = self.earlier[0 if self.is_told else 1]
        parts = [earlier, now, *(moved.ranges(shown) for moved in self.differences)]
        return Ranges(
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
        )

    def deduced(self) -> Ranges:
        """Return what is known of every cell after all adding up."""
        return deduce(self.known(), self.sums, self.steps())

    def given_away(self, ranges: Ranges) -> Flags:
        """Say which secrets these ranges tell too closely, and would not if nothing were shown."""
        exposed = self.secrets() & ranges.exposed()
        if not exposed.any():
            return exposed
        flags: Flags = exposed & ~self.given_away_by_nothing
        return flags

    def secrets(self) -> Flags:
        """Say which cells are small hidden counts of any release, or moved by as few."""
        now = self.board.hidden & self.board.is_small
        return np.concatenate([self.secret, now, self.moves])

    @cached_property
    def given_away_by_nothing(self) -> Flags:
        """Say which cells are known too closely even when the newest release shows nothing."""
        hidden = self.board.hidden.copy()
        self.board.hidden[:] = ~self.board.is_absent
        flags = self.deduced().exposed()
        self.board.hidden[:] = hidden
        return flags

    @cached_property
    def neighbours(self) -> "Neighbours":
        """Return which sums and steps every cell is part of."""
        return Neighbours.of(self.sums, joined([self.always, self.if_shown]), self.size)


def read_all(
    board: Board, memory: Sequence[Remembered], quarter: str | None, limits: Limits
) -> Reader:
    """Return what a reader knows of the remembered releases, and of the one on the board.

    Hides at once what was hidden in the last release and has not moved enough since.
    """
    history = History(limits)
    for kept in memory:
        history.add(kept)
    earlier = history.deduced(is_told=True), history.deduced(is_told=False)
    past = history.past_of(board, quarter)
    if past is None:
        decided, if_shown = decide_anew(board, limits), NO_STEPS
    else:
        board.hidden[stays_hidden(board, past, limits)] = True
        decided = decide_again(board, past, limits)
        history.steps.append(history.growth_of(board, past))
        if_shown = history.changes_of(board, decided, past)
    since = len(memory) if board.size * len(memory) <= MOST_DIFFERENCES else 1
    anchors, changed = history.anchors_of(board, decided, past), changed_of(decided, past)
    moves = history.add_all(board, anchors, changed, since)
    return Reader(
        board,
        decided,
        past,
        history.offset,
        earlier,
        joined_sums(history.sums),
        joined(history.steps),
        if_shown,
        history.secrets(),
        tuple(differences for differences, _ in moves),
        np.concatenate([np.zeros(0, dtype=bool), *(secret for _, secret in moves)]),
        limits,
    )


def hide_complements(reader: Reader) -> None:
    """Suppress further counts of the newest release until no small one can be worked out.

    A complement hidden in one table would come back from another that shows the same number, so
    equal counts of a unit are hidden together.
    """
    groups = groups_of_equals(reader.board, reader.limits)
    _spread(reader.board, groups)
    while any([_hide_around(reader), _hide_around(reader.stranger)]):
        _spread(reader.board, groups)


def _spread(board: Board, groups: Ints) -> None:
    is_hidden = np.zeros(int(groups.max(initial=-1)) + 2, dtype=bool)
    is_hidden[groups[board.hidden]] = True
    is_hidden[-1] = False
    board.hidden[is_hidden[groups]] = True


def _hide_around(reader: Reader) -> bool:
    """Suppress one more count near each that is given away; say whether there was any to hide."""
    ranges = reader.deduced()
    given_away = np.flatnonzero(reader.given_away(ranges))
    if not given_away.size:
        return False
    search = _Search(reader, reader.known(), ranges, reader.board.shown())
    chosen = {search.nearest(int(cell)) for cell in given_away} - {None}
    for cell in chosen:
        reader.board.hidden[cell] = True
    return bool(chosen)


@dataclass(frozen=True)
class _Search:
    """The way from a count that is given away to a shown one of the newest release that tells it.

    `known` is what is known before any adding up, `ranges` after it; `shown` is of the newest.
    """

    reader: Reader
    known: Ranges
    ranges: Ranges
    shown: Flags

    def nearest(self, exposed: int) -> int | None:
        """Return the smallest shown count of the nearest sums that tell of the exposed one.

        Where nothing is shown in these sums any more, those that tell of their cells are next, and
        so on: what is known of a hidden cell may come from afar.
        """
        reached, frontier = {exposed}, [exposed]
        while frontier:
            near = {other for cell in frontier for other in self._telling(cell)} - reached
            here = [cell - self.reader.offset for cell in near if self.reader.is_newest(cell)]
            candidates = [cell for cell in here if self.shown[cell]]
            if candidates:
                return min(candidates, key=lambda cell: _cost(self.reader.board, cell))
            reached |= near
            frontier = sorted(near)
        return None

    def _telling(self, cell: int) -> Iterator[int]:
        """Yield the cells of every sum and step that narrows this one."""
        yield from self._by_sums(cell)
        neighbours = self.reader.neighbours
        for step in neighbours.steps_of(cell):
            yield from self._by_step(cell, neighbours.all_steps, int(step))

    def _by_sums(self, cell: int) -> Iterator[int]:
        sums, neighbours = self.reader.sums, self.reader.neighbours
        for own in neighbours.entries_of(cell):
            entries = neighbours.entries_of_sum(int(sums.number[own]))
            cells, is_whole = sums.cell[entries], sums.sign[entries] > 0
            low, high = self.ranges.low[cells], self.ranges.high[cells]
            others = cells != cell
            rest_low = float(np.where(is_whole, low, -high)[others].sum())
            rest_high = float(np.where(is_whole, high, -low)[others].sum())
            number = int(sums.number[own])
            implied = (float(sums.least[number]) - rest_high, float(sums.most[number]) - rest_low)
            if sums.sign[own] < 0:
                implied = (-implied[1], -implied[0])
            if self._narrows(cell, *implied):
                yield from cells.tolist()

    def _by_step(self, cell: int, steps: Steps, step: int) -> Iterator[int]:
        earlier, later = int(steps.earlier[step]), int(steps.later[step])
        low, high = float(steps.low[step]), float(steps.high[step])
        if cell == later:
            other, implied = (
                earlier,
                (self.ranges.low[earlier] + low, self.ranges.high[earlier] + high),
            )
        else:
            other, implied = later, (self.ranges.low[later] - high, self.ranges.high[later] - low)
        if self._narrows(cell, *implied):
            yield other

    def _narrows(self, cell: int, low: float, high: float) -> bool:
        return bool(low > self.known.low[cell] or high < self.known.high[cell])


def _cost(board: Board, cell: int) -> tuple[bool, float, int]:
    count = float(board.truth[cell])
    return (count == 0, count, cell)


@dataclass(frozen=True)
class Neighbours:
    """Entries of sums by cell and by sum, and steps by cell, each sorted with their starts."""

    entries: Ints
    entry_starts: Ints
    entries_by_sum: Ints
    sum_starts: Ints
    all_steps: Steps
    steps: Ints
    step_starts: Ints

    @classmethod
    def of(cls, sums: Sums, steps: Steps, size: int) -> "Neighbours":
        """Return the neighbours of all cells."""
        ends = np.concatenate([steps.earlier, steps.later])
        return cls(
            np.argsort(sums.cell, kind="stable"),
            _starts(sums.cell, size),
            np.argsort(sums.number, kind="stable"),
            _starts(sums.number, sums.least.size),
            steps,
            np.argsort(ends, kind="stable") % max(steps.earlier.size, 1),
            _starts(ends, size),
        )

    def entries_of(self, cell: int) -> Ints:
        """Return the entries of sums that the cell has."""
        return self.entries[self.entry_starts[cell] : self.entry_starts[cell + 1]]

    def entries_of_sum(self, number: int) -> Ints:
        """Return all entries of a sum."""
        return self.entries_by_sum[self.sum_starts[number] : self.sum_starts[number + 1]]

    def steps_of(self, cell: int) -> Ints:
        """Return the steps that the cell is an end of."""
        return self.steps[self.step_starts[cell] : self.step_starts[cell + 1]]


def _starts(numbers: Ints, size: int) -> Ints:
    counts = np.bincount(numbers, minlength=size)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
