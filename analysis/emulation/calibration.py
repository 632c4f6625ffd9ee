"""Estimates whose truth is known, and what they teach about the error of all others.

Negative controls are estimates of effects that are known to be none; how far they scatter beyond
their standard errors is systematic error. A Gaussian fitted to it is the empirical null, against
which a p-value is calibrated (Schuemie et al. 2014). Positive controls, estimates of known effects,
show how the error moves with the effect, and calibrate an interval (Schuemie et al. 2018). The
expected absolute systematic error sums a null up in one number (Schuemie et al. 2020).

All estimates are on a scale where no effect is 0 and errors are normal: a log ratio or a
difference. A control whose estimate or error is not finite says nothing and is left out, counted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import ndtr

from analysis.emulation.arrays import BoolArray, FloatArray
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.intervals import normal_quantile

SMALLEST_CONTROLS: Final = 3
# A calibrated limit farther out than this, in the units of the estimate, counts as no limit.
FARTHEST_LIMIT: Final = 100.0
SPREADS_TRIED: Final = 200


@dataclass(frozen=True)
class EmpiricalNull:
    """The Gaussian of systematic errors: mean, standard deviation, and how many controls made it.

    `mean_error` is the standard error of the mean, the spread taken as known.
    """

    mean: float
    spread: float
    mean_error: float
    controls: int
    left_out: int


@dataclass(frozen=True)
class ErrorModel:
    """Systematic error as a line in the true effect t.

    An estimate without sampling error has mean `mean_at_none` + `mean_slope` t and standard
    deviation `spread_at_none` + `spread_slope` |t|.
    """

    mean_at_none: float
    mean_slope: float
    spread_at_none: float
    spread_slope: float
    controls: int
    left_out: int


@dataclass(frozen=True)
class CalibratedEstimates:
    """Calibrated values and limits (estimates,); a limit is infinite where the error has none.

    `standard_error` is the interval's length in normal quantiles.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    standard_error: FloatArray


def empirical_null(estimates: npt.ArrayLike, standard_errors: npt.ArrayLike) -> EmpiricalNull:
    """Return the Gaussian that most likely gave the estimates of negative controls (controls,).

    Each is normal about its own systematic error with its standard error known (Schuemie et al.
    2014). Raises `NotEstimableError` with fewer than three usable controls, and when all gave
    the same estimate.
    """
    controls = _usable(estimates, standard_errors)
    return _most_likely_null(controls, np.ones(len(controls.estimates)))


def empirical_null_of_families(
    estimates: npt.ArrayLike, standard_errors: npt.ArrayLike, families: Sequence[str]
) -> EmpiricalNull:
    """Return the null in which every family of controls weighs the same (controls,).

    For controls of kinds that can show different errors: many draws of one kind would outvote the
    few of another. The likelihood of each control counts as one over the size of its family;
    `mean_error` is of the effective number of controls (Kish 1965). Raises as `empirical_null`.
    """
    values, errors = _vector(estimates), _vector(standard_errors)
    if len(families) != len(values):
        raise ValueError("Every control needs a family.")
    controls = _usable(values, errors)
    kept = np.flatnonzero(np.isfinite(values) & np.isfinite(errors))
    own = [families[int(position)] for position in kept]
    weights = np.array([1.0 / own.count(family) for family in own])
    return _most_likely_null(controls, weights * float(np.sum(weights) / np.sum(weights**2)))


def _most_likely_null(controls: "_Controls", shares: FloatArray) -> EmpiricalNull:
    """Return the Gaussian of the controls, each counted as often as its share says."""
    variances = controls.errors**2

    def minus_log_likelihood(spread: float) -> float:
        total = spread**2 + variances
        deviations = controls.estimates - _weighted_mean(controls.estimates, shares / total)
        return 0.5 * float(np.sum(shares * (np.log(total) + deviations**2 / total)))

    spread = _least(minus_log_likelihood, float(np.ptp(controls.estimates)))
    weights = shares / (spread**2 + variances)
    return EmpiricalNull(
        _weighted_mean(controls.estimates, weights),
        spread,
        1.0 / math.sqrt(float(np.sum(weights))),
        len(controls.estimates),
        controls.left_out,
    )


def calibrated_p(
    null: EmpiricalNull, estimates: npt.ArrayLike, standard_errors: npt.ArrayLike
) -> FloatArray:
    """Return the two-sided probability of estimates as extreme under the empirical null."""
    values, errors = _vector(estimates), _vector(standard_errors)
    deviations = np.abs(values - null.mean) / np.sqrt(null.spread**2 + errors**2)
    return np.asarray(2.0 * ndtr(-deviations), dtype=np.float64)


def left_out_p(estimates: npt.ArrayLike, standard_errors: npt.ArrayLike) -> FloatArray:
    """Return each control's p under the null of all others; uniform where calibration works."""
    values, errors = _vector(estimates), _vector(standard_errors)
    others = ~np.eye(len(values), dtype=bool)
    return np.concatenate(
        [
            calibrated_p(empirical_null(values[rest], errors[rest]), values[~rest], errors[~rest])
            for rest in others
        ]
    )


def expected_absolute_error(null: EmpiricalNull) -> float:
    """Return the mean of the absolute systematic error, that of a folded normal (EASE)."""
    if null.spread == 0.0:
        return abs(null.mean)
    ratio = null.mean / null.spread
    density = math.exp(-0.5 * ratio**2) / math.sqrt(2.0 * math.pi)
    return float(null.mean * (2.0 * ndtr(ratio) - 1.0) + 2.0 * null.spread * density)


def error_model_of_null(null: EmpiricalNull) -> ErrorModel:
    """Return the model in which every true effect meets the same error as none does."""
    return ErrorModel(null.mean, 1.0, null.spread, 0.0, null.controls, null.left_out)


def error_model(
    estimates: npt.ArrayLike, standard_errors: npt.ArrayLike, truths: npt.ArrayLike
) -> ErrorModel:
    """Return the most likely systematic error as a line in the true effect (Schuemie et al. 2018).

    `truths` (controls,) holds the true effect of each control, 0 for a negative one. The spread
    is not below 0 at any of them. Raises `NotEstimableError` as `empirical_null` does, and when
    all true effects are the same.
    """
    controls = _usable(estimates, standard_errors, truths)
    sizes = np.abs(controls.truths)
    if float(np.ptp(controls.truths)) == 0.0:
        raise NotEstimableError(
            "All controls have the same true effect, so how the error moves with it is unknown."
        )
    design = np.column_stack([np.ones(len(sizes)), controls.truths])
    near, far = float(sizes.min()), float(sizes.max())
    share = (sizes - near) / (far - near) if far > near else np.zeros(len(sizes))
    ends = _most_likely_spreads(controls, design, share)
    line = _line(controls, design, (1.0 - share) * ends[0] + share * ends[1])
    slope = (ends[1] - ends[0]) / (far - near) if far > near else 0.0
    return ErrorModel(
        float(line[0]),
        float(line[1]),
        float(ends[0] - slope * near),
        float(slope),
        len(sizes),
        controls.left_out,
    )


def calibrated_estimates(
    model: ErrorModel,
    estimates: npt.ArrayLike,
    standard_errors: npt.ArrayLike,
    level: float = 0.95,
) -> CalibratedEstimates:
    """Return the true effects that would not be rejected under the error model, by estimate.

    Raises `NotEstimableError` where estimates do not rise with the true effect.
    """
    if model.mean_slope <= 0.0:
        raise NotEstimableError("Estimates of the controls do not rise with their true effects.")
    values, errors = _vector(estimates), _vector(standard_errors)
    quantile = normal_quantile(level)
    center = (values - model.mean_at_none) / model.mean_slope
    low = [_limit(model, *pair, -quantile) for pair in zip(values, errors, strict=True)]
    high = [_limit(model, *pair, quantile) for pair in zip(values, errors, strict=True)]
    lower, upper = np.array(low), np.array(high)
    return CalibratedEstimates(center, lower, upper, (upper - lower) / (2.0 * quantile))


@dataclass(frozen=True)
class _Controls:
    estimates: FloatArray
    errors: FloatArray
    truths: FloatArray
    left_out: int


def _usable(
    estimates: npt.ArrayLike, standard_errors: npt.ArrayLike, truths: npt.ArrayLike | None = None
) -> _Controls:
    values, errors = _vector(estimates), _vector(standard_errors)
    effects = np.zeros(len(values)) if truths is None else _vector(truths)
    if not len(values) == len(errors) == len(effects):
        raise ValueError("Every control needs one estimate, one standard error and one truth.")
    kept: BoolArray = np.isfinite(values) & np.isfinite(errors) & np.isfinite(effects)
    values, errors, effects = values[kept], errors[kept], effects[kept]
    if np.any(errors <= 0.0):
        raise NotEstimableError("A control has a standard error that is not above 0.")
    if len(values) < SMALLEST_CONTROLS:
        raise NotEstimableError(
            f"{len(values)} of {len(kept)} controls have an estimate with a finite standard "
            f"error; systematic error cannot be learnt from fewer than {SMALLEST_CONTROLS}."
        )
    if float(np.ptp(values)) == 0.0:
        raise NotEstimableError("All controls gave the same estimate, so their spread is unknown.")
    return _Controls(values, errors, effects, int(np.sum(~kept)))


def _vector(values: npt.ArrayLike) -> FloatArray:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def _weighted_mean(values: FloatArray, weights: FloatArray) -> float:
    return float(np.sum(values * weights) / np.sum(weights))


def _least(objective: Callable[[float], float], largest: float) -> float:
    """Return where the objective is least on 0 to `largest`: a grid, then the best cell."""
    grid = largest * np.linspace(0.0, 1.0, SPREADS_TRIED + 1)
    heights = [objective(float(each)) for each in grid]
    best = int(np.argmin(heights))
    around = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, SPREADS_TRIED)])
    found = minimize_scalar(objective, bounds=around, method="bounded", options={"xatol": 1e-12})
    return float(found.x) if found.fun < heights[best] else float(grid[best])


def _line(controls: _Controls, design: FloatArray, spreads: FloatArray) -> FloatArray:
    """Return intercept and slope of the estimates in the truths, for known spreads (controls,)."""
    weighted = design / (spreads**2 + controls.errors**2)[:, None]
    solution = np.linalg.solve(weighted.T @ design, weighted.T @ controls.estimates)
    return np.asarray(solution, dtype=np.float64)


def _most_likely_spreads(
    controls: _Controls, design: FloatArray, share: FloatArray
) -> tuple[float, float]:
    """Return the spread at the smallest and at the largest effect, the line profiled out."""

    def objective(ends: FloatArray) -> tuple[float, FloatArray]:
        spreads = (1.0 - share) * ends[0] + share * ends[1]
        total = spreads**2 + controls.errors**2
        residuals = controls.estimates - design @ _line(controls, design, spreads)
        by_spread = spreads / total - residuals**2 * spreads / total**2
        value = 0.5 * float(np.sum(np.log(total) + residuals**2 / total))
        return value, np.array([np.sum(by_spread * (1.0 - share)), np.sum(by_spread * share)])

    scale = float(np.std(controls.estimates))
    starts = [(a * scale, b * scale) for a in (0.05, 0.5) for b in (0.05, 0.5)]
    fits = [
        minimize(
            objective,
            np.array(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, None)] * 2,
            options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
        )
        for start in starts
    ]
    best = min(fits, key=lambda fit: float(fit.fun))
    return float(best.x[0]), float(best.x[1])


def _limit(model: ErrorModel, estimate: float, error: float, quantile: float) -> float:
    """Return the true effect whose distribution has the estimate that far from its mean."""
    if not (math.isfinite(estimate) and math.isfinite(error)):
        return math.nan

    def excess(truth: float) -> float:
        spread = model.spread_at_none + model.spread_slope * abs(truth)
        mean = model.mean_at_none + model.mean_slope * truth
        return mean - estimate - quantile * math.sqrt(spread**2 + error**2)

    center = (estimate - model.mean_at_none) / model.mean_slope
    end = center + math.copysign(FARTHEST_LIMIT, quantile)
    if excess(end) * quantile <= 0.0:
        return math.copysign(math.inf, quantile)
    return float(brentq(excess, center, end, xtol=1e-12, rtol=1e-14))
