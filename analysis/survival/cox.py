"""Cox's proportional hazards model for counting-process rows, by Newton's method.

Covariates may change in time, entry may be late, baseline hazards may differ by stratum, rows may
weigh differently and events may be tied (Cox 1972; Efron 1977; Breslow 1974; Therneau and Grambsch
2000, chapters 3 and 7). Robust errors sum score residuals by cluster (Lin and Wei 1989).

Second moments over risk sets never need to be built: summed over event times they are the rows'
own squares weighted by the hazard that each row lived through. What is left is first moments, so
one step costs one pass over the rows and one over the event times, for k covariates n k^2 in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import FloatArray, IntArray
from analysis.survival.counting import CountingRows
from analysis.survival.refusal import NotEstimableError
from analysis.survival.risk_sets import RiskSets, risk_sets

EFRON: Final = "efron"
BRESLOW: Final = "breslow"
MOST_ITERATIONS: Final = 40
# Largest step, in coefficients of unit-spread covariates, after which the fit needs no other.
LARGEST_LAST_STEP: Final = 1e-8
SMALLEST_STEP_SHARE: Final = 2.0**-30
LARGEST_LOG_RISK: Final = 300.0
# An information this much smaller than where nothing is known says that the maximum is at infinity.
SMALLEST_INFORMATION_SHARE: Final = 1e-9
SMALLEST_EIGENVALUE: Final = 1e-10
LEAST_SPREAD: Final = 1e-12
BLOCK_ROWS: Final = 4096


@dataclass(frozen=True)
class BaselineHazard:
    """Increments of the cumulative hazard at the fit's means, at every event time.

    times, strata, increments, event_weights (m,); variance_increments (m,) : of the increments
    were the coefficients known; spared_increments (m,) : the part of these that ties spare events;
    mean_increments (m, k) : increments times mean covariates at risk, less the fit's means.
    """

    times: FloatArray
    strata: IntArray
    increments: FloatArray
    event_weights: FloatArray
    variance_increments: FloatArray
    spared_increments: FloatArray
    mean_increments: FloatArray


@dataclass(frozen=True)
class CoxFit:
    """A fitted model of k covariates.

    coefficients (k,) log hazard ratios; covariance (k, k) model-based; robust_covariance (k, k)
    by cluster, or None without clusters; score_residuals (clusters, k) weighted and summed by
    cluster, or None; means (k,) at which the baseline hazard stands; log_likelihood at the
    coefficients and null_log_likelihood, score_test at zero.
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    robust_covariance: FloatArray | None
    score_residuals: FloatArray | None
    means: FloatArray
    baseline: BaselineHazard
    log_likelihood: float
    null_log_likelihood: float
    score_test: float
    iterations: int
    n_rows: int
    n_events: int
    n_clusters: int | None

    @property
    def standard_errors(self) -> FloatArray:
        """Return the robust errors where there are clusters, else the model's: shape (k,)."""
        covariance = self.covariance if self.robust_covariance is None else self.robust_covariance
        return np.sqrt(np.diag(covariance))

    def kept_residuals(self) -> FloatArray:
        """Return the score residuals of clusters (clusters, k); raise where none were kept."""
        if self.score_residuals is None:
            raise ValueError("the fit kept no score residuals; it needs clusters, residuals=True")
        return self.score_residuals

    @property
    def likelihood_ratio_test(self) -> float:
        """Return twice the gain in log likelihood over no effect, chi-square on k degrees."""
        return 2.0 * (self.log_likelihood - self.null_log_likelihood)


@dataclass(frozen=True)
class _Model:
    """The rows at risk and their covariates, shifted to mean 0 and scaled to spread 1.

    columns (k + 1, n) after a row of ones; events (k + 1, events) : those of rows with an event.
    """

    sets: RiskSets
    columns: FloatArray
    events: FloatArray
    means: FloatArray
    spreads: FloatArray
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Hazard:
    """What happens at each event time under given coefficients; (m,) but for the moments (m, k).

    hazard : increment; own : the part of it that tied events are spared (Efron); q0, q1, q2 :
    weighted sums of squared inverse risks with powers 0, 1, 2 of the share that has left;
    at_risk, tied : first moments of covariates over the risk set and over the events.
    """

    hazard: FloatArray
    own: FloatArray
    q0: FloatArray
    q1: FloatArray
    q2: FloatArray
    at_risk: FloatArray
    tied: FloatArray


@dataclass(frozen=True)
class _Point:
    """The likelihood and its derivatives at some coefficients."""

    log_likelihood: float
    gradient: FloatArray
    information: FloatArray
    risks: FloatArray
    hazard: _Hazard


def fit_cox(
    rows: CountingRows,
    covariates: npt.ArrayLike,
    *,
    ties: str = EFRON,
    names: Sequence[str] = (),
    residuals: bool = False,
) -> CoxFit:
    """Return the model of the rows' hazard on their covariates (rows, k).

    `residuals` keeps the score residuals of clusters. Raises NotEstimableError where there is no
    event, a covariate does not vary, covariates are combinations of each other, or a coefficient
    grows without limit. Times and errors are in the rows' units; coefficients per covariate unit.
    """
    if ties not in {EFRON, BRESLOW}:
        raise ValueError(f"ties are handled by '{EFRON}' or '{BRESLOW}', not '{ties}'")
    model = _model(rows, np.asarray(covariates, dtype=np.float64), ties, tuple(names))
    null = _point(model, np.zeros(len(model.names)))
    _check_information(model, null)
    score_test = float(null.gradient @ np.linalg.solve(null.information, null.gradient))
    coefficients, point, iterations = _maximise(model, null)
    inverse = np.linalg.inv(point.information)
    scores = None if rows.clusters is None else _cluster_scores(model, point, rows.clusters)
    robust = None if scores is None else inverse @ (scores.T @ scores) @ inverse
    scale = np.outer(model.spreads, model.spreads)
    return CoxFit(
        names=model.names,
        coefficients=coefficients / model.spreads,
        covariance=inverse / scale,
        robust_covariance=None if robust is None else robust / scale,
        score_residuals=scores * model.spreads if residuals and scores is not None else None,
        means=model.means,
        baseline=_baseline(model, point.hazard),
        log_likelihood=point.log_likelihood,
        null_log_likelihood=null.log_likelihood,
        score_test=score_test,
        iterations=iterations,
        n_rows=rows.exit.size,
        n_events=int(model.sets.event_count.sum()),
        n_clusters=None if scores is None else scores.shape[0],
    )


def _model(rows: CountingRows, covariates: FloatArray, ties: str, names: tuple[str, ...]) -> _Model:
    if covariates.ndim != 2 or covariates.shape[0] != rows.exit.size or covariates.shape[1] == 0:
        raise ValueError(
            f"covariates need shape ({rows.exit.size}, at least 1), found {covariates.shape}"
        )
    names = names or tuple(f"covariate {place + 1}" for place in range(covariates.shape[1]))
    if not np.any(rows.is_event & (rows.weights > 0)):
        raise NotEstimableError("No event was seen, so no hazard ratio can be estimated.")
    sets = risk_sets(rows, efron=ties == EFRON)
    columns, means, spreads = _scaled(covariates, sets)
    for name, spread, mean in zip(names, spreads, means, strict=True):
        if spread <= LEAST_SPREAD * max(1.0, abs(mean)):
            raise NotEstimableError(f"{name} is the same on every row at risk.")
    columns[1:] /= spreads[:, None]
    return _Model(sets, columns, columns[:, sets.event_rows], means, spreads, names)


def _scaled(covariates: FloatArray, sets: RiskSets) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return ones and centred covariates (k + 1, n), weighted means (k,) and spreads (k,)."""
    columns = np.empty((covariates.shape[1] + 1, sets.rows.size))
    columns[0] = 1.0
    columns[1:] = (covariates if covariates.shape[0] == sets.rows.size else covariates[sets.rows]).T
    total = sets.weights.sum()
    means = columns[1:] @ sets.weights / total
    columns[1:] -= means[:, None]
    spreads = np.sqrt(np.diag(_weighted_squares(columns, sets.weights))[1:] / total)
    if not np.all(np.isfinite(spreads)):
        raise ValueError("every covariate must be a finite number on every row")
    return columns, means, spreads


def _point(model: _Model, coefficients: FloatArray) -> _Point:
    """Return the log likelihood with its derivatives, or minus infinity where risks overflow."""
    sets = model.sets
    risks = _risks(model, coefficients)
    if risks is None:
        return _nowhere(model)
    hazard, log_risk_sums = _hazard(model, risks)
    cumulative = np.r_[0.0, np.cumsum(hazard.hazard)]
    squares = _weighted_squares(model.columns, risks, cumulative, sets)
    happened, spared = sets.weights[sets.event_rows], _spared(sets, hazard, risks)
    squares -= (model.events * spared) @ model.events.T
    return _Point(
        float(coefficients @ (model.events[1:] @ happened) - log_risk_sums),
        (model.events @ happened - squares[0])[1:],
        squares[1:, 1:] - _squared_means(hazard),
        risks,
        hazard,
    )


def _risks(model: _Model, coefficients: FloatArray) -> FloatArray | None:
    """Return weights times relative risks (n,), or None where they would overflow."""
    weights = model.sets.weights
    if not np.any(coefficients):
        return weights
    risks, beta = np.empty(weights.size), np.r_[0.0, coefficients]
    for start in range(0, weights.size, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        log_risks = beta @ model.columns[:, block]
        if max(log_risks.max(), -log_risks.min()) > LARGEST_LOG_RISK:
            return None
        risks[block] = np.exp(log_risks) * weights[block]
    return risks


def _weighted_squares(
    columns: FloatArray,
    weights: FloatArray,
    cumulative: FloatArray | None = None,
    sets: RiskSets | None = None,
) -> FloatArray:
    """Return the columns' weighted cross products, weights times the hazard lived through.

    The products with the column of ones are the weighted sums. Blocks stay within the cache.
    """
    size = columns.shape[0]
    squares = np.zeros((size, size))
    for start in range(0, weights.size, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        weight = weights[block]
        if cumulative is not None and sets is not None:
            weight = weight * (cumulative[sets.last[block]] - cumulative[sets.first[block]])
        squares += (columns[:, block] * weight) @ columns[:, block].T
    return squares


def _spared(sets: RiskSets, hazard: _Hazard, risks: FloatArray) -> FloatArray:
    """Return what ties spare each event's row of its expected events (events,)."""
    spared: FloatArray = risks[sets.event_rows] * hazard.own[sets.event_place]
    return spared


def _nowhere(model: _Model) -> _Point:
    size, none = len(model.names), np.empty(0)
    moments = np.empty((0, size))
    hazard = _Hazard(none, none, none, none, none, moments, moments)
    return _Point(-np.inf, np.zeros(size), np.zeros((size, size)), none, hazard)


def _hazard(model: _Model, risks: FloatArray) -> tuple[_Hazard, float]:
    sets = model.sets
    tied = sets.sums_of_events(risks[sets.event_rows], model.events)
    at_risk = sets.sums_at_risk(risks, model.columns)
    # Rounding cannot make a risk set smaller than the events in it.
    total = np.maximum(at_risk[:, 0], tied[:, 0])
    place, share = sets.term_place, sets.share
    remaining = total[place] - share * tied[place, 0]
    inverse = sets.term_weight / remaining
    squared = inverse / remaining

    def per_time(terms: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(place, terms, minlength=total.size), dtype=np.float64)

    hazard = _Hazard(
        hazard=per_time(inverse),
        own=per_time(share * inverse),
        q0=per_time(squared),
        q1=per_time(share * squared),
        q2=per_time(share**2 * squared),
        at_risk=at_risk[:, 1:],
        tied=tied[:, 1:],
    )
    return hazard, float(sets.term_weight @ np.log(remaining))


def _squared_means(hazard: _Hazard) -> FloatArray:
    """Return the squared mean covariates of those at risk, summed over the events (k, k)."""
    at_risk, tied = hazard.at_risk, hazard.tied
    crossed = (at_risk * hazard.q1[:, None]).T @ tied
    squares: FloatArray = (at_risk * hazard.q0[:, None]).T @ at_risk
    return squares + (tied * hazard.q2[:, None]).T @ tied - crossed - crossed.T


def _check_information(model: _Model, null: _Point) -> None:
    """Raise where the data hold nothing on a covariate, or nothing that others do not hold."""
    diagonal = np.diag(null.information)
    least = SMALLEST_EIGENVALUE * float(model.sets.event_weight.sum())
    for name, held in zip(model.names, diagonal, strict=True):
        if held <= least:
            raise NotEstimableError(
                f"{name} does not differ among those at risk at any event, so nothing can be said."
            )
    scale = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(null.information / np.outer(scale, scale))
    if values[0] <= SMALLEST_EIGENVALUE:
        involved = [
            name
            for name, share in zip(model.names, vectors[:, 0], strict=True)
            if abs(share) > 1e-6
        ]
        raise NotEstimableError(
            f"{', '.join(involved)} are combinations of each other; leave one of them out."
        )


def _maximise(model: _Model, null: _Point) -> tuple[FloatArray, _Point, int]:
    coefficients, point = np.zeros(len(model.names)), null
    for iteration in range(1, MOST_ITERATIONS + 1):
        _check_finite_maximum(model, point, null, coefficients)
        step = np.asarray(np.linalg.solve(point.information, point.gradient), dtype=np.float64)
        if np.max(np.abs(step)) <= LARGEST_LAST_STEP:
            return coefficients + step, point, iteration
        coefficients, point = _climb(model, coefficients, point, step)
    raise _unlimited(model, coefficients)


def _climb(
    model: _Model, coefficients: FloatArray, point: _Point, step: FloatArray
) -> tuple[FloatArray, _Point]:
    """Return the first of ever shorter steps that does not lose likelihood beyond rounding."""
    share, rounding = 1.0, 1e-12 * abs(point.log_likelihood)
    while share > SMALLEST_STEP_SHARE:
        candidate = coefficients + share * step
        found = _point(model, candidate)
        if found.log_likelihood >= point.log_likelihood - rounding:
            return candidate, found
        share /= 2.0
    raise _unlimited(model, coefficients)


def _check_finite_maximum(
    model: _Model, point: _Point, null: _Point, coefficients: FloatArray
) -> None:
    """Raise where the information has all but vanished in some direction."""
    scale = np.outer(*[np.sqrt(np.diag(null.information))] * 2)
    least = float(np.linalg.eigvalsh(null.information / scale)[0])
    now = float(np.linalg.eigvalsh(point.information / scale)[0])
    if now <= SMALLEST_INFORMATION_SHARE * least:
        raise _unlimited(model, coefficients)


def _unlimited(model: _Model, coefficients: FloatArray) -> NotEstimableError:
    name = model.names[int(np.argmax(np.abs(coefficients)))]
    return NotEstimableError(
        f"The coefficient of {name} grows without limit: its values part those with an event from "
        "those without one. Use fewer or coarser covariates."
    )


def _cluster_scores(model: _Model, point: _Point, clusters: IntArray) -> FloatArray:
    """Return weighted score residuals summed by cluster (clusters, k).

    A row's residual is its covariates times its martingale residual, less what it is compared
    with; each part is a product of a sparse matrix, so that no residual of a row is stored.
    """
    from scipy.sparse import coo_array, csc_array

    sets, hazard = model.sets, point.hazard
    rows, size = sets.rows.size, int(clusters.max()) + 1
    own = clusters[sets.rows].astype(np.int32)
    cumulative = np.zeros((sets.times.size + 1, len(model.names)))
    np.cumsum(_mean_increments(hazard), axis=0, out=cumulative[1:])
    lived = np.r_[0.0, np.cumsum(hazard.hazard)]
    martingale = lived[sets.first]
    martingale -= lived[sets.last]
    martingale *= point.risks
    martingale[sets.event_rows] += sets.weights[sets.event_rows]
    martingale[sets.event_rows] += _spared(sets, hazard, point.risks)
    starts = np.arange(rows + 1, dtype=np.int32)
    by_cluster = csc_array((martingale, own, starts), shape=(size, rows))
    scores: FloatArray = np.stack([by_cluster @ column for column in model.columns[1:]], axis=1)
    for places, sign in ((sets.last, 1.0), (sets.first, -1.0)):
        where = (own, places.astype(np.int32))
        shape = (size, cumulative.shape[0])
        scores += coo_array((sign * point.risks, where), shape=shape) @ cumulative
    np.subtract.at(scores, own[sets.event_rows], _at_own_event(model, point))
    return scores


def _mean_increments(hazard: _Hazard) -> FloatArray:
    """Return the hazard's increments times the mean covariates of those at risk (m, k)."""
    increments: FloatArray = hazard.at_risk * hazard.q0[:, None] - hazard.tied * hazard.q1[:, None]
    return increments


def _at_own_event(model: _Model, point: _Point) -> FloatArray:
    """Return, for rows with an event, the mean it is compared with and what ties spare it."""
    sets, hazard = model.sets, point.hazard
    mean = hazard.at_risk * hazard.hazard[:, None] - hazard.tied * hazard.own[:, None]
    mean /= sets.event_weight[:, None]
    spared = hazard.at_risk * hazard.q1[:, None] - hazard.tied * hazard.q2[:, None]
    place, rows = sets.event_place, sets.event_rows
    compared: FloatArray = mean[place] * sets.weights[rows][:, None]
    return compared + spared[place] * point.risks[rows][:, None]


def _baseline(model: _Model, hazard: _Hazard) -> BaselineHazard:
    return BaselineHazard(
        times=model.sets.times,
        strata=model.sets.strata,
        increments=hazard.hazard,
        event_weights=model.sets.event_weight,
        variance_increments=hazard.q0,
        spared_increments=hazard.q1,
        mean_increments=_mean_increments(hazard) * model.spreads,
    )
