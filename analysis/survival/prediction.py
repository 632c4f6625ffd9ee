"""What a Cox model says of people: their hazard and survival, and risks had all been alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import BoolArray, FloatArray, IntArray, group_codes
from analysis.survival.counting import CountingRows, counting_rows
from analysis.survival.cox import EFRON, CoxFit, fit_cox
from analysis.survival.risk_sets import risk_sets


@dataclass(frozen=True)
class PredictedHazard:
    """Cumulative hazards of people at the times asked and their errors, both (people, times)."""

    times: FloatArray
    values: FloatArray
    standard_errors: FloatArray

    @property
    def survival(self) -> FloatArray:
        """Return the predicted survival (people, times)."""
        return np.exp(-self.values)


@dataclass(frozen=True)
class StandardisedRisks:
    """Mean risks had everybody had each scenario's covariates, by each time asked.

    risks, standard_errors (scenarios, times); influences (clusters, scenarios, times).
    """

    times: FloatArray
    risks: FloatArray
    standard_errors: FloatArray
    influences: FloatArray

    def difference_errors(self, one: int, other: int) -> FloatArray:
        """Return the error of one scenario's risk less another's at every time (times,)."""
        shift = self.influences[:, one] - self.influences[:, other]
        return np.asarray(np.sqrt(np.sum(shift**2, axis=0)), dtype=np.float64)


def predicted_hazard(
    fit: CoxFit, covariates: npt.ArrayLike, at: npt.ArrayLike, *, stratum: int = 0
) -> PredictedHazard:
    """Return the cumulative hazard of people with fixed covariates (people, k) by times asked.

    `stratum` counts the strata in the order of their names. The error adds that of the baseline to
    that of the coefficients (Tsiatis 1981; Therneau and Grambsch 2000, section 10.2).
    """
    times = np.atleast_1d(np.asarray(at, dtype=np.float64))
    apart = np.atleast_2d(np.asarray(covariates, dtype=np.float64)) - fit.means
    base, own = fit.baseline, fit.baseline.strata == stratum
    reached = np.searchsorted(base.times[own], times, side="right")
    hazard = _reached_sums(base.increments[own], reached)
    noise = _reached_sums(base.variance_increments[own], reached)
    means = np.stack(
        [_reached_sums(column, reached) for column in base.mean_increments[own].T], axis=1
    )
    slopes = apart[:, None, :] * hazard[None, :, None] - means[None, :, :]
    covariance = fit.covariance if fit.robust_covariance is None else fit.robust_covariance
    variance = noise + np.einsum("ptk,kl,ptl->pt", slopes, covariance, slopes)
    ratio = np.exp(apart @ fit.coefficients)[:, None]
    return PredictedHazard(times, ratio * hazard, ratio * np.sqrt(variance))


def standardised_risks(
    times: FloatArray,
    is_event: BoolArray,
    covariates: npt.ArrayLike,
    scenarios: Sequence[FloatArray],
    at: npt.ArrayLike,
    *,
    ties: str = EFRON,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> StandardisedRisks:
    """Return each scenario's mean risk over all people by a Cox model (g-computation).

    One row a person: `covariates` (people, k) as they were, every scenario (people, k) as they are
    set. Errors are infinitesimal jackknives that carry the coefficients, the baseline hazard and
    who was sampled (Ozenne et al. 2020). Source: Robins (1986); Makuch (1982).
    """
    names = np.arange(times.size) if clusters is None else np.asarray(clusters)
    rows = counting_rows(-np.inf, times, is_event, weights=weights, clusters=names)
    own, size = group_codes(names)
    table = np.asarray(covariates, dtype=np.float64)
    fit = fit_cox(rows, table, ties=ties, residuals=True)
    moments = np.atleast_1d(np.asarray(at, dtype=np.float64))
    hazard, of_hazard, of_coefficients = _hazard_influences(
        fit, rows, table, moments, clusters=own, ties=ties
    )
    shares = rows.weights / rows.weights.sum()
    risks = np.empty((len(scenarios), moments.size))
    influences = np.empty((size, len(scenarios), moments.size))
    for place, scenario in enumerate(scenarios):
        apart = scenario - fit.means
        ratio = np.exp(apart @ fit.coefficients)[:, None]
        survival = np.exp(-ratio * hazard)
        risks[place] = 1.0 - shares @ survival
        slope = ratio * survival * shares[:, None]
        sampled = (1.0 - survival - risks[place]) * shares[:, None]
        for column in range(moments.size):
            by_coefficient = hazard[column] * (slope[:, column] @ apart)
            influences[:, place, column] = (
                np.bincount(own, sampled[:, column])
                + slope[:, column].sum() * of_hazard[:, column]
                + of_coefficients @ by_coefficient
            )
    return StandardisedRisks(moments, risks, np.sqrt(np.sum(influences**2, axis=0)), influences)


def _reached_sums(increments: FloatArray, reached: npt.NDArray[np.intp]) -> FloatArray:
    return np.asarray(np.r_[0.0, np.cumsum(increments)][reached], dtype=np.float64)


def _hazard_influences(
    fit: CoxFit,
    rows: CountingRows,
    covariates: FloatArray,
    at: FloatArray,
    *,
    clusters: IntArray,
    ties: str,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the baseline hazard (times,), clusters' influences on it, and on coefficients."""
    sets, base = risk_sets(rows, efron=ties == EFRON), fit.baseline
    reached = np.searchsorted(base.times, at, side="right")
    risks = np.exp((covariates[sets.rows] - fit.means) @ fit.coefficients) * sets.weights
    of_coefficients = fit.kept_residuals() @ fit.covariance
    noise = np.r_[0.0, np.cumsum(base.variance_increments)]
    own, place = sets.event_rows, sets.event_place
    gained = (base.increments / base.event_weights)[place] * sets.weights[own]
    gained += base.spared_increments[place] * risks[own]
    influences = np.empty((of_coefficients.shape[0], at.size))
    for column, until in enumerate(reached):
        lived = noise[np.minimum(sets.last, until)] - noise[np.minimum(sets.first, until)]
        change = -risks * lived
        change[own] += np.where(place < until, gained, 0.0)
        by_cluster = np.bincount(clusters[sets.rows], change, minlength=of_coefficients.shape[0])
        means = base.mean_increments[:until].sum(axis=0)
        influences[:, column] = by_cluster - of_coefficients @ means
    return _reached_sums(base.increments, reached), influences, of_coefficients
