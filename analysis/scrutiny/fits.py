"""Models fitted once, and the many weighted risks that are made from them.

A specification that only cuts weights elsewhere, reads the curve on another day or leaves out the
weights for follow-up shares its models with others. What a model needs to carry its estimation
into errors (each person's influence on the coefficients, and how every row answers its own unit)
is worked out once here; a risk on some days with its influences is then one pass over the rows.
The numbers are those of `analysis.emulation.emulation.emulate` with intervals by influences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.cohort import EVENT, Cohort, HazardRows
from analysis.emulation.curves import at_risk_counts, daily_sums, incidence
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.hazards import HazardModel, UnstableModelError, fit_hazards, pair_hazards
from analysis.emulation.influence import (
    clustered_errors,
    coefficient_influence,
    corrected,
    own_steps,
    risk_derivatives,
)
from analysis.emulation.intervals import Estimate, difference_estimate, ratio_estimate
from analysis.emulation.weights import WeightPath, path_weights


@dataclass(frozen=True)
class CarriedModel:
    """A fitted model of hazard rows with what carries its estimation into errors.

    `moves` (people x columns) are the influences on the coefficients, None where nothing was
    fitted; `steps` (rows,) how the log weight of a row answers its own unit.
    """

    model: HazardModel
    moves: FloatArray | None
    steps: FloatArray


CarriedPair = tuple[CarriedModel | None, CarriedModel | None]


@dataclass(frozen=True)
class ArmRisks:
    """A strategy's risk by some days (days,), what each person does to it, and events seen (days,).

    `influences` (people x days) are of leaving each person's unit out.
    """

    days: IntArray
    risks: FloatArray
    influences: FloatArray
    events: IntArray


def carried(cohort: Cohort, rows: HazardRows, precision: float) -> CarriedModel:
    """Return the model of the rows; raise `NotEstimableError` where it has no stable solution."""
    try:
        model = fit_hazards(rows, precision)
    except UnstableModelError as fault:
        raise NotEstimableError(str(fault)) from None
    if model is None or model.fit is None:
        height = len(rows.happened)
        nothing = model or HazardModel(rows, None, np.zeros(height), np.zeros(height))
        return CarriedModel(nothing, None, np.zeros(height))
    moves = coefficient_influence(model, cohort.people)
    return CarriedModel(model, moves, own_steps(model, moves, cohort.unit))


def arm_weights(path: WeightPath, pair: CarriedPair, quantile: float) -> tuple[FloatArray, float]:
    """Return the weight after each row of the path (rows,), and where the quantile cut them."""
    models = (_model(pair[0]), _model(pair[1]))
    weights = path_weights(pair_hazards(models), path)
    if quantile >= 1.0 or weights.size == 0:
        return weights, float("inf")
    cap = float(np.quantile(weights, quantile))
    return np.minimum(weights, cap), cap


def arm_risks(
    path: WeightPath, pair: CarriedPair, days: Sequence[int], *, quantile: float = 1.0
) -> ArmRisks:
    """Return the risk by each of `days` with its influences, the models' estimation carried.

    Raises `NotEstimableError` where nobody is left in the strategy, or no event was seen in it.
    """
    wanted = np.asarray(days, dtype=np.int64)
    at_risk = at_risk_counts(path)
    if at_risk[0] == 0 or at_risk[int(wanted[-1])] == 0:
        raise NotEstimableError("Nobody in the strategy was still under observation at the end.")
    if not np.any(path.ending == EVENT):
        raise NotEstimableError("No event was seen among those following the strategy.")
    weights, cap = arm_weights(path, pair, quantile)
    steps = np.concatenate([np.empty(0), *(each.steps for each in pair if each is not None)])
    found = risk_derivatives(
        path,
        weights,
        (_model(pair[0]), _model(pair[1])),
        days=wanted,
        cap=None if np.isinf(cap) else cap,
        steps=steps,
    )
    influences = corrected(found.direct, found.own)
    moves = [each.moves for each in pair if each is not None and each.moves is not None]
    for move, (_, gradient) in zip(moves, found.in_coefficients, strict=True):
        influences += move @ gradient
    curve = incidence(daily_sums(path, weights))
    seen = path.last_day[path.ending == EVENT]
    events = np.sum(seen[:, None] <= wanted[None, :], axis=0).astype(np.int64)
    return ArmRisks(wanted, curve.risk[wanted], influences, events)


def risk_differences(
    one: ArmRisks, other: ArmRisks, unit: IntArray, level: float
) -> list[Estimate]:
    """Return the difference of the risks by each day, both of the same people."""
    errors = clustered_errors(one.influences - other.influences, unit)
    values, units = one.risks - other.risks, int(unit.max()) + 1
    return [
        difference_estimate(float(value), float(error), level, units)
        for value, error in zip(values, errors, strict=True)
    ]


def risk_ratios(
    one: ArmRisks, other: ArmRisks, unit: IntArray, level: float
) -> list[Estimate | None]:
    """Return the ratio of the risks by each day, None on a day by which one of them is 0."""
    has_both = (one.risks > 0.0) & (other.risks > 0.0)
    safe = np.where(has_both, one.risks, 1.0), np.where(has_both, other.risks, 1.0)
    errors = clustered_errors(one.influences / safe[0] - other.influences / safe[1], unit)
    units = int(unit.max()) + 1
    return [
        ratio_estimate(float(top / bottom), float(error), level, units) if has else None
        for top, bottom, error, has in zip(*safe, errors, has_both, strict=True)
    ]


def _model(carried_model: CarriedModel | None) -> HazardModel | None:
    return None if carried_model is None else carried_model.model
