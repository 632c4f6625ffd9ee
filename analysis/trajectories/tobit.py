"""Stage slopes that allow for the ends of the scale (Tobin 1958), beside those that do not.

A value at an end says only that the person is at least there. Where many are, least squares
flattens the slopes; maximum likelihood under normal errors takes the censoring into account.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Domain
from analysis.survival.arrays import FloatArray
from analysis.trajectories.doubts import Doubt, Slopes, impossible, slope_doubts
from analysis.trajectories.least_squares import (
    StageRows,
    cluster_products,
    fit_least_squares,
    stage_rows,
)
from analysis.trajectories.reml import NotEstimableError

METHOD: Final = "tobit"
ITERATIONS: Final = 50
LARGEST_LAST_STEP: Final = 1e-9
SMALLEST_DAMPING: Final = 2.0**-20
FEWEST_INSIDE: Final = 10


@dataclass(frozen=True)
class TobitFit:
    """Maximum likelihood: slopes, the standard deviation of the errors, the log likelihood."""

    slopes: Slopes
    deviation: float
    log_likelihood: float


def tobit_doubts(points: pl.DataFrame, domain: Domain, level: float) -> list[Doubt]:
    """Return the slopes with and without regard to the ends of the scale, in this order.

    `points` are the days of the main line of one domain with `patient_key`.
    """
    if domain.lowest is None and domain.highest is None:
        return [impossible(METHOD, "slopes", "the protocol names no end of this scale")]
    try:
        rows = stage_rows(points)
        inside = (rows.values > _low(domain.lowest)) & (rows.values < _high(domain.highest))
        if np.count_nonzero(inside) < FEWEST_INSIDE:
            raise NotEstimableError("nearly all values lie at the ends of the scale")
        fit = fit_tobit(rows, domain.lowest, domain.highest)
    except NotEstimableError as fault:
        return [impossible(METHOD, "slopes", str(fault))]
    plain = fit_least_squares(rows)
    return [
        *slope_doubts(fit.slopes, domain, METHOD, level),
        *slope_doubts(plain, domain, METHOD, level, suffix="_uncensored"),
    ]


def fit_tobit(rows: StageRows, lowest: float | None, highest: float | None) -> TobitFit:
    """Return the fit by Newton's method with the sandwich error of clusters.

    In coefficients / deviation and 1 / deviation the log likelihood has one maximum (Olsen 1978).
    Raises `NotEstimableError` where nearly all values lie at the ends.
    """
    problem = _Problem.of(rows, lowest, highest)
    if problem.uncensored < problem.z.shape[1]:
        raise NotEstimableError("nearly all values lie at the ends of the scale")
    parameters = problem.start()
    objective, gradient, hessian = problem.at(parameters)
    for _ in range(ITERATIONS):
        step = np.asarray(np.linalg.solve(hessian, -gradient), dtype=np.float64)
        parameters, found = problem.climb(parameters, step, objective)
        objective, gradient, hessian = found
        if float(np.max(np.abs(step) / (1 + np.abs(parameters)))) < LARGEST_LAST_STEP:
            return _fitted(rows, problem, parameters, objective, hessian)
    raise NotEstimableError("the censored model did not settle")


@dataclass(frozen=True)
class _Problem:
    """Rows as z = [-terms, value], so that z p is the standardised residual; ends are cut off.

    side : 0 between the ends, -1 at the lowest, 1 at the highest (rows,).
    """

    z: FloatArray
    side: FloatArray
    products: FloatArray
    uncensored: int

    @classmethod
    def of(cls, rows: StageRows, lowest: float | None, highest: float | None) -> "_Problem":
        low, high = _low(lowest), _high(highest)
        side = np.where(rows.values <= low, -1.0, np.where(rows.values >= high, 1.0, 0.0))
        z = np.column_stack([-rows.terms, np.clip(rows.values, low, high)])
        inside = z[side == 0]
        return cls(z, side, inside.T @ inside, len(inside))

    def start(self) -> FloatArray:
        """Return what least squares makes of the values as they are."""
        terms, values = -self.z[:, :-1], self.z[:, -1]
        coefficients = np.linalg.solve(terms.T @ terms, terms.T @ values)
        deviation = float(np.std(values - terms @ coefficients))
        if deviation == 0:
            raise NotEstimableError("the values follow the stages without any residual")
        return np.append(coefficients, 1.0) / deviation

    def at(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log likelihood, its gradient and its second derivatives."""
        precision = parameters[-1]
        moved = self.products @ parameters
        constant = -0.5 * self.uncensored * np.log(2 * np.pi)
        objective = constant + self.uncensored * np.log(precision) - 0.5 * parameters @ moved
        gradient, hessian = -moved, -self.products.copy()
        gradient[-1] += self.uncensored / precision
        hessian[-1, -1] -= self.uncensored / precision**2
        for end in (-1.0, 1.0):
            z = -end * self.z[self.side == end]
            logs, ratio, beyond = _tail(z @ parameters)
            objective += float(np.sum(logs))
            gradient += z.T @ ratio
            hessian -= (z * (ratio * (ratio + beyond))[:, None]).T @ z
        return float(objective), gradient, hessian

    def scores(self, parameters: FloatArray) -> FloatArray:
        """Return each row's gradient (rows, parameters)."""
        residual = self.z @ parameters
        _, low, _ = _tail(residual)
        _, high, _ = _tail(-residual)
        scores = self.z * np.where(self.side == 0, -residual, 0.0)[:, None]
        scores[:, -1] += np.where(self.side == 0, 1 / parameters[-1], 0.0)
        return scores + self.z * np.select([self.side < 0, self.side > 0], [low, -high])[:, None]

    def climb(
        self, parameters: FloatArray, step: FloatArray, objective: float
    ) -> tuple[FloatArray, tuple[float, FloatArray, FloatArray]]:
        """Return the farthest halved step that does not lower the likelihood, and what is there."""
        damping = 1.0
        while True:
            there = parameters + damping * step
            if there[-1] > 0:
                found = self.at(there)
                if found[0] >= objective - 1e-12 * abs(objective) or damping <= SMALLEST_DAMPING:
                    return there, found
            damping /= 2.0


def _low(lowest: float | None) -> float:
    return -np.inf if lowest is None else lowest


def _high(highest: float | None) -> float:
    return np.inf if highest is None else highest


def _tail(residual: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log Phi, the inverse Mills ratio phi / Phi, and the residual itself."""
    from scipy.special import log_ndtr

    logs = log_ndtr(residual)
    ratio = np.exp(-0.5 * residual**2 - 0.5 * np.log(2 * np.pi) - logs)
    return logs, ratio, residual


def _fitted(
    rows: StageRows,
    problem: _Problem,
    parameters: FloatArray,
    objective: float,
    hessian: FloatArray,
) -> TobitFit:
    """Return the fit on the scale of the values."""
    bread = np.linalg.inv(hessian)
    covariance = bread @ cluster_products(problem.scores(parameters), rows.clusters) @ bread
    deviation = 1.0 / float(parameters[-1])
    coefficients = parameters[:-1] * deviation
    jacobian = deviation * np.column_stack([np.eye(len(coefficients)), -coefficients])
    slopes = Slopes(
        rows.stages, coefficients, jacobian @ covariance @ jacobian.T, rows.told, rows.patients
    )
    return TobitFit(slopes, deviation, objective)
