"""A line bent at the entries into stages through all values, with patients as clusters.

This is the working model of the checks that weigh or censor values, not the population model: it
has no random part, so it draws the mean of whoever was measured (Zeger and Liang 1986).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES
from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.trajectories.doubts import Slopes
from analysis.trajectories.reml import NotEstimableError

WEEKS: Final = tuple(f"weeks_stage_{stage}" for stage in STAGES)
# Fewer people than these cannot tell a slope from chance.
SMALLEST_PATIENTS: Final = 10
# Below this share of its own sum of squares a column is what rounding leaves of the others.
LEAST_OWN_SHARE: Final = 1e-8


@dataclass(frozen=True)
class StageRows:
    """Values (rows,) with an intercept and weeks spent in the stages kept (rows, terms).

    clusters : code of the patient of each row, from 0. told : patients who tell about each term.
    """

    stages: tuple[int, ...]
    values: FloatArray
    terms: FloatArray
    clusters: IntArray
    told: tuple[int, ...]

    @property
    def patients(self) -> int:
        """Return how many patients there are."""
        return int(self.clusters.max(initial=-1)) + 1


def stage_rows(points: pl.DataFrame) -> StageRows:
    """Return the values of one domain with the stages whose slope they can carry.

    Reads `patient_key`, `value` and the weeks in each stage; values after care belong to none.
    Raises `NotEstimableError` where no slope can be told.
    """
    known = points.drop_nulls(list(WEEKS))
    if known.is_empty():
        raise NotEstimableError("nobody was measured")
    values = known["value"].to_numpy().astype(np.float64)
    if np.ptp(values) == 0:
        raise NotEstimableError("all values are the same")
    _, clusters = np.unique(known["patient_key"].to_numpy(), return_inverse=True)
    terms = np.column_stack([np.ones(len(values)), known.select(WEEKS).to_numpy()])
    told = [_patients(clusters, column != 0) for column in terms.T]
    enough = [0, *(place for place in range(1, terms.shape[1]) if told[place] >= SMALLEST_PATIENTS)]
    kept = _independent(terms, enough)
    if len(kept) == 1:
        raise NotEstimableError("hardly anybody was measured after time in a stage")
    return StageRows(
        stages=tuple(STAGES[place - 1] for place in kept[1:]),
        values=values,
        terms=np.ascontiguousarray(terms[:, kept]),
        clusters=clusters.astype(np.int64),
        told=tuple(told[place] for place in kept),
    )


def fit_least_squares(rows: StageRows, weights: FloatArray | None = None) -> Slopes:
    """Return the weighted least-squares slopes with the sandwich error of clusters.

    Weights (rows,) are taken as known, which for estimated probabilities of attending makes the
    errors too large rather than too small (Robins, Rotnitzky and Zhao 1995).
    """
    own = np.ones(len(rows.values)) if weights is None else weights
    weighted = rows.terms * own[:, None]
    bread = np.linalg.inv(weighted.T @ rows.terms)
    coefficients = bread @ (weighted.T @ rows.values)
    scores = weighted * (rows.values - rows.terms @ coefficients)[:, None]
    covariance = bread @ cluster_products(scores, rows.clusters) @ bread
    return Slopes(rows.stages, coefficients, covariance, rows.told, rows.patients)


def cluster_products(scores: FloatArray, clusters: IntArray) -> FloatArray:
    """Return the sum over clusters of the outer products of their scores, times G / (G - 1)."""
    sums = np.column_stack([np.bincount(clusters, column) for column in scores.T])
    groups = sums.shape[0]
    return np.asarray(sums.T @ sums * groups / max(groups - 1, 1), dtype=np.float64)


def _patients(clusters: IntArray, tells: BoolArray) -> int:
    return int(np.count_nonzero(np.bincount(clusters[tells])))


def _independent(terms: FloatArray, places: list[int]) -> list[int]:
    """Return the places of the columns that those before them do not already hold."""
    products = terms.T @ terms
    kept: list[int] = []
    for place in places:
        own, with_kept = products[place, place], products[place, kept]
        inner = products[np.ix_(kept, kept)]
        left = own - (with_kept @ np.linalg.solve(inner, with_kept) if kept else 0.0)
        if left > LEAST_OWN_SHARE * own:
            kept.append(place)
    return kept
