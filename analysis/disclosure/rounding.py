"""How coarse a released number is, so that no small count can be computed back from it."""

import math
import re
from decimal import Decimal
from typing import Final

# Steps that a reader recognises: 1, 2 and 5 and their powers of ten.
_STEP_DIGITS: Final = (1, 2, 5)
_DECIMAL: Final = re.compile(r"-?\d+\.\d+(?:[eE][-+]?\d+)?|-?\d+[eE][-+]?\d+")


def round_count(count: float, base: int) -> int:
    """Return the nearest multiple of `base`; a half goes up."""
    return base * math.floor(count / base + 0.5)


def is_small(count: float, smallest_count: int, base: int) -> bool:
    """Say whether a count must be hidden.

    Counts from 1 to `smallest_count - 1` are, and so is the next one or two that rounding would
    bring back below `smallest_count`: a shown count is never a number that the rule hides.
    """
    if count == 0:
        return False
    return abs(count) < smallest_count or round_count(abs(count), base) < smallest_count


def largest_small_count(smallest_count: int, base: int) -> int:
    """Return the largest whole number that `is_small` hides."""
    count = smallest_count - 1
    while is_small(count + 1, smallest_count, base):
        count += 1
    return count


def step_at_least(width: float) -> float:
    """Return the smallest of ..., 0.01, 0.02, 0.05, 0.1, ... that is not below `width` (> 0)."""
    power = 10.0 ** math.floor(math.log10(width))
    for digit in (*_STEP_DIGITS, 10):
        if digit * power >= width * (1 - 1e-9):
            return float(Decimal(f"{digit * power:.12g}"))
    raise AssertionError("a power of ten is within reach of every positive width")


def round_to_step(value: float, step: float) -> float:
    """Return the multiple of `step` nearest to `value`, without a binary tail."""
    return _multiple(math.floor(value / step + 0.5), step)


def round_down(value: float, step: float) -> float:
    """Return the largest multiple of `step` that is not above `value`."""
    return _multiple(math.floor(value / step + 1e-9), step)


def round_up(value: float, step: float) -> float:
    """Return the smallest multiple of `step` that is not below `value`."""
    return _multiple(math.ceil(value / step - 1e-9), step)


def _multiple(times: int, step: float) -> float:
    return float(times * Decimal(repr(step)))


def scrub(words: str, digits: int = 3) -> str:
    """Return `words` with every decimal number cut to so many significant digits.

    Whole digits before the point are kept, so that 365.2 becomes 365.
    """
    return _DECIMAL.sub(lambda found: _cut(found.group(), digits), words)


def _cut(text: str, digits: int) -> str:
    number = Decimal(text)
    whole_digits = max(0, number.adjusted() + 1)
    if whole_digits >= digits:
        return f"{number:.0f}"
    shown = f"{number:.{digits - 1 - number.adjusted()}f}"
    return text if len(shown) >= len(text) else shown
