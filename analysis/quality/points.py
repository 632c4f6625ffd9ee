"""From counts to charted points: one chart for each indicator and unit, phase by phase."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.indicators import INDICATOR_WORDS
from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform, empty
from analysis.quality.baselines import Rebase, baseline, phases
from analysis.quality.charts import (
    BoolArray,
    Chart,
    FloatArray,
    fitting_chart,
    fitting_mean_chart,
    fitting_rate_chart,
    fitting_waits_chart,
)
from analysis.quality.indicators import (
    CARE_DAYS,
    COLUMNS,
    Kind,
    QualityTables,
    indicator_points,
    indicators,
)
from analysis.quality.periods import Sizes, charted_periods
from analysis.quality.rare import Waits, rare_waits, smallest_shown
from analysis.quality.signals import signals

# Makes the chart of a phase from its numerators and denominators, the points that count, and those
# of them that are its baseline.
Draw = Callable[[FloatArray, FloatArray, BoolArray, BoolArray], Chart]

DRAWN_BY_KIND: Final[Mapping[Kind, Draw]] = {
    "share": fitting_chart,
    "rate": fitting_rate_chart,
    "mean": fitting_mean_chart,
}


@dataclass(frozen=True)
class Series:
    """The points of one indicator and unit in their order, and how they are charted.

    rows : as `indicator_points` has them. uncounted : those of numerator and denominator that
    count nobody, and are left out once they are charted.
    """

    rows: pl.DataFrame
    draw: Draw
    uncounted: tuple[str, ...] = ()


def quality_points(
    tables: QualityTables,
    changes: pl.DataFrame,
    protocol: Protocol,
    rebases: Sequence[Rebase] = (),
) -> pl.DataFrame:
    """Return results.quality_points of every indicator, unit and period of start.

    `changes` are the cohorts of changes in pain, see `change_cohorts`. A cohort that could not yet
    be followed long enough is kept as a point, takes no part in centre, limits and signals, and is
    marked by `is_complete`. Centre and limits come from the first complete points, marked by
    `is_baseline`, and are held from then on; `rebases` begin new phases with a baseline of their
    own.
    """
    charted = [
        _charted(phase, series, protocol.review.baseline_points)
        for series in (*_of_cohorts(tables, changes, protocol), *_of_waits(tables, protocol))
        for phase in _phases(series.rows, rebases)
    ]
    return conform("quality_points", pl.concat(charted)) if charted else empty("quality_points")


def _of_cohorts(
    tables: QualityTables, changes: pl.DataFrame, protocol: Protocol
) -> Iterator[Series]:
    sources = _sources(tables, changes)
    sizes = Sizes(protocol.review.smallest_episodes, smallest_shown(protocol.disclosure))
    for indicator in indicators(protocol):
        points = indicator_points(sources, indicator)
        uncounted = ("numerator",) if indicator.kind == "mean" else ()
        for _, unit in points.group_by("unit_kind", "unit_name", maintain_order=True):
            rows = charted_periods(unit, indicator, sizes)
            if not rows.is_empty():
                yield Series(rows.select(COLUMNS), DRAWN_BY_KIND[indicator.kind], uncounted)


def _sources(tables: QualityTables, changes: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    observed = tables.quality_cohorts.select("clinic_id", "period", "observed_days")
    return {
        "quality_cohorts": tables.quality_cohorts,
        "quality_stages": tables.quality_stages.join(
            observed, on=["clinic_id", "period"], how="left", nulls_equal=True
        ),
        "change_cohorts": changes,
    }


def _of_waits(tables: QualityTables, protocol: Protocol) -> Iterator[Series]:
    together = smallest_shown(protocol.disclosure)
    for waits in rare_waits(tables.adverse_endings, tables.quality_cohorts, CARE_DAYS, together):
        draw = partial(fitting_waits_chart, method=waits.method, events=together)
        yield Series(_rows_of(waits), draw, ("numerator", "denominator"))


def _rows_of(waits: Waits) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "chart": waits.chart,
            "unit_kind": waits.unit_kind,
            "unit_name": waits.unit_name,
            "period": waits.periods,
            "numerator": waits.values,
            "denominator": 1.0,
            "patients": waits.patients,
            "is_complete": True,
        },
        schema_overrides={"patients": pl.Int64},
    )


def _phases(rows: pl.DataFrame, rebases: Sequence[Rebase]) -> list[pl.DataFrame]:
    """Return the rows of each phase of one chart, in order."""
    chart, kind, name = rows.select("chart", "unit_kind", "unit_name").row(0)
    own = [rebase for rebase in rebases if rebase.is_about(chart, kind, name)]
    if not own:
        return [rows]
    numbers = pl.Series(phases(rows["period"].to_list(), own))
    return [rows.filter(numbers == number) for number in numbers.unique().sort()]


def _charted(rows: pl.DataFrame, series: Series, baseline_points: int) -> pl.DataFrame:
    numerators, denominators = rows["numerator"].to_numpy(), rows["denominator"].to_numpy()
    counted = rows["is_complete"].to_numpy() & (denominators > 0)
    made_of = baseline(counted, baseline_points)
    chart = series.draw(numerators, denominators, counted, made_of)
    return rows.with_columns(
        *(pl.lit(None, dtype=pl.Float64).alias(column) for column in series.uncounted),
        pl.Series("value", chart.values, nan_to_null=True),
        pl.Series("center", np.full(rows.height, chart.center), nan_to_null=True),
        pl.Series("lower", chart.lower, nan_to_null=True),
        pl.Series("upper", chart.upper, nan_to_null=True),
        pl.Series("signal", signals(chart, counted, made_of), dtype=pl.String),
        method=pl.lit(chart.method),
        unit=pl.lit(INDICATOR_WORDS[rows["chart"][0]].unit, dtype=pl.String),
        is_baseline=pl.Series(made_of),
    )
