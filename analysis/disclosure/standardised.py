"""Observed against expected cases as they are released: from the rounded number observed.

Expected cases are a sum of risks and no count; with them a fine ratio, or the ends of its interval,
would tell the observed count. So ratio and interval are computed again from the rounded count, and
the shrunken ratio moves with it by its reliability: they tell nothing that the rounded count does
not. Limits rest on the expected cases alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.disclosure.rounding import round_to_step

EXPECTED_STEP: Final = 0.5
RATIO_STEP: Final = 0.01
TAIL: Final = 0.025


def cases_interval(
    cases: npt.ArrayLike, sizes: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the ends of the exact 95 % interval of so many cases among so many episodes.

    Binomial (Clopper and Pearson 1934), times the size: that of rare cases is near the Poisson one,
    that of common ones narrower. Cases of unequal risks vary less (Hoeffding 1956).
    """
    from scipy.special import betaincinv

    some, all_of = np.asarray(cases, np.float64), np.asarray(sizes, np.float64)
    others = all_of - some
    low = betaincinv(np.maximum(some, 1.0), others + 1.0, TAIL)
    high = betaincinv(some + 1.0, np.maximum(others, 1.0), 1.0 - TAIL)
    return all_of * np.where(some > 0, low, 0.0), all_of * np.where(others > 0, high, 1.0)


@dataclass(frozen=True)
class Standardised:
    """One unit's true figures, and what its cases and its episodes are rounded to."""

    observed: float
    rounded: float
    episodes: float
    expected: float
    reliability: float

    def released(self, name: str, value: float) -> float:
        """Return the released value of a column of results.case_mix."""
        if name == "expected":
            return round_to_step(value, EXPECTED_STEP)
        cases = min(self.rounded, self.episodes)
        low, high = cases_interval(cases, self.episodes)
        moved = {
            "ratio": self.rounded / self.expected,
            "shrunken": value + self.reliability * (self.rounded - self.observed) / self.expected,
            "low": float(low) / self.expected,
            "high": float(high) / self.expected,
        }
        return round_to_step(moved.get(name, value), RATIO_STEP)
