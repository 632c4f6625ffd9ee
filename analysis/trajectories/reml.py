"""Linear mixed models, exact, from the cross-products of each group.

The model is y = X b + Z u + e with u ~ N(0, D) for each group, e ~ N(0, s2), and Z = X C: every
random term is a combination of fixed terms. Then X'X, X'y and y'y of each group hold all that
the likelihood needs, and one evaluation costs the same however many values a group has. The
likelihood is profiled over b and s2 as in Bates, Maechler, Bolker and Walker (2015), with
D = s2 L L' and L the lower triangle that is searched, by its analytic gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

GROUPS_PER_BLOCK: Final = 8192
SMALLEST_INDEPENDENT_SHARE: Final = 1e-9
SMALLEST_RESIDUAL_SHARE: Final = 1e-12
# Random terms this many times as large as the residual leave no residual that could be told from 0.
LARGEST_THETA: Final = 1e4
SMALLEST_STEEPNESS: Final = 1e-7
MOST_RESTARTS: Final = 10
NEWTON_STEPS: Final = 3
# A step that would lower the deviance by less than this changes no digit that is reported.
SMALLEST_GAIN: Final = 1e-10


class NotEstimableError(ValueError):
    """These values cannot carry the model; the message says why in words for the reader."""


@dataclass(frozen=True)
class GroupSums:
    """Cross-products of the columns [terms, value] of each group.

    products : shape (k (k + 1) / 2, groups), the upper triangle of [X y]'[X y], row by row,
        with k = terms + 1.
    clusters : shape (groups,), sorted: groups of one cluster may depend on one another.
    values : number of values over all groups.
    """

    products: FloatArray
    clusters: IntArray
    values: int

    @property
    def groups(self) -> int:
        """Return the number of groups."""
        return int(self.products.shape[1])

    @property
    def columns(self) -> int:
        """Return the number of columns: the terms and the value."""
        return int((np.sqrt(8 * self.products.shape[0] + 1) - 1) // 2)

    def total(self) -> FloatArray:
        """Return [X y]'[X y] over all groups, shape (columns, columns)."""
        return _unpacked(self.products.sum(axis=1), self.columns)


@dataclass(frozen=True)
class MixedFit:
    """A fitted mixed model, in the units of the values.

    coefficients : shape (terms,).
    covariance : shape (terms, terms), by the model.
    robust_covariance : the same by the sandwich over clusters, times clusters / (clusters - 1).
    random_covariance : D, shape (random terms, random terms).
    log_likelihood : restricted (REML) or full, with all constants, as R's lme4 prints it.
    is_singular : whether some combination of the random terms has no variance.
    """

    coefficients: FloatArray
    covariance: FloatArray
    robust_covariance: FloatArray
    random_covariance: FloatArray
    residual_variance: float
    log_likelihood: float
    clusters: int
    groups: int
    values: int
    is_singular: bool


def group_sums(
    terms: FloatArray, values: FloatArray, groups: IntArray, clusters: IntArray | None = None
) -> GroupSums:
    """Return the cross-products of each group.

    `terms` has shape (values, terms). `clusters` (by default the groups themselves) and `groups`
    name where each value belongs and must be sorted, clusters first, so that the sums, and
    everything computed from them, do not depend on the order of the rows where they came from.
    """
    clusters = groups if clusters is None else clusters
    starts = _starts(clusters, groups)
    columns = [*terms.T, values]
    products = np.empty((len(columns) * (len(columns) + 1) // 2, starts.size))
    for place, (left, right) in enumerate(_upper_triangle(len(columns))):
        products[place] = np.add.reduceat(columns[left] * columns[right], starts)
    return GroupSums(products, clusters[starts], int(values.size))


def _starts(clusters: IntArray, groups: IntArray) -> npt.NDArray[np.intp]:
    """Return where each group begins."""
    same = clusters[1:] == clusters[:-1]
    if np.any(clusters[1:] < clusters[:-1]) or np.any(same & (groups[1:] < groups[:-1])):
        raise ValueError("The values must be sorted by cluster and group.")
    return np.flatnonzero(np.r_[True, ~same | (groups[1:] != groups[:-1])])


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


def fit_mixed_model(
    sums: GroupSums, random_terms: FloatArray, *, restricted: bool = True
) -> MixedFit:
    """Fit the model by (restricted) maximum likelihood.

    `random_terms` is C with shape (terms, random terms): Z = X C. Raises `NotEstimableError`
    when values leave nothing to estimate the residual variance from.
    """
    problem = _scaled_problem(sums, random_terms, restricted)
    theta = _polished(problem, _searched(problem))
    return _in_units(problem, sums, theta)


@dataclass(frozen=True)
class _Problem:
    """The model with every column scaled to size one and the values' least-squares fit removed.

    total : (k, k). random : C, (terms, q). cross : Z'[X y], (q, k, groups). gram : Z'Z,
    (q, q, groups). term_scale, random_scale, value_scale lead back to the units; least_squares
    is what was removed; weight is the power of the residual sum in the likelihood.
    """

    total: FloatArray
    random: FloatArray
    cross: FloatArray
    gram: FloatArray
    term_scale: FloatArray
    random_scale: FloatArray
    value_scale: float
    least_squares: FloatArray
    values: int
    restricted: bool

    @property
    def terms(self) -> int:
        return int(self.random.shape[0])

    @property
    def random_terms(self) -> int:
        return int(self.random.shape[1])

    @property
    def weight(self) -> int:
        return self.values - self.terms if self.restricted else self.values

    def factor(self, theta: FloatArray) -> FloatArray:
        factor = np.zeros((self.random_terms, self.random_terms))
        factor[np.tril_indices(self.random_terms)] = theta
        return factor

    def blocks(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        for start in range(0, self.gram.shape[2], GROUPS_PER_BLOCK):
            block = slice(start, start + GROUPS_PER_BLOCK)
            yield self.cross[:, :, block], self.gram[:, :, block]


@dataclass(frozen=True)
class _Profile:
    """The likelihood at one theta: coefficients and residual sum that are best there.

    slope is the deviance's derivative with respect to L L', gradient with respect to theta.
    """

    deviance: float
    slope: FloatArray
    gradient: FloatArray
    coefficients: FloatArray
    information: FloatArray
    residual_sum: float


def _scaled_problem(sums: GroupSums, random_terms: FloatArray, restricted: bool) -> _Problem:
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
    return _Problem(
        total=_symmetric(to_scaled.T @ total @ to_scaled),
        random=random_terms * scale[:, None] / random_scale,
        cross=_mapped(sums, selection, to_scaled),
        gram=_mapped(sums, selection, selection),
        term_scale=scale,
        random_scale=random_scale,
        value_scale=value_scale,
        least_squares=least_squares / scale,
        values=size,
        restricted=restricted,
    )


def _mapped(sums: GroupSums, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left' [X y]'[X y] right of every group, groups last."""
    size = sums.columns
    basis = np.array([_unpacked(row, size) for row in np.eye(sums.products.shape[0])])
    rows = np.einsum("ja,mjk,kb->abm", left, basis, right)
    mapped = rows.reshape(-1, basis.shape[0]) @ sums.products
    return np.ascontiguousarray(mapped.reshape(left.shape[1], right.shape[1], sums.groups))


def _profile(problem: _Problem, theta: FloatArray) -> _Profile:
    factor = problem.factor(theta)
    log_determinant, explained, left = _summed_over_groups(problem, factor)
    whitened = _symmetric(problem.total - explained)
    information, cross = whitened[:-1, :-1], whitened[:-1, -1]
    inverse = np.linalg.inv(information)
    coefficients = inverse @ cross
    residual_sum = float(whitened[-1, -1] - coefficients @ cross)
    if not residual_sum > 0:
        raise NotEstimableError("the values follow the model without any residual")
    weight = problem.weight
    deviance = log_determinant + weight * np.log(residual_sum / weight)
    contrast = np.r_[-coefficients, 1.0]
    slope = problem.random.T @ information @ problem.random
    slope = slope - weight / residual_sum * np.einsum("u,abuv,v->ab", contrast, left, contrast)
    if problem.restricted:
        deviance += np.linalg.slogdet(information)[1]
        slope = slope - np.einsum("uv,abvu->ab", inverse, left[:, :, :-1, :-1])
    slope = _symmetric(slope)
    gradient = 2 * (slope @ factor)[np.tril_indices(problem.random_terms)]
    return _Profile(float(deviance), slope, gradient, coefficients, information, residual_sum)


def _summed_over_groups(
    problem: _Problem, factor: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the sums over groups that the profile needs.

    log |V|; U'Z W Z'U, which V takes from U'U; and the (q, q, k, k) cross-products of
    T = Z'V^-1 U, all with U = [X y], V = I + Z L L' Z' and W = L (I + L'Z'ZL)^-1 L'.
    """
    q, k = problem.cross.shape[:2]
    log_determinant, explained, left = 0.0, np.zeros((k, k)), np.zeros((q, q, k, k))
    for cross, gram in problem.blocks():
        root = _cholesky(_inner(factor, gram))
        half = _solved_lower(root, np.tensordot(factor.T, cross, 1))
        log_determinant += 2 * float(sum(np.log(root[row][row]).sum() for row in range(q)))
        explained += sum(rows @ rows.T for rows in half)
        shrunk = np.tensordot(factor, _solved_upper(root, half), 1)
        rest = cross - _times(gram, shrunk)
        for one in range(q):
            for other in range(q):
                left[one, other] += rest[one] @ rest[other].T
    return log_determinant, explained, left


def _inner(factor: FloatArray, gram: FloatArray) -> FloatArray:
    """Return I + L'Z'ZL of every group."""
    inner: FloatArray = np.einsum("ja,jkn,kb->abn", factor, gram, factor, optimize=True)
    return inner + np.eye(factor.shape[0])[:, :, None]


def _times(gram: FloatArray, right: FloatArray) -> FloatArray:
    product = np.empty_like(right)
    for row in range(gram.shape[0]):
        product[row] = sum(gram[row, column] * right[column] for column in range(gram.shape[0]))
    return product


def _cholesky(matrices: FloatArray) -> list[list[FloatArray]]:
    """Return the lower Cholesky factor of every group, as rows of vectors over groups."""
    size = matrices.shape[0]
    root: list[list[FloatArray]] = [[] for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrices[row, column] - sum(
                root[row][inner] * root[column][inner] for inner in range(column)
            )
            root[row].append(np.sqrt(rest) if row == column else rest / root[column][column])
    return root


def _solved_lower(root: list[list[FloatArray]], right: FloatArray) -> FloatArray:
    solved = np.empty_like(right)
    for row in range(len(root)):
        rest = right[row] - sum(root[row][inner] * solved[inner] for inner in range(row))
        solved[row] = rest / root[row][row]
    return solved


def _solved_upper(root: list[list[FloatArray]], right: FloatArray) -> FloatArray:
    solved, size = np.empty_like(right), len(root)
    for row in reversed(range(size)):
        rest = right[row] - sum(root[inner][row] * solved[inner] for inner in range(row + 1, size))
        solved[row] = rest / root[row][row]
    return solved


def _searched(problem: _Problem) -> FloatArray:
    """Return theta where no change of the random terms' covariance raises the likelihood.

    A singular L can hold the search although L L' could still be improved; then it goes on from
    a covariance that is a little wider in the direction of the steepest descent.
    """
    theta = _descended(problem, np.eye(problem.random_terms)[np.tril_indices(problem.random_terms)])
    for _ in range(MOST_RESTARTS):
        wider = _widened(problem, theta)
        if wider is None:
            break
        theta = _descended(problem, wider)
    return theta


def _descended(problem: _Problem, start: FloatArray) -> FloatArray:
    from scipy.optimize import minimize

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        profile = _profile(problem, theta)
        return profile.deviance, profile.gradient

    rows, columns = np.tril_indices(problem.random_terms)
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0 if diagonal else -LARGEST_THETA, LARGEST_THETA) for diagonal in rows == columns],
        options={"ftol": 1e-12, "gtol": 1e-7, "maxiter": 500},
    )
    if np.abs(found.x).max() >= LARGEST_THETA:
        raise NotEstimableError("the values follow the model without any residual")
    return np.asarray(found.x, dtype=np.float64)


def _widened(problem: _Problem, theta: FloatArray) -> FloatArray | None:
    """Return a theta of higher likelihood, or None at a maximum."""
    here, factor = _profile(problem, theta), problem.factor(theta)
    steepness, directions = np.linalg.eigh(here.slope)
    if steepness[0] > -SMALLEST_STEEPNESS * problem.values:
        return None
    direction = directions[:, 0]
    for width in 10.0 ** np.arange(0, -7, -1):
        columns = np.column_stack([factor, np.sqrt(width) * direction])
        root = np.asarray(np.linalg.qr(columns.T, mode="r"), dtype=np.float64).T
        wider = (root * np.where(np.diag(root) < 0, -1, 1))[np.tril_indices(factor.shape[0])]
        if _profile(problem, wider).deviance < here.deviance:
            return np.asarray(wider, dtype=np.float64)
    return None


def _polished(problem: _Problem, theta: FloatArray) -> FloatArray:
    """Return theta after Newton steps on the gradient; a step that does not help is not taken.

    The search stops when the likelihood's last digits no longer move, half as many digits of
    theta are sure there. Diagonal entries on the boundary stay on it.
    """
    rows, columns = np.tril_indices(problem.random_terms)
    free = np.flatnonzero((rows != columns) | (theta > 1e-4))
    gradient = _profile(problem, theta).gradient
    for _ in range(NEWTON_STEPS):
        step = _newton_step(problem, theta, gradient, free)
        if step is None or gradient[free] @ step < SMALLEST_GAIN:
            break
        moved = theta.copy()
        moved[free] -= step
        moved_gradient = _profile(problem, moved).gradient
        if not np.linalg.norm(moved_gradient[free]) < np.linalg.norm(gradient[free]):
            break
        theta, gradient = moved, moved_gradient
    return theta


def _newton_step(
    problem: _Problem, theta: FloatArray, gradient: FloatArray, free: npt.NDArray[np.intp]
) -> FloatArray | None:
    width = 1e-5
    curvature = np.empty((free.size, free.size))
    for place, entry in enumerate(free):
        ahead = theta.copy()
        ahead[entry] += width
        curvature[place] = (_profile(problem, ahead).gradient - gradient)[free] / width
    curvature = _symmetric(curvature)
    if free.size == 0 or np.linalg.eigvalsh(curvature)[0] <= 0:
        return None
    return np.asarray(np.linalg.solve(curvature, gradient[free]), dtype=np.float64)


def _in_units(problem: _Problem, sums: GroupSums, theta: FloatArray) -> MixedFit:
    profile, factor = _profile(problem, theta), problem.factor(theta)
    variance = profile.residual_sum / problem.weight * problem.value_scale**2
    inverse = np.linalg.inv(profile.information)
    rescale = np.outer(problem.term_scale, problem.term_scale)
    steps = profile.coefficients * problem.value_scale / problem.term_scale
    constants = problem.weight * (1 + np.log(2 * np.pi * problem.value_scale**2))
    if problem.restricted:
        constants += 2 * np.log(problem.term_scale).sum()
    return MixedFit(
        coefficients=problem.least_squares + steps,
        covariance=_symmetric(inverse / rescale) * variance,
        robust_covariance=_sandwich(problem, sums, profile, factor) / rescale,
        random_covariance=variance
        * (factor @ factor.T)
        / np.outer(problem.random_scale, problem.random_scale),
        residual_variance=variance,
        log_likelihood=float(-(profile.deviance + constants) / 2),
        clusters=int(np.unique(sums.clusters).size),
        groups=sums.groups,
        values=sums.values,
        is_singular=bool(np.any(np.abs(np.diag(factor)) < 1e-4)),
    )


def _sandwich(
    problem: _Problem, sums: GroupSums, profile: _Profile, factor: FloatArray
) -> FloatArray:
    """Return the covariance robust to the variance within clusters (Liang and Zeger 1986)."""
    contrast = np.r_[-profile.coefficients, 1.0]
    least_squares, scale = problem.least_squares, problem.term_scale
    to_terms = np.vstack([np.diag(1 / scale), np.zeros(scale.size)])
    to_residual = np.r_[-least_squares, 1.0] / problem.value_scale
    to_residual[:-1] -= profile.coefficients / scale
    scores = _mapped(sums, to_terms, to_residual[:, None])[:, 0, :]
    start = 0
    for cross, gram in problem.blocks():
        root = _cholesky(_inner(factor, gram))
        residual = np.tensordot(contrast, cross, (0, 1))[:, None, :]
        half = _solved_lower(root, np.tensordot(factor.T, residual, 1))
        shrunk = np.tensordot(factor, _solved_upper(root, half), 1)[:, 0, :]
        scores[:, start : start + shrunk.shape[1]] -= np.einsum(
            "atn,an->tn", cross[:, :-1, :], shrunk
        )
        start += shrunk.shape[1]
    starts = np.flatnonzero(np.r_[True, sums.clusters[1:] != sums.clusters[:-1]])
    scores = np.add.reduceat(scores, starts, axis=1)
    meat, inverse = scores @ scores.T, np.linalg.inv(profile.information)
    correction = starts.size / max(starts.size - 1, 1)
    return _symmetric(inverse @ meat @ inverse) * correction * problem.value_scale**2


def _upper_triangle(size: int) -> Iterator[tuple[int, int]]:
    for row in range(size):
        for column in range(row, size):
            yield row, column


def _unpacked(packed: FloatArray, size: int) -> FloatArray:
    full = np.empty((size, size))
    for place, (row, column) in enumerate(_upper_triangle(size)):
        full[row, column] = full[column, row] = packed[place]
    return full


def _symmetric(matrix: FloatArray) -> FloatArray:
    symmetric: FloatArray = (matrix + matrix.T) / 2
    return symmetric
