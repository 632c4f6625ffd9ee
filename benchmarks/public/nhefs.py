"""NHEFS of Hernan and Robins, What If: weights, weighted means, and the curves of chapter 17."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.emulation.design import Category, Design, Quantity, Term, design_matrix
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.emulation.msm import assignment_models
from analysis.emulation.pooled import (
    PooledFit,
    StandardisedSurvival,
    WeightModel,
    fit_pooled,
    shared_designs,
    standardised_survival,
)
from benchmarks.public.comparing import PRINTED, Case, Golden, Row

NHEFS: Final = "01_nhefs"
R: Final = "R 4.2.2, glm"
BOOK: Final = "Hernan and Robins, What If,"
MONTHS: Final = 120
CONFOUNDERS: Final[Sequence[Term]] = (
    Category("sex"),
    Category("race"),
    Quantity("age", degree=2),
    Category("education"),
    Quantity("smokeintensity", degree=2),
    Quantity("smokeyrs", degree=2),
    Category("exercise"),
    Category("active"),
    Quantity("wt71", degree=2),
)
# Our column of the propensity model and R's; another reference level of a category would only move
# the intercept and the levels.
NAMES: Final = {
    "age": "age",
    "age^2": "I(age^2)",
    "smokeintensity": "smokeintensity",
    "smokeintensity^2": "I(smokeintensity^2)",
    "smokeyrs": "smokeyrs",
    "smokeyrs^2": "I(smokeyrs^2)",
    "wt71": "wt71",
    "wt71^2": "I(wt71^2)",
}
HAZARD: Final = tuple(map(Quantity, ("qsmk", "qsmk_time", "qsmk_timesq", "time", "timesq")))
# R 4.2.2: glm to epsilon 1e-15 (its preset leaves the errors good to 1e-5 only), then vcovCL of
# sandwich 3.0-2 by person, of the book's hazard models for NHEFS: estimate, robust error.
UNADJUSTED: Final = {
    "intercept": (-6.995603188656, 0.2032310561985),
    "qsmk": (0.3354760639433, 0.3719939617822),
    "qsmk_time": (0.01207857691054, 0.01359399086264),
    "qsmk_timesq": (-0.000161168138284, 0.0001117343894437),
    "time": (0.01959692198344, 0.007532584179198),
    "timesq": (-0.0001255652992164, 6.250489994481e-05),
}
WEIGHTED: Final = {
    "intercept": (-6.896995761228, 0.2059199529208),
    "qsmk": (-0.1793840077196, 0.3959053846873),
    "qsmk_time": (0.01894545712827, 0.01450519551121),
    "qsmk_timesq": (-0.0002103015759111, 0.0001169261199467),
    "time": (0.0188874533364, 0.00753305729487),
    "timesq": (-0.0001181168497604, 6.209206072508e-05),
}
CLUSTERED: Final = "R 4.2.2, glm, and sandwich 3.0-2, vcovCL by person"
# Survival at 120 months of quitters and the others: R's digits, and as the book prints them.
SURVIVAL: Final = {
    "unadjusted": ((0.7617865064, 0.8201056660), (0.762, 0.820), "chapter 17"),
    "weighted": ((0.8066672505, 0.8046516460), (0.807, 0.805), "section 17.4"),
    "standardised": ((0.8039456861, 0.8064789006), (0.804, 0.806), "section 17.5"),
}
CANCEL: Final = "columns of powers of months cancel to eight digits in both"


def smokers(golden: Golden) -> pl.DataFrame:
    """Return the people with the months until death or the end."""
    months = (pl.col("yrdth") - 83) * 12 + pl.col("modth")
    return golden.rows(NHEFS).with_columns(
        months=pl.when(pl.col("death") == 0).then(MONTHS).otherwise(months).cast(pl.Int64)
    )


def person_months(people: pl.DataFrame) -> pl.DataFrame:
    """Return a row for every person and month at risk; `dies` on the last of the dead."""
    months = people["months"].to_numpy()
    person = np.repeat(np.arange(people.height), months)
    time = np.concatenate([np.arange(own) for own in months])
    rows = _with_time(people[person].with_columns(person=pl.Series(person)), time)
    last = pl.col("time") == pl.col("months") - 1
    return rows.with_columns(dies=last & (pl.col("death") == 1))


def stabilised(people: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Return the stabilised weights of having quit or not (people,)."""
    quits = (people["qsmk"] == 1).to_numpy()
    _, chance = propensity(people)
    return np.where(quits, quits.mean() / chance, (1 - quits.mean()) / (1 - chance))


def propensity(people: pl.DataFrame) -> tuple[dict[str, float], npt.NDArray[np.float64]]:
    """Return the coefficients of the model of quitting, and the probabilities (people,)."""
    design = design_matrix(people, CONFOUNDERS)
    fit = fit_logistic(design, (people["qsmk"] == 1).to_numpy())
    own = design.on_original_scale(fit.coefficients)
    named = dict(zip(design.names, map(float, own), strict=True))
    return named, probabilities(design, fit.coefficients)


def both_arms(
    rows: pl.DataFrame,
    people: pl.DataFrame,
    terms: Sequence[Term],
    *,
    weights: npt.NDArray[np.float64] | None = None,
    weight_models: Sequence[WeightModel] = (),
    sampled: bool = False,
) -> tuple[PooledFit, StandardisedSurvival, StandardisedSurvival]:
    """Return the hazard model of the rows, and survival if everybody quits and if nobody does."""
    own, never, quits = shared_designs(
        [rows, _every_month(people, 0), _every_month(people, 1)], terms
    )
    happened, person = rows["dies"].to_numpy(), rows["person"].to_numpy()
    fit = fit_pooled(own, happened, weights=weights, cluster=person, weight_models=weight_models)
    who = np.arange(people.height) if sampled else None

    def survival(design: Design) -> StandardisedSurvival:
        return standardised_survival(fit, design, MONTHS, cluster_of_person=who)

    return fit, survival(quits), survival(never)


def _with_time(rows: pl.DataFrame, time: npt.NDArray[np.int64]) -> pl.DataFrame:
    rows = rows.with_columns(time=pl.Series(time), timesq=pl.Series(time) ** 2)
    return rows.with_columns(
        qsmk_time=pl.col("qsmk") * pl.col("time"), qsmk_timesq=pl.col("qsmk") * pl.col("timesq")
    )


def _every_month(people: pl.DataFrame, quits: int) -> pl.DataFrame:
    rows = people[np.repeat(np.arange(people.height), MONTHS)]
    time = np.tile(np.arange(MONTHS), people.height)
    return _with_time(rows.with_columns(qsmk=pl.lit(quits, pl.Int64)), time)


def _propensity(golden: Golden) -> Iterator[Row]:
    people = golden.rows(NHEFS).drop_nulls("wt82_71")
    given = golden.given(NHEFS)["computed"]["propensity_model"]
    found, chance = propensity(people)
    theirs = [given["coef"][name] for name in NAMES.values()]
    ours = [found[name] for name in NAMES]
    stop = "glm stops at 1e-8 of the deviance"
    what = "model of quitting"
    yield Row("NHEFS", f"{what}: coefficients", R, theirs, ours, 1e-6, stop, names=[*NAMES])
    likely = np.where(people["qsmk"].to_numpy() == 1, chance, 1 - chance)
    deviance = -2 * np.sum(np.log(likely))
    yield Row("NHEFS", f"{what}: deviance", R, given["deviance"], deviance, 1e-9, stop)


def _weighted_means(golden: Golden) -> Iterator[Row]:
    people = golden.rows(NHEFS).drop_nulls("wt82_71")
    given = golden.given(NHEFS)["computed"]
    _, chance = propensity(people)
    quits, gain = (people["qsmk"] == 1).to_numpy(), people["wt82_71"].to_numpy()
    weights = np.where(quits, 1 / chance, 1 / (1 - chance))
    means = [np.average(gain[arm], weights=weights[arm]) for arm in (quits, ~quits)]
    theirs = [given["ipw_means"][f"hajek_{arm}"] for arm in (1, 0)]
    what = "weighted mean weight gain"
    yield Row("NHEFS", f"{what} of quitters and others", R, theirs, means, 1e-8)
    difference = given["ipw_unstabilized"]["qsmk"]["est"]
    yield Row("NHEFS", f"{what}: difference", R, difference, means[0] - means[1], 1e-8)
    # What If, section 12.2: 3.4 kg.
    yield Row(
        "NHEFS", f"{what}: difference", f"{BOOK} section 12.2", 3.4, means[0] - means[1], 0.05,
        PRINTED, is_absolute=True,
    )  # fmt: skip


def _model(what: str, fit: PooledFit, theirs: dict[str, tuple[float, float]]) -> Iterator[Row]:
    table = fit.table()
    numbers, names = np.array([theirs[name] for name in table["name"]]), table["name"].to_list()
    for place, column in enumerate(("estimate", "standard_error")):
        yield Row(
            "NHEFS", f"{what} hazard model: {column.replace('_', ' ')}s", CLUSTERED,
            numbers[:, place], table[column].to_numpy(), 1e-8, CANCEL, names=names,
        )  # fmt: skip


def _survival(kind: str, quits: StandardisedSurvival, never: StandardisedSurvival) -> Iterator[Row]:
    digits, printed, section = SURVIVAL[kind]
    ours = [quits.survival[-1], never.survival[-1]]
    what = f"{kind} survival at 120 months, quitters and others"
    yield Row("NHEFS", what, R, digits, ours, 1e-9)
    yield Row(
        "NHEFS", what, f"{BOOK} {section}", printed, ours, 5e-4, PRINTED, is_absolute=True
    )  # fmt: skip


def _unadjusted(golden: Golden) -> Iterator[Row]:
    people = smokers(golden)
    fit, quits, never = both_arms(person_months(people), people.head(1), HAZARD)
    yield from _model("unadjusted", fit, UNADJUSTED)
    yield from _survival("unadjusted", quits, never)


def _weighted(golden: Golden) -> Iterator[Row]:
    people = smokers(golden)
    rows = person_months(people)
    weights = stabilised(people)[rows["person"].to_numpy()]
    fit, quits, never = both_arms(rows, people.head(1), HAZARD, weights=weights)
    yield from _model("weighted", fit, WEIGHTED)
    yield from _survival("weighted", quits, never)
    quit_model = assignment_models(
        people,
        (people["qsmk"] == 1).to_numpy(),
        CONFOUNDERS,
        used_on=rows["person"].to_numpy(),
    )
    _, quits, never = both_arms(
        rows, people.head(1), HAZARD, weights=weights, weight_models=quit_model
    )
    width = 2 * 1.96 * quits.difference_errors(never)[-1]
    yield Row(
        "NHEFS", "weighted survival: width of the difference's interval", f"{BOOK} section 17.4",
        0.078, width, 0.07, "a bootstrap's noise, 2 errors at 500 resamples; weights refitted",
    )  # fmt: skip


def _standardised(golden: Golden) -> Iterator[Row]:
    people = smokers(golden)
    terms = [*HAZARD, *CONFOUNDERS, Quantity("smkintensity82_71")]
    _, quits, never = both_arms(person_months(people), people, terms, sampled=True)
    yield from _survival("standardised", quits, never)
    width = 2 * 1.96 * quits.difference_errors(never)[-1]
    yield Row(
        "NHEFS", "standardised survival: width of the difference's interval",
        f"{BOOK} section 17.5", 0.087, width, 0.010, "the book's is by bootstrap", is_absolute=True,
    )  # fmt: skip


CASES: Final[dict[str, Case]] = {
    "nhefs_propensity": _propensity,
    "nhefs_weighted_means": _weighted_means,
    "nhefs_unadjusted_curves": _unadjusted,
    "nhefs_weighted_curves": _weighted,
    "nhefs_standardised_curves": _standardised,
}
