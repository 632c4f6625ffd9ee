"""Names for the kinds of array that this package hands around, and codes for groups of rows."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# A table of codes may be this many times longer than what it codes before sorting is cheaper.
LARGEST_TABLE_SHARE = 4


def group_codes(names: npt.NDArray[np.generic]) -> tuple[IntArray, int]:
    """Return a code from 0 for every row (n,) in the order of the names, and how many there are."""
    if np.issubdtype(names.dtype, np.integer) and names.size:
        lowest, highest = int(names.min()), int(names.max())
        if highest - lowest < LARGEST_TABLE_SHARE * names.size:
            place = (names - lowest).astype(np.int64)
            is_used = np.bincount(place) > 0
            table = np.cumsum(is_used) - 1
            return table[place], int(table[-1]) + 1
    found, codes = np.unique(names, return_inverse=True)
    return codes.astype(np.int64), found.size
