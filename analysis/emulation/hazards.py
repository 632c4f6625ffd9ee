"""Fitted models of hazard rows: weights, resamples and influences are all made from them."""

from dataclasses import dataclass

import numpy as np

from analysis.emulation.arrays import FloatArray
from analysis.emulation.cohort import HazardRows
from analysis.emulation.logistic import LogisticFit, fit_logistic, linear_predictor
from analysis.emulation.weights import minus_log_staying


class UnstableModelError(Exception):
    """A model of the weights has no stable solution."""


@dataclass(frozen=True)
class HazardModel:
    """A model of hazard rows: probabilities (rows,) and what they add to the log weight (rows,).

    `fit` is None where the rows all ended alike, so that nothing could be fitted; such rows change
    no weight.
    """

    rows: HazardRows
    fit: LogisticFit | None
    probability: FloatArray
    hazard: FloatArray

    @property
    def height(self) -> int:
        """Return how many rows there are."""
        return len(self.rows.happened)


# The models of one strategy: leaving it, and being lost to follow-up.
ModelPair = tuple[HazardModel | None, HazardModel | None]


def fit_hazards(rows: HazardRows | None, precision: float) -> HazardModel | None:
    """Return the model of the rows, None without rows to model.

    Raises `UnstableModelError` when the likelihood has no maximum.
    """
    if rows is None:
        return None
    height = len(rows.happened)
    if height == 0 or bool(rows.happened.all()) or not rows.happened.any():
        same = np.full(height, bool(rows.happened.any()), dtype=np.float64)
        return HazardModel(rows, None, same, np.zeros(height))
    fit = fit_logistic(rows.design, rows.happened, precision=precision)
    if not fit.has_converged:
        raise UnstableModelError("A model of the weights has no stable solution in these data.")
    hazard = minus_log_staying(linear_predictor(rows.design, fit.coefficients))
    return HazardModel(rows, fit, -np.expm1(-hazard), hazard)


def pair_hazards(pair: ModelPair) -> FloatArray:
    """Return what each row adds to the log weight, decisions before follow-up (rows,)."""
    return np.concatenate([np.empty(0), *(model.hazard for model in pair if model is not None)])
