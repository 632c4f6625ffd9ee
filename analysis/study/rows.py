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


@dataclass(frozen=True)
class Asked:
    """What rows of an analysis have in common: its name and hypothesis, about whom, until when."""

    analysis: str
    hypothesis: str
    episodes: int
    horizon_days: int


def designed_rows(
    analysis: str, emulation: Emulation | None, reason: str, episodes: int, horizon_days: int
) -> list[EstimateRow]:
    """Return risks, difference and ratio of strict against natural, or why there are none."""
    asked = Asked(analysis, COMPLETION, episodes, horizon_days)
    return [
        *(risk_row(asked, name, emulation, reason) for name in (STRICT, NATURAL)),
        difference_row(asked, STRICT, NATURAL, emulation, reason),
        ratio_row(asked, STRICT, NATURAL, emulation, reason),
    ]


def risk_row(asked: Asked, name: str, emulation: Emulation | None, reason: str) -> EstimateRow:
    """Return the risk under a strategy, or why there is none."""
    row = _designed(asked, name, None, RISK, emulation)
    return row.holding(emulation.risk(name) if emulation else None, reason)


def difference_row(
    asked: Asked,
    name: str,
    comparator: str,
    emulation: Emulation | None,
    reason: str,
    *,
    level: float | None = None,
) -> EstimateRow:
    """Return the risk difference of two strategies, or why there is none."""
    row = _designed(asked, name, comparator, DIFFERENCE, emulation)
    found = emulation.difference(name, comparator, level) if emulation else None
    return row.holding(found, reason)


def ratio_row(
    asked: Asked, name: str, comparator: str, emulation: Emulation | None, reason: str
) -> EstimateRow:
    """Return the risk ratio of two strategies, or why there is none."""
    row = _designed(asked, name, comparator, RATIO, emulation)
    ratio = emulation.ratio(name, comparator) if emulation else None
    no_ratio = reason or "In some resamples of the patients a strategy has no event."
    return row.holding(ratio, no_ratio if ratio is None else reason)


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


def _designed(
    asked: Asked, name: str, comparator: str | None, measure: str, emulation: Emulation | None
) -> EstimateRow:
    return EstimateRow(
        asked.analysis, asked.hypothesis, name, comparator, CLONE_CENSOR_WEIGHT, measure,
        asked.horizon_days, episodes=asked.episodes,
        events=emulation[name].events if emulation else None,
    )  # fmt: skip


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
