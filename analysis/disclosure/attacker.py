"""What a reader can work out about a hidden cell by adding and subtracting the shown ones.

A released table is a set of identities `whole = part + part + ...`. Each shown count is known to
within half a rounding base, each hidden one to within its prior range; `deduce` narrows the
ranges until nothing moves any more. This is interval propagation: sound, though a linear program
over all tables can be sharper.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Cell = Hashable
Range = tuple[int, int]
UNBOUNDED: Final = 10**9
# Fewer possible values than this, and a guess in the middle is within two of the truth.
SMALLEST_CHOICE: Final = 6


@dataclass(frozen=True)
class Identity:
    """`whole` equals the sum of `parts` plus `excess` (0 unless the true counts do not add up)."""

    whole: Cell
    parts: tuple[Cell, ...]
    excess: int = 0

    def cells(self) -> tuple[Cell, ...]:
        """Return the whole and its parts."""
        return (self.whole, *self.parts)


def deduce(known: dict[Cell, Range], identities: Iterable[Identity]) -> dict[Cell, Range]:
    """Return the ranges of all cells after every identity was used until none narrows further."""
    ranges = dict(known)
    waiting = list(identities)
    for _ in range(12):
        waiting = [identity for identity in waiting if _narrow(ranges, identity)]
        if not waiting:
            break
    return ranges


def _narrow(ranges: dict[Cell, Range], identity: Identity) -> bool:
    low = sum(ranges[part][0] for part in identity.parts) + identity.excess
    high = sum(ranges[part][1] for part in identity.parts) + identity.excess
    whole_low, whole_high = ranges[identity.whole]
    moved = _meet(ranges, identity.whole, (low, high))
    for part in identity.parts:
        part_low, part_high = ranges[part]
        implied = (whole_low - (high - part_high), whole_high - (low - part_low))
        moved = _meet(ranges, part, implied) or moved
    return moved


def _meet(ranges: dict[Cell, Range], cell: Cell, implied: Range) -> bool:
    low, high = ranges[cell]
    met = (max(low, implied[0]), min(high, implied[1]))
    if met == (low, high):
        return False
    ranges[cell] = met
    return True


def exposed(ranges: dict[Cell, Range], cells: Sequence[Cell]) -> list[Cell]:
    """Return those `cells` for which fewer than six values remain possible."""
    return [cell for cell in cells if ranges[cell][1] - ranges[cell][0] + 1 < SMALLEST_CHOICE]
