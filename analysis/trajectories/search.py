"""The search for the variances that make the values most likely.

A quasi-Newton search (L-BFGS-B) on the analytic gradient, then Newton steps. Where there are very
many groups the same is done first on a part of them, and the whole needs a few steps only, with
the part's curvature.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    NotEstimableError,
    symmetric,
)
from analysis.trajectories.likelihood import Problem, profile, scaled_problem

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
SMALLEST_ROOT: Final = 1e-4
DIFFERENCE: Final = 1e-5


def best_theta(problem: Problem, sums: GroupSums, random_terms: FloatArray) -> FloatArray:
    """Return theta where no change of the variances raises the likelihood."""
    if sums.groups < MANY_GROUPS:
        return _polished(problem, _searched(problem, _start(problem)))
    part = scaled_problem(
        sums.some(slice(None, None, sums.groups // PART)),
        random_terms,
        restricted=problem.restricted,
    )
    if part.outer_groups != problem.outer_groups:
        return _polished(problem, _searched(problem, _start(problem)))
    theta = _carried_over(part, problem, _polished(part, _searched(part, _start(part))))
    near = _stepped(problem, theta, part)
    return near if near is not None else _polished(problem, _searched(problem, theta))


def _start(problem: Problem) -> FloatArray:
    entries = np.eye(problem.random_terms)[np.tril_indices(problem.random_terms)]
    return np.concatenate([entries, np.full(1 if problem.outer_groups else 0, 0.1)])


def _carried_over(one: Problem, other: Problem, theta: FloatArray) -> FloatArray:
    """Return the theta of `other` that means the same variances as `theta` in `one`."""
    factor = one.factor(theta) * (other.random_scale / one.random_scale)[:, None]
    entries = factor[np.tril_indices(one.random_terms)]
    return np.concatenate([entries, theta[entries.size :]])


def _stepped(problem: Problem, theta: FloatArray, part: Problem) -> FloatArray | None:
    """Return theta after steps with the part's curvature, or None where they do not lead down.

    The curvature is corrected by what every step shows (BFGS). The outer groups are as many in the
    part as in the whole, so their curvature is taken from the whole.
    """
    if np.any(theta[problem.is_diagonal()] < SMALLEST_ROOT):
        return None
    here = profile(problem, theta)
    curvature = _curvature(part, _carried_over(problem, part, theta))
    curvature *= problem.values / part.values
    if problem.outer_groups:
        ahead = profile(problem, _moved(theta, theta.size - 1)).gradient
        curvature[-1] = curvature[:, -1] = (ahead - here.gradient) / DIFFERENCE
    for _ in range(MOST_STEPS):
        if np.linalg.eigvalsh(curvature)[0] <= 0:
            return None
        step = -np.linalg.solve(curvature, here.gradient)
        if -(step @ here.gradient) < SMALLEST_GAIN:
            return theta
        there = profile(problem, theta + step)
        if there.deviance > here.deviance + SMALLEST_GAIN:
            return None
        change, pushed = there.gradient - here.gradient, curvature @ step
        if change @ step > 0:
            curvature += np.outer(change, change) / (change @ step)
            curvature -= np.outer(pushed, pushed) / (step @ pushed)
        theta, here = theta + step, there
    return None


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
