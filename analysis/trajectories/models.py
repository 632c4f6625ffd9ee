"""The population's course of each domain: one slope for each stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES, Domain, Protocol
from analysis.contracts.results import conform, empty
from analysis.trajectories.reml import (
    FloatArray,
    GroupSums,
    IntArray,
    MixedFit,
    NotEstimableError,
    fit_mixed_model,
    group_sums,
    independent_terms,
)

POPULATION: Final = "population"
WEEKS: Final = tuple(f"weeks_stage_{stage}" for stage in STAGES)
TERMS: Final = ("intercept", *(f"slope_stage_{stage}" for stage in STAGES))
# Fewer people than these cannot tell a slope, or how slopes differ, from chance.
SMALLEST_PATIENTS: Final = 10
VALUES_FOR_A_SLOPE: Final = 3


@dataclass(frozen=True)
class Gap:
    """A term, or with `term` None a whole model, that the data cannot carry."""

    domain: str
    model: str
    term: str | None
    reason: str


@dataclass(frozen=True)
class DomainModel:
    """The fitted population model of one domain.

    terms : names of the estimated fixed terms, in the order of the fit's coefficients.
    term_patients : number of patients whose values tell about each of them.
    has_random_slope : whether episodes differ in slope in this model, or in level only.
    """

    domain: str
    terms: tuple[str, ...]
    term_patients: tuple[int, ...]
    has_random_slope: bool
    fit: MixedFit
    gaps: tuple[Gap, ...]


def trajectory_models(
    domain_exposure: pl.DataFrame, baseline: pl.DataFrame, protocol: Protocol
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return results.trajectory_models and results.trajectory_gaps of every domain.

    `domain_exposure` holds the rows of marts.domain_exposure: value, and weeks spent so far in
    each stage, null after care has ended, when a value belongs to no stage. A domain that
    cannot be modelled is named with its reason in the second frame; the others go on.
    """
    points = domain_exposure.drop_nulls(WEEKS).join(
        baseline.select("episode_key", "patient_key"), on="episode_key"
    )
    rows: list[dict[str, object]] = []
    gaps: list[Gap] = []
    for name, domain in protocol.domains.items():
        try:
            model = fit_domain(points.filter(pl.col("domain") == name), name)
        except NotEstimableError as fault:
            gaps.append(Gap(name, POPULATION, None, str(fault)))
            continue
        rows.extend(_model_rows(model, domain, protocol.bootstrap.interval_level))
        gaps.extend(model.gaps)
    return _framed("trajectory_models", rows), _framed("trajectory_gaps", [*map(vars, gaps)])


def fit_domain(points: pl.DataFrame, domain: str) -> DomainModel:
    """Fit a value's course with a slope for each stage, by REML.

    The value is linear in the weeks spent in each stage so far, so its line bends where the
    person entered a stage. Each episode has a level of its own and, where enough have three
    values, a slope over all weeks of its own: two episodes of a patient may be years and regions
    apart. That they are one person's is left to the errors, which are robust with patients as
    clusters. Reads `patient_key, episode_key, day, value` and the weeks in each stage. Raises
    `NotEstimableError` when the domain cannot be modelled.
    """
    if points.is_empty():
        raise NotEstimableError("nobody was measured")
    ordered = points.sort("patient_key", "episode_key", "day", *WEEKS, "value")
    patients = ordered["patient_key"].to_numpy().astype(np.int64)
    episodes = ordered["episode_key"].to_numpy().astype(np.int64)
    columns = ordered.select(WEEKS).to_numpy().astype(np.float64)
    terms = np.column_stack([np.ones(len(ordered)), columns])
    values = ordered["value"].to_numpy().astype(np.float64)
    if np.ptp(values) == 0:
        raise NotEstimableError("all values are the same")
    if _patients_with(2, patients, episodes) < SMALLEST_PATIENTS:
        raise NotEstimableError(f"fewer than {SMALLEST_PATIENTS} patients have two values")
    told = [int(np.unique(patients[column != 0]).size) for column in terms.T]
    has_slope = _patients_with(VALUES_FOR_A_SLOPE, patients, episodes) >= SMALLEST_PATIENTS
    return _fitted(domain, group_sums(terms, values, episodes, patients), told, has_slope)


def _patients_with(values: int, patients: IntArray, episodes: IntArray) -> int:
    """Return how many patients have an episode with so many values."""
    _, first, counts = np.unique(episodes, return_index=True, return_counts=True)
    return int(np.unique(patients[first[counts >= values]]).size)


def _fitted(domain: str, sums: GroupSums, told: list[int], has_slope: bool) -> DomainModel:
    independent = set(independent_terms(sums))
    kept = [
        term
        for term in range(len(TERMS))
        if term == 0 or (term in independent and told[term] >= SMALLEST_PATIENTS)
    ]
    if len(kept) == 1:
        raise NotEstimableError("hardly anybody was measured twice while working a stage")
    gaps = tuple(
        Gap(domain, POPULATION, TERMS[term], _why_without(term, told[term], independent))
        for term in range(len(TERMS))
        if term not in kept
    )
    return DomainModel(
        domain=domain,
        terms=tuple(TERMS[term] for term in kept),
        term_patients=tuple(told[term] for term in kept),
        has_random_slope=has_slope,
        fit=fit_mixed_model(sums.only(kept), _random_terms(len(kept), has_slope)),
        gaps=gaps,
    )


def _why_without(term: int, told: int, independent: set[int]) -> str:
    if told == 0:
        return "nobody was measured after time in this stage"
    if told < SMALLEST_PATIENTS:
        return f"fewer than {SMALLEST_PATIENTS} patients were measured after time in this stage"
    if term not in independent:
        return "time in this stage cannot be told apart from time in earlier stages"
    return "not estimable"


def _random_terms(terms: int, has_slope: bool) -> FloatArray:
    level = np.eye(terms)[:, :1]
    if not has_slope:
        return level
    all_weeks = np.r_[0.0, np.ones(terms - 1)][:, None]
    return np.hstack([level, all_weeks])


def _model_rows(model: DomainModel, domain: Domain, level: float) -> Iterator[dict[str, object]]:
    from scipy.special import stdtrit

    fit = model.fit
    reach = float(stdtrit(fit.clusters - 1, (1 + level) / 2))
    errors = np.sqrt(np.diag(fit.robust_covariance))
    shared = {"domain": model.domain, "model": POPULATION, "values_count": fit.values}
    for place, term in enumerate(model.terms):
        value, error = float(fit.coefficients[place]), float(errors[place])
        yield shared | {
            "term": term,
            "value": value,
            "standard_error": error,
            "low": value - reach * error,
            "high": value + reach * error,
            "unit": domain.unit if term == "intercept" else f"{domain.unit} per week",
            "patients": model.term_patients[place],
        }
    for term, value, unit in _spreads(model, domain):
        yield shared | {"term": term, "value": value, "unit": unit, "patients": fit.clusters}


def _spreads(model: DomainModel, domain: Domain) -> Iterator[tuple[str, float, str]]:
    spread = np.sqrt(np.diag(model.fit.random_covariance))
    yield "sd_between_episodes", float(spread[0]), domain.unit
    if model.has_random_slope:
        yield "sd_slope_between_episodes", float(spread[1]), f"{domain.unit} per week"
    yield "sd_within_episodes", float(np.sqrt(model.fit.residual_variance)), domain.unit


def _framed(table: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    return conform(table, pl.DataFrame(rows, infer_schema_length=None)) if rows else empty(table)
