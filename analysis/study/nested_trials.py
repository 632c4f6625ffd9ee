"""The second design: at every decision point, advance now or wait.

A trial starts wherever moving on early was possible and had not been done before. Those who
advanced there are compared with those who waited, whatever either did later, over the protocol's
days since that decision (Hernan et al. 2008; Gran et al. 2010). Each is weighted by the inverse
probability of what was done, from the primary analysis' deviation model, and of being followed,
from its follow-up model, both fitted once to all. An episode enters many trials: intervals are
clustered by patient and carry the models. Only decisions whose days end by the study's horizon
start a trial, so that no trial is cut short by the calendar of the study.

The contrast is waiting less advancing, so that below 0 favours waiting, as strict against natural
does. It is not the effect of keeping to the order throughout: those who wait may advance at the
next visit. It asks the same question of other comparisons, stage by stage.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import IntArray
from analysis.emulation.cohort import HazardRows
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.entries import RISK_OF_ENTRIES, ArmOfEntries, arm_of_entries
from analysis.emulation.expectations import difference, ratio
from analysis.emulation.intervals import DIFFERENCE, RATIO, RISK
from analysis.study.designs import PrimaryDesign
from analysis.study.rows import COMPLETION, EstimateRow
from analysis.study.strategies import Ground

NESTED_TRIALS: Final = "nested_trials"
ADVANCE: Final = "advance"
WAIT: Final = "wait"
WEIGHTED_ENTRIES: Final = "weighted_nested_trials"
STAGE: Final = "stage"


def nested_trial_rows(design: PrimaryDesign) -> list[EstimateRow]:
    """Return the unsealed rows of all decisions together and of those in each stage due."""
    ground, strict = design.ground, design.strict
    if design.weighted is None or strict is None or strict.decisions is None:
        return _rows(ground, None, design.reason)
    horizon = ground.protocol.trials.horizon_days
    started_on = strict.decisions.day
    entries = np.flatnonzero(started_on + horizon <= ground.population.horizon).astype(np.int64)
    rows = _estimated(design, entries)
    stages = stages_due(ground, strict.decisions)
    for stage in np.unique(stages[entries]):
        own = entries[stages[entries] == stage]
        rows += [
            replace(row, subgroup_kind=STAGE, subgroup=str(stage))
            for row in _estimated(design, own)
        ]
    return rows


def stages_due(ground: Ground, decisions: HazardRows) -> IntArray:
    """Return the stage due at each decision of the primary order (decisions,)."""
    tables, population = ground.tables, ground.population
    points = tables.decision_points.filter(
        pl.col("order_name") == ground.protocol.study.primary_order
    )
    person = pl.Series("person", population.person_of(points["episode_key"]))
    own = points.with_columns(person).filter(pl.col("person") >= 0)
    last_day = ground.cohort.last_day[own["person"].to_numpy()]
    own = own.filter(pl.Series(own["day"].to_numpy() <= last_day))
    own = own.sort("person", "day", "session_number")
    if not np.array_equal(own["person"].to_numpy(), decisions.person):
        raise ValueError("The decisions are not those of the primary order.")
    return own["stage_due"].cast(pl.Int64).to_numpy().astype(np.int64)


def _estimated(design: PrimaryDesign, entries: IntArray) -> list[EstimateRow]:
    if design.weighted is None:
        raise ValueError("A design without an answer has no models.")
    deviation, follow_up = design.weighted[0].pair
    if deviation is None:
        raise ValueError("The primary design weights for staying with the order.")
    protocol, cohort = design.ground.protocol, design.ground.cohort
    try:
        waited, advanced = (
            arm_of_entries(
                cohort,
                deviation,
                follow_up,
                entries,
                protocol.trials.horizon_days,
                acted=acted,
                truncation_quantile=protocol.weights.truncation_quantile,
            )
            for acted in (False, True)
        )
    except NotEstimableError as refusal:
        return _rows(design.ground, None, str(refusal))
    return _rows(design.ground, (waited, advanced), "")


def _rows(
    ground: Ground, arms: tuple[ArmOfEntries, ArmOfEntries] | None, reason: str
) -> list[EstimateRow]:
    """Return the risk of each arm and the contrasts, or why there are none."""
    level = ground.protocol.bootstrap.interval_level
    row = EstimateRow(
        NESTED_TRIALS, COMPLETION, WAIT, None, WEIGHTED_ENTRIES, RISK,
        ground.protocol.trials.horizon_days,
    )  # fmt: skip
    contrast = replace(row, comparator=ADVANCE, measure=DIFFERENCE)
    rows: Sequence[EstimateRow] = (
        row,
        replace(row, strategy=ADVANCE),
        contrast,
        replace(contrast, measure=RATIO),
    )
    if arms is None:
        return [each.holding(None, reason) for each in rows]
    waited, advanced = arms
    estimates = (
        waited.risk.risk(RISK_OF_ENTRIES, level),
        advanced.risk.risk(RISK_OF_ENTRIES, level),
        difference(waited.risk, advanced.risk, RISK_OF_ENTRIES, level),
        ratio(waited.risk, advanced.risk, RISK_OF_ENTRIES, level),
    )
    # The smaller arm is what a contrast rests on.
    seen = (waited, advanced, advanced, advanced)
    return [
        replace(each, episodes=arm.people, events=arm.events).holding(estimate)
        for each, arm, estimate in zip(rows, seen, estimates, strict=True)
    ]
