"""The covariance of a mixed model's coefficients that needs no right model of the variances.

The sandwich over clusters (Liang and Zeger 1986). A cluster draws the line towards its own values,
so that its residuals are too small; where clusters are few, half of its own part is taken back
(after Bell and McCaffrey 2002). What varies between outer groups is no part of it.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    IntArray,
    mapped,
    symmetric,
)
from analysis.trajectories.likelihood import (
    Problem,
    Profile,
    cholesky,
    inner,
    solved_lower,
    solved_upper,
)

# With so many clusters none of them draws the line towards itself.
MANY_CLUSTERS: Final = 2_000


def robust_covariance(
    problem: Problem, sums: GroupSums, best: Profile, theta: FloatArray
) -> FloatArray:
    """Return the covariance (terms, terms) of the scaled coefficients, in units of the values.

    It is times clusters / (clusters - 1).
    """
    clusters, numbers = np.unique(sums.clusters, return_inverse=True)
    is_few, terms = clusters.size < MANY_CLUSTERS, problem.terms
    own = np.zeros((terms, 1 + terms if is_few else 1, clusters.size))
    for block, whitened in _whitened(problem, sums, best, theta):
        _add(own, whitened[:, : own.shape[1]], numbers[block])
    inverse, scores = np.linalg.inv(best.information), own[:, 0]
    if is_few:
        left = np.eye(terms) - np.moveaxis(own[:, 1:], 2, 0) @ inverse / 2
        solved = np.linalg.solve(left, scores.T[:, :, None])[:, :, 0]
        scores = np.asarray(solved.T, dtype=np.float64)
    influence = inverse @ scores
    correction = clusters.size / max(clusters.size - 1, 1)
    return symmetric(influence @ influence.T) * correction * problem.value_scale**2


def _add(sums: FloatArray, rows: FloatArray, numbers: IntArray) -> None:
    """Add the rows (..., groups) to the sums (..., clusters) of the groups' clusters."""
    for place in np.ndindex(sums.shape[:-1]):
        sums[place] += np.bincount(numbers, weights=rows[place], minlength=sums.shape[-1])


def _whitened(
    problem: Problem, sums: GroupSums, best: Profile, theta: FloatArray
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield X'V^-1 [r, X] of some groups after others, (terms, 1 + terms, groups), scaled.

    V holds outer groups' levels too; the residuals r are those that the predicted levels leave,
    and X goes with them, so that both are about what varies between clusters of one outer group.
    """
    factor, contrast = problem.factor(theta), np.r_[-best.coefficients, 1.0]
    ratio = problem.outer_ratio(theta)
    share = ratio / (1 + ratio * best.heights[0])
    levels = np.vstack([share * (contrast @ best.heights), share * best.heights[:-1]])
    to_terms = np.vstack([np.diag(1 / problem.term_scale), np.zeros(problem.terms)])
    to_columns = np.column_stack([_to_residual(problem, contrast), to_terms])
    for cross, gram, block in problem.blocks():
        columns = np.concatenate([np.tensordot(contrast, cross, (0, 1))[:, None], cross[:, :-1]], 1)
        root = cholesky(inner(factor, gram))
        half = solved_lower(root, np.tensordot(factor.T, columns, 1))
        shrunk = np.tensordot(factor, solved_upper(root, half), 1)
        whole = mapped(sums.some(block), to_terms, to_columns)
        whole -= np.einsum("atn,abn->tbn", cross[:, :-1], shrunk)
        if problem.outer_groups:
            taken = levels[:, problem.outer[block]]
            whole = whole - taken * whole[:, 1:2]
            whole = whole - taken[1:, None] * whole[0]
        yield block, whole


def _to_residual(problem: Problem, contrast: FloatArray) -> FloatArray:
    """Return the combination of [X y] that is the scaled residual, (terms + 1,)."""
    residual = np.concatenate([-problem.least_squares, [1.0]]) / problem.value_scale
    residual[:-1] += contrast[:-1] / problem.term_scale
    return residual
