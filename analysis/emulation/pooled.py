"""Pooled logistic models of hazards: case weights, errors by cluster, standardised survival.

Rows are a person's periods at risk; with short periods the odds ratio is close to a hazard ratio
(D'Agostino et al. 1990; Hernan and Robins 2020, chapter 17). With inverse probability weights the
model is a marginal structural one (Robins, Hernan and Brumback 2000). Errors sum each cluster's
scores (Liang and Zeger 1986), times G/(G-1) for G clusters, as sandwich::vcovCL does. They take the
weights as known, which is conservative where the treatment model is right (Robins 1998), unless
told how the weights answer the models they were made of: then a cluster's part in those models is
carried along (stacked estimating equations; Newey and McFadden 1994, section 6).

A survival curve multiplies one less the hazards of a person's periods, and is then averaged over
people: with covariates in the model this is the parametric g-formula (Robins 1986).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from analysis.emulation.arrays import BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.design import Design, Term, design_matrix
from analysis.emulation.hazards import UnstableModelError
from analysis.emulation.intervals import normal_quantile
from analysis.emulation.logistic import fit_logistic, probabilities


@dataclass(frozen=True)
class PooledFit:
    """A fitted model of k columns, and what each of G clusters did to it.

    `coefficients` (k,) and `covariance` (k x k) are those of the design's own columns, centred and
    scaled; `influences` (G x k) are the clusters' on the coefficients. Numbers of columns as the
    frame held them are `original_coefficients` and `original_covariance`.
    """

    design: Design
    coefficients: FloatArray
    covariance: FloatArray
    influences: FloatArray

    @property
    def clusters(self) -> int:
        """Return the number of independent clusters."""
        return len(self.influences)

    @property
    def original_coefficients(self) -> FloatArray:
        """Return the coefficients of uncentred, unscaled columns (k,), log odds ratios."""
        return self.design.on_original_scale(self.coefficients)

    @property
    def original_covariance(self) -> FloatArray:
        """Return the robust covariance of `original_coefficients` (k x k)."""
        back = np.diag(1.0 / self.design.scales)
        back[0] -= self.design.centers / self.design.scales
        back[0, 0] = 1.0
        return np.asarray(back @ self.covariance @ back.T, dtype=np.float64)

    def table(self, level: float = 0.95) -> pl.DataFrame:
        """Return name, estimate, standard_error, low and high, one row a column of the frame."""
        values = self.original_coefficients
        errors = np.sqrt(np.diag(self.original_covariance))
        reach = normal_quantile(level) * errors
        return pl.DataFrame(
            {
                "name": list(self.design.names),
                "estimate": values,
                "standard_error": errors,
                "low": values - reach,
                "high": values + reach,
            }
        )


@dataclass(frozen=True)
class StandardisedSurvival:
    """Mean survival to the end of every period (periods,), and clusters' influences on it.

    `influences` (clusters x periods).
    """

    survival: FloatArray
    influences: FloatArray

    @property
    def standard_errors(self) -> FloatArray:
        """Return the standard error of the survival by every period (periods,)."""
        return influence_errors(self.influences)

    def difference_errors(self, other: "StandardisedSurvival") -> FloatArray:
        """Return the standard error of this curve less another of the same fit (periods,)."""
        return influence_errors(self.influences - other.influences)


@dataclass(frozen=True)
class WeightModel:
    """How the weights of the rows answer the q coefficients of a model that they were made of.

    `slopes` (rows x q): derivatives of each row's log weight; `influences` (G x q): what each
    cluster did to the coefficients, clusters in rising order.
    """

    slopes: FloatArray
    influences: FloatArray


def fit_pooled(
    design: Design,
    happened: BoolArray,
    *,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
    weight_models: Sequence[WeightModel] = (),
    precision: float = 0.0,
) -> PooledFit:
    """Return the weighted logistic model of the rows with errors by cluster.

    `happened`, `weights` (case weights, one each when absent) and `cluster` (any whole numbers;
    every row its own when absent) are (rows,). Without `weight_models` errors take the weights as
    known. Raises `UnstableModelError` when the likelihood has no maximum.
    """
    weights = np.ones(len(happened)) if weights is None else weights
    fit = fit_logistic(design, happened, weights, precision=precision)
    if not fit.has_converged:
        raise UnstableModelError("The pooled model has no stable solution in these data.")
    residual = weights * (happened - probabilities(design, fit.coefficients))
    scores = cluster_sums(design.values, residual, cluster)
    for model in weight_models:
        if len(model.influences) != len(scores):
            raise ValueError(
                f"The rows have {len(scores)} clusters, a model of their weights "
                f"{len(model.influences)}; both must hold the same ones."
            )
        answers = design.values.T @ (residual[:, None] * model.slopes)
        scores = scores + model.influences @ answers.T
    influences: FloatArray = np.linalg.solve(fit.information, scores.T).T.astype(np.float64)
    groups = len(influences)
    covariance = influences.T @ influences * (groups / max(groups - 1.0, 1.0))
    return PooledFit(design, fit.coefficients, covariance, influences)


def shared_designs(frames: Sequence[pl.DataFrame], terms: Sequence[Term]) -> tuple[Design, ...]:
    """Return one design a frame, with the same columns, centres and levels in all.

    The first frame is the one to fit, the others what to predict. Raises ValueError where the
    others ask for a level or a change that the first does not hold.
    """
    columns = sorted(set(frames[0].columns).intersection(*(frame.columns for frame in frames)))
    joined = design_matrix(pl.concat([frame.select(columns) for frame in frames]), terms)
    bounds = np.cumsum([0, *(frame.height for frame in frames)])
    first = joined.values[: bounds[1]]
    for name, column in zip(joined.names[1:], first.T[1:], strict=True):
        if column.size and float(column.min()) == float(column.max()):
            raise ValueError(f"{name} does not vary in the rows to fit; nothing can be predicted.")
    return tuple(
        Design(joined.names, joined.values[start:stop], joined.centers, joined.scales)
        for start, stop in pairwise(bounds)
    )


def standardised_survival(
    fit: PooledFit,
    design: Design,
    periods: int,
    *,
    cluster_of_person: IntArray | None = None,
) -> StandardisedSurvival:
    """Return the mean over people of the survival that the model predicts in every period.

    `design` holds the same number of `periods` for every person, sorted by person, then period.
    With `cluster_of_person` (people,), codes of the fit's clusters in rising order from 0, errors
    carry as well that the people are a sample; without, the people are taken as given.
    """
    people, width = divmod(len(design.values), periods)[0], design.values.shape[1]
    x = design.values.reshape(people, periods, width)
    alive, slopes = np.ones(people), np.zeros((people, width))
    survival, gradients = np.empty(periods), np.empty((width, periods))
    sampled = np.zeros((fit.clusters, periods))
    for period in range(periods):
        hazard = 1.0 / (1.0 + np.exp(-(x[:, period] @ fit.coefficients)))
        alive = alive * (1.0 - hazard)
        slopes += hazard[:, None] * x[:, period]
        survival[period] = alive.mean()
        gradients[:, period] = -(alive @ slopes) / people
        if cluster_of_person is not None:
            apart = (alive - survival[period]) / people
            sampled[:, period] = np.bincount(cluster_of_person, apart, minlength=fit.clusters)
    return StandardisedSurvival(survival, sampled + fit.influences @ gradients)


def influence_errors(influences: FloatArray) -> FloatArray:
    """Return the standard error of every column from influences of G clusters, times G/(G-1)."""
    groups = len(influences)
    squares = np.sum(influences**2, axis=0) * groups / max(groups - 1.0, 1.0)
    return np.asarray(np.sqrt(squares), dtype=np.float64)


def cluster_sums(x: FloatArray, residual: FloatArray, cluster: IntArray | None) -> FloatArray:
    """Return rows times residuals summed by cluster (clusters x columns), clusters rising."""
    if cluster is None:
        return np.asarray(x * residual[:, None], dtype=np.float64)
    if np.any(np.diff(cluster) < 0):
        order = np.argsort(cluster, kind="stable")
        x, residual, cluster = x[order], residual[order], cluster[order]
    bounds = np.r_[segment_starts(cluster), len(cluster)]
    by_cluster = csr_array(
        (residual, np.arange(len(cluster)), bounds), shape=(len(bounds) - 1, len(cluster))
    )
    return np.asarray(by_cluster @ x, dtype=np.float64)
