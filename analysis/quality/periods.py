"""Whether a unit's chart goes by month or, where its months are too small, by quarter."""

from dataclasses import dataclass

import polars as pl

from analysis.quality.charts import FEWEST_POINTS, SMALLEST_EXPECTED_COUNT
from analysis.quality.indicators import Indicator


@dataclass(frozen=True)
class Sizes:
    """How large a unit, and a count behind a point, must be: episodes in all, and people shown."""

    smallest_episodes: int
    smallest_shown: int


def charted_periods(series: pl.DataFrame, indicator: Indicator, sizes: Sizes) -> pl.DataFrame:
    """Return the months or the quarters of one unit's indicator; nothing of too small a unit.

    `series` holds both, see `indicator_points`. Months are charted where the usual one is large
    enough, its count may be shown, and five cases can be expected. Otherwise quarters are, unless
    only the last is wanting and fewer than ten quarters could be followed: then months make a run
    chart.
    """
    months, quarters = series.filter(~pl.col("is_quarter")), series.filter(pl.col("is_quarter"))
    if months["episodes"].sum() < sizes.smallest_episodes:
        return months.clear()
    if not _can_be_shown(months, indicator, sizes):
        return quarters
    too_few_quarters = quarters.filter("is_complete").height < FEWEST_POINTS
    return months if too_few_quarters or _has_enough_cases(months, indicator) else quarters


def _can_be_shown(months: pl.DataFrame, indicator: Indicator, sizes: Sizes) -> bool:
    if _usual(months, "episodes") < sizes.smallest_episodes:
        return False
    return indicator.kind == "mean" or _usual(months, "numerator") >= sizes.smallest_shown


def _has_enough_cases(months: pl.DataFrame, indicator: Indicator) -> bool:
    if indicator.kind == "mean":
        return True
    counted = months.filter(pl.col("is_complete") & (pl.col("denominator") > 0))
    all_counted = float(counted["denominator"].sum())
    if not all_counted:
        return False
    center = float(counted["numerator"].sum()) / all_counted
    rarer = center if indicator.kind == "rate" else min(center, 1.0 - center)
    return rarer * _usual(months, "denominator") >= SMALLEST_EXPECTED_COUNT


def _usual(months: pl.DataFrame, column: str) -> float:
    """Return the median of the months that could be followed, 0 where there is none."""
    return float(months.filter("is_complete")[column].cast(pl.Float64).median() or 0.0)  # type: ignore[arg-type]
