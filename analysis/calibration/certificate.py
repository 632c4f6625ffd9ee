"""The calibration certificate: what was reached on registries of known truth, beside its goal.

Aims, data-generating mechanisms, estimands, methods and performance measures (ADEMP; Morris, White
and Crowther 2019): the aim is to see whether the study's intervals and gates mean what they say in
a registry of this size and kind; the mechanisms are the simulator's scenarios, shaped like the
registry; the estimand is the primary risk difference; the method is the protocol's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from analysis.calibration.findings import Finding
from analysis.calibration.performance import Measure, performance
from analysis.contracts.results import RESULT_TABLES, conform
from analysis.simulation.scenarios import SCENARIOS

REACHED: Final = "reached"
MISSED: Final = "missed"
UNCLEAR: Final = "unclear"
NO_GOAL: Final = "no_goal"
NOT_RUN: Final = "not_run"
CERTIFICATE_STATUSES: Final = (REACHED, MISSED, UNCLEAR, NO_GOAL, NOT_RUN)

# A goal is missed only beyond this many Monte Carlo errors, and reached with enough registries.
DECIDED_AT: Final = 1.96
FEWEST_REGISTRIES: Final = 100
WHOLE: Final = "all"
NOT_RUN_GOAL: Final = "nmt calibrate makes the certificate of a protocol"


@dataclass(frozen=True)
class Goal:
    """Within which limits a measure should lie, and the same in words."""

    low: float
    high: float
    words: str


COVERAGE: Final = Goal(0.935, 0.965, "93.5 to 96.5 %")
TYPE_1: Final = Goal(0.035, 0.065, "3.5 to 6.5 %")
SELDOM_SEALED: Final = Goal(0.0, 0.10, "at most 10 %")
MOSTLY_SEALED: Final = Goal(0.90, 1.0, "at least 90 %")
NEARLY_ALWAYS_SEALED: Final = Goal(0.95, 1.0, "at least 95 %")
BIAS_WORDS: Final = "within two Monte Carlo errors of 0, or 5 % of the truth"
BIAS_SHARE: Final = 0.05

# In these worlds the design's conditions hold, so estimates and intervals have goals.
SOUND: Final = ("null", "protective", "harmful")
SEALING_GOALS: Final[Mapping[str, Goal]] = {
    "null": SELDOM_SEALED,
    "hidden_confounder": MOSTLY_SEALED,
    "unequal_followup": NEARLY_ALWAYS_SEALED,
    "no_overlap": NEARLY_ALWAYS_SEALED,
}


def certificate_rows(
    findings: Mapping[str, Sequence[Finding]], episodes: int
) -> list[dict[str, Any]]:
    """Return the rows of `results.certificate`: measures by scenario, goals and whether reached.

    `findings` are of registries of that many episodes, by scenario. A goal is `unclear` with few
    registries, and where a value misses it by less than its Monte Carlo error tells apart.
    Scenarios without a finding are `not_run`.
    """
    rows: list[dict[str, Any]] = []
    for scenario in SCENARIOS:
        found = findings.get(scenario, ())
        own = list(_scenario_rows(scenario, found)) if found else [_not_run(scenario)]
        rows += [{"scenario": scenario, **row, "episodes": episodes} for row in own]
    return rows


def certificate_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the rows as the results table; without rows it says that nothing was run."""
    kept = list(rows) or [{"scenario": WHOLE, **_not_run(WHOLE), "episodes": None}]
    return conform("certificate", pl.DataFrame(kept, schema=dict(RESULT_TABLES["certificate"])))


def _scenario_rows(scenario: str, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    found, is_sound = performance(findings), scenario in SOUND
    has_effect = any(finding.truth != 0.0 for finding in findings)
    yield _row("truth", found.truth, None)
    yield _bias_row(found.bias, found.truth.value, is_sound=is_sound)
    yield _row("empirical_error", found.empirical_error, None)
    yield _row("estimated_error", found.model_error, None)
    yield _row("coverage", found.coverage, COVERAGE if is_sound else None)
    if has_effect:
        yield _row("power", found.rejection, None)
    else:
        yield _row("type_one_error", found.rejection, TYPE_1 if is_sound else None)
    yield _row("answered", found.answered, None)
    yield _row("sealed_share", found.sealed, SEALING_GOALS.get(scenario))


def _row(name: str, measure: Measure, goal: Goal | None) -> dict[str, Any]:
    return {
        "measure": name,
        "value": _number(measure.value),
        "monte_carlo_error": _number(measure.monte_carlo_error),
        "registries": measure.registries,
        "goal": goal.words if goal else "",
        "status": share_status(measure, goal) if goal else NO_GOAL,
    }


def _bias_row(bias: Measure, truth: float, *, is_sound: bool) -> dict[str, Any]:
    row = _row("bias", bias, None)
    if not is_sound:
        return row
    return {**row, "goal": BIAS_WORDS, "status": bias_status(bias, truth)}


def bias_status(bias: Measure, truth: float) -> str:
    """Return whether the bias of a difference is within its goal; unclear with few registries."""
    allowed = max(2 * bias.monte_carlo_error, BIAS_SHARE * abs(truth))
    reached = REACHED if abs(bias.value) <= allowed else MISSED
    return reached if bias.registries >= FEWEST_REGISTRIES else UNCLEAR


def share_status(measure: Measure, goal: Goal) -> str:
    """Return whether a share reaches its goal; how far it may be off by chance: Wilson 1927."""
    if measure.registries == 0:
        return UNCLEAR
    if goal.low <= measure.value <= goal.high:
        return REACHED if measure.registries >= FEWEST_REGISTRIES else UNCLEAR
    low, high = _wilson(measure.value, measure.registries)
    return MISSED if high < goal.low or goal.high < low else UNCLEAR


def _wilson(share: float, count: int) -> tuple[float, float]:
    spread = DECIDED_AT**2 / count
    center = (share + spread / 2) / (1 + spread)
    half = DECIDED_AT * np.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(float(center - half), 0.0), min(float(center + half), 1.0)


def _not_run(scenario: str) -> dict[str, Any]:
    goal = NOT_RUN_GOAL if scenario == WHOLE else ""
    return {"measure": "sealed_share", "registries": 0, "goal": goal, "status": NOT_RUN}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
