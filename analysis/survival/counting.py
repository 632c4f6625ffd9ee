"""Counting-process rows (entry, exit]: who was watched from when until when, and what ended it.

A row is at risk at time t when entry < t <= exit (Andersen and Gill 1982). One person may have many
rows: covariates then change in time, and events may recur.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray, IntArray, group_codes


@dataclass(frozen=True)
class CountingRows:
    """Rows of one or several strata, all arrays (rows,).

    entry, exit : times, entry < exit. is_event : whether the row ends with the event.
    strata : code of the baseline hazard that a row follows. weights : how often a row counts.
    clusters : code of the independent unit that a row belongs to, or None.
    """

    entry: FloatArray
    exit: FloatArray
    is_event: BoolArray
    strata: IntArray
    weights: FloatArray
    clusters: IntArray | None


def counting_rows(
    entry: npt.ArrayLike,
    exit_: npt.ArrayLike,
    is_event: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> CountingRows:
    """Return the rows as arrays; raise ValueError where they cannot be a follow-up.

    `entry` may be one number for all. Strata and clusters may be of any kind that can be sorted.
    """
    ends = np.asarray(exit_, dtype=np.float64)
    rows = CountingRows(
        entry=np.broadcast_to(np.asarray(entry, dtype=np.float64), ends.shape),
        exit=ends,
        is_event=np.asarray(is_event, dtype=np.bool_),
        strata=_codes(strata, ends.size),
        weights=np.ones(ends.size) if weights is None else np.asarray(weights, dtype=np.float64),
        clusters=None if clusters is None else _codes(clusters, ends.size),
    )
    _check(rows)
    return rows


def _codes(names: npt.ArrayLike | None, size: int) -> IntArray:
    if names is None:
        return np.zeros(size, dtype=np.int64)
    return group_codes(np.asarray(names))[0]


def _check(rows: CountingRows) -> None:
    shape = rows.exit.shape
    others = (rows.is_event, rows.strata, rows.weights)
    if len(shape) != 1 or any(column.shape != shape for column in others):
        raise ValueError(f"every column needs one value a row; exit has shape {shape}")
    if rows.clusters is not None and rows.clusters.shape != shape:
        raise ValueError(f"clusters have shape {rows.clusters.shape}, rows {shape}")
    ends_late = rows.entry < rows.exit
    if not np.all(ends_late):
        first = int(np.argmin(ends_late))
        raise ValueError(
            f"row {first} goes from {rows.entry[first]:g} to {rows.exit[first]:g}; "
            "a row must end after it begins, and both times must be known"
        )
    if not (np.all(np.isfinite(rows.weights)) and np.all(rows.weights >= 0)):
        raise ValueError("every weight must be a finite number, zero or more")
