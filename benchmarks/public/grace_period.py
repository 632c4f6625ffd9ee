"""Surgery within six months for lung cancer: the public tutorial data of Maringe et al. (2020)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import Cohort, HazardRows, Strategy
from analysis.emulation.curves import daily_sums, incidence
from analysis.emulation.design import Quantity, design_matrix
from analysis.emulation.emulation import Emulation, Settings, emulate
from analysis.emulation.weights import path_weights, weight_path
from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from benchmarks.public.comparing import Case, Golden, Row

MARINGE: Final = "02_ccw_maringe"
GRACE_DAYS, HORIZON = 182, 365
COVARIATES: Final = ["age", "sex", "perf", "stage", "deprivation", "charlson", "emergency"]
TERMS: Final = [Quantity(name) for name in COVARIATES]
# The tutorial's R code on its own data (R 4.2.2, survival 3.5-3): survival to one year with and
# without surgery, the difference of restricted means to 365.24 days, and the largest weights.
TUTORIAL: Final = "the tutorial's code, R survival 3.5-3"
GRACE, YEAR = 182.62, 365.24
UNWEIGHTED: Final = (0.81734694, 0.67380542, 11.87570394)
WEIGHTED: Final = (0.81596567, 0.69528755, 4.71103358)
LARGEST_WEIGHTS: Final = (6.53490052, 21.62293777)
MEASURES: Final = ("survival with", "survival without", "restricted means apart")
NOTED: Final = "the digits noted"


def patients_of(golden: Golden) -> pl.DataFrame:
    """Return the patients with whole days: the last one, and the one of an operation in time."""
    return golden.rows(MARINGE).with_columns(
        end=pl.col("fup_obs").floor().cast(pl.Int64).clip(upper_bound=HORIZON),
        operated=pl.when(pl.col("timetosurgery") <= GRACE_DAYS)
        .then(pl.col("timetosurgery").floor())
        .otherwise(NEVER)
        .cast(pl.Int64),
    )


def cohort_of(patients: pl.DataFrame) -> Cohort:
    """Return everybody followed to death or a year."""
    people = np.arange(patients.height)
    return Cohort(people, patients["end"].to_numpy(), patients["death"].to_numpy(), HORIZON)


def without_surgery(patients: pl.DataFrame) -> Strategy:
    """Nobody is operated in the grace period: every day of it somebody could be."""
    operated = patients["operated"].to_numpy()
    last = np.minimum(np.minimum(patients["end"].to_numpy(), operated), GRACE_DAYS)
    person = np.repeat(np.arange(patients.height), last + 1)
    day = np.concatenate([np.arange(days + 1) for days in last])
    rows = patients[person].with_columns(pl.Series("day", day))
    design = design_matrix(rows, [*TERMS, Quantity("day", degree=3)])
    return Strategy(
        "no surgery", operated, HazardRows(person, day, day == operated[person], design)
    )


def with_surgery(patients: pl.DataFrame) -> Strategy:
    """Everybody is operated in the grace period: who is not, by its end, leaves."""
    operated = (patients["operated"] < NEVER).to_numpy()
    alive = patients["fup_obs"].to_numpy() > GRACE_DAYS + 0.62
    person = np.flatnonzero(alive)
    leaves = alive & ~operated
    design = design_matrix(patients[person], TERMS)
    rows = HazardRows(person, np.full(len(person), GRACE_DAYS + 1), leaves[person], design)
    return Strategy("surgery", np.where(leaves, GRACE_DAYS + 1, NEVER), rows)


def emulated(patients: pl.DataFrame, *, weighted: bool = True) -> Emulation:
    """Return both strategies' curves by pooled logistic weights, or without any weights."""
    arms = [with_surgery(patients), without_surgery(patients)]
    if not weighted:
        arms = [Strategy(arm.name, arm.leaves_on) for arm in arms]
    return emulate(cohort_of(patients), arms, None, Settings(precision=0.0, replicates=20))


def tutorial_arm(
    patients: pl.DataFrame, *, surgery: bool, weighted: bool
) -> tuple[float, float, float]:
    """Return survival and restricted mean to one year in an arm, and its largest weight.

    Cox weights in continuous time: an even day for each time, an odd one just after it.
    """
    observed, operated_at = patients["fup_obs"].to_numpy(), patients["timetosurgery"].to_numpy()
    operated = operated_at <= GRACE
    if surgery:
        leaves, leaving_time = ~operated & (observed > GRACE), np.full(len(observed), GRACE)
    else:
        leaves, leaving_time = operated, operated_at
    until = np.where(leaves, leaving_time, observed)
    x = patients.select(COVARIATES).to_numpy().astype(float)
    fit = fit_cox(counting_rows(0.0, until, leaves), x)
    times = np.unique(np.r_[observed, operated_at[operated], GRACE])
    day = 2 * np.searchsorted(times, observed)
    left = 2 * np.searchsorted(times, np.where(leaves, leaving_time, 0.0)) + 1
    person, step = np.nonzero(fit.baseline.times[None, :] <= until[:, None])
    rows = HazardRows(
        person,
        2 * np.searchsorted(times, fit.baseline.times)[step] + 1,
        leaves[person] & (fit.baseline.times[step] == until[person]),
        design_matrix(patients[person], []),
    )
    horizon = 2 * len(times)
    cohort = Cohort(np.arange(len(day)), day, patients["death"].to_numpy(), horizon)
    path = weight_path(cohort, Strategy("arm", np.where(leaves, left, NEVER), rows), None)
    risk = np.exp((x - fit.means) @ fit.coefficients)
    weights = path_weights(weighted * fit.baseline.increments[step] * risk[person], path)
    at_times = 1.0 - incidence(daily_sums(path, weights)).risk[: 2 * len(times) : 2]
    before = np.r_[1.0, at_times[times < YEAR]]
    restricted = np.sum(before * np.diff(np.r_[0.0, times[times < YEAR], YEAR]))
    at_risk = path.day <= path.last_day[path.person] - 1
    return float(at_times[times <= 365][-1]), float(restricted), weights[at_risk].max(initial=1.0)


def one_year(patients: pl.DataFrame, *, weighted: bool) -> tuple[float, float, float]:
    """Return differences of survival and restricted means at a year, and the largest weight."""
    both = emulated(patients, weighted=weighted)
    difference = -both.difference("surgery", "no surgery").value
    restricted = [
        np.sum(1 - np.r_[0.0, both[name].curve.risk[:-1]]) for name in ("surgery", "no surgery")
    ]
    largest = both["surgery"].weights.max(initial=1.0)
    return difference, float(restricted[0] - restricted[1]), largest


def _by_cox(golden: Golden) -> Iterator[Row]:
    patients = patients_of(golden)
    for weighted, theirs in ((False, UNWEIGHTED), (True, WEIGHTED)):
        arms = [
            tutorial_arm(patients, surgery=surgery, weighted=weighted) for surgery in (True, False)
        ]
        ours = [*(survival for survival, _, _ in arms), arms[0][1] - arms[1][1]]
        what = f"clone-censor{'-weight by Cox models' if weighted else ' without weights'}"
        yield Row(
            "Maringe", what, TUTORIAL, theirs, ours, 2e-8, NOTED, is_absolute=True, names=MEASURES
        )
        if weighted:
            largest = [arm[2] for arm in arms]
            yield Row(
                "Maringe", f"{what}: largest weights", TUTORIAL, LARGEST_WEIGHTS, largest, 2e-8,
                NOTED, is_absolute=True,
            )  # fmt: skip


def _by_pooled_models(golden: Golden) -> Iterator[Row]:
    """Without weights only whole days differ: half a day for each of some deaths in 200 people."""
    patients = patients_of(golden)
    smooth = "a model of whole days, smooth in time, beside free hazards"
    for weighted, theirs, points, days, reason in (
        (False, UNWEIGHTED, 0.003, 0.5, "whole days"),
        (True, WEIGHTED, 0.02, 1.5, smooth),
    ):
        difference, restricted, _ = one_year(patients, weighted=weighted)
        what = f"pooled logistic models, {'weighted' if weighted else 'unweighted'}"
        apart = theirs[0] - theirs[1]
        yield Row(
            "Maringe", f"{what}: difference of survival", TUTORIAL, apart, difference, points,
            reason, is_absolute=True,
        )  # fmt: skip
        yield Row(
            "Maringe", f"{what}: difference of restricted means, days", TUTORIAL, theirs[2],
            restricted, days, reason, is_absolute=True,
        )  # fmt: skip


CASES: Final[dict[str, Case]] = {
    "grace_period_by_cox": _by_cox,
    "grace_period_by_pooled_models": _by_pooled_models,
}
