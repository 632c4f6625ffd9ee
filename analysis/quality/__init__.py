"""Indicators of care over time: counting, limits and signals, apart from one another."""

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform, empty
from analysis.quality.charts import fitting_chart
from analysis.quality.indicators import indicator_points, indicators
from analysis.quality.signals import signals

__all__ = ["quality_points"]


def quality_points(quality_cohorts: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return results.quality_points of every indicator, unit and month of start.

    `quality_cohorts` holds the rows of marts.quality_cohorts, where the network's rows have no
    clinic. A cohort that could not yet be followed long enough is kept as a point, takes no part
    in centre, limits and signals, and is marked by `is_complete`.
    """
    charts = []
    for indicator in indicators(protocol):
        points = indicator_points(quality_cohorts, indicator)
        for _, series in points.group_by("unit_kind", "unit_name", maintain_order=True):
            charts.append(_charted(series))
    return conform("quality_points", pl.concat(charts)) if charts else empty("quality_points")


def _charted(series: pl.DataFrame) -> pl.DataFrame:
    numerators, denominators = series["numerator"].to_numpy(), series["denominator"].to_numpy()
    counted = series["is_complete"].to_numpy() & (denominators > 0)
    chart = fitting_chart(numerators, denominators, counted)
    return series.with_columns(
        pl.Series("value", chart.values, nan_to_null=True),
        pl.Series("center", np.full(series.height, chart.center), nan_to_null=True),
        pl.Series("lower", chart.lower, nan_to_null=True),
        pl.Series("upper", chart.upper, nan_to_null=True),
        pl.Series("signal", signals(chart, counted), dtype=pl.String),
        method=pl.lit(chart.method),
    )
