"""Observed against expected cases as they are released: from the rounded number observed.

Expected cases are a sum of risks and no count; with them a fine ratio, or the ends of its interval,
would tell the observed count. So ratio and interval are computed again from the rounded count, and
the shrunken ratio moves with it by its reliability: they tell nothing that the rounded count does
not. Limits rest on the expected cases alone.
"""

from dataclasses import dataclass
from typing import Final

from analysis.disclosure.rounding import round_to_step

EXPECTED_STEP: Final = 0.5
RATIO_STEP: Final = 0.01
TAIL: Final = 0.025


@dataclass(frozen=True)
class Standardised:
    """One unit's true figures, and what its observed count is rounded to."""

    observed: float
    rounded: float
    expected: float
    reliability: float

    def released(self, name: str, value: float) -> float:
        """Return the released value of a column of results.case_mix."""
        if name == "expected":
            return round_to_step(value, EXPECTED_STEP)
        moved = {
            "ratio": self.rounded / self.expected,
            "shrunken": value + self.reliability * (self.rounded - self.observed) / self.expected,
            "low": self._cases(self.rounded, 1.0 - TAIL) / self.expected,
            "high": self._cases(self.rounded + 1, TAIL) / self.expected,
        }
        return round_to_step(moved.get(name, value), RATIO_STEP)

    @staticmethod
    def _cases(count: float, above: float) -> float:
        """Return the end of the exact Poisson interval of a count at 95 % (Ulm 1990)."""
        from scipy.special import chdtri

        return float(chdtri(2.0 * count, above)) / 2.0 if count else 0.0
