"""Resamples of whole units, with every weight model refitted in each of them (Efron 1979)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from analysis.emulation.arrays import FloatArray
from analysis.emulation.cohort import Cohort
from analysis.emulation.curves import daily_sums, incidence
from analysis.emulation.hazards import HazardModel, ModelPair, pair_hazards
from analysis.emulation.logistic import (
    WORKERS,
    Counts,
    Resampling,
    linear_predictor,
    refit_logistic,
)
from analysis.emulation.weights import WeightPath, minus_log_staying, path_weights


def unit_counts(units: int, replicates: int, seed: int) -> Counts:
    """Return multinomial counts (units x replicates): units drawn with replacement.

    Every row of a unit counts as often as its unit was drawn, so that copies of a person stay
    apart. The same seed gives the same counts.
    """
    random = np.random.default_rng(seed)
    counts = np.empty((units, replicates), dtype=np.float32)
    for replicate in range(replicates):
        drawn = random.integers(0, units, size=units)
        counts[:, replicate] = np.bincount(drawn, minlength=units)
    return counts


@dataclass(frozen=True)
class WeightedPath:
    """A strategy's path with the models of its weights and where the full sample cut them."""

    path: WeightPath
    pair: ModelPair
    cap: float | None

    @property
    def weights(self) -> FloatArray:
        """Return the weight after each row of the path (rows,)."""
        return path_weights(pair_hazards(self.pair), self.path, self.cap)


def resampled_risks(
    cohort: Cohort, strategies: Sequence[WeightedPath], counts: Counts, precision: float
) -> FloatArray:
    """Return the risk curves of all resamples (strategies x replicates x days).

    NaN where a model did not settle or a strategy ran out of people.
    """
    models = {id(model): model for each in strategies for model in each.pair if model is not None}
    refits = {
        key: _refitted(cohort, model, counts, precision)
        for key, model in models.items()
        if model.fit is not None
    }
    draws = np.empty((len(strategies), counts.shape[1], cohort.horizon + 1))

    def fill(replicate: int) -> None:
        people = counts[:, replicate].astype(np.float64)[cohort.unit]
        hazards = {
            key: _refitted_hazards(model, refits[key][:, replicate])
            if key in refits
            else model.hazard
            for key, model in models.items()
        }
        for position, each in enumerate(strategies):
            parts = [hazards[id(model)] for model in each.pair if model is not None]
            weights = path_weights(np.concatenate([np.empty(0), *parts]), each.path, each.cap)
            sums = daily_sums(each.path, weights, people)
            has_people = sums.at_risk[-1] > 0.5
            draws[position, replicate] = incidence(sums).risk if has_people else np.nan

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(fill, range(counts.shape[1])))
    return draws


def _refitted(cohort: Cohort, model: HazardModel, counts: Counts, precision: float) -> FloatArray:
    """Return every resample's coefficients (columns x replicates), NaN where not settled."""
    rows = model.rows
    if model.fit is None:
        raise ValueError("A model that was not fitted cannot be refitted.")
    resampling = Resampling(cohort.unit[rows.person], counts)
    refits = refit_logistic(rows.design, rows.happened, model.fit, resampling, precision=precision)
    return np.where(refits.has_converged[None, :], refits.coefficients, np.nan)


def _refitted_hazards(model: HazardModel, coefficients: FloatArray) -> FloatArray:
    return minus_log_staying(linear_predictor(model.rows.design, coefficients))
