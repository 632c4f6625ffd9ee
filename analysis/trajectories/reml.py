"""Linear mixed models, exact, from cross-products of each group (`likelihood` has the model)."""

from dataclasses import dataclass

import numpy as np

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    IntArray,
    NotEstimableError,
    group_sums,
    independent_terms,
    symmetric,
)
from analysis.trajectories.likelihood import (
    Problem,
    Profile,
    profile,
    scaled_problem,
)
from analysis.trajectories.sandwich import robust_covariance
from analysis.trajectories.search import SMALLEST_ROOT, Start, best_theta, start_of

__all__ = [
    "FloatArray",
    "GroupSums",
    "IntArray",
    "MixedFit",
    "NotEstimableError",
    "fit_mixed_model",
    "group_sums",
    "independent_terms",
    "start_near",
]


@dataclass(frozen=True)
class MixedFit:
    """A fitted mixed model, in the units of the values.

    coefficients : shape (terms,).
    covariance : shape (terms, terms), by the model.
    robust_covariance : the same by the sandwich over clusters; what the levels of outer groups
        add is by the model, because they are few.
    outer_covariance : the part of it that the levels of outer groups add; 0 without them.
    random_covariance : D, shape (random terms, random terms).
    outer_variance : variance of the levels of outer groups; 0 without them.
    log_likelihood : restricted (REML) or full, with all constants, as R's lme4 prints it.
    is_singular : whether some combination of the random terms has no variance.
    """

    coefficients: FloatArray
    covariance: FloatArray
    robust_covariance: FloatArray
    outer_covariance: FloatArray
    random_covariance: FloatArray
    outer_variance: float
    residual_variance: float
    log_likelihood: float
    clusters: int
    groups: int
    outer_groups: int
    values: int
    is_singular: bool


def fit_mixed_model(
    sums: GroupSums,
    random_terms: FloatArray,
    *,
    restricted: bool = True,
    near: Start | None = None,
) -> MixedFit:
    """Fit the model by (restricted) maximum likelihood.

    `random_terms` is C with shape (terms, random terms): Z = X C. Where the groups lie in outer
    groups, those have random levels, and the first term and first random term must be the
    intercept. `near` is the start that the fit of similar groups gives; it saves time and changes
    nothing else. Raises `NotEstimableError` when values leave nothing to estimate the residual
    variance from.
    """
    problem = scaled_problem(sums, random_terms, restricted=restricted)
    return _in_units(problem, sums, best_theta(problem, sums, random_terms, near))


def start_near(sums: GroupSums, random_terms: FloatArray, fit: MixedFit) -> Start | None:
    """Return the start that this fit gives to those of similar groups, if it can give any."""
    ratio = fit.random_covariance / fit.residual_variance
    return start_of(sums, random_terms, ratio, fit.outer_variance / fit.residual_variance)


def _in_units(problem: Problem, sums: GroupSums, theta: FloatArray) -> MixedFit:
    best, factor = profile(problem, theta), problem.factor(theta)
    variance = best.residual_sum / problem.weight * problem.value_scale**2
    inverse = np.linalg.inv(best.information)
    rescale = np.outer(problem.term_scale, problem.term_scale)
    steps = best.coefficients * problem.value_scale / problem.term_scale
    constants = problem.weight * (1 + np.log(2 * np.pi * problem.value_scale**2))
    if problem.restricted:
        constants += 2 * np.log(problem.term_scale).sum()
    outer = _outer_covariance(problem, best, theta) * variance / rescale
    roots = theta[problem.is_diagonal()]
    return MixedFit(
        coefficients=problem.least_squares + steps,
        covariance=symmetric(inverse / rescale) * variance,
        robust_covariance=robust_covariance(problem, sums, best, theta) / rescale + outer,
        outer_covariance=outer,
        random_covariance=variance
        * (factor @ factor.T)
        / np.outer(problem.random_scale, problem.random_scale),
        outer_variance=variance * problem.outer_ratio(theta),
        residual_variance=variance,
        log_likelihood=float(-(best.deviance + constants) / 2),
        clusters=int(np.unique(sums.clusters).size),
        groups=sums.groups,
        outer_groups=problem.outer_groups,
        values=sums.values,
        is_singular=bool(np.any(roots < SMALLEST_ROOT)),
    )


def _outer_covariance(problem: Problem, best: Profile, theta: FloatArray) -> FloatArray:
    """Return the coefficients' covariance by the levels of outer groups, per residual variance."""
    ratio, inverse = problem.outer_ratio(theta), np.linalg.inv(best.information)
    pulls = inverse @ best.heights[:-1] / (1 + ratio * best.heights[0])
    return symmetric(ratio * pulls @ pulls.T)
