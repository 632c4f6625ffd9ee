"""Is what is left of a strategy still like everybody? Weighted standardised differences.

The difference of a covariate's mean between the weighted people left in a strategy and the whole
cohort, over the standard deviation in the whole cohort (Austin 2009; over follow-up as in Cole and
Hernan 2008). People who had an event while in the strategy stay, with the weight of that day;
under the right models the differences are then chance alone on every day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.emulation.arrays import BoolArray, FloatArray
from analysis.emulation.cohort import CENSORED, Cohort
from analysis.emulation.design import Category, Quantity, Term, level_names, pooled_levels
from analysis.emulation.weights import WeightPath, effective_sample_size, weights_on


@dataclass(frozen=True)
class Covariates:
    """Covariates of the people: a column for every level (people x levels), with names."""

    names: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True)
class DayBalance:
    """Standardised differences of one strategy on one day (levels,), and how many carry them.

    `people` are left in the strategy, `effective` is their effective sample size (Kish).
    """

    strategy: str
    day: int
    names: tuple[str, ...]
    unweighted: FloatArray
    weighted: FloatArray
    people: int
    effective: float

    @property
    def largest(self) -> float:
        """Return the largest absolute weighted difference, 0 without covariates."""
        return float(np.max(np.abs(self.weighted))) if self.weighted.size else 0.0

    @property
    def worst(self) -> str:
        """Return the name of the covariate with the largest weighted difference."""
        return self.names[int(np.argmax(np.abs(self.weighted)))] if self.names else ""


def covariate_levels(people: pl.DataFrame, terms: Sequence[Term]) -> Covariates:
    """Return every level of every term's column, also the first; constant columns are left out."""
    names: list[str] = []
    columns: list[FloatArray] = []
    for term in terms:
        if isinstance(term, Category):
            levels = pooled_levels(people[term.column], term.smallest_count)
            for name in level_names(levels):
                names.append(f"{term.column}={name}")
                columns.append((levels == name).to_numpy().astype(np.float64))
        elif isinstance(term, Quantity):
            own = Quantity(term.column).columns(people)
            names.extend(own.names)
            columns.extend(own.values.T)
    kept = [j for j, column in enumerate(columns) if column.size and np.ptp(column) > 0.0]
    values = np.array([columns[j] for j in kept]).T.reshape(people.height, len(kept))
    return Covariates(tuple(names[j] for j in kept), values)


def balance_on_day(
    cohort: Cohort,
    strategy: str,
    path: WeightPath,
    weights: FloatArray,
    *,
    covariates: Covariates,
    day: int,
) -> DayBalance:
    """Return how far the people left in the strategy on a day are from the whole cohort."""
    until = np.where(cohort.ending == CENSORED, day, np.minimum(day, cohort.last_day))
    is_left = path.last_day >= until
    own = weights_on(weights, path, until)[is_left]
    return DayBalance(
        strategy,
        day,
        covariates.names,
        _differences(covariates.values, is_left, np.ones(len(own))),
        _differences(covariates.values, is_left, own),
        int(np.sum(is_left)),
        effective_sample_size(own),
    )


def standardised_differences(
    values: FloatArray, weights: FloatArray, others: FloatArray, standard_deviations: FloatArray
) -> FloatArray:
    """Return (weighted mean of `values` - mean of `others`) / standard deviation, by column."""
    means = weights @ values / float(np.sum(weights))
    return np.asarray((means - np.mean(others, axis=0)) / standard_deviations, dtype=np.float64)


def _differences(values: FloatArray, is_left: BoolArray, weights: FloatArray) -> FloatArray:
    if not is_left.any():
        return np.full(values.shape[1], np.nan)
    return standardised_differences(values[is_left], weights, values, np.std(values, axis=0))
