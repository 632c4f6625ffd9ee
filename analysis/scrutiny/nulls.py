"""The empirical null: what the design finds where there is nothing, and what that teaches.

Two kinds of controls show different errors. Permuted orders are many and show the design's own;
they are blind to a hidden trait, which the lot parts from the labels. Negative-control outcomes are
few and meet whatever confounds the order. The null of all controls lets both kinds weigh the same:
as one heap, two dozen draws of a lot would outvote the two outcomes that can see confounding. The
primary ratio is calibrated against that null.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import FloatArray
from analysis.emulation.calibration import (
    EmpiricalNull,
    calibrated_estimates,
    calibrated_p,
    empirical_null,
    empirical_null_of_families,
    error_model_of_null,
    expected_absolute_error,
)
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.intervals import Estimate, normal_quantile
from analysis.scrutiny.rows import (
    CALIBRATED,
    EMPIRICAL_NULL,
    EXPOSURES_NULL,
    SensitivityRow,
    found,
    impossible,
    interval,
)
from analysis.study.gates import FEWEST_CONTROL_EVENTS, ControlEstimate
from analysis.study.rows import ESTIMATED, NATURAL, STRICT

NULL_MEASURES: Final = ("mean", "spread", "expected_absolute_error", "share_rejected")
CALIBRATED_MEASURES: Final = ("p_value", "log_risk_ratio", "risk_ratio")


@dataclass(frozen=True)
class Controls:
    """Estimates of effects that are none, as log risk ratios with errors (controls,)."""

    estimates: FloatArray
    errors: FloatArray
    words: str
    families: tuple[str, ...] = ()

    def and_others(self, others: "Controls") -> "Controls":
        """Return both together, each as a family."""
        return Controls(
            np.concatenate([self.estimates, others.estimates]),
            np.concatenate([self.errors, others.errors]),
            f"{self.words} and {others.words}, both kinds weighing the same",
            (self.words,) * len(self.estimates) + (others.words,) * len(others.estimates),
        )

    def null(self) -> EmpiricalNull:
        """Return their null; raise `NotEstimableError` where they teach none."""
        if not self.families:
            return empirical_null(self.estimates, self.errors)
        return empirical_null_of_families(self.estimates, self.errors, self.families)


def permuted_controls(negative_exposures: pl.DataFrame) -> Controls:
    """Return the negative exposures that have an estimate."""
    usable = negative_exposures.filter(pl.col("status") == ESTIMATED)
    usable = usable.filter(pl.col("log_risk_ratio").is_not_null())
    estimates, errors = (usable[name].to_numpy() for name in ("log_risk_ratio", "ratio_error"))
    return Controls(estimates, errors, f"{usable.height} permuted orders")


def outcome_controls(controls: Sequence[ControlEstimate]) -> Controls:
    """Return the negative-control outcomes that the gates look at and that have a ratio."""
    kinds, estimates, errors = [], [], []
    for control in controls:
        if control.emulation is None or control.events < FEWEST_CONTROL_EVENTS:
            continue
        ratio = control.emulation.ratio(STRICT, NATURAL)
        if ratio is not None:
            kinds.append(control.kind)
            estimates.append(math.log(ratio.value))
            errors.append(ratio.standard_error)
    words = f"the negative-control outcomes {', '.join(kinds)}" if kinds else "no control outcome"
    return Controls(np.array(estimates), np.array(errors), words)


def null_rows(
    permuted: Controls, outcomes: Controls, ratio: Estimate | None, level: float
) -> list[SensitivityRow]:
    """Return the null of the exposures, that of all controls, and the primary ratio against it."""
    everything = permuted.and_others(outcomes)
    rows = _rows_of_null(EXPOSURES_NULL, permuted, level)
    rows += _rows_of_null(EMPIRICAL_NULL, everything, level)
    return rows + _calibrated_rows(everything, ratio, level)


def _rows_of_null(method: str, controls: Controls, level: float) -> list[SensitivityRow]:
    try:
        null = controls.null()
    except NotEstimableError as refusal:
        return [impossible(method, measure, str(refusal)) for measure in NULL_MEASURES]
    reason = f"Log risk ratios of {controls.words}."
    reach = normal_quantile(level) * null.mean_error
    quantile = normal_quantile(level)
    rejected = float(np.mean(np.abs(controls.estimates / controls.errors) > quantile))
    return [
        interval(method, "mean", null.mean, (null.mean - reach, null.mean + reach), reason),
        found(method, "spread", null.spread, reason=reason),
        found(method, "expected_absolute_error", expected_absolute_error(null), reason=reason),
        found(
            method,
            "share_rejected",
            rejected,
            reason=f"{reason} Without systematic error {1 - level:.0%} are expected.",
        ),
    ]


def _calibrated_rows(
    controls: Controls, ratio: Estimate | None, level: float
) -> list[SensitivityRow]:
    if ratio is None:
        reason = "The primary analysis has no risk ratio to calibrate."
        return [impossible(CALIBRATED, measure, reason) for measure in CALIBRATED_MEASURES]
    try:
        null = controls.null()
    except NotEstimableError as refusal:
        return [impossible(CALIBRATED, measure, str(refusal)) for measure in CALIBRATED_MEASURES]
    return _rows_of_calibrated(null, ratio, level, controls.words)


def _rows_of_calibrated(
    null: EmpiricalNull, ratio: Estimate, level: float, words: str
) -> list[SensitivityRow]:
    log_ratio, error = math.log(ratio.value), ratio.standard_error
    p_value = float(calibrated_p(null, log_ratio, error)[0])
    own = calibrated_estimates(error_model_of_null(null), log_ratio, error, level)
    value, low, high = (float(each[0]) for each in (own.value, own.low, own.high))
    reason = f"Against the null of {words}; every true effect is taken to meet the same error."
    return [
        found(CALIBRATED, "p_value", p_value, reason=reason),
        interval(CALIBRATED, "log_risk_ratio", value, (low, high), reason),
        interval(
            CALIBRATED, "risk_ratio", math.exp(value), (math.exp(low), math.exp(high)), reason
        ),
    ]
