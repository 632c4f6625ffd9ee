"""P-values of a family of hypotheses, adjusted for how many were asked.

Holm (1979) holds the chance of any false rejection; Benjamini and Hochberg (1995) the expected
share of false ones among the rejected. A p that is NaN belongs to a hypothesis that could not be
tested: it stays NaN, and counts in the family only through `planned`.
"""

import numpy as np
import numpy.typing as npt

from analysis.emulation.arrays import FloatArray, IntArray


def holm(p_values: npt.ArrayLike, planned: int | None = None) -> FloatArray:
    """Return Holm's adjusted p of each hypothesis, in the order given.

    `planned` is the size of the family, where more hypotheses were planned than tested.
    """
    p, tested, family = _family(p_values, planned)
    steps = p[tested] * (family - np.arange(len(tested)))
    return _placed(p, tested, np.maximum.accumulate(steps))


def benjamini_hochberg(p_values: npt.ArrayLike, planned: int | None = None) -> FloatArray:
    """Return the adjusted p of each hypothesis for the false discovery rate, in the order given.

    `planned` is the size of the family, where more hypotheses were planned than tested.
    """
    p, tested, family = _family(p_values, planned)
    steps = p[tested] * family / (1.0 + np.arange(len(tested)))
    return _placed(p, tested, np.minimum.accumulate(steps[::-1])[::-1])


def _family(p_values: npt.ArrayLike, planned: int | None) -> tuple[FloatArray, IntArray, int]:
    """Return the p-values, the positions of those tested from the smallest on, and how many."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    if np.any((p[known] < 0.0) | (p[known] > 1.0)):
        raise ValueError("A p-value lies between 0 and 1.")
    family = len(known) if planned is None else planned
    if family < len(known):
        raise ValueError(f"{len(known)} hypotheses were tested, more than the {family} planned.")
    tested = known[np.argsort(p[known], kind="stable")].astype(np.int64)
    return p, tested, family


def _placed(p: FloatArray, tested: IntArray, adjusted: FloatArray) -> FloatArray:
    placed = np.full(len(p), np.nan)
    placed[tested] = np.minimum(adjusted, 1.0)
    return placed
