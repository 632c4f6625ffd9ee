"""The course of each domain: one slope for each stage, of everybody or of a part of them."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.trajectories.products import (
    TERMS,
    line_sums,
    patients_told,
    patients_with,
)
from analysis.trajectories.reml import (
    FloatArray,
    GroupSums,
    MixedFit,
    NotEstimableError,
    fit_mixed_model,
    independent_terms,
    start_near,
)
from analysis.trajectories.search import Start

POPULATION: Final = "population"
# Fewer people than these cannot tell a slope, or how slopes differ, from chance.
SMALLEST_PATIENTS: Final = 10
VALUES_FOR_A_SLOPE: Final = 3
# Fewer clinics than these cannot tell how clinics differ.
SMALLEST_CLINICS: Final = 5
SPREAD_OF_CLINICS: Final = "sd_between_clinics"
SMALLEST_SPREAD: Final = 1e-12


@dataclass(frozen=True)
class Subject:
    """What a model is about: a domain, and with a subgroup a part of the population."""

    domain: str
    model: str = POPULATION
    subgroup_kind: str | None = None
    subgroup: str | None = None


@dataclass(frozen=True)
class Gap:
    """A term, or with `term` None a whole model, that the data cannot carry."""

    subject: Subject
    term: str | None
    reason: str

    def row(self) -> dict[str, object]:
        """Return the row of results.trajectory_gaps."""
        return vars(self.subject) | {"term": self.term, "reason": self.reason}


@dataclass(frozen=True)
class DomainModel:
    """The fitted model of one domain.

    terms : names of the estimated fixed terms, in the order of the fit's coefficients.
    term_patients : number of patients whose values tell about each of them.
    has_random_slope : whether lines differ in slope in this model, or in level only.
    sums : the cross-products of these terms that it was fitted to.
    """

    subject: Subject
    terms: tuple[str, ...]
    term_patients: tuple[int, ...]
    has_random_slope: bool
    sums: GroupSums
    fit: MixedFit
    gaps: tuple[Gap, ...]

    @property
    def random_terms(self) -> FloatArray:
        """Return the fixed terms that each random term combines, (terms, random terms)."""
        return _random_terms(len(self.terms), self.has_random_slope)

    def start(self) -> Start | None:
        """Return where the models of its parts may begin their search."""
        return start_near(self.sums, self.random_terms, self.fit)


def fit_domain(lines: pl.DataFrame, subject: Subject, near: Start | None = None) -> DomainModel:
    """Fit a value's course with a slope for each stage, by REML.

    The value is linear in the weeks spent in each stage so far, so its line bends where the
    person entered a stage. Each line has a level of its own and, where enough have three values,
    a slope over all weeks of its own: two episodes of a patient may be years and regions apart,
    and values that were read in another way stand on another level. That they are one person's is
    left to the errors, which are robust with patients as clusters. Clinics have levels of their
    own where there are enough of them. `lines` are those of one domain, as `lines_of` returns them;
    `near` is the start that a model of more people gives. Raises `NotEstimableError` when the
    domain cannot be modelled.
    """
    if lines.is_empty():
        raise NotEstimableError("nobody was measured")
    sums, gaps = line_sums(lines), []
    if _are_all_the_same(sums):
        raise NotEstimableError("all values are the same")
    if patients_with(2, lines) < SMALLEST_PATIENTS:
        raise NotEstimableError(f"fewer than {SMALLEST_PATIENTS} patients have two values")
    clinics = lines["clinic_id"].n_unique()
    if clinics < SMALLEST_CLINICS:
        sums = sums.without_outer()
        gaps.append(Gap(subject, SPREAD_OF_CLINICS, _why_without_clinics(clinics)))
    has_slope = patients_with(VALUES_FOR_A_SLOPE, lines) >= SMALLEST_PATIENTS
    model = _fitted(subject, sums, patients_told(lines), has_slope, near)
    return replace(model, gaps=(*model.gaps, *gaps))


def _are_all_the_same(sums: GroupSums) -> bool:
    total = sums.total()
    squares = float(total[-1, -1])
    return squares - float(total[0, -1]) ** 2 / sums.values <= SMALLEST_SPREAD * squares


def _why_without_clinics(clinics: int) -> str:
    if clinics == 1:
        return "a single clinic measured this domain"
    return f"fewer than {SMALLEST_CLINICS} clinics measured this domain"


def _fitted(
    subject: Subject, sums: GroupSums, told: list[int], has_slope: bool, near: Start | None
) -> DomainModel:
    kept, independent = estimable_terms(sums, told)
    if len(kept) == 1:
        raise NotEstimableError("hardly anybody was measured twice while working a stage")
    gaps = tuple(
        Gap(subject, TERMS[term], _why_without(term, told[term], independent))
        for term in range(len(TERMS))
        if term not in kept
    )
    chosen = sums.only(kept)
    return DomainModel(
        subject=subject,
        terms=tuple(TERMS[term] for term in kept),
        term_patients=tuple(told[term] for term in kept),
        has_random_slope=has_slope,
        sums=chosen,
        fit=fit_mixed_model(chosen, _random_terms(len(kept), has_slope), near=near),
        gaps=gaps,
    )


def estimable_terms(sums: GroupSums, told: list[int]) -> tuple[list[int], set[int]]:
    """Return the terms that can be estimated, and those that repeat no term before them."""
    independent = set(independent_terms(sums))
    kept = [
        term
        for term in range(len(TERMS))
        if term == 0 or (term in independent and told[term] >= SMALLEST_PATIENTS)
    ]
    return kept, independent


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
