"""Names for the kinds of array that this package hands around, and day numbers that never come."""

from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CoarseArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

# Later than any day of follow-up; small enough that adding days to it cannot overflow.
NEVER: Final = 2**40


def segment_starts(sorted_keys: IntArray) -> IntArray:
    """Return the positions at which a sorted key takes a new value."""
    if sorted_keys.size == 0:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]]).astype(np.int64)
