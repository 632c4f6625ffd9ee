"""Logistic regression by Newton's method, and the same model refitted to many resamples at once.

A tiny ridge precision on every coefficient but the intercept keeps estimates finite where the
data separate (le Cessie and van Houwelingen 1992); at the preset of 0.01 it weighs less than one
observation and is not felt elsewhere. The intercept has a millionth of it, for resamples in which
nothing happened.

Resamples share the rows of the design and differ only in how often each row counts. All are solved
together: a quasi-Newton step for each from the full sample's information (the chord method), kept
current by BFGS updates, with the gradients of all resamples made by one matrix product over blocks
of rows (Nocedal and Wright 2006, chapters 3 and 6). Steps far from the solution are made in single
precision, the last ones in double. What has not settled is refitted on its own.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.emulation.arrays import BoolArray, CoarseArray, FloatArray, IntArray
from analysis.emulation.design import Design

Counts = npt.NDArray[np.float32]

NEWTON_ITERATIONS: Final = 60
BATCH_ITERATIONS: Final = 30
# Largest next step, in coefficients of unit-scale columns, at which a fit counts as converged.
LARGEST_LAST_STEP: Final = 1e-9
# Smallest gain in log likelihood of a step that is worth another, where the ridge makes sure of a
# maximum: it moves no coefficient by more than a ten-millionth of its error. Where data separate,
# rounding in so flat a likelihood never lets the step itself become small.
SMALLEST_GAIN: Final = 1e-14
# exp() of more would overflow; the probability beside it is one to every digit.
LARGEST_EXPONENT: Final = 700.0
SMALLEST_DAMPING: Final = 2.0**-20
# From so many rows on, a fit begins at that of every sixteenth block of them: blocks, as rows of a
# person follow each other, and with a ridge that lets any such part have a solution.
MANY_ROWS: Final = 1 << 17
START_BLOCK: Final = 512
START_SHARE: Final = 16
START_PRECISION: Final = 0.01
INTERCEPT_PENALTY_SHARE: Final = 1e-6
# Rows worked on at a time, so that they stay near the processor: of one fit, of all resamples.
BLOCK_ROWS: Final = 4096
BATCH_ROWS: Final = 2048
# Above this step single precision finds the way; its rounding is a hundred times smaller.
SMALLEST_COARSE_STEP: Final = 1e-4
WORKERS: Final = 2


@dataclass(frozen=True)
class LogisticFit:
    """A fitted model: coefficients (columns,), information (columns x columns), how it ended."""

    coefficients: FloatArray
    information: FloatArray
    iterations: int
    has_converged: bool


@dataclass(frozen=True)
class LogisticRefits:
    """Coefficients of every resample (columns x resamples) and which of them converged."""

    coefficients: FloatArray
    has_converged: BoolArray
    refitted_alone: int


@dataclass(frozen=True)
class Resampling:
    """How often each unit counts in each resample (units x resamples), and the unit of a row."""

    unit_of_row: IntArray
    counts: Counts


def linear_predictor(design: Design, coefficients: FloatArray) -> FloatArray:
    """Return the linear predictor of every row (rows,)."""
    return np.asarray(design.values @ coefficients, dtype=np.float64)


def probabilities(design: Design, coefficients: FloatArray) -> FloatArray:
    """Return the fitted probability of every row (rows,)."""
    return _logistic(design.values @ coefficients)


def fit_logistic(
    design: Design,
    outcome: BoolArray,
    case_weights: FloatArray | None = None,
    *,
    precision: float = 0.0,
    start: FloatArray | None = None,
) -> LogisticFit:
    """Return the maximum of the log likelihood less half the ridge penalty.

    `outcome` (rows,), `case_weights` (rows,) not negative, one each when absent. Steps are halved
    until the objective does not fall. Without rows of both outcomes and without ridge there is no
    maximum: `has_converged` is then false.
    """
    problem = _Problem(
        design.values,
        outcome.astype(np.float64),
        np.ones(len(outcome)) if case_weights is None else case_weights,
        _penalty(design, precision),
    )
    beta = _start(problem, design, precision) if start is None else start.copy()
    point = problem.at(beta)
    for iteration in range(1, NEWTON_ITERATIONS + 1):
        step = _solve(point.information, point.gradient)
        if not np.all(np.isfinite(step)):
            break
        gain = float(step @ point.gradient) if precision > 0.0 else np.inf
        if float(np.max(np.abs(step))) < LARGEST_LAST_STEP or gain < SMALLEST_GAIN:
            return LogisticFit(beta + step, point.information, iteration, has_converged=True)
        beta, point = problem.climb(beta, step, point.objective)
    return LogisticFit(beta, point.information, NEWTON_ITERATIONS, has_converged=False)


def refit_logistic(
    design: Design,
    outcome: BoolArray,
    fit: LogisticFit,
    resampling: Resampling,
    *,
    precision: float = 0.0,
) -> LogisticRefits:
    """Return the coefficients of every resample, each the fit of its own counted rows.

    Equal to `fit_logistic` with the counts as case weights, to about 1e-8 in every coefficient.
    """
    penalty = _penalty(design, precision)
    coarse = design.values.astype(np.float32)
    batch = _Batch(design.values, coarse, outcome.astype(np.float64), resampling, penalty)
    beta, settled = _settle(batch, fit)
    alone = np.flatnonzero(~settled)
    for replicate in alone:
        own_weights = resampling.counts[:, replicate].astype(np.float64)[resampling.unit_of_row]
        own = fit_logistic(
            design, outcome, own_weights, precision=precision, start=fit.coefficients
        )
        beta[:, replicate], settled[replicate] = own.coefficients, own.has_converged
    return LogisticRefits(beta, settled, len(alone))


@dataclass(frozen=True)
class _Batch:
    """All resamples of one model; `coarse_x` is the design in single precision."""

    x: FloatArray
    coarse_x: CoarseArray
    y: FloatArray
    resampling: Resampling
    penalty: FloatArray

    def gradients(self, beta: FloatArray, replicates: IntArray, *, is_coarse: bool) -> FloatArray:
        """Return the penalised score (columns x replicates) at each replicate's coefficients."""
        shares = np.array_split(np.arange(len(replicates)), WORKERS)
        with ThreadPoolExecutor(WORKERS) as pool:
            parts = pool.map(
                lambda share: self._scores(beta[:, share], replicates[share], is_coarse), shares
            )
            return np.concatenate(list(parts), axis=1) - self.penalty[:, None] * beta

    def _scores(self, beta: FloatArray, replicates: IntArray, is_coarse: bool) -> FloatArray:
        kind: type[np.floating[Any]] = np.float32 if is_coarse else np.float64
        x: npt.NDArray[Any] = self.coarse_x if is_coarse else self.x
        y, coefficients = self.y.astype(kind)[:, None], beta.astype(kind)
        counts = self.resampling.counts[:, replicates].astype(kind)
        score = np.zeros(beta.shape)
        for first in range(0, len(self.y), BATCH_ROWS):
            rows = slice(first, first + BATCH_ROWS)
            residual = x[rows] @ coefficients
            _logistic_in_place(residual)
            np.subtract(y[rows], residual, out=residual)
            residual *= counts[self.resampling.unit_of_row[rows]]
            score += x[rows].T @ residual
        return score

    def first_gradients(self, coefficients: FloatArray) -> FloatArray:
        """Return the scores of all replicates at common coefficients, from sums over units."""
        residual = self.y - _logistic(self.x @ coefficients)
        units, width = self.resampling.counts.shape[0], self.x.shape[1]
        by_unit = np.empty((units, width))
        for j in range(width):
            by_unit[:, j] = np.bincount(
                self.resampling.unit_of_row, weights=self.x[:, j] * residual, minlength=units
            )
        scores = by_unit.T @ self.resampling.counts.astype(np.float64)
        return scores - (self.penalty * coefficients)[:, None]


def _settle(batch: _Batch, fit: LogisticFit) -> tuple[FloatArray, BoolArray]:
    """Return coefficients (columns x replicates) and which replicates settled, by BFGS."""
    replicates = batch.resampling.counts.shape[1]
    beta = np.repeat(fit.coefficients[:, None], replicates, axis=1)
    settled = np.zeros(replicates, dtype=bool)
    inverse = _inverse(fit.information)
    if inverse is None:
        return beta, settled
    inverses = np.repeat(inverse[None], replicates, axis=0)
    gradient = batch.first_gradients(fit.coefficients)
    active = np.arange(replicates)
    for _ in range(BATCH_ITERATIONS):
        step = np.einsum("rij,jr->ir", inverses[active], gradient)
        size = np.max(np.abs(step), axis=0)
        beta[:, active] += step
        settled[active[size < LARGEST_LAST_STEP]] = True
        going = (size >= LARGEST_LAST_STEP) & (size < 1e3)
        active, step, former = active[going], step[:, going], gradient[:, going]
        if active.size == 0:
            break
        is_coarse = bool(np.median(np.max(np.abs(step), axis=0)) > SMALLEST_COARSE_STEP)
        gradient = batch.gradients(beta[:, active], active, is_coarse=is_coarse)
        _update_inverses(inverses, active, step, former - gradient)
    return beta, settled


def _update_inverses(
    inverses: FloatArray, active: IntArray, step: FloatArray, change: FloatArray
) -> None:
    """Apply the BFGS update of the inverse information to every active replicate in place."""
    curvature = np.einsum("ir,ir->r", step, change)
    sound = curvature > 0.0
    who, s, y = active[sound], step[:, sound].T, change[:, sound].T
    rho = 1.0 / curvature[sound]
    h = inverses[who]
    hy = np.einsum("rij,rj->ri", h, y)
    scale = rho * (1.0 + rho * np.einsum("ri,ri->r", y, hy))
    crossed = np.einsum("ri,rj,r->rij", hy, s, rho)
    h -= crossed + np.swapaxes(crossed, 1, 2)
    h += np.einsum("ri,rj,r->rij", s, s, scale)
    inverses[who] = h


@dataclass(frozen=True)
class _Problem:
    """A penalised log likelihood and its derivatives."""

    x: FloatArray
    y: FloatArray
    weights: FloatArray
    penalty: FloatArray

    def start(self) -> FloatArray:
        beta = np.zeros(self.x.shape[1])
        total, happened = float(np.sum(self.weights)), float(self.weights @ self.y)
        if 0.0 < happened < total:
            beta[0] = np.log(happened / (total - happened))
        return beta

    def at(self, beta: FloatArray) -> "_Point":
        """Return the penalised log likelihood and its derivatives, in one pass over the rows.

        With z the predictor of what happened to a row, e = exp(-z) and q = 1/(1 + e): the row's
        log likelihood is log q, its residual e q with the sign of z, its variance e q^2.
        """
        objective = -0.5 * float(self.penalty @ (beta * beta))
        gradient = -self.penalty * beta
        information = np.diag(self.penalty)
        for first in range(0, len(self.y), BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            x, weights = self.x[rows], self.weights[rows]
            sign = 2.0 * self.y[rows] - 1.0
            e = np.exp(np.minimum(-sign * (x @ beta), LARGEST_EXPONENT))
            q = 1.0 / (1.0 + e)
            objective -= float(weights @ np.log1p(e))
            residual = weights * e * q
            gradient += x.T @ (sign * residual)
            scaled = x * np.sqrt(residual * q)[:, None]
            information += scaled.T @ scaled
        return _Point(objective, gradient, information)

    def climb(
        self, beta: FloatArray, step: FloatArray, objective: float
    ) -> tuple[FloatArray, "_Point"]:
        """Return the farthest halved step that does not lower the objective, and what is there."""
        damping = 1.0
        while True:
            point = self.at(beta + damping * step)
            is_lower = point.objective < objective - 1e-12 * abs(objective)
            if not is_lower or damping <= SMALLEST_DAMPING:
                return beta + damping * step, point
            damping /= 2.0


@dataclass(frozen=True)
class _Point:
    """The penalised log likelihood at some coefficients with its derivatives."""

    objective: float
    gradient: FloatArray
    information: FloatArray


def _start(problem: _Problem, design: Design, precision: float) -> FloatArray:
    """Return where to begin: of many rows the fit of one in sixteen, else the outcome's share."""
    height = len(problem.y)
    if height < MANY_ROWS:
        return problem.start()
    chosen = np.arange(height) // START_BLOCK % START_SHARE == 0
    part = Design(design.names, design.values[chosen], design.centers, design.scales)
    happened, weights = problem.y[chosen] > 0.5, problem.weights[chosen]
    fit = fit_logistic(part, happened, weights, precision=max(precision, START_PRECISION))
    return fit.coefficients if fit.has_converged else problem.start()


def _penalty(design: Design, precision: float) -> FloatArray:
    penalty = np.full(design.values.shape[1], precision)
    penalty[0] *= INTERCEPT_PENALTY_SHARE
    return penalty


def _solve(information: FloatArray, gradient: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(gradient, np.nan)


def _inverse(information: FloatArray) -> FloatArray | None:
    try:
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None


def _logistic(eta: FloatArray) -> FloatArray:
    values = np.array(eta, dtype=np.float64)
    _logistic_in_place(values)
    return values


def _logistic_in_place(eta: npt.NDArray[Any]) -> None:
    largest = 80.0 if eta.dtype == np.float32 else LARGEST_EXPONENT
    np.clip(eta, -largest, largest, out=eta)
    np.negative(eta, out=eta)
    np.exp(eta, out=eta)
    eta += 1.0
    np.reciprocal(eta, out=eta)
