"""Whether a unit's chart goes by month or, where its months are too small, by quarter."""

import polars as pl

from analysis.quality.charts import FEWEST_POINTS, SMALLEST_EXPECTED_COUNT
from analysis.quality.indicators import Indicator


def charted_periods(
    series: pl.DataFrame, indicator: Indicator, smallest_episodes: int
) -> pl.DataFrame:
    """Return the months or the quarters of one unit's indicator; nothing of too small a unit.

    `series` holds both, see `indicator_points`. Months are charted where the usual one is large
    enough: `smallest_episodes`, and five cases to be expected of shares and rates. Otherwise
    quarters are, unless fewer than ten of them could be followed: then months of enough episodes
    still make a run chart.
    """
    months, quarters = series.filter(~pl.col("is_quarter")), series.filter(pl.col("is_quarter"))
    if months["episodes"].sum() < smallest_episodes:
        return months.clear()
    has_size = _usual(months, "episodes") >= smallest_episodes
    if has_size and _has_enough_cases(months, indicator):
        return months
    too_few_quarters = quarters.filter("is_complete").height < FEWEST_POINTS
    return months if has_size and too_few_quarters else quarters


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
