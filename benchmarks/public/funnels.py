"""Funnel limits and overdispersion against R's FunnelPlotR."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from analysis.quality.funnel import (
    ALARM_LEVEL,
    WARNING_LEVEL,
    Overdispersion,
    drawn_in,
    exact_ratio_limits,
    left_out,
    log_ratio_limits,
    log_ratio_scores,
    root_ratio_scores,
    share_limits,
    share_scores,
)
from benchmarks.public.comparing import Case, Golden, Row

FUNNELS: Final = "12_funnel_overdispersion"
PACKAGE: Final = "R FunnelPlotR 0.6.0"
SUMS: Final = "closed forms; rounding"
# The package writes the normal quantiles as 1.959964 and 3.090232.
QUANTILES: Final = "normal quantiles of the package have 7 digits"
# (units counted, dispersion, variance between), from the package's functions run on these data.
TRIMMED_RATIOS: Final = (44.0, 8.532055150640875, 0.02840721479414425)
ROOT_RATIOS: Final = (54.0, 9.302497107429248, 0.007863079276058751)
SHARES: Final = (54.0, 1.360733985099108, 0.003533335020201612)
SIZES: Final = np.array([20.0, 60.0, 150.0])
RATIO_LIMITS: Final = {
    WARNING_LEVEL: (
        (0.5776338025273267, 0.6596061798358995, 0.6927663509537852),
        (1.731200625075421, 1.516056141634067, 1.443488123554532),
    ),
    ALARM_LEVEL: (
        (0.4209232473400541, 0.5188839032811525, 0.5606046563715309),
        (2.375730032302358, 1.927213377937760, 1.783788251907183),
    ),
}
SHARE_LIMITS: Final = {
    WARNING_LEVEL: (
        (0.1359820432368104, 0.1922293617787804, 0.2169486435903829),
        (0.5881626572750469, 0.5124347463978667, 0.4817889324210325),
    ),
    ALARM_LEVEL: (
        (0.05401412864413738, 0.12061136244020783, 0.15381088423287756),
        (0.7235351597549183, 0.6106919268497593, 0.5631208285368127),
    ),
}


def _found(overdispersion: Overdispersion) -> list[float]:
    return [
        float(overdispersion.units),
        overdispersion.dispersion,
        overdispersion.between_variance,
    ]


def _poisson_limits(golden: Golden) -> Iterator[Row]:
    rows = golden.given(FUNNELS)["poisson_limits_published_in_package_tests"]
    expected = np.array([row["number_seq"] for row in rows], dtype=np.float64)
    for level, name in ((WARNING_LEVEL, "95"), (ALARM_LEVEL, "998")):
        limits = exact_ratio_limits(expected, level)
        for side, ours in (("ll", limits.lower), ("ul", limits.upper)):
            theirs = [row[f"{side}{name}"] for row in rows]
            what = f"exact limits of ratios, {side} {name}"
            yield Row("expected 15, 20, 30", what, PACKAGE, theirs, ours, 1e-8, SUMS)


def _dispersion(golden: Golden) -> Iterator[Row]:
    providers = golden.rows(FUNNELS, "by_provider.csv")
    stays, expected = providers["los"].to_numpy(), providers["predicted"].to_numpy()
    died, treated = providers["died"].to_numpy(), providers["n"].to_numpy()
    data, what = "medpar by provider", "units counted, dispersion, variance between"
    for name, theirs, ours in (
        (
            "log ratios, extremes left out",
            TRIMMED_RATIOS,
            left_out(log_ratio_scores(stays, expected)),
        ),
        ("root ratios, drawn in", ROOT_RATIOS, drawn_in(root_ratio_scores(stays, expected))),
        ("shares, drawn in", SHARES, drawn_in(share_scores(died, treated))),
    ):
        yield Row(data, f"{name}: {what}", PACKAGE, theirs, _found(ours), 1e-8, SUMS)
    target = float(died.sum() / treated.sum())
    for level in (WARNING_LEVEL, ALARM_LEVEL):
        ratios = log_ratio_limits(SIZES, TRIMMED_RATIOS[2], level)
        shares = share_limits(target, SIZES, SHARES[2], level)
        for kind, theirs, limits in (
            ("ratios", RATIO_LIMITS[level], ratios),
            ("shares", SHARE_LIMITS[level], shares),
        ):
            named = f"widened limits of {kind} at {level}"
            ours = [*limits.lower, *limits.upper]
            yield Row(data, named, PACKAGE, [*theirs[0], *theirs[1]], ours, 1e-6, QUANTILES)


CASES: Final[dict[str, Case]] = {"poisson_limits": _poisson_limits, "dispersion": _dispersion}
