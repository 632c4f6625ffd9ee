"""What a reader can work out about a hidden cell by adding and subtracting the shown ones.

Everything released is one system: cells, sums that hold among them, and steps between two of them,
such as a count that only grows from one release to the next. Each shown count is known to within
half a rounding base, each hidden one to within its prior range; `deduce` narrows the ranges until
nothing moves any more. This is interval propagation: sound, though a linear program over the same
system can be sharper (tests/disclosure/test_attacker.py holds the gate to one).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNBOUNDED: Final = 1e9
# With five possible values or fewer a guess in the middle is within two of the truth. A linear
# program is sharper than the propagation of intervals, by two values where both were tried.
SMALLEST_CHOICE: Final = 8
MOST_SWEEPS: Final = 100


@dataclass(frozen=True)
class Sums:
    """Sums that hold among cells: what their signed cells add up to is known, or at least is.

    `number`, `cell` and `sign` go by entry and have one length; `number` counts sums from 0, and
    `sign` is 1 for the whole and -1 for its parts. `least` and `most` go by sum: the whole exceeds
    its parts by no less and no more.
    """

    number: Ints
    cell: Ints
    sign: Floats
    least: Floats
    most: Floats


@dataclass(frozen=True)
class Steps:
    """Differences that hold between two cells each: low <= later - earlier <= high."""

    earlier: Ints
    later: Ints
    low: Floats
    high: Floats


NO_STEPS: Final = Steps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Ranges:
    """The least and the greatest value that every cell may have."""

    low: Floats
    high: Floats

    def exposed(self) -> Flags:
        """Say for every cell whether fewer values than the smallest choice remain possible."""
        flags: Flags = self.high - self.low + 1 < SMALLEST_CHOICE
        return flags


def deduce(known: Ranges, sums: Sums, steps: Steps = NO_STEPS) -> Ranges:
    """Return the ranges of all cells after every sum and step was used until none narrows."""
    low, high = known.low.copy(), known.high.copy()
    moved = np.ones(low.size, dtype=bool)
    for _ in range(MOST_SWEEPS):
        former_low, former_high = low.copy(), high.copy()
        _use_sums(low, high, sums, moved)
        _use_steps(low, high, steps, moved)
        moved = (low > former_low) | (high < former_high)
        if not moved.any():
            break
    return Ranges(low, high)


def _use_sums(low: Floats, high: Floats, sums: Sums, moved: Flags) -> None:
    touched = np.zeros(sums.least.size, dtype=bool)
    touched[sums.number[moved[sums.cell]]] = True
    entries = np.flatnonzero(touched[sums.number])
    if entries.size == 0:
        return
    cell, sign = sums.cell[entries], sums.sign[entries]
    implied_low, implied_high = _implied(low, high, sums, entries)
    is_whole = sign > 0
    np.maximum.at(low, cell, np.where(is_whole, implied_low, -implied_high))
    np.minimum.at(high, cell, np.where(is_whole, implied_high, -implied_low))


def _implied(low: Floats, high: Floats, sums: Sums, entries: Ints) -> tuple[Floats, Floats]:
    """Return what the others of its sum leave of each signed cell; a part's is its negative's."""
    number, cell, sign = sums.number[entries], sums.cell[entries], sums.sign[entries]
    is_whole = sign > 0
    signed_low = np.where(is_whole, low[cell], -high[cell])
    signed_high = np.where(is_whole, high[cell], -low[cell])
    all_low = np.bincount(number, signed_low, minlength=sums.least.size)
    all_high = np.bincount(number, signed_high, minlength=sums.least.size)
    least, most = sums.least[number], sums.most[number]
    return least - (all_high[number] - signed_high), most - (all_low[number] - signed_low)


def _use_steps(low: Floats, high: Floats, steps: Steps, moved: Flags) -> None:
    used = np.flatnonzero(moved[steps.earlier] | moved[steps.later])
    if used.size == 0:
        return
    earlier, later = steps.earlier[used], steps.later[used]
    np.maximum.at(low, later, low[earlier] + steps.low[used])
    np.minimum.at(high, later, high[earlier] + steps.high[used])
    np.maximum.at(low, earlier, low[later] - steps.high[used])
    np.minimum.at(high, earlier, high[later] - steps.low[used])
