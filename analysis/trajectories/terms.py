"""The terms of a fitted model as rows of results.trajectory_models, with intervals."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.contracts.protocol import STAGES, Domain
from analysis.trajectories.models import SPREAD_OF_CLINICS, DomainModel
from analysis.trajectories.reml import FloatArray, MixedFit


@dataclass(frozen=True)
class Contrast:
    """A linear combination of a model's coefficients, with its robust error and interval."""

    value: float
    error: float
    low: float
    high: float


def contrast(fit: MixedFit, weights: npt.ArrayLike, level: float) -> Contrast:
    """Return the combination of the coefficients with these weights (terms,).

    Its interval is by Student's t. What patients add to the variance has patients - 1 degrees of
    freedom and what the levels of clinics add has clinics - 1, joined after Satterthwaite (1946).
    """
    from scipy.special import stdtrit

    row = np.asarray(weights, dtype=np.float64)
    value = float(row @ fit.coefficients)
    whole = float(row @ fit.robust_covariance @ row)
    of_clinics = min(float(row @ fit.outer_covariance @ row), whole)
    squares = (whole - of_clinics) ** 2 / max(fit.clusters - 1, 1)
    squares += of_clinics**2 / max(fit.outer_groups - 1, 1)
    freedom = whole**2 / squares if squares > 0 else float(max(fit.clusters - 1, 1))
    error = float(np.sqrt(whole))
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    return Contrast(value, error, value - reach, value + reach)


def term_rows(model: DomainModel, domain: Domain, level: float) -> Iterator[dict[str, object]]:
    """Yield the slopes, their differences from stage to stage, and the spreads."""
    shared = vars(model.subject) | {"values_count": model.fit.values}
    for term, patients, weights in (*_own_terms(model), *_differences(model)):
        found = contrast(model.fit, weights, level)
        yield shared | {
            "term": term,
            "value": found.value,
            "standard_error": found.error,
            "low": found.low,
            "high": found.high,
            "unit": unit_of(term, domain),
            "patients": patients,
        }
    for term, value, unit in _spreads(model, domain):
        patients = model.fit.clusters
        yield shared | {"term": term, "value": value, "unit": unit, "patients": patients}


def unit_of(term: str, domain: Domain) -> str:
    """Return the unit of a fixed term."""
    return domain.unit if term == "intercept" else f"{domain.unit} per week"


def _own_terms(model: DomainModel) -> Iterator[tuple[str, int, FloatArray]]:
    yield from zip(model.terms, model.term_patients, np.eye(len(model.terms)), strict=True)


def _differences(model: DomainModel) -> Iterator[tuple[str, int, FloatArray]]:
    """Yield the slope of a stage less that of the stage before, where both are estimated."""
    own = {term: (patients, row) for term, patients, row in _own_terms(model)}
    for stage in STAGES[1:]:
        later, former = own.get(f"slope_stage_{stage}"), own.get(f"slope_stage_{stage - 1}")
        if later and former:
            name = f"slope_difference_{stage}_{stage - 1}"
            yield name, min(later[0], former[0]), later[1] - former[1]


def _spreads(model: DomainModel, domain: Domain) -> Iterator[tuple[str, float, str]]:
    fit = model.fit
    spread = np.sqrt(np.diag(fit.random_covariance))
    if fit.outer_groups:
        yield SPREAD_OF_CLINICS, float(np.sqrt(fit.outer_variance)), domain.unit
    yield "sd_between_episodes", float(spread[0]), domain.unit
    if model.has_random_slope:
        yield "sd_slope_between_episodes", float(spread[1]), f"{domain.unit} per week"
    yield "sd_within_episodes", float(np.sqrt(fit.residual_variance)), domain.unit
