"""Resamples of whole units: how often each unit counts in each resample (Efron 1979)."""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float32]


def unit_counts(units: int, replicates: int, seed: int) -> Counts:
    """Return multinomial counts (units x replicates): units drawn with replacement.

    Every row of a unit counts as often as its unit was drawn, so that copies of a person stay
    apart. The same seed gives the same counts.
    """
    random = np.random.default_rng(seed)
    counts = np.empty((units, replicates), dtype=np.float32)
    for replicate in range(replicates):
        drawn = random.integers(0, units, size=units)
        counts[:, replicate] = np.bincount(drawn, minlength=units)
    return counts
