"""The marginal check of the mixed models: generalised estimating equations, exact, from sums.

Values of a cluster share one working correlation (exchangeable), whose estimate, scale and
iteration are those of Liang and Zeger (1986) with the denominators that statsmodels uses. The
errors are the sandwich; with few clusters it is that of Mancl and DeRouen (2001), which allows for
a cluster drawing the line towards its own values.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.trajectories.cross_products import (
    FloatArray,
    GroupSums,
    NotEstimableError,
    symmetric,
    upper_triangle,
)

MOST_ITERATIONS: Final = 100
TOLERANCE: Final = 1e-12
# With so many clusters one of them no longer draws the line towards itself.
MANY_CLUSTERS: Final = 1_000
CLUSTERS_PER_BLOCK: Final = 8192


@dataclass(frozen=True)
class MarginalFit:
    """Coefficients (terms,), their robust covariance (terms, terms), working correlation, scale.

    is_corrected : whether the covariance is that of Mancl and DeRouen.
    """

    coefficients: FloatArray
    covariance: FloatArray
    correlation: float
    scale: float
    clusters: int
    values: int
    is_corrected: bool


@dataclass(frozen=True)
class _Clusters:
    """[X y]'[X y] of all values, (k, k), and of each cluster, packed; sizes (clusters,)."""

    total: FloatArray
    products: FloatArray
    sizes: FloatArray

    @property
    def columns(self) -> FloatArray:
        """Return the sums of each column, (k, clusters); the first column is the intercept."""
        return self.products[: self.total.shape[0]]


def fit_marginal(
    sums: GroupSums, *, exchangeable: bool = True, corrected: bool | None = None
) -> MarginalFit:
    """Fit a line to values that are correlated within clusters, the first term an intercept.

    Without `exchangeable` the working correlation is none. `corrected` chooses the covariance of
    Mancl and DeRouen; by default it is used below a thousand clusters. Raises `NotEstimableError`
    where there are fewer clusters than terms, or the iteration does not end.
    """
    by_cluster = _by_cluster(sums)
    clusters = int(by_cluster.sizes.size)
    terms = by_cluster.total.shape[0] - 1
    if clusters <= terms:
        raise NotEstimableError("fewer patients than the model has terms")
    correlation = scale = np.nan
    coefficients = _solved(by_cluster, 0.0)
    for _ in range(MOST_ITERATIONS if exchangeable else 1):
        correlation, scale = _moments(by_cluster, coefficients)
        if not exchangeable:
            correlation = 0.0
            break
        moved = _solved(by_cluster, correlation)
        moves = np.abs(moved - coefficients) * np.sqrt(np.diag(by_cluster.total)[:-1])
        coefficients = moved
        if moves.max() <= TOLERANCE * np.sqrt(by_cluster.total[-1, -1]):
            correlation, scale = _moments(by_cluster, coefficients)
            break
    else:
        raise NotEstimableError("the marginal model did not settle")
    is_corrected = clusters < MANY_CLUSTERS if corrected is None else corrected
    covariance = _covariance(by_cluster, coefficients, correlation, is_corrected)
    return MarginalFit(
        coefficients, covariance, correlation, scale, clusters, sums.values, is_corrected
    )


def _by_cluster(sums: GroupSums) -> _Clusters:
    numbers = np.unique(sums.clusters, return_inverse=True)[1]
    products = np.array([np.bincount(numbers, weights=row) for row in sums.products])
    return _Clusters(sums.total(), products, products[0])


def _share(by_cluster: _Clusters, correlation: float) -> FloatArray:
    """Return s of the inverse working correlation (I - s 11') / (1 - correlation), by cluster."""
    share: FloatArray = correlation / (1 + (by_cluster.sizes - 1) * correlation)
    if np.any(1 + (by_cluster.sizes - 1) * correlation <= 0):
        raise NotEstimableError("the working correlation is below what so many values allow")
    return share


def _solved(by_cluster: _Clusters, correlation: float) -> FloatArray:
    columns = by_cluster.columns
    whitened = by_cluster.total - (columns * _share(by_cluster, correlation)) @ columns.T
    return np.asarray(np.linalg.solve(whitened[:-1, :-1], whitened[:-1, -1]), dtype=np.float64)


def _moments(by_cluster: _Clusters, coefficients: FloatArray) -> tuple[float, float]:
    """Return the correlation and the scale that the residuals of all pairs of values show."""
    contrast, terms = np.r_[-coefficients, 1.0], coefficients.size
    squares = float(contrast @ by_cluster.total @ contrast)
    together = contrast @ by_cluster.columns
    sizes = by_cluster.sizes
    scale = squares / (float(sizes.sum()) - terms)
    pairs = float((sizes * (sizes - 1)).sum()) / 2
    if pairs <= terms or scale <= 0:
        raise NotEstimableError("hardly anybody has two values")
    products = (float(together @ together) - squares) / 2
    return products / scale / (pairs - terms), scale


def _covariance(
    by_cluster: _Clusters, coefficients: FloatArray, correlation: float, is_corrected: bool
) -> FloatArray:
    """Return the sandwich; (1 - correlation) leaves it, so it is set to 1."""
    columns, share = by_cluster.columns, _share(by_cluster, correlation)
    whitened = by_cluster.total - (columns * share) @ columns.T
    inverse = np.linalg.inv(whitened[:-1, :-1])
    meat = np.zeros_like(inverse)
    for start in range(0, by_cluster.sizes.size, CLUSTERS_PER_BLOCK):
        block = slice(start, start + CLUSTERS_PER_BLOCK)
        own = _unpacked_all(by_cluster.products[:, block], by_cluster.total.shape[0])
        own = own - np.einsum("un,vn,n->nuv", columns[:, block], columns[:, block], share[block])
        scores = own[:, :-1] @ np.r_[-coefficients, 1.0]
        if is_corrected:
            leverage = np.eye(coefficients.size) - own[:, :-1, :-1] @ inverse
            scores = np.linalg.solve(leverage, scores[:, :, None])[:, :, 0]
        meat += scores.T @ scores
    return symmetric(inverse @ meat @ inverse)


def _unpacked_all(packed: FloatArray, size: int) -> FloatArray:
    full = np.empty((packed.shape[1], size, size))
    for place, (row, column) in enumerate(upper_triangle(size)):
        full[:, row, column] = full[:, column, row] = packed[place]
    return full
