"""The models of every domain: of the population, of parts of it, of clinics, and the check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Domain, Protocol
from analysis.contracts.results import conform, empty
from analysis.trajectories.clinics import clinic_rows
from analysis.trajectories.cross_products import NotEstimableError
from analysis.trajectories.marginal import fit_marginal
from analysis.trajectories.models import DomainModel, Gap, Subject, fit_domain
from analysis.trajectories.predicted import course_rows
from analysis.trajectories.products import lines_of
from analysis.trajectories.search import Start
from analysis.trajectories.terms import term_rows, unit_of

MARGINAL: Final = "marginal"
SUBGROUP_KINDS: Final = ("condition", "region", "chronicity")
# Fewer patients than these are no part of the population to be shown apart.
SMALLEST_SUBGROUP: Final = 50

Row = dict[str, object]


@dataclass(frozen=True)
class CourseModels:
    """Frames of the results tables of the same names."""

    trajectory_models: pl.DataFrame
    trajectory_gaps: pl.DataFrame
    trajectory_courses: pl.DataFrame
    clinic_courses: pl.DataFrame


@dataclass
class _Found:
    terms: list[Row] = field(default_factory=list)
    courses: list[Row] = field(default_factory=list)
    clinics: list[Row] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def course_models(
    domain_products: pl.DataFrame, baseline: pl.DataFrame, protocol: Protocol
) -> CourseModels:
    """Return the models of every domain, predicted courses and clinics' courses.

    `domain_products` holds the rows of marts.domain_products, `baseline` those of
    marts.episode_baseline. What cannot be modelled is named with its reason in the gaps; the
    rest goes on.
    """
    found = _Found()
    level = protocol.bootstrap.interval_level
    for name, domain in protocol.domains.items():
        own = lines_of(domain_products.filter(pl.col("domain") == name), baseline)
        model = _fit_into(found, own, Subject(name), domain, level=level)
        if model is None:
            continue
        rows, gaps = clinic_rows(model, own, domain, level)
        found.clinics.extend(rows)
        found.gaps.extend(gaps)
        try:
            found.terms.extend(marginal_rows(model, domain, level))
        except NotEstimableError as fault:
            found.gaps.append(Gap(Subject(name, MARGINAL), None, str(fault)))
        near = model.start()
        for subject, part in _parts(found, own, name):
            _fit_into(found, part, subject, domain, level=level, near=near)
    return CourseModels(
        _framed("trajectory_models", found.terms),
        _framed("trajectory_gaps", [gap.row() for gap in found.gaps]),
        _framed("trajectory_courses", found.courses),
        _framed("clinic_courses", found.clinics),
    )


def _fit_into(
    found: _Found,
    lines: pl.DataFrame,
    subject: Subject,
    domain: Domain,
    *,
    level: float,
    near: Start | None = None,
) -> DomainModel | None:
    try:
        model = fit_domain(lines, subject, near)
    except NotEstimableError as fault:
        found.gaps.append(Gap(subject, None, str(fault)))
        return None
    found.terms.extend(term_rows(model, domain, level))
    found.courses.extend(course_rows(model, lines, domain, level))
    found.gaps.extend(model.gaps)
    return model


def _parts(
    found: _Found, lines: pl.DataFrame, domain: str
) -> Iterator[tuple[Subject, pl.DataFrame]]:
    """Yield the lines of every subgroup that is large enough."""
    for kind in SUBGROUP_KINDS:
        if kind not in lines.columns:
            continue
        parts = _by_value(lines.drop_nulls(kind), kind)
        large = {
            name: part
            for name, part in parts.items()
            if part["patient_key"].n_unique() >= SMALLEST_SUBGROUP
        }
        if len(large) < len(parts):
            reason = f"parts of fewer than {SMALLEST_SUBGROUP} patients have no model of their own"
            found.gaps.append(Gap(Subject(domain, f"by_{kind}", kind), None, reason))
        for name, part in large.items():
            yield Subject(domain, f"by_{kind}", kind, name), part


def _by_value(lines: pl.DataFrame, column: str) -> Mapping[str, pl.DataFrame]:
    values = lines[column].unique().sort().to_list()
    return {str(value): lines.filter(pl.col(column) == value) for value in values}


def marginal_rows(model: DomainModel, domain: Domain, level: float) -> Iterator[Row]:
    """Yield the terms of the marginal model with the same terms, patients as clusters.

    Raises `NotEstimableError` when it cannot be fitted.
    """
    from scipy.special import stdtrit

    fit = fit_marginal(model.sums)
    reach = float(stdtrit(fit.clusters - 1, (1 + level) / 2))
    errors = np.sqrt(np.diag(fit.covariance))
    shared = vars(Subject(model.subject.domain, MARGINAL)) | {"values_count": fit.values}
    for place, term in enumerate(model.terms):
        value, error = float(fit.coefficients[place]), float(errors[place])
        yield shared | {
            "term": term,
            "value": value,
            "standard_error": error,
            "low": value - reach * error,
            "high": value + reach * error,
            "unit": unit_of(term, domain),
            "patients": model.term_patients[place],
        }
    yield shared | {
        "term": "working_correlation",
        "value": fit.correlation,
        "unit": "1",
        "patients": fit.clusters,
    }


def _framed(table: str, rows: list[Row]) -> pl.DataFrame:
    return conform(table, pl.DataFrame(rows, infer_schema_length=None)) if rows else empty(table)
