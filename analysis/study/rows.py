"""Rows of the results tables from estimates, gates and balances."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import polars as pl

from analysis.contracts.results import RESULT_TABLES, conform
from analysis.emulation.balance import DayBalance
from analysis.emulation.emulation import Emulation, StrategyRisk
from analysis.emulation.intervals import DIFFERENCE, RATIO, RISK, Estimate
from analysis.study.biased import BiasedComparison, GroupRisk
from analysis.study.gates import Gate

PRIMARY: Final = "primary"
BIASED: Final = "biased_comparison"
COMPLETION: Final = "completion"
STRICT: Final = "strict"
NATURAL: Final = "natural"
CLONE_CENSOR_WEIGHT: Final = "clone_censor_weight"
AALEN_JOHANSEN: Final = "aalen_johansen"
ESTIMATED: Final = "estimated"
SEALED: Final = "sealed"
NOT_RUN: Final = "not_run"
IMPOSSIBLE: Final = "impossible"
MEASURES: Final = (RISK, DIFFERENCE, RATIO)


@dataclass(frozen=True)
class EstimateRow:
    """One row of `results.estimates`; numbers are null where the status says why."""

    analysis: str
    hypothesis: str
    strategy: str
    comparator: str | None
    estimator: str
    measure: str
    horizon_days: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    episodes: int | None = None
    events: int | None = None
    status: str = NOT_RUN
    reason: str = ""
    is_biased_comparison: bool = False
    subgroup_kind: str | None = None
    subgroup: str | None = None

    def holding(self, estimate: Estimate | None, reason: str = "") -> "EstimateRow":
        """Return the row with the estimate's numbers, or marked impossible without one."""
        if estimate is None:
            return replace(self, status=IMPOSSIBLE, reason=reason)
        return replace(
            self,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            standard_error=estimate.standard_error,
            status=ESTIMATED,
            reason=reason,
        )

    def sealed(self, reason: str) -> "EstimateRow":
        """Return the row without anything that the estimate could be computed from."""
        return replace(
            self,
            value=None,
            low=None,
            high=None,
            standard_error=None,
            events=None,
            status=SEALED if self.status == ESTIMATED else self.status,
            reason=reason if self.status == ESTIMATED else self.reason,
        )


def designed_rows(
    analysis: str, emulation: Emulation | None, reason: str, episodes: int, horizon_days: int
) -> list[EstimateRow]:
    """Return risks, difference and ratio of strict against natural, or why there are none."""
    rows = []
    for name in (STRICT, NATURAL):
        events = emulation[name].events if emulation else None
        row = EstimateRow(
            analysis, COMPLETION, name, None, CLONE_CENSOR_WEIGHT, RISK, horizon_days,
            episodes=episodes, events=events,
        )  # fmt: skip
        rows.append(row.holding(emulation.risk(name) if emulation else None, reason))
    contrast = EstimateRow(
        analysis, COMPLETION, STRICT, NATURAL, CLONE_CENSOR_WEIGHT, DIFFERENCE, horizon_days,
        episodes=episodes, events=emulation[STRICT].events if emulation else None,
    )  # fmt: skip
    ratio = emulation.ratio(STRICT, NATURAL) if emulation else None
    no_ratio = reason or "In some resamples of the patients a strategy has no event."
    rows.append(
        contrast.holding(emulation.difference(STRICT, NATURAL) if emulation else None, reason)
    )
    rows.append(
        replace(contrast, measure=RATIO).holding(ratio, "" if ratio is not None else no_ratio)
    )
    return rows


def biased_rows(comparison: BiasedComparison, horizon_days: int) -> list[EstimateRow]:
    """Return the risks of both groups and their contrasts, marked as biased."""
    group, rest = comparison.group, comparison.rest
    reason = " ".join(each.reason for each in (group, rest) if each.reason)
    rows = [
        _group_row(each, horizon_days).holding(each.risk, each.reason) for each in (group, rest)
    ]
    contrast = replace(
        _group_row(group, horizon_days),
        comparator=rest.name,
        episodes=group.episodes + rest.episodes,
        events=group.events + rest.events,
    )
    for measure, estimate in ((DIFFERENCE, comparison.difference), (RATIO, comparison.ratio)):
        rows.append(replace(contrast, measure=measure).holding(estimate, reason))
    return rows


def not_run_row(
    analysis: str, hypothesis: str, strategy: str, reason: str, horizon: int
) -> EstimateRow:
    """Return the one row of an analysis that was not run."""
    return EstimateRow(
        analysis, hypothesis, strategy, NATURAL, CLONE_CENSOR_WEIGHT, DIFFERENCE, horizon,
        status=NOT_RUN, reason=reason,
    )  # fmt: skip


def curve_rows(analysis: str, emulation: Emulation) -> pl.DataFrame:
    """Return the risk curve of every strategy with pointwise bands."""
    return pl.concat(
        _curve(analysis, strategy, emulation.level) for strategy in emulation.strategies
    )


def balance_rows(analysis: str, balances: Sequence[DayBalance]) -> pl.DataFrame:
    """Return the standardised differences of every level, strategy and day."""
    parts = [
        pl.DataFrame(
            {
                "covariate": list(balance.names),
                "unweighted_difference": balance.unweighted,
                "weighted_difference": balance.weighted,
            }
        ).with_columns(
            pl.lit(analysis).alias("analysis"),
            pl.lit(balance.strategy).alias("strategy"),
            pl.lit(balance.day).alias("day"),
        )
        for balance in balances
    ]
    return conform("balance", pl.concat(parts)) if parts else conform("balance", pl.DataFrame())


def gate_rows(analysis: str, gates: Sequence[Gate]) -> pl.DataFrame:
    """Return the gates as rows."""
    return framed("gates", [{"analysis": analysis, **asdict(gate)} for gate in gates])


def estimate_rows(rows: Sequence[EstimateRow]) -> pl.DataFrame:
    """Return the estimates as rows."""
    return framed("estimates", [asdict(row) for row in rows])


def framed(table: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return dictionaries as rows of a results table."""
    return conform(table, pl.DataFrame(list(rows), schema=dict(RESULT_TABLES[table])))


def _group_row(group: GroupRisk, horizon_days: int) -> EstimateRow:
    return EstimateRow(
        BIASED, COMPLETION, group.name, None, AALEN_JOHANSEN, RISK, horizon_days,
        episodes=group.episodes, events=group.events, is_biased_comparison=True,
    )  # fmt: skip


def _curve(analysis: str, strategy: StrategyRisk, level: float) -> pl.DataFrame:
    low, high = strategy.band(level)
    days = len(strategy.at_risk)
    return conform(
        "risk_curves",
        pl.DataFrame(
            {
                "analysis": [analysis] * days,
                "strategy": [strategy.name] * days,
                "day": range(days),
                "risk": strategy.curve.risk,
                "low": low,
                "high": high,
                "at_risk": strategy.at_risk,
            }
        ),
    )
