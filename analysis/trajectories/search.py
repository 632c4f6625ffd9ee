"""The search for the variances that make the values most likely.

A quasi-Newton search (L-BFGS-B) on the analytic gradient, then Newton steps. Where there are very
many groups the same is done first on a part of them, and the whole needs a few steps only, with
the part's curvature.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    NotEstimableError,
    symmetric,
)
from analysis.trajectories.likelihood import Problem, Profile, profile, scaled_problem

# Random terms this many times as large as the residual leave no residual that could be told from 0.
LARGEST_THETA: Final = 1e4
SMALLEST_STEEPNESS: Final = 1e-7
MOST_RESTARTS: Final = 10
NEWTON_STEPS: Final = 3
# A step that would lower the deviance by less than this changes no digit that is reported.
SMALLEST_GAIN: Final = 1e-10
# From so many groups on, a part of about so many is searched first.
MANY_GROUPS: Final = 24_000
PART: Final = 6_000
MOST_STEPS: Final = 12
MOST_HALVINGS: Final = 4
SMALLEST_ROOT: Final = 1e-4
SMALLEST_START: Final = 0.05
DIFFERENCE: Final = 1e-5


@dataclass(frozen=True)
class Start:
    """Where another search ended, in the units of the values, to begin one of similar groups.

    theta : (entries,), of L, and of the outer groups' root where there are some.
    curvature : the deviance's second derivatives there, (entries, entries), per value.
    """

    theta: FloatArray
    curvature: FloatArray


def best_theta(
    problem: Problem, sums: GroupSums, random_terms: FloatArray, near: Start | None = None
) -> FloatArray:
    """Return theta where no change of the variances raises the likelihood.

    `near` is where the search of similar groups ended; from there it takes a few steps only.
    """
    if near is None and sums.groups >= MANY_GROUPS:
        some = sums.some(slice(None, None, sums.groups // PART))
        part = scaled_problem(some, random_terms, restricted=problem.restricted)
        if part.outer_groups == problem.outer_groups:
            near = start_from(part, _polished(part, _searched(part, _start(part))))
    if near is not None and near.theta.size == problem.is_diagonal().size:
        start = near.theta * _scale(problem)
        found = _stepped(problem, start, near)
        if found is not None:
            return found
        start[problem.is_diagonal()] = np.maximum(start[problem.is_diagonal()], SMALLEST_START)
        return _polished(problem, _searched(problem, start))
    return _polished(problem, _searched(problem, _start(problem)))


def start_from(problem: Problem, theta: FloatArray) -> Start:
    """Return the start that the end of a problem's search gives to others."""
    scale = _scale(problem)
    curvature = _curvature(problem, theta) * np.outer(scale, scale) / problem.values
    return Start(theta / scale, curvature)


def start_of(
    sums: GroupSums,
    random_terms: FloatArray,
    random_ratio: FloatArray,
    outer_ratio: float,
    *,
    restricted: bool = True,
) -> Start | None:
    """Return the start that a fit gives to others; None where a random term has no variance.

    The variances are relative to the residual one; the curvature is that of a part.
    """
    some = sums.some(slice(None, None, max(sums.groups // PART, 1)))
    part = scaled_problem(some, random_terms, restricted=restricted)
    roots = np.linalg.eigvalsh(random_ratio)
    if roots[0] <= SMALLEST_ROOT**2:
        return None
    entries = np.linalg.cholesky(random_ratio)[np.tril_indices(part.random_terms)]
    outer = [np.sqrt(outer_ratio)] if part.outer_groups else []
    return start_from(part, np.concatenate([entries, outer]) * _scale(part))


def _scale(problem: Problem) -> FloatArray:
    """Return what theta's entries are times in the problem, compared with the values' units."""
    entries = problem.random_scale[np.tril_indices(problem.random_terms)[0]]
    return np.concatenate([entries, np.ones(1 if problem.outer_groups else 0)])


def _start(problem: Problem) -> FloatArray:
    entries = np.eye(problem.random_terms)[np.tril_indices(problem.random_terms)]
    return np.concatenate([entries, np.full(1 if problem.outer_groups else 0, 0.1)])


def _stepped(problem: Problem, theta: FloatArray, near: Start) -> FloatArray | None:
    """Return theta after steps with another search's curvature, None where they do not lead down.

    The curvature is corrected by what every step shows (BFGS). That of the outer groups goes with
    their number, not with that of the values, so it is taken from the problem.
    """
    free = np.flatnonzero(~problem.is_diagonal() | (theta > SMALLEST_ROOT))
    if free.size < theta.size - (1 if problem.outer_groups else 0):
        return None
    here, scale = profile(problem, theta), _scale(problem)
    curvature = near.curvature / np.outer(scale, scale) * problem.values
    if problem.outer_groups:
        ahead = profile(problem, _moved(theta, theta.size - 1)).gradient
        curvature[-1] = curvature[:, -1] = (ahead - here.gradient) / DIFFERENCE
    curvature = curvature[np.ix_(free, free)]
    for _ in range(MOST_STEPS):
        if np.linalg.eigvalsh(curvature)[0] <= 0:
            return None
        step = np.asarray(-np.linalg.solve(curvature, here.gradient[free]), dtype=np.float64)
        if -(step @ here.gradient[free]) < SMALLEST_GAIN:
            return theta if _is_widest(problem, here, free) else None
        taken = _descending(problem, theta, here, free, step)
        if taken is None:
            return None
        moved, there = taken
        step = (moved - theta)[free]
        change, pushed = (there.gradient - here.gradient)[free], curvature @ step
        if change @ step > 0:
            curvature += np.outer(change, change) / (change @ step)
            curvature -= np.outer(pushed, pushed) / (step @ pushed)
        theta, here = moved, there
    return None


def _descending(
    problem: Problem,
    theta: FloatArray,
    here: Profile,
    free: npt.NDArray[np.intp],
    step: FloatArray,
) -> tuple[FloatArray, Profile] | None:
    """Return theta and profile after the step, or a half of it that leads down; None without."""
    for part in 0.5 ** np.arange(MOST_HALVINGS):
        moved = theta.copy()
        moved[free] += part * step
        if np.all(moved[problem.is_diagonal()] >= 0):
            there = profile(problem, moved)
            if there.deviance <= here.deviance + SMALLEST_GAIN:
                return moved, there
    return None


def _is_widest(problem: Problem, here: Profile, free: npt.NDArray[np.intp]) -> bool:
    """Return whether outer groups that do not differ here would not be likelier to differ."""
    return free.size == problem.is_diagonal().size or here.outer_slope >= 0


def _searched(problem: Problem, start: FloatArray) -> FloatArray:
    """Return theta where the search ends and no wider variance is likelier.

    A singular L can hold the search although L L' could still be improved; then it goes on from
    a covariance that is a little wider in the direction of the steepest descent.
    """
    theta = _descended(problem, start)
    for _ in range(MOST_RESTARTS):
        wider = _widened(problem, theta)
        if wider is None:
            break
        theta = _descended(problem, wider)
    return theta


def _descended(problem: Problem, start: FloatArray) -> FloatArray:
    from scipy.optimize import minimize

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        here = profile(problem, theta)
        return here.deviance, here.gradient

    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[
            (0 if diagonal else -LARGEST_THETA, LARGEST_THETA) for diagonal in problem.is_diagonal()
        ],
        options={"ftol": 1e-12, "gtol": 1e-7, "maxiter": 500},
    )
    if np.abs(found.x).max() >= LARGEST_THETA:
        raise NotEstimableError("the values follow the model without any residual")
    return np.asarray(found.x, dtype=np.float64)


def _widened(problem: Problem, theta: FloatArray) -> FloatArray | None:
    """Return a theta of higher likelihood, or None at a maximum."""
    here, factor = profile(problem, theta), problem.factor(theta)
    smallest = -SMALLEST_STEEPNESS * problem.values
    steepness, directions = np.linalg.eigh(here.slope)
    directions_by_width = 10.0 ** np.arange(0, -7, -1)
    if steepness[0] <= smallest:
        for width in directions_by_width:
            columns = np.column_stack([factor, np.sqrt(width) * directions[:, 0]])
            root = np.asarray(np.linalg.qr(columns.T, mode="r"), dtype=np.float64).T
            wider = (root * np.where(np.diag(root) < 0, -1, 1))[np.tril_indices(factor.shape[0])]
            wider = np.concatenate([wider, theta[wider.size :]])
            if profile(problem, wider).deviance < here.deviance:
                return wider
    if problem.outer_groups and theta[-1] < SMALLEST_ROOT and here.outer_slope < smallest:
        for width in directions_by_width:
            wider = np.concatenate([theta[:-1], [np.sqrt(width)]])
            if profile(problem, wider).deviance < here.deviance:
                return wider
    return None


def _polished(problem: Problem, theta: FloatArray) -> FloatArray:
    """Return theta after Newton steps on the gradient; a step that does not help is not taken.

    The search stops when the likelihood's last digits no longer move, half as many digits of
    theta are sure there. Roots of variances on the boundary stay on it.
    """
    free = np.flatnonzero(~problem.is_diagonal() | (theta > SMALLEST_ROOT))
    gradient = profile(problem, theta).gradient
    for _ in range(NEWTON_STEPS):
        step = _newton_step(problem, theta, gradient, free)
        if step is None or gradient[free] @ step < SMALLEST_GAIN:
            break
        moved = theta.copy()
        moved[free] -= step
        moved_gradient = profile(problem, moved).gradient
        if not np.linalg.norm(moved_gradient[free]) < np.linalg.norm(gradient[free]):
            break
        theta, gradient = moved, moved_gradient
    return theta


def _newton_step(
    problem: Problem, theta: FloatArray, gradient: FloatArray, free: npt.NDArray[np.intp]
) -> FloatArray | None:
    if free.size == 0:
        return None
    columns = [profile(problem, _moved(theta, entry)).gradient - gradient for entry in free]
    curvature = symmetric(np.array(columns)[:, free] / DIFFERENCE)
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        return None
    return np.asarray(np.linalg.solve(curvature, gradient[free]), dtype=np.float64)


def _curvature(problem: Problem, theta: FloatArray) -> FloatArray:
    """Return the second derivatives of the deviance, by differences of the gradient."""
    gradient = profile(problem, theta).gradient
    columns = [
        profile(problem, _moved(theta, entry)).gradient - gradient for entry in range(theta.size)
    ]
    return symmetric(np.array(columns) / DIFFERENCE)


def _moved(theta: FloatArray, entry: int) -> FloatArray:
    ahead = theta.copy()
    ahead[entry] += DIFFERENCE
    return ahead
