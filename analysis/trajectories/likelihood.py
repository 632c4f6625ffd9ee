"""The profiled likelihood of a linear mixed model, from cross-products of its groups.

The model is y = X b + Z u + 1 a + e with u ~ N(0, D) for each group, a ~ N(0, t2) for each outer
group, e ~ N(0, s2), and Z = X C: every random term is a combination of fixed terms. Then X'X, X'y
and y'y of each group hold all that the likelihood needs, and one evaluation costs the same however
many values a group has. It is profiled over b and s2 as in Bates, Maechler, Bolker and Walker
(2015), with D = s2 L L', L a lower triangle, and t2 = s2 r^2. An outer group adds one random number
on the intercept, so that its inverse is that of its groups and a matrix of rank one (Woodbury).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    IntArray,
    NotEstimableError,
    mapped,
    symmetric,
)

BoolArray = npt.NDArray[np.bool_]

GROUPS_PER_BLOCK: Final = 8192
SMALLEST_RESIDUAL_SHARE: Final = 1e-12


@dataclass(frozen=True)
class Problem:
    """The model with every column scaled to size one and the values' least-squares fit removed.

    total : (k, k). random : C, (terms, q). cross : Z'[X y], (q, k, groups). gram : Z'Z,
    (q, q, groups). outer : (groups,), the number of each group's outer group; empty without any.
    term_scale, random_scale, value_scale lead back to the units; least_squares is what was
    removed; weight is the power of the residual sum in the likelihood.
    """

    total: FloatArray
    random: FloatArray
    cross: FloatArray
    gram: FloatArray
    outer: IntArray
    term_scale: FloatArray
    random_scale: FloatArray
    value_scale: float
    least_squares: FloatArray
    values: int
    restricted: bool

    @property
    def terms(self) -> int:
        """Return the number of fixed terms."""
        return int(self.random.shape[0])

    @property
    def random_terms(self) -> int:
        """Return the number of random terms of a group."""
        return int(self.random.shape[1])

    @property
    def outer_groups(self) -> int:
        """Return the number of outer groups."""
        return int(self.outer[-1]) + 1 if self.outer.size else 0

    @property
    def weight(self) -> int:
        """Return the power of the residual sum in the likelihood."""
        return self.values - self.terms if self.restricted else self.values

    def factor(self, theta: FloatArray) -> FloatArray:
        """Return L, shape (q, q)."""
        factor = np.zeros((self.random_terms, self.random_terms))
        factor[np.tril_indices(self.random_terms)] = theta[: theta.size - bool(self.outer_groups)]
        return factor

    def outer_ratio(self, theta: FloatArray) -> float:
        """Return t2 / s2."""
        return float(theta[-1]) ** 2 if self.outer_groups else 0.0

    def is_diagonal(self) -> BoolArray:
        """Return for each entry of theta whether it is a root of a variance, so never below 0."""
        rows, columns = np.tril_indices(self.random_terms)
        outer = np.ones(1 if self.outer_groups else 0, dtype=np.bool_)
        return np.concatenate([rows == columns, outer])

    def blocks(self) -> Iterator[tuple[FloatArray, FloatArray, slice]]:
        """Yield cross, gram and place of some groups after others."""
        for start in range(0, self.gram.shape[2], GROUPS_PER_BLOCK):
            block = slice(start, start + GROUPS_PER_BLOCK)
            yield self.cross[:, :, block], self.gram[:, :, block], block


@dataclass(frozen=True)
class Profile:
    """The likelihood at one theta: coefficients and residual sum that are best there.

    slope is the deviance's derivative with respect to L L', outer_slope that with respect to
    t2 / s2, gradient with respect to theta. heights is 1'V^-1[X y] of every outer group,
    (k, outer groups), where V leaves the outer groups' own numbers out.
    """

    deviance: float
    slope: FloatArray
    outer_slope: float
    gradient: FloatArray
    coefficients: FloatArray
    information: FloatArray
    residual_sum: float
    heights: FloatArray


@dataclass(frozen=True)
class _Sums:
    """Sums over groups, with U = [X y], V = I + Z L L' Z' and T = Z'V^-1 U.

    log_determinant : log |V|. whitened : U'V^-1 U. left : sum of T[a, u] T[b, v], (q, q, k, k).
    heights : 1'V^-1 U by outer group, (k, outer). tied : sum of T[a, 0] T[b, u] by outer group,
    (q, q, k, outer).
    """

    log_determinant: float
    whitened: FloatArray
    left: FloatArray
    heights: FloatArray
    tied: FloatArray


def scaled_problem(sums: GroupSums, random_terms: FloatArray, *, restricted: bool) -> Problem:
    """Return the model to fit; raise `NotEstimableError` where nothing is left to vary."""
    total, size = sums.total(), sums.values
    terms = total.shape[0] - 1
    if size <= terms + 1 or sums.groups < 2:
        raise NotEstimableError("fewer values or patients than the model has terms")
    scale = np.sqrt(np.diag(total)[:-1] / size)
    scaled = total / np.outer(np.r_[scale, 1.0], np.r_[scale, 1.0])
    least_squares = np.linalg.solve(scaled[:-1, :-1], scaled[:-1, -1])
    residual_sum = scaled[-1, -1] - least_squares @ scaled[:-1, -1]
    if residual_sum <= SMALLEST_RESIDUAL_SHARE * scaled[-1, -1]:
        raise NotEstimableError("the values show no variation beyond the stages' slopes")
    value_scale = float(np.sqrt(residual_sum / size))
    to_scaled = np.diag(np.r_[1 / scale, 1 / value_scale])
    to_scaled[:-1, -1] = -least_squares / scale / value_scale
    random_scale = np.sqrt(
        np.einsum("ja,jk,ka->a", random_terms, total[:-1, :-1], random_terms) / size
    )
    selection = np.vstack([random_terms / random_scale, np.zeros(random_terms.shape[1])])
    return Problem(
        total=symmetric(to_scaled.T @ total @ to_scaled),
        random=random_terms * scale[:, None] / random_scale,
        cross=mapped(sums, selection, to_scaled),
        gram=mapped(sums, selection, selection),
        outer=_outer_numbers(sums, random_terms),
        term_scale=scale,
        random_scale=random_scale,
        value_scale=value_scale,
        least_squares=least_squares / scale,
        values=size,
        restricted=restricted,
    )


def _outer_numbers(sums: GroupSums, random_terms: FloatArray) -> IntArray:
    if sums.outer is None:
        return np.empty(0, dtype=np.int64)
    first = np.eye(random_terms.shape[0])[:, 0]
    if not np.array_equal(random_terms[:, 0], first):
        raise ValueError("Given outer groups, the first random term must be the intercept.")
    starts = np.zeros(sums.groups, dtype=np.int64)
    starts[sums.outer_starts[1:]] = 1
    return np.cumsum(starts)


def profile(problem: Problem, theta: FloatArray) -> Profile:
    """Return the likelihood, its gradient and the best coefficients at `theta`."""
    factor, ratio = problem.factor(theta), problem.outer_ratio(theta)
    sums = _summed_over_groups(problem, factor)
    heights, heaviness = sums.heights, sums.heights[0]
    share = ratio / (1 + ratio * heaviness)
    whitened = symmetric(sums.whitened - (heights * share) @ heights.T)
    information, cross = whitened[:-1, :-1], whitened[:-1, -1]
    inverse = np.linalg.inv(information)
    coefficients = inverse @ cross
    residual_sum = float(whitened[-1, -1] - coefficients @ cross)
    if not residual_sum > 0:
        raise NotEstimableError("the values follow the model without any residual")
    weight = problem.weight
    deviance = sums.log_determinant + float(np.log1p(ratio * heaviness).sum())
    deviance += weight * np.log(residual_sum / weight)
    # The derivative of the deviance by V is V^-1 less V^-1 U (spread) U'V^-1.
    contrast = np.r_[-coefficients, 1.0]
    spread = weight / residual_sum * np.outer(contrast, contrast)
    if problem.restricted:
        deviance += np.linalg.slogdet(information)[1]
        spread[:-1, :-1] += inverse
    slope = problem.random.T @ sums.whitened[:-1, :-1] @ problem.random
    slope = slope - np.einsum("uv,abuv->ab", spread, sums.left)
    slope = symmetric(slope - _outer_part(sums, share, spread))
    pulled = np.einsum("uc,uv,vc->c", heights, spread, heights)
    outer_slope = float((heaviness / (1 + ratio * heaviness)).sum())
    outer_slope -= float((pulled / (1 + ratio * heaviness) ** 2).sum())
    gradient = 2 * (slope @ factor)[np.tril_indices(problem.random_terms)]
    if problem.outer_groups:
        gradient = np.r_[gradient, 2 * outer_slope * theta[-1]]
    return Profile(
        float(deviance), slope, outer_slope, gradient, coefficients, information, residual_sum,
        heights,
    )  # fmt: skip


def _outer_part(sums: _Sums, share: FloatArray, spread: FloatArray) -> FloatArray:
    """Return what the outer groups take from the slope by L L'."""
    to_levels = np.einsum("uv,vc->uc", spread, sums.heights)
    pulled = np.einsum("uc,uc->c", sums.heights, to_levels)
    levels = sums.tied[:, :, 0, :]
    taken = np.einsum("abc,c->ab", levels, share + share**2 * pulled)
    both = np.einsum("abuc,uc,c->ab", sums.tied, to_levels, share)
    part: FloatArray = taken - both - both.T
    return part


def _summed_over_groups(problem: Problem, factor: FloatArray) -> _Sums:
    q, k = problem.cross.shape[:2]
    log_determinant, explained, left = 0.0, np.zeros((k, k)), np.zeros((q, q, k, k))
    heights = np.zeros((k, problem.outer_groups))
    tied = np.zeros((q, q, k, problem.outer_groups))
    for cross, gram, block in problem.blocks():
        root = cholesky(inner(factor, gram))
        half = solved_lower(root, np.tensordot(factor.T, cross, 1))
        log_determinant += 2 * float(sum(np.log(root[row][row]).sum() for row in range(q)))
        explained += sum(rows @ rows.T for rows in half)
        shrunk = np.tensordot(factor, solved_upper(root, half), 1)
        rest = cross - times(gram, shrunk)
        for one in range(q):
            for other in range(q):
                left[one, other] += rest[one] @ rest[other].T
        if problem.outer_groups:
            _add_outer(problem.outer[block], rest, heights, tied)
    return _Sums(log_determinant, problem.total - explained, left, heights, tied)


def _add_outer(outer: IntArray, rest: FloatArray, heights: FloatArray, tied: FloatArray) -> None:
    """Add the sums over the groups of each outer group; they come after one another."""
    starts = np.flatnonzero(np.r_[True, outer[1:] != outer[:-1]])
    found = slice(int(outer[0]), int(outer[-1]) + 1)
    heights[:, found] += np.add.reduceat(rest[0], starts, axis=1)
    for one in range(rest.shape[0]):
        for other in range(rest.shape[0]):
            products = rest[one, 0] * rest[other]
            tied[one, other][:, found] += np.add.reduceat(products, starts, axis=1)


def whitened_total(sums: GroupSums, random_terms: FloatArray, ratio: FloatArray) -> FloatArray:
    """Return [X y]'V^-1 [X y] of all groups, (k, k), with V = I + Z `ratio` Z'.

    `random_terms` is C, (terms, random terms), and `ratio` is D / s2.
    """
    selection = np.vstack([random_terms, np.zeros(random_terms.shape[1])])
    cross = mapped(sums, selection, np.eye(sums.columns))
    gram = mapped(sums, selection, selection)
    steepness, directions = np.linalg.eigh(symmetric(ratio))
    factor = directions * np.sqrt(np.maximum(steepness, 0.0))
    root = cholesky(inner(factor, gram))
    half = solved_lower(root, np.tensordot(factor.T, cross, 1))
    return symmetric(sums.total() - sum(rows @ rows.T for rows in half))


def inner(factor: FloatArray, gram: FloatArray) -> FloatArray:
    """Return I + L'Z'ZL of every group."""
    inside: FloatArray = np.einsum("ja,jkn,kb->abn", factor, gram, factor, optimize=True)
    return inside + np.eye(factor.shape[0])[:, :, None]


def times(gram: FloatArray, right: FloatArray) -> FloatArray:
    """Return the product of every group's two matrices."""
    product = np.empty_like(right)
    for row in range(gram.shape[0]):
        product[row] = sum(gram[row, column] * right[column] for column in range(gram.shape[0]))
    return product


def cholesky(matrices: FloatArray) -> list[list[FloatArray]]:
    """Return the lower Cholesky factor of every group, as rows of vectors over groups."""
    size = matrices.shape[0]
    root: list[list[FloatArray]] = [[] for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrices[row, column] - sum(
                root[row][place] * root[column][place] for place in range(column)
            )
            root[row].append(np.sqrt(rest) if row == column else rest / root[column][column])
    return root


def solved_lower(root: list[list[FloatArray]], right: FloatArray) -> FloatArray:
    """Return R^-1 of every group times its right side."""
    solved = np.empty_like(right)
    for row in range(len(root)):
        rest = right[row] - sum(root[row][place] * solved[place] for place in range(row))
        solved[row] = rest / root[row][row]
    return solved


def solved_upper(root: list[list[FloatArray]], right: FloatArray) -> FloatArray:
    """Return R'^-1 of every group times its right side."""
    solved, size = np.empty_like(right), len(root)
    for row in reversed(range(size)):
        rest = right[row] - sum(root[place][row] * solved[place] for place in range(row + 1, size))
        solved[row] = rest / root[row][row]
    return solved
