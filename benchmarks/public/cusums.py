"""The risk-adjusted cumulative sum of cardiac operations (Steiner et al. 2000)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.quality.cusum import case_scores, cumulative_sum, life_adjusted_display
from benchmarks.public.comparing import Case, Golden, Row

OPERATIONS: Final = "13_risk_adjusted_cusum"
R_STEPS: Final = "R 4.2.2: glm, and the sums step by step"
STEPS: Final = "closed forms; rounding"
# Logistic model of death within 30 days on the Parsonnet score, operations of phase I.
INTERCEPT: Final = -3.79048755964806716
SLOPE: Final = 0.07984444642567734
# Of the 3,829 operations of phase II: expected less observed deaths after 1,000 and after all.
DISPLAY: Final = (-6.50270656197406, -8.446691055598501)
# Odds ratio looked for, limit; then the largest sum, all sums added, the operation that signals.
SUMS: Final = {
    (2.0, 4.5): (5.079611231579835, 2943.009843225981, 1366.0),
    (0.5, 4.0): (4.020229565078322, 3096.515030326864, 2348.0),
}


def _operations(golden: Golden) -> Iterator[Row]:
    cases = golden.rows(OPERATIONS).sort("date", maintain_order=True)
    later = cases.filter(pl.col("phase") == "II")
    died, parsonnet = later["y"].to_numpy(), later["Parsonnet"].to_numpy()
    risks = 1.0 / (1.0 + np.exp(-(INTERCEPT + SLOPE * parsonnet)))
    data, display = "cardiac operations", life_adjusted_display(died, risks)
    shown = [float(display[999]), float(display[-1])]
    yield Row(data, "life-adjusted display", R_STEPS, DISPLAY, shown, 1e-8, STEPS)
    for (odds_ratio, limit), theirs in SUMS.items():
        path = cumulative_sum(case_scores(died, risks, odds_ratio), limit)
        signals = np.flatnonzero(path.signals) + 1.0
        ours = [float(path.values.max()), float(path.values.sum()), *signals]
        what = f"odds ratio {odds_ratio:g}, limit {limit:g}: largest, all sums, signals"
        yield Row(data, what, R_STEPS, theirs, ours, 1e-8, STEPS)


CASES: Final[dict[str, Case]] = {"operations": _operations}
