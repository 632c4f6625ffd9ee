"""Design matrices from frames: stable columns, levels in sorted order, missing values marked.

A design is a tuple of terms. Every term reads one column of a frame and gives one or more columns
of numbers; what carries no information in these data (one level only, constant numbers) is
dropped, so that a constant covariate is harmless and never a singular matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

import numpy as np
import polars as pl

from analysis.emulation.arrays import FloatArray

OTHER_LEVELS: Final = "other levels"
UNKNOWN_LEVEL: Final = "unknown"
INTERCEPT: Final = "intercept"
BLOCK_ROWS: Final = 2048


@dataclass(frozen=True)
class Columns:
    """Columns of a design that a term gives: names, values (rows x columns), origin and unit.

    A number x enters as (x - center) / scale, so that one ridge precision suits every column.
    """

    names: tuple[str, ...]
    values: FloatArray
    centers: tuple[float, ...]
    scales: tuple[float, ...]


class Term(Protocol):
    """Whatever turns a frame into columns of a design."""

    def columns(self, rows: pl.DataFrame) -> Columns:
        """Return the columns of the term for these rows."""
        ...


@dataclass(frozen=True)
class Category:
    """One indicator for each level but the commonest; nulls are the level `unknown`.

    Levels with fewer than `smallest_count` rows are pooled into `other levels`.
    """

    column: str
    smallest_count: int = 0

    def columns(self, rows: pl.DataFrame) -> Columns:
        """Return a column of zeros and ones for each level but the commonest, in sorted order."""
        levels = pooled_levels(rows[self.column], self.smallest_count)
        names = level_names(levels)
        indicators = [(levels == name).to_numpy().astype(np.float64) for name in names]
        commonest = int(np.argmax([np.sum(column) for column in indicators])) if names else 0
        kept = [j for j in range(len(names)) if j != commonest]
        labels = [f"{self.column}={names[j]}" for j in kept]
        return _plain(labels, [indicators[j] for j in kept], rows.height)


@dataclass(frozen=True)
class Quantity:
    """A number and its powers up to `degree`; a null counts as the mean and is marked apart."""

    column: str
    degree: int = 1

    def columns(self, rows: pl.DataFrame) -> Columns:
        """Return centred and scaled powers, then an indicator of nulls where there are any."""
        given = rows[self.column].cast(pl.Float64).fill_nan(None)
        is_missing = given.is_null().to_numpy()
        known = given.fill_null(0.0).to_numpy()
        names, values, centers, scales = [], [], [], []
        for power in range(1, self.degree + 1):
            raised = known**power
            center, scale = _origin(raised[~is_missing])
            if scale == 0.0:
                continue
            names.append(self.column if power == 1 else f"{self.column}^{power}")
            values.append(np.where(is_missing, 0.0, (raised - center) / scale))
            centers.append(center)
            scales.append(scale)
        if is_missing.any() and not is_missing.all():
            names.append(f"{self.column} missing")
            values.append(is_missing.astype(np.float64))
            centers.append(0.0)
            scales.append(1.0)
        return Columns(tuple(names), _stacked(values, rows.height), tuple(centers), tuple(scales))


@dataclass(frozen=True)
class Interaction:
    """Every column of one term times every column of another."""

    left: Term
    right: Term

    def columns(self, rows: pl.DataFrame) -> Columns:
        """Return the products of columns, the right term's varying fastest."""
        left, right = self.left.columns(rows), self.right.columns(rows)
        names, values = [], []
        for i, left_name in enumerate(left.names):
            for j, right_name in enumerate(right.names):
                names.append(f"{left_name} x {right_name}")
                values.append(left.values[:, i] * right.values[:, j])
        return _plain(names, values, rows.height)


@dataclass(frozen=True)
class Design:
    """A design matrix: `values` (rows x columns), the intercept first, and what a column means."""

    names: tuple[str, ...]
    values: FloatArray
    centers: FloatArray
    scales: FloatArray

    def on_original_scale(self, coefficients: FloatArray) -> FloatArray:
        """Return coefficients for uncentred, unscaled columns; same linear predictor."""
        original = coefficients / self.scales
        original[0] -= float(np.sum(original[1:] * self.centers[1:]))
        return original


def design_matrix(rows: pl.DataFrame, terms: Sequence[Term]) -> Design:
    """Return the design of the terms for these rows, without columns that are constant.

    Rows keep their order. Columns that repeat an earlier one exactly are dropped as well.
    """
    parts = [term.columns(rows) for term in terms]
    names = [name for part in parts for name in part.names]
    centers = [center for part in parts for center in part.centers]
    scales = [scale for part in parts for scale in part.scales]
    columns = [part.values[:, j] for part in parts for j in range(part.values.shape[1])]
    kept = [j for j, column in enumerate(columns) if _varies(column)]
    kept = _without_repeats(columns, kept)
    intercept = np.ones(rows.height)
    return Design(
        (INTERCEPT, *(names[j] for j in kept)),
        _by_rows([intercept, *(columns[j] for j in kept)], rows.height),
        np.array([0.0, *(centers[j] for j in kept)]),
        np.array([1.0, *(scales[j] for j in kept)]),
    )


def pooled_levels(column: pl.Series, smallest_count: int) -> pl.Series:
    """Return the column as text with nulls named and rare levels pooled."""
    text = column.cast(pl.String).fill_null(UNKNOWN_LEVEL)
    counts = text.value_counts()
    rare = counts.filter(pl.col("count") < smallest_count)[text.name]
    if rare.is_empty():
        return text
    return text.to_frame().select(
        pl.when(pl.col(text.name).is_in(rare.to_list()))
        .then(pl.lit(OTHER_LEVELS))
        .otherwise(pl.col(text.name))
        .alias(text.name)
    )[text.name]


def level_names(levels: pl.Series) -> list[str]:
    """Return the levels in sorted order."""
    return [str(name) for name in levels.unique().sort().to_list()]


def _plain(names: Sequence[str], values: Sequence[FloatArray], height: int) -> Columns:
    width = len(names)
    return Columns(tuple(names), _stacked(values, height), (0.0,) * width, (1.0,) * width)


def _stacked(values: Sequence[FloatArray], height: int) -> FloatArray:
    """Return the columns side by side, each of them contiguous."""
    stacked = np.empty((height, len(values)), order="F")
    for j, column in enumerate(values):
        stacked[:, j] = column
    return stacked


def _by_rows(values: Sequence[FloatArray], height: int) -> FloatArray:
    """Return the columns side by side, each row contiguous; a block of rows at a time is quick."""
    stacked = np.empty((height, len(values)))
    for first in range(0, height, BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        stacked[rows] = np.array([column[rows] for column in values]).T
    return stacked


def _origin(known: FloatArray) -> tuple[float, float]:
    if known.size == 0 or float(known.min()) == float(known.max()):
        return 0.0, 0.0
    return float(np.mean(known)), float(np.std(known))


def _varies(column: FloatArray) -> bool:
    return column.size > 0 and float(column.min()) < float(column.max())


def _without_repeats(columns: Sequence[FloatArray], kept: Sequence[int]) -> list[int]:
    seen: set[bytes] = set()
    unique = []
    for j in kept:
        content = blake2b(np.ascontiguousarray(columns[j]).data).digest()
        if content not in seen:
            seen.add(content)
            unique.append(j)
    return unique
