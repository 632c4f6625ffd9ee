"""Inverse probability weights for treatment and censoring that change in time, and MSM Cox fits.

A row's weight is the product, over a person's rows so far, of one over the probability of what
happened given the history (the denominator), times the same given less of it (the numerator), which
stabilises (Robins, Hernan and Brumback 2000; Hernan, Brumback and Robins 2000; Cole and Hernan
2008). Probabilities come from pooled logistic models or from Cox models of the time to treatment or
censoring; treatment is weighted for until it starts, or on every row. Conventions are those of R's
ipw (van der Wal and Geskus 2011). A marginal structural Cox model is a weighted one of treatment
alone (or with what the numerator holds) with errors by person, which hold the weights as known.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import digamma

from analysis.emulation.arrays import BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.design import Design, Term, design_matrix
from analysis.emulation.hazards import UnstableModelError
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.emulation.pooled import WeightModel, cluster_sums
from analysis.survival.counting import CountingRows, counting_rows
from analysis.survival.cox import EFRON, CoxFit, fit_cox

# No more than this share of the weights may be cut off at either end.
LARGEST_TAIL: Final = 0.5


def chance(
    rows: pl.DataFrame, chosen: BoolArray, terms: Sequence[Term], *, precision: float = 0.0
) -> FloatArray:
    """Return the probability of `chosen` on every row by a logistic model of the terms (rows,).

    Raises `UnstableModelError` where the model has no solution without ridge.
    """
    return design_chance(design_matrix(rows, terms), chosen, precision=precision)


def design_chance(design: Design, chosen: BoolArray, *, precision: float = 0.0) -> FloatArray:
    """Return the probability of `chosen` on every row of a design (rows,), as `chance` does."""
    if len(chosen) == 0 or bool(chosen.all()) or not chosen.any():
        return chosen.astype(np.float64)
    fit = fit_logistic(design, chosen, precision=precision)
    if not fit.has_converged:
        raise UnstableModelError("A model of the weights has no stable solution in these data.")
    return probabilities(design, fit.coefficients)


def of_chosen(probability: FloatArray, chosen: BoolArray) -> FloatArray:
    """Return the probability of what was done: of `chosen` where it was, else of the opposite."""
    return np.where(chosen, probability, 1.0 - probability)


def assignment_factors(
    rows: pl.DataFrame,
    chosen: BoolArray,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = (),
    *,
    precision: float = 0.0,
) -> FloatArray:
    """Return the weight of every row for what was done on it alone (rows,).

    With `()` the numerator is the share of those with the same choice; None leaves it out. For
    treatments at several times with a model each, multiply the factors.
    """
    below = of_chosen(chance(rows, chosen, denominator, precision=precision), chosen)
    if numerator is None:
        return np.asarray(1.0 / below, dtype=np.float64)
    return of_chosen(chance(rows, chosen, numerator, precision=precision), chosen) / below


def assignment_models(
    rows: pl.DataFrame,
    chosen: BoolArray,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = (),
    *,
    cluster: IntArray | None = None,
    used_on: IntArray | None = None,
    precision: float = 0.0,
) -> tuple[WeightModel, ...]:
    """Return how the weights of `assignment_factors` answer their models, for `fit_pooled`.

    `cluster` (rows,) are the clusters of the rows modelled, each row its own when absent, and the
    same as of the pooled rows; `used_on` (pooled rows,) says which row modelled weighs each of
    them, one each in order when absent.
    """
    used = np.arange(len(chosen)) if used_on is None else used_on
    models = []
    for terms, sign in ((denominator, -1.0), (numerator, 1.0)):
        if terms is None:
            continue
        design = design_matrix(rows, terms)
        fit = fit_logistic(design, chosen, precision=precision)
        if not fit.has_converged:
            raise UnstableModelError("A model of the weights has no stable solution in these data.")
        residual = chosen - probabilities(design, fit.coefficients)
        scores = cluster_sums(design.values, residual, cluster)
        influences = np.linalg.solve(fit.information, scores.T).T.astype(np.float64)
        slopes = sign * residual[:, None] * design.values
        models.append(WeightModel(slopes[used], influences))
    return tuple(models)


def treatment_weights(
    rows: pl.DataFrame,
    person: IntArray,
    treated: BoolArray,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = (),
    *,
    until_started: bool = True,
    precision: float = 0.0,
) -> FloatArray:
    """Return every row's weight for the treatment so far, this row included (rows,).

    Rows stand in order of time, a person's together. Until started: rows up to the first treated
    one are modelled, later ones leave the weight as it is. Otherwise every row is modelled; the
    treatment before is then a term like any other.
    """
    modelled = ~had_before(person, treated) if until_started else np.ones(len(person), dtype=bool)
    own = np.flatnonzero(modelled)
    factors = np.ones(len(person))
    factors[own] = assignment_factors(
        rows[own], treated[own], denominator, numerator, precision=precision
    )
    return running_products(person, factors)


def censoring_weights(
    rows: pl.DataFrame,
    person: IntArray,
    lost: BoolArray,
    denominator: Sequence[Term],
    numerator: Sequence[Term] | None = (),
    *,
    precision: float = 0.0,
) -> FloatArray:
    """Return every row's weight for having been followed so far, this row included (rows,)."""
    factors = 1.0 / chance(rows, ~lost, denominator, precision=precision)
    if numerator is not None:
        factors = factors * chance(rows, ~lost, numerator, precision=precision)
    return running_products(person, factors)


def cox_treatment_weights(
    rows: CountingRows,
    person: IntArray,
    denominator: npt.ArrayLike,
    numerator: npt.ArrayLike | None = None,
    *,
    ties: str = EFRON,
) -> FloatArray:
    """Return every row's weight for when treatment started, by Cox models (rows,).

    `rows.is_event` says that the person is treated on the row; the model is of the first such row
    and those before it. `denominator` and `numerator` are covariates (rows, k); with `()` the
    numerator is the hazard of all alike, without one the weight is one over the denominator's
    probability.
    """
    own = np.flatnonzero(~had_before(person, rows.is_event))
    started = rows.is_event[own]
    factors = np.ones(len(person))
    for covariates, power in ((denominator, -1.0), (numerator, 1.0)):
        if covariates is not None:
            staying = _cox_staying(rows, own, covariates, ties)
            factors[own] *= of_chosen(1.0 - staying, started) ** power
    return running_products(person, factors)


def cox_censoring_weights(
    rows: CountingRows,
    person: IntArray,
    denominator: npt.ArrayLike,
    numerator: npt.ArrayLike | None = None,
    *,
    ties: str = EFRON,
) -> FloatArray:
    """Return every row's weight for having been followed so far, by Cox models (rows,).

    `rows.is_event` says that the person was lost at the end of the row; covariates are as in
    `cox_treatment_weights`.
    """
    own = np.arange(len(person))
    factors = 1.0 / _cox_staying(rows, own, denominator, ties)
    if numerator is not None:
        factors = factors * _cox_staying(rows, own, numerator, ties)
    return running_products(person, factors)


def truncated(weights: FloatArray, tail: float, *, upper_only: bool = False) -> FloatArray:
    """Return the weights cut at their quantiles `tail` and 1 - `tail` (Cole and Hernan 2008).

    With `upper_only` the small ones are left as they are.
    """
    if not 0.0 <= tail < LARGEST_TAIL:
        raise ValueError(f"A tail is a share from 0 to below {LARGEST_TAIL}, not {tail}.")
    low, high = np.quantile(weights, [tail, 1.0 - tail])
    return np.clip(weights, None if upper_only else low, high)


def marginal_cox(
    entry: npt.ArrayLike,
    exit_: npt.ArrayLike,
    is_event: npt.ArrayLike,
    exposure: npt.ArrayLike,
    *,
    weights: FloatArray,
    person: IntArray,
    names: Sequence[str] = (),
    ties: str = EFRON,
) -> CoxFit:
    """Return the marginal structural Cox model of rows (entry, exit], errors clustered by person.

    `exposure` (rows, k): the treatment, its history as the model has it, and what the weights'
    numerator holds.
    """
    rows = counting_rows(entry, exit_, is_event, weights=weights, clusters=person)
    covariates = np.asarray(exposure, dtype=np.float64).reshape(len(person), -1)
    return fit_cox(rows, covariates, ties=ties, names=names)


def had_before(person: IntArray, flags: BoolArray) -> BoolArray:
    """Return on which rows the person has had a flag on an earlier row (rows,)."""
    starts = segment_starts(person)
    running = np.cumsum(flags)
    before = np.repeat(np.r_[0, running][starts], np.diff(np.r_[starts, len(person)]))
    return np.asarray(running - flags > before, dtype=np.bool_)


def running_products(person: IntArray, factors: FloatArray) -> FloatArray:
    """Return the product of each person's factors up to and with every row (rows,).

    Raises ValueError where the rows of a person do not stand together.
    """
    starts = segment_starts(person)
    if len(np.unique(person[starts])) != len(starts):
        raise ValueError("Rows of a person must stand together, in order of time.")
    running = np.cumsum(np.log(factors))
    before = np.r_[0.0, running][starts]
    lengths = np.diff(np.r_[starts, len(person)])
    return np.asarray(np.exp(running - np.repeat(before, lengths)), dtype=np.float64)


def _cox_staying(
    rows: CountingRows, own: IntArray, covariates: npt.ArrayLike, ties: str
) -> FloatArray:
    """Return the probability of getting through each row without the event (own rows,)."""
    entry, exit_, happened = rows.entry[own], rows.exit[own], rows.is_event[own]
    table = np.asarray(covariates, dtype=np.float64).reshape(len(rows.exit), -1)[own]
    if table.shape[1]:
        fit = fit_cox(counting_rows(entry, exit_, happened), table, ties=ties)
        times, increments = fit.baseline.times, fit.baseline.increments
        risk = np.exp((table - fit.means) @ fit.coefficients)
    else:
        times, increments = _plain_hazard(entry, exit_, happened, ties)
        risk = np.ones(len(own))
    cumulative = np.r_[0.0, np.cumsum(increments)]
    until, since = (np.searchsorted(times, ends, side="right") for ends in (exit_, entry))
    return np.asarray(np.exp(-risk * (cumulative[until] - cumulative[since])), dtype=np.float64)


def _plain_hazard(
    entry: FloatArray, exit_: FloatArray, happened: BoolArray, ties: str
) -> tuple[FloatArray, FloatArray]:
    """Return event times and increments of the hazard of rows that are all alike.

    d events among n at risk add d / n (Breslow), or 1/n + 1/(n-1) + ... of d terms (Efron), as a
    Cox model without covariates does.
    """
    times, events = np.unique(exit_[happened], return_counts=True)
    at_risk = np.searchsorted(np.sort(entry), times) - np.searchsorted(np.sort(exit_), times)
    if ties == EFRON:
        return times, digamma(at_risk + 1.0) - digamma(at_risk + 1.0 - events)
    return times, events / at_risk
