"""Control charts and run rules against R's qcc and the published table."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.quality.charts import p_chart
from analysis.quality.signals import BEYOND_LIMITS, run_rules, signals
from benchmarks.public.comparing import Case, Golden, Row

CHARTS: Final = "11_qi_charts"
QCC: Final = "R qcc 2.7"
SUMS: Final = "closed forms; rounding"
# Anhoej and Olesen 2014, PLoS ONE 9(11):e113825, and the table of qicharts2's vignette: points off
# the median, longest run and fewest crossings to be expected.
RUN_RULES: Final = (
    (10, 6, 2), (11, 6, 2), (12, 7, 3), (20, 7, 6), (24, 8, 8), (30, 8, 10),
)  # fmt: skip


def _orange_juice(golden: Golden) -> Iterator[Row]:
    reference = golden.given(CHARTS)["qcc"]["orangejuice_p_trial"]
    cans = golden.rows(CHARTS, "orangejuice.csv").filter(pl.col("trial"))
    spoilt, size = cans["D"].to_numpy(), cans["size"].to_numpy()
    counted = np.ones(size.shape, dtype=bool)
    chart = p_chart(spoilt, size, counted)
    data = "orange juice"
    yield Row(data, "p chart: centre", QCC, reference["center"], chart.center, 1e-8, SUMS)
    yield Row(data, "p chart: shares", QCC, reference["stats"], chart.values, 1e-8, SUMS)
    limits = np.column_stack([chart.lower, chart.upper])
    yield Row(data, "p chart: limits", QCC, reference["limits"], limits, 1e-8, SUMS)
    fired = signals(chart, counted)
    beyond = [place + 1 for place, rule in enumerate(fired) if rule is not None]
    theirs = sorted(reference["beyond"])
    yield Row(data, "p chart: points that signal", QCC, theirs, beyond, 0.0, "places")
    named = [float(fired[place - 1] == BEYOND_LIMITS) for place in theirs]
    yield Row(data, "p chart: signals beyond limits", QCC, [1.0] * len(theirs), named, 0.0, "yes")


def _run_rules(_golden: Golden) -> Iterator[Row]:
    points = [place for place, _, _ in RUN_RULES]
    rules = [run_rules(np.array([1.0, -1.0] * count)[:count], 0.0) for count in points]
    theirs = [number for _, *pair in RUN_RULES for number in pair]
    ours = [number for one in rules for number in (one.longest_expected, one.fewest_expected)]
    what = "longest run and fewest crossings of 10 to 30 points"
    source = "Anhoej and Olesen 2014 and R qicharts2"
    yield Row("published table", what, source, theirs, ours, 0.0, "whole numbers")


CASES: Final[dict[str, Case]] = {"orange_juice": _orange_juice, "run_rules": _run_rules}
