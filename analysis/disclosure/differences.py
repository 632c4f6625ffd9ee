"""What moved between an earlier release and a later one, as cells that can be worked out too.

A count that was shown before and is shown now tells by how much it moved; a move of one to ten is
a figure about as many people. Each such difference is a cell of its own: what is now, is what was
and what moved, and where counts add up, so do their differences.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.disclosure.attacker import UNBOUNDED, Flags, Floats, Ints, Ranges, Sums
from analysis.disclosure.board import Board
from analysis.disclosure.sheet import Limits

LARGEST_SECRET_MOVE: Final = 10


@dataclass(frozen=True)
class Differences:
    """The differences of cells that both releases have; all arrays go by difference.

    `now` numbers the cells of the later board, `before` those of the earlier; `known` is what is
    known of a difference by itself, and narrower as long as the cell is shown: where it `is_kept`,
    or `turned` to another value within a quarter (1 upwards, -1 downwards, 0 not so).
    """

    now: Ints
    before: Ints
    truth: Floats
    known: Ranges
    is_kept: Flags
    turned: Floats
    kept_within: float

    @property
    def size(self) -> int:
        """Return the number of differences."""
        return self.now.size

    def ranges(self, shown: Flags) -> Ranges:
        """Return what is known of the differences; `shown` is of the later board's cells."""
        stays = self.is_kept & shown[self.now]
        reach = np.where(stays, self.kept_within, UNBOUNDED)
        turned = self.turned * shown[self.now]
        low, high = np.where(turned > 0, 1.0, -reach), np.where(turned < 0, -1.0, reach)
        return Ranges(np.maximum(self.known.low, low), np.minimum(self.known.high, high))


def differences_of(
    board: Board,
    earlier: Board,
    before: Ints,
    anchors: Ints,
    offset: int,
    *,
    changed: Flags | None,
    limits: Limits,
) -> Differences:
    """Return what moved since an earlier release, of the counts that both releases have.

    `before` gives for every cell its number in the earlier board, whose cells begin at `offset`;
    `anchors` in which cell of all releases it was last decided. `changed` flags the cells that were
    decided anew within a quarter, where the earlier release is the one before.
    """
    known = np.flatnonzero(before >= 0)
    now = known[~(board.is_absent[known] | earlier.is_absent[before[known]])]
    then = before[now]
    truth = board.truth[now] - earlier.truth[then]
    grows = board.growing()[now] & (truth >= 0)
    stays = anchors[now] < offset + earlier.size
    turned = np.zeros(now.size) if changed is None else np.sign(truth) * changed[now]
    return Differences(
        now,
        then,
        truth,
        Ranges(np.where(grows, 0.0, -UNBOUNDED), np.full(now.size, UNBOUNDED)),
        stays & (grows | (anchors[now] == then + offset)),
        turned,
        float(limits.moved_enough - 1),
    )


def secret_moves(differences: Differences, board: Board, earlier: Board) -> Flags:
    """Say which differences are figures about one to ten people, between two shown counts."""
    both = board.shown()[differences.now] & earlier.shown()[differences.before]
    flags: Flags = both & (differences.truth >= 1) & (differences.truth <= LARGEST_SECRET_MOVE)
    return flags


def sums_of_differences(
    differences: Differences, board: Board, newest: Sums, offsets: tuple[int, int, int]
) -> tuple[Sums, Sums]:
    """Return the sums that hold among differences: with their counts, and with one another.

    `newest` holds the sums of the later board, by its own cells; `offsets` are the numbers of the
    first cell of the earlier release, of the later one, and of the first difference.
    """
    of_before, of_now, first = offsets
    order = np.arange(differences.size, dtype=np.int64)
    nothing = np.zeros(differences.size)
    cells = (differences.now + of_now, differences.before + of_before, order + first)
    is_what_was_and_what_moved = Sums(
        np.tile(order, 3),
        np.concatenate(cells),
        np.repeat([1.0, -1.0, -1.0], differences.size),
        nothing,
        nothing,
    )
    return is_what_was_and_what_moved, _moved_sums(differences, board, newest, (of_now, first))


def _moved_sums(
    differences: Differences, board: Board, newest: Sums, offsets: tuple[int, int]
) -> Sums:
    """Return that differences add up as their counts do; a new part moved by all that it is."""
    of_now, first = offsets
    place = np.full(board.size, -1, dtype=np.int64)
    place[differences.now] = np.arange(differences.size)
    moved = board.truth.copy()
    moved[differences.now] = differences.truth
    own = newest.cell
    is_used = newest.least == newest.most
    # A whole without a past has not moved.
    is_used[newest.number[(place[own] < 0) & (newest.sign > 0)]] = False
    kept = is_used[newest.number]
    numbers, number = np.unique(newest.number[kept], return_inverse=True)
    own, sign = own[kept], newest.sign[kept]
    cell = np.where(place[own] < 0, own + of_now, place[own] + first)
    added = np.bincount(number, sign * moved[own], minlength=numbers.size)
    excess: Floats = np.round(added).astype(float)
    return Sums(number.astype(np.int64), cell, sign, excess, excess)
