"""The comparisons a careless reader makes, so that they can stand beside the designed estimate.

Both groups are formed by what happened during follow-up: who completed all stages, or was never
seen to break the order, had to stay free of the outcome long enough (immortal time; Suissa 2008).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.contracts.protocol import STAGES
from analysis.emulation.arrays import BoolArray
from analysis.emulation.cohort import EVENT, Cohort
from analysis.emulation.curves import risk_standard_errors
from analysis.emulation.intervals import (
    Estimate,
    difference_estimate,
    ratio_estimate,
    risk_estimate,
)
from analysis.study.population import Population


@dataclass(frozen=True)
class GroupRisk:
    """The unweighted risk of a group by the horizon, or why there is none."""

    name: str
    episodes: int
    events: int
    risk: Estimate | None
    reason: str


@dataclass(frozen=True)
class BiasedComparison:
    """Two groups formed after time zero, and their contrasts where both have a risk."""

    group: GroupRisk
    rest: GroupRisk
    difference: Estimate | None
    ratio: Estimate | None


COMPLETED_ALL: Final = ("completed_all", "not_completed_all")
NEVER_VIOLATED: Final = ("never_violated", "ever_violated")


def biased_comparisons(
    population: Population, cohort: Cohort, level: float
) -> Iterator[BiasedComparison]:
    """Yield the two careless comparisons, with errors that know of no weights."""
    completed = population.completed_stages >= len(STAGES)
    yield _compare(cohort, completed, COMPLETED_ALL, level)
    yield _compare(cohort, ~population.ever_violated, NEVER_VIOLATED, level)


def _compare(
    cohort: Cohort, is_in: BoolArray, names: tuple[str, str], level: float
) -> BiasedComparison:
    group = _group_risk(cohort, is_in, names[0], level)
    rest = _group_risk(cohort, ~is_in, names[1], level)
    if group.risk is None or rest.risk is None:
        return BiasedComparison(group, rest, None, None)
    one, other = group.risk, rest.risk
    error = float(np.hypot(one.standard_error, other.standard_error))
    relative = one.standard_error / one.value, other.standard_error / other.value
    return BiasedComparison(
        group,
        rest,
        difference_estimate(one.value - other.value, error, level),
        ratio_estimate(one.value / other.value, float(np.hypot(*relative)), level),
    )


def _group_risk(cohort: Cohort, is_in: BoolArray, name: str, level: float) -> GroupRisk:
    last_day, ending = cohort.last_day[is_in], cohort.ending[is_in]
    events = int(np.sum(ending == EVENT))
    if events == 0 or not np.any(last_day == cohort.horizon):
        what = "has no event" if events == 0 else "was not followed to the horizon"
        return GroupRisk(name, len(last_day), events, None, f"The group {name} {what}.")
    curve, errors = risk_standard_errors(last_day, ending, cohort.horizon)
    risk = risk_estimate(float(curve.risk[-1]), float(errors[-1]), level)
    return GroupRisk(name, len(last_day), events, risk, "")
