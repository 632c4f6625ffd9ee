"""Cross-products of the values of each group: all that a linear model of them needs.

Groups (lines of an episode) lie in clusters (patients) and, where there are any, in outer groups
(clinics). The first term of a model is its intercept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SMALLEST_INDEPENDENT_SHARE: Final = 1e-9


class NotEstimableError(ValueError):
    """These values cannot carry the model; the message says why in words for the reader."""


@dataclass(frozen=True)
class GroupSums:
    """Cross-products of the columns [terms, value] of each group.

    products : shape (k (k + 1) / 2, groups), the upper triangle of [X y]'[X y], row by row,
        with k = terms + 1.
    clusters : shape (groups,): groups of one cluster may depend on one another.
    values : number of values over all groups.
    outer : shape (groups,), sorted, or None: the outer group that each group lies in.
    """

    products: FloatArray
    clusters: IntArray
    values: int
    outer: IntArray | None = None

    @property
    def groups(self) -> int:
        """Return the number of groups."""
        return int(self.products.shape[1])

    @property
    def columns(self) -> int:
        """Return the number of columns: the terms and the value."""
        return int((np.sqrt(8 * self.products.shape[0] + 1) - 1) // 2)

    @property
    def outer_starts(self) -> IntArray:
        """Return where each outer group begins, shape (outer groups,)."""
        if self.outer is None:
            raise ValueError("These groups lie in no outer groups.")
        return np.flatnonzero(np.r_[True, self.outer[1:] != self.outer[:-1]]).astype(np.int64)

    def total(self) -> FloatArray:
        """Return [X y]'[X y] over all groups, shape (columns, columns)."""
        return unpacked(self.products.sum(axis=1), self.columns)

    def only(self, terms: list[int]) -> "GroupSums":
        """Return the sums of these terms and the value."""
        size = self.columns
        place = np.zeros((size, size), dtype=np.int64)
        place[np.triu_indices(size)] = np.arange(self.products.shape[0])
        kept = [*terms, size - 1]
        rows = place[np.ix_(kept, kept)][np.triu_indices(len(kept))]
        return replace(self, products=self.products[rows])

    def some(self, groups: slice | npt.NDArray[np.bool_]) -> "GroupSums":
        """Return the sums of these groups; the first term must be the intercept."""
        products = np.ascontiguousarray(self.products[:, groups])
        outer = None if self.outer is None else self.outer[groups]
        return GroupSums(products, self.clusters[groups], round(products[0].sum()), outer)

    def without_outer(self) -> "GroupSums":
        """Return the same sums of groups that lie in no outer group."""
        return replace(self, outer=None)


def group_sums(
    terms: FloatArray,
    values: FloatArray,
    groups: IntArray,
    clusters: IntArray | None = None,
    outer: IntArray | None = None,
) -> GroupSums:
    """Return the cross-products of each group.

    `terms` has shape (values, terms). `outer`, `clusters` (by default the groups themselves) and
    `groups` name where each value belongs and must be sorted in this order, so that the sums, and
    everything computed from them, do not depend on the order of the rows where they came from.
    """
    clusters = groups if clusters is None else clusters
    keys = [clusters, groups] if outer is None else [outer, clusters, groups]
    starts = _starts(keys)
    columns = [*terms.T, values]
    products = np.empty((len(columns) * (len(columns) + 1) // 2, starts.size))
    for place, (left, right) in enumerate(upper_triangle(len(columns))):
        products[place] = np.add.reduceat(columns[left] * columns[right], starts)
    own = None if outer is None else outer[starts]
    return GroupSums(products, clusters[starts], int(values.size), own)


def _starts(keys: list[IntArray]) -> npt.NDArray[np.intp]:
    """Return where each group begins."""
    same = np.ones(keys[0].size - 1, dtype=np.bool_)
    for key in keys:
        if np.any(same & (key[1:] < key[:-1])):
            raise ValueError("The values must be sorted by outer group, cluster and group.")
        same &= key[1:] == key[:-1]
    return np.flatnonzero(np.r_[True, ~same])


def independent_terms(sums: GroupSums) -> list[int]:
    """Return the terms that are no linear combination of the terms before them."""
    total = sums.total()[:-1, :-1]
    scale = np.sqrt(np.diag(total))
    kept: list[int] = []
    for term in range(total.shape[0]):
        if scale[term] == 0:
            continue
        gram = total[np.ix_(kept, kept)] / np.outer(scale[kept], scale[kept])
        cross = total[kept, term] / (scale[kept] * scale[term])
        unexplained = 1 - cross @ np.linalg.solve(gram, cross) if kept else 1.0
        if unexplained > SMALLEST_INDEPENDENT_SHARE:
            kept.append(term)
    return kept


def mapped(sums: GroupSums, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left' [X y]'[X y] right of every group, groups last."""
    size = sums.columns
    basis = np.array([unpacked(row, size) for row in np.eye(sums.products.shape[0])])
    rows = np.einsum("ja,mjk,kb->abm", left, basis, right)
    mapped = rows.reshape(-1, basis.shape[0]) @ sums.products
    return np.ascontiguousarray(mapped.reshape(left.shape[1], right.shape[1], sums.groups))


def upper_triangle(size: int) -> Iterator[tuple[int, int]]:
    """Yield rows and columns of the upper triangle, row by row."""
    for row in range(size):
        for column in range(row, size):
            yield row, column


def unpacked(packed: FloatArray, size: int) -> FloatArray:
    """Return the symmetric matrix whose upper triangle is given."""
    full = np.empty((size, size))
    for place, (row, column) in enumerate(upper_triangle(size)):
        full[row, column] = full[column, row] = packed[place]
    return full


def symmetric(matrix: FloatArray) -> FloatArray:
    """Return the matrix without the last bits in which it differs from its transpose."""
    symmetric: FloatArray = (matrix + matrix.T) / 2
    return symmetric
