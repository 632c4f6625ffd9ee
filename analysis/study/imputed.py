"""The primary contrast once more, from tables in which missing covariates are filled in.

Beside the missing-indicator default, which treats unknown as a level of its own, missing baseline
covariates are imputed several times by chained equations (van Buuren 2018). Outcome and competing
events predict them through indicator and cumulative hazard (White and Royston 2009; Resche-Rigon et
al. 2012), and so does leaving the strict order. The whole design is run on every filled table, with
intervals by influence functions, and pooled by Rubin's rules with the degrees of freedom of Barnard
and Rubin (1999). Pain before the first known value is the imputed first pain; a later gap keeps the
last known value, as without imputation.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import FloatArray
from analysis.emulation.emulation import Emulation, NotEstimableError
from analysis.emulation.imputation import ImputationSettings, impute, outcome_columns
from analysis.emulation.intervals import DIFFERENCE, RATIO, Estimate
from analysis.emulation.pooling import pool
from analysis.study.rows import COMPLETION, NATURAL, NOT_RUN, STRICT, EstimateRow
from analysis.study.strategies import Ground, refuse_if_too_few
from analysis.study.tables import StudyTables

IMPUTED: Final = "primary_imputed"
CLONE_CENSOR_WEIGHT_IMPUTED: Final = "clone_censor_weight_imputed"
IMPUTATION: Final = "imputation"
# Columns that a delivery may leave empty, and those that help to fill them.
FILLED: Final = ("chronicity", "comorbidity_count", "work_load", "first_pain_nrs")
HELPING: Final = ("prior_episodes", "region", "clinic_id")
SAYS_UNKNOWN: Final = "unknown"
NOTHING_MISSING: Final = "No covariate is missing, so there was nothing to impute."

Analyse = Callable[[StudyTables], Emulation]


def imputed_rows(ground: Ground, analyse: Analyse) -> list[EstimateRow]:
    """Return difference and ratio of strict against natural, pooled over filled tables.

    No rows where the protocol asks for none. `analyse` returns the primary emulation of tables,
    with influences.
    """
    protocol = ground.protocol
    if protocol.missing.method != IMPUTATION:
        return []
    try:
        tables = filled_tables(ground)
        if not tables:
            return [_row(ground, measure, NOTHING_MISSING) for measure in (DIFFERENCE, RATIO)]
        return _pooled_rows(ground, [analyse(each) for each in tables])
    except NotEstimableError as refusal:
        return [
            _row(ground, measure, str(refusal)).holding(None, str(refusal))
            for measure in (DIFFERENCE, RATIO)
        ]


def filled_tables(ground: Ground) -> list[StudyTables]:
    """Return the tables with missing covariates filled, as often as the protocol says.

    None where nothing is missing. Raises `NotEstimableError` where a covariate is hardly known.
    """
    refuse_if_too_few(ground.population, ground.cohort)
    tables, missing = ground.tables, ground.protocol.missing
    episodes = tables.baseline.sort("episode_id")
    people = episodes.select(*FILLED, *HELPING).with_columns(
        pl.col("chronicity", "work_load").cast(pl.String).replace(SAYS_UNKNOWN, None),
        pl.col("first_pain_nrs").cast(pl.Float64),
        pl.col("region", "clinic_id").cast(pl.String),
    )
    if not sum(people.null_count().row(0)):
        return []
    settings = ImputationSettings(imputations=missing.imputations, seed=missing.seed)
    filled = impute(people, _outcomes(ground), settings)
    return [_with_people(tables, episodes, frame) for frame in filled.frames]


def _outcomes(ground: Ground) -> pl.DataFrame:
    """Return how follow-up ended and when the strict order was left, as predictors."""
    cohort, violated_on = ground.cohort, ground.population.violated_on
    until = np.minimum(violated_on, cohort.last_day)
    left = outcome_columns(until, (violated_on <= cohort.last_day).astype(np.int64))
    ended = outcome_columns(cohort.last_day, cohort.ending)
    return ended.hstack(left.rename({name: f"left_{name}" for name in left.columns}))


def _with_people(tables: StudyTables, episodes: pl.DataFrame, people: pl.DataFrame) -> StudyTables:
    baseline = episodes.with_columns(people.select(FILLED))
    first = baseline.select("episode_key", imputed_nrs="first_pain_nrs")
    return replace(
        tables,
        baseline=baseline,
        decision_points=_with_pain(tables.decision_points, first),
        contacts=_with_pain(tables.contacts, first),
    )


def _with_pain(points: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the first pain in place of a last pain that was not known yet."""
    joined = points.join(first, on="episode_key", how="left", maintain_order="left")
    pain = pl.coalesce("last_pain_nrs", "imputed_nrs")
    return joined.with_columns(last_pain_nrs=pain).drop("imputed_nrs")


def _pooled_rows(ground: Ground, emulations: Sequence[Emulation]) -> list[EstimateRow]:
    differences = [each.difference(STRICT, NATURAL) for each in emulations]
    ratios = [each.ratio(STRICT, NATURAL) for each in emulations]
    rows = [_row(ground, DIFFERENCE).holding(_pooled(ground, differences, DIFFERENCE))]
    known = [each for each in ratios if each is not None]
    if len(known) < len(ratios):
        return [*rows, _row(ground, RATIO).holding(None, "A strategy has no event.")]
    return [*rows, _row(ground, RATIO).holding(_pooled(ground, known, RATIO))]


def _pooled(ground: Ground, estimates: Sequence[Estimate], measure: str) -> Estimate:
    """Return Rubin's pooled estimate; a ratio is pooled as its log."""
    values = np.array([each.value for each in estimates])
    errors = np.array([each.standard_error for each in estimates])
    on_log = measure == RATIO
    found = pool(
        np.log(values) if on_log else values,
        errors**2,
        complete_degrees=ground.cohort.units - 1.0,
        level=ground.protocol.bootstrap.interval_level,
    )
    shown: list[FloatArray] = [found.estimate, found.low, found.high]
    value, low, high = (float(np.exp(each[0]) if on_log else each[0]) for each in shown)
    return Estimate(measure, value, low, high, float(found.standard_error[0]))


def _row(ground: Ground, measure: str, reason: str = "") -> EstimateRow:
    population = ground.population
    return EstimateRow(
        IMPUTED, COMPLETION, STRICT, NATURAL, CLONE_CENSOR_WEIGHT_IMPUTED, measure,
        population.horizon, episodes=population.episodes, status=NOT_RUN, reason=reason,
    )  # fmt: skip
