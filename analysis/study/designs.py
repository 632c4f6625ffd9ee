"""The primary design made once for the analyses beside the primary one: whole, or of a part.

What is fitted here is what the primary analysis fits; its models are kept, so that secondary
outcomes, nested trials and leaving clinics out need not fit or build them again.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import BoolArray, IntArray
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.cohort import Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.design import Design, pooled_levels
from analysis.emulation.emulation import (
    Emulation,
    NotEstimableError,
    Settings,
    emulate,
    weighted_strategies,
)
from analysis.emulation.intervals import INFLUENCE
from analysis.study.models import follow_up_rows
from analysis.study.population import (
    BASELINE_CATEGORIES,
    SMALLEST_LEVEL_EPISODES,
    Population,
)
from analysis.study.rows import NATURAL, STRICT
from analysis.study.strategies import FEWEST_PATIENTS, Ground, make_strategy

# Only what was reached by the horizon is asked here: a band over all days would cost more.
NO_BAND: Final = 1


@dataclass(frozen=True)
class PrimaryDesign:
    """Strict and natural with the models of their weights; None where they have no answer."""

    ground: Ground
    strict: Strategy | None
    follow_up: HazardRows | None
    weighted: tuple[WeightedPath, WeightedPath] | None
    reason: str


def influence_settings(protocol: Protocol) -> Settings:
    """Return the protocol's settings with intervals by influences, without bands."""
    return Settings(
        precision=protocol.weights.ridge_precision,
        truncation_quantile=protocol.weights.truncation_quantile,
        level=protocol.bootstrap.interval_level,
        intervals=INFLUENCE,
        grid_steps=NO_BAND,
    )


def primary_design(ground: Ground) -> PrimaryDesign:
    """Return the primary design with its models, or the reason why there is none."""
    try:
        strict = make_strategy(ground, STRICT)
        follow_up = follow_up_rows(ground.tables, ground.population, ground.cohort, ground.protocol)
        strategies = (strict, natural_course(ground.cohort.people, NATURAL))
        settings = influence_settings(ground.protocol)
        weighted = weighted_strategies(ground.cohort, strategies, follow_up, settings)
    except NotEstimableError as refusal:
        return PrimaryDesign(ground, None, None, None, str(refusal))
    return PrimaryDesign(ground, strict, follow_up, (weighted[0], weighted[1]), "")


def emulation_of(ground: Ground) -> Emulation:
    """Return strict against natural on this ground, every model fitted on it.

    Raises `NotEstimableError` when the data hold no answer.
    """
    strict = make_strategy(ground, STRICT)
    natural = natural_course(ground.cohort.people, NATURAL)
    follow_up = follow_up_rows(ground.tables, ground.population, ground.cohort, ground.protocol)
    return emulate(ground.cohort, (strict, natural), follow_up, influence_settings(ground.protocol))


def emulation_without(design: PrimaryDesign, left_out: BoolArray) -> Emulation:
    """Return strict against natural without some people (people,), every model fitted again.

    The rows and columns of the models are those of the design: only people are taken out. Raises
    `NotEstimableError` when the data hold no answer.
    """
    strict, follow_up, cohort = design.strict, design.follow_up, design.ground.cohort
    if strict is None or follow_up is None:
        raise NotEstimableError(design.reason)
    kept = ~left_out
    decisions = None if strict.decisions is None else _rows_of(strict.decisions, kept)
    strategies = (
        Strategy(STRICT, strict.leaves_on[kept], decisions),
        natural_course(int(kept.sum()), NATURAL),
    )
    return emulate(
        _cohort_of(cohort, kept),
        strategies,
        _rows_of(follow_up, kept),
        influence_settings(design.ground.protocol),
    )


def part_of(ground: Ground, kept: BoolArray, *, cluster: str | None = None) -> Ground:
    """Return the ground of some people (people,) alone, as if nobody else had been seen.

    Rare levels of the baseline are pooled again, and only the sessions and contacts of these
    people are looked at. `cluster` says whose episodes depend on one another, when not the same as
    in the whole.
    """
    population, outcome = ground.population, ground.protocol.outcome
    baseline = population.baseline.filter(pl.Series(kept))
    levels = [
        pooled_levels(baseline[name], SMALLEST_LEVEL_EPISODES) for name in BASELINE_CATEGORIES
    ]
    part = replace(
        population,
        episode_keys=population.episode_keys[kept],
        unit=_units(population.unit[kept]),
        baseline=baseline.with_columns(levels),
        violated_on=population.violated_on[kept],
        completed_stages=population.completed_stages[kept],
        last_known_day=population.last_known_day[kept],
        first_day={kind: days[kept] for kind, days in population.first_day.items()},
        cluster=cluster or population.cluster,
    )
    tables = replace(
        ground.tables,
        baseline=ground.tables.baseline.sort("episode_id").filter(pl.Series(kept)),
        decision_points=_own(ground.tables.decision_points, part),
        contacts=_own(ground.tables.contacts, part),
    )
    return Ground(tables, part, part.cohort(outcome.event, outcome.competing), ground.protocol)


def has_enough_patients(ground: Ground, kept: BoolArray) -> bool:
    """Return whether some people (people,) are patients enough for models of their own."""
    return len(np.unique(ground.population.unit[kept])) >= FEWEST_PATIENTS


def _own(rows: pl.DataFrame, population: Population) -> pl.DataFrame:
    return rows.filter(pl.Series(population.person_of(rows["episode_key"]) >= 0))


def _cohort_of(cohort: Cohort, kept: BoolArray) -> Cohort:
    return Cohort(
        _units(cohort.unit[kept]), cohort.last_day[kept], cohort.ending[kept], cohort.horizon
    )


def _units(unit: IntArray) -> IntArray:
    """Return units without gaps, in the order they had."""
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def _rows_of(rows: HazardRows, kept: BoolArray) -> HazardRows:
    own = kept[rows.person]
    renumbered = np.cumsum(kept) - 1
    design = rows.design
    values = Design(design.names, design.values[own], design.centers, design.scales)
    return HazardRows(renumbered[rows.person[own]], rows.day[own], rows.happened[own], values)
