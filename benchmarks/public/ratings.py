"""Reliability of ratings and agreement of meters against the papers that made them known."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.trajectories.agreement import limits_of_agreement, reliability
from benchmarks.public.comparing import PRINTED, Case, Golden, Row

RATINGS: Final = "18_reliability_multiplicity"
PAPER: Final = "Shrout and Fleiss 1979 (formulas in R 4.2.2)"
METERS: Final = "Bland and Altman 1986 (formulas in R 4.2.2)"
CLOSED: Final = "closed forms; rounding"
# Revelle, psych: the interval of ICC2 of the same ratings.
PSYCH_INTERVAL: Final = (0.0188, 0.7611)


def ratings(golden: Golden) -> npt.NDArray[np.float64]:
    """Return Shrout and Fleiss' ratings (subjects x raters)."""
    rows = golden.rows(RATINGS).sort("subject", "rater")
    return rows["score"].to_numpy().reshape(rows["subject"].n_unique(), -1).astype(np.float64)


def _reliability(golden: Golden) -> Iterator[Row]:
    given, found = golden.given(RATINGS), reliability(ratings(golden))
    data = "Shrout and Fleiss"
    correlations = {
        "ICC(1,1)": found.one_way.value,
        "ICC(2,1)": found.two_way_random.value,
        "ICC(3,1)": found.two_way_fixed.value,
        "ICC(1,4)": found.one_way_mean,
        "ICC(2,4)": found.two_way_random_mean,
        "ICC(3,4)": found.two_way_fixed_mean,
    }
    theirs = [given["icc"][name] for name in correlations]
    ours = [*correlations.values()]
    yield Row(
        data, "intraclass correlations", PAPER, theirs, ours, 1e-10, CLOSED, names=[*correlations]
    )
    one, fixed, random = found.one_way, found.two_way_fixed, found.two_way_random
    theirs = [*given["icc11_ci"], *given["icc31_ci"]]
    ours = [one.low, one.high, fixed.low, fixed.high]
    yield Row(data, "intervals of ICC(1,1) and ICC(3,1)", PAPER, theirs, ours, 1e-8)
    yield Row(
        data, "interval of ICC(2,1)", "R psych, ICC", PSYCH_INTERVAL, [random.low, random.high],
        5e-4, PRINTED, is_absolute=True,
    )  # fmt: skip
    squares = found.squares
    table = {
        "BMS": squares.between_subjects,
        "JMS": squares.between_raters,
        "EMS": squares.residual,
        "WMS": squares.within_subjects,
    }
    theirs = [given["anova"][name] for name in table]
    yield Row(data, "mean squares", PAPER, theirs, [*table.values()], 1e-10, CLOSED, names=[*table])
    theirs = [given["SEM_agreement"]["value"], given["SEM_consistency"], given["MDC95_agreement"]]
    ours = [found.error_of_agreement, found.error_of_consistency, found.smallest_detectable_change]
    what = "errors of measurement, smallest detectable change"
    yield Row(data, what, "formulas in R 4.2.2", theirs, ours, 1e-8, CLOSED)


def _meters(golden: Golden) -> Iterator[Row]:
    meters, given = golden.rows(RATINGS, "bland_altman_pef.csv"), golden.given(RATINGS)
    one, other = meters["wright"].to_numpy(), meters["mini"].to_numpy()
    found, rough = limits_of_agreement(one, other), limits_of_agreement(one, other, reach=2)
    reference = given["bland_altman"]
    theirs = [reference["mean_diff"], reference["sd_diff"], *reference["loa196"], *reference["loa"]]
    ours = [found.mean, found.deviation, found.low, found.high, rough.low, rough.high]
    yield Row(
        "peak flow meters", "limits of agreement", METERS, theirs, ours, 1e-10, CLOSED,
        names=("mean", "deviation", "low", "high", "low by 2", "high by 2"),
    )  # fmt: skip


CASES: Final[dict[str, Case]] = {"reliability": _reliability, "agreement": _meters}
