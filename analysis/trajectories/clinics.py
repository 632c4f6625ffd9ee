"""Clinics' own slopes and levels, shrunken towards their mean by how reliable they are.

A clinic's own course is the generalised least-squares line through its own values, with the
variances within and between episodes of the whole network's model (Laird and Ware 1982). Clinics
differ by chance even when they do the same; what is left when that is allowed for is the mean of
empirical Bayes (Efron and Morris 1975), with Morris's (1983) interval, which counts that mean and
variance of the clinics are themselves estimated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.contracts.protocol import Domain
from analysis.contracts.results import CLINIC
from analysis.trajectories.cross_products import FloatArray, NotEstimableError
from analysis.trajectories.likelihood import whitened_total
from analysis.trajectories.models import (
    SMALLEST_CLINICS,
    SMALLEST_PATIENTS,
    DomainModel,
    Gap,
    Subject,
    estimable_terms,
)
from analysis.trajectories.products import TERMS, line_sums, patients_told
from analysis.trajectories.terms import unit_of

BY_CLINIC: Final = "by_clinic"
# Halvings of an interval until two neighbouring numbers are left.
BISECTIONS: Final = 200


@dataclass(frozen=True)
class Shrunken:
    """Estimates of many groups, drawn together: all arrays are (groups,).

    mean and deviation are those of the groups' true values. `errors` are those of the shrunken
    `values`; reliability is the share of an estimate's variance that is no error.
    """

    mean: float
    deviation: float
    values: FloatArray
    errors: FloatArray
    reliability: FloatArray


@dataclass(frozen=True)
class _ClinicTerm:
    clinic: str
    term: str
    value: float
    error: float
    patients: int
    values_count: int


def shrunken(estimates: npt.ArrayLike, standard_errors: npt.ArrayLike) -> Shrunken:
    """Return the estimates drawn towards their mean, by restricted maximum likelihood.

    Raises `NotEstimableError` with fewer than five, or where one has no error above 0.
    """
    values = np.asarray(estimates, dtype=np.float64)
    variances = np.asarray(standard_errors, dtype=np.float64) ** 2
    if values.size < SMALLEST_CLINICS:
        raise NotEstimableError(f"fewer than {SMALLEST_CLINICS} clinics have an estimate")
    if not np.all(variances > 0):
        raise NotEstimableError("an estimate has no error")
    between = _between_variance(values, variances)
    weights = 1 / (variances + between)
    mean = float(weights @ values / weights.sum())
    # Morris (1983): the variance between is estimated, so that a little less is drawn in.
    drawn = (values.size - 3) / (values.size - 1) * variances * weights
    typical = float(weights @ variances / weights.sum())
    unsure = 2 / (values.size - 3) * drawn**2 * (typical + between) * weights
    squares = variances * (1 - (1 - weights / weights.sum()) * drawn)
    squares += unsure * (values - mean) ** 2
    moved = values - drawn * (values - mean)
    reliability = between / (variances + between)
    return Shrunken(mean, float(np.sqrt(between)), moved, np.sqrt(squares), reliability)


def _between_variance(values: FloatArray, variances: FloatArray) -> float:
    """Return where the restricted likelihood has no slope in the variance between, or 0."""

    def slope(between: float) -> float:
        weights = 1 / (variances + between)
        residuals = values - weights @ values / weights.sum()
        explained = weights.sum() - np.sum(weights**2) / weights.sum()
        return float(np.sum((weights * residuals) ** 2) - explained)

    low, high = 0.0, float(np.var(values)) + 1e-300
    if slope(0.0) <= 0:
        return 0.0
    while slope(high) > 0:
        low, high = high, 2 * high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def clinic_rows(
    model: DomainModel, lines: pl.DataFrame, domain: Domain, level: float
) -> tuple[list[dict[str, object]], list[Gap]]:
    """Return the rows of results.clinic_courses of a domain, and the terms without any.

    `model` is the population's. A clinic has a term when ten of its patients tell about it. Its
    errors are those of the network's model, times the ratio of the network's robust error to that
    by the model.
    """
    from scipy.special import ndtri

    subject = Subject(model.subject.domain, BY_CLINIC)
    if lines["clinic_id"].n_unique() < SMALLEST_CLINICS:
        reason = f"fewer than {SMALLEST_CLINICS} clinics measured this domain"
        return [], [Gap(subject, None, reason)]
    own = [one for clinic in lines.partition_by("clinic_id") for one in _own_terms(model, clinic)]
    rows: list[dict[str, object]] = []
    gaps: list[Gap] = []
    reach = float(ndtri((1 + level) / 2))
    for term in model.terms:
        found = [one for one in own if one.term == term]
        try:
            drawn = shrunken([one.value for one in found], [one.error for one in found])
        except NotEstimableError as fault:
            gaps.append(Gap(subject, term, str(fault)))
            continue
        for one, value, error, reliability in zip(
            found, drawn.values, drawn.errors, drawn.reliability, strict=True
        ):
            rows.append(
                {
                    "unit_kind": CLINIC,
                    "unit_name": one.clinic,
                    "domain": model.subject.domain,
                    "term": term,
                    "value": one.value,
                    "standard_error": one.error,
                    "shrunken": float(value),
                    "low": float(value - reach * error),
                    "high": float(value + reach * error),
                    "reliability": float(reliability),
                    "unit": unit_of(term, domain),
                    "patients": one.patients,
                    "values_count": one.values_count,
                }
            )
    return rows, gaps


def _own_terms(model: DomainModel, lines: pl.DataFrame) -> Iterator[_ClinicTerm]:
    """Yield the terms of one clinic's line."""
    sums, told = line_sums(lines), patients_told(lines)
    kept = [term for term in estimable_terms(sums, told)[0] if TERMS[term] in model.terms]
    names = [TERMS[term] for term in kept]
    if told[0] < SMALLEST_PATIENTS or len(kept) == 1:
        return
    places = [model.terms.index(name) for name in names]
    fit = model.fit
    whitened = whitened_total(
        sums.only(kept), model.random_terms[places], fit.random_covariance / fit.residual_variance
    )
    covariance = np.linalg.inv(whitened[:-1, :-1]) * fit.residual_variance
    values = np.linalg.solve(whitened[:-1, :-1], whitened[:-1, -1])
    by_model = np.diag(fit.covariance - fit.outer_covariance)
    robust = np.diag(fit.robust_covariance - fit.outer_covariance)
    errors = np.sqrt(np.diag(covariance) * (robust / by_model)[places])
    clinic, count = str(lines["clinic_id"][0]), sums.values
    for term, name in enumerate(names):
        yield _ClinicTerm(
            clinic, name, float(values[term]), float(errors[term]), told[kept[term]], count
        )
