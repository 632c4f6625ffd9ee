"""Cox models against R's survival: ties, strata, late entry, weights, clusters, recurrence."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from analysis.survival.counting import counting_rows
from analysis.survival.cox import CoxFit, fit_cox
from benchmarks.public.comparing import Case, Golden, Row, columns

# Numbers of R's survival and cmprsk; the calls stand beside them in the file.
REFERENCE: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "survival.json").read_text(encoding="utf-8")
)
R: Final = "R survival 3.5-3"
COX: Final = "04_cox_ties_strata_lefttrunc_cluster"
HEARTS: Final = "03_heart_timedep"
RECURRENT: Final = "05_recurrent_events"

IS_DEAD = pl.col("status") == 2
IS_MALE = pl.col("sex") == "m"
IS_LINKED = (pl.col("inherit") == "X-linked").alias("is_linked")
CELLS = [(pl.col("celltype") == cell).alias(cell) for cell in ("smallcell", "adeno", "large")]
VETERAN = ["trt", *CELLS, "karno", "diagtime", "age", "prior"]
LUNG = ["age", "sex", "ph.ecog"]
HEART = ["age", "year", "surgery", "transplant"]
START_STOP = ("start", "stop")

Fit = Callable[[Golden], CoxFit]


def cox_of(
    people: pl.DataFrame,
    time: str | tuple[str, str],
    is_event: pl.Expr,
    covariates: list[str | pl.Expr],
    ties: str = "efron",
    **roles: str | pl.Expr,
) -> CoxFit:
    """Return the fit on named columns; `roles` are strata, weights and clusters."""
    entry, exit_ = (pl.lit(0.0), pl.col(time)) if isinstance(time, str) else map(pl.col, time)
    named = people.select(
        entry.cast(pl.Float64).alias("entry"),
        exit_.cast(pl.Float64).alias("exit"),
        is_event.cast(pl.Boolean).alias("is_event"),
        **{name: pl.col(role) if isinstance(role, str) else role for name, role in roles.items()},
    )
    rows = counting_rows(
        named["entry"].to_numpy(),
        named["exit"].to_numpy(),
        named["is_event"].to_numpy(),
        **{name: named[name].to_numpy() for name in roles},
    )
    return fit_cox(rows, columns(people, *covariates), ties=ties)


def _lung(golden: Golden, *known: str) -> pl.DataFrame:
    return golden.rows(COX, "lung.csv").drop_nulls(list(known))


def _veteran(golden: Golden, covariates: list[str | pl.Expr], **roles: str) -> CoxFit:
    people = golden.rows(COX, "veteran.csv")
    return cox_of(people, "time", pl.col("status"), covariates, **roles)


def _hearts(golden: Golden, ties: str = "efron", **roles: str) -> CoxFit:
    return cox_of(golden.rows(HEARTS), START_STOP, pl.col("event"), HEART, ties, **roles)


def _lung_by_sex(golden: Golden) -> CoxFit:
    people = _lung(golden, "ph.ecog", "wt.loss")
    return cox_of(people, "time", IS_DEAD, ["age", "ph.ecog", "wt.loss"], strata="sex")


def _rats(golden: Golden, covariates: list[str | pl.Expr], ties: str) -> CoxFit:
    people = golden.rows(COX, "rats.csv")
    return cox_of(people, "time", pl.col("status"), covariates, ties, clusters="litter")


def _kidney(golden: Golden) -> CoxFit:
    people = golden.rows(COX, "kidney.csv")
    return cox_of(people, "time", pl.col("status"), ["age", "sex"], clusters="id")


def _colon(golden: Golden) -> CoxFit:
    drugs = [(pl.col("rx") == drug).alias(drug) for drug in ("Lev", "Lev+5FU")]
    roles = {"strata": "etype", "clusters": "id"}
    people = golden.rows(COX, "colon.csv")
    return cox_of(people, "time", pl.col("status"), [*drugs, "age", "node4"], **roles)


def _mgus(golden: Golden) -> CoxFit:
    people = golden.rows(COX, "mgus_lefttrunc.csv").drop_nulls(["creat", "hgb"])
    covariates = [(pl.col("sex") == "male").alias("is_male"), "creat", "hgb"]
    return cox_of(people, ("entry", "exit"), pl.col("death"), covariates)


def _weighted_lung(golden: Golden, ties: str) -> CoxFit:
    roles = {"weights": pl.col("ph.karno") / 50, "clusters": pl.col("inst")}
    people = _lung(golden, "ph.karno", "inst")
    return cox_of(people, "time", IS_DEAD, ["age", "sex"], ties, **roles)


def _bladder(
    golden: Golden, time: str | tuple[str, str], file: str = "bladder2.csv", **roles: str
) -> CoxFit:
    people = golden.rows(RECURRENT, file)
    if file == "bladder2.csv":
        people = people.with_columns(gap=pl.col("stop") - pl.col("start"))
    covariates = ["rx", "number", "size"]
    return cox_of(people, time, pl.col("event"), covariates, clusters="id", **roles)


def _bladder_by_event(golden: Golden) -> CoxFit:
    people = golden.rows(RECURRENT, "bladder_wlw.csv")
    own = [(pl.col("rx") * (pl.col("enum") == nth)).alias(f"rx{nth}") for nth in (1, 2, 3, 4)]
    roles = {"strata": "enum", "clusters": "id"}
    return cox_of(people, "stop", pl.col("event"), [*own, "number", "size"], **roles)


def _cgd(
    golden: Golden, time: str | tuple[str, str], others: list[str | pl.Expr], **roles: str
) -> CoxFit:
    people = golden.rows(RECURRENT).with_columns(gap=pl.col("tstop") - pl.col("tstart"))
    is_treated = (pl.col("treat") == "rIFN-g").alias("is_treated")
    return cox_of(people, time, pl.col("status"), [is_treated, *others], clusters="id", **roles)


# name in given.json: data set, what it is about, where it is given, the fit.
GIVEN: Final[dict[str, tuple[str, str, str, Fit]]] = {
    "lung_efron": (
        "lung",
        "Cox, Efron's ties",
        COX,
        lambda golden: cox_of(_lung(golden, "ph.ecog"), "time", IS_DEAD, LUNG),
    ),
    "lung_breslow": (
        "lung",
        "Cox, Breslow's ties",
        COX,
        lambda golden: cox_of(_lung(golden, "ph.ecog"), "time", IS_DEAD, LUNG, "breslow"),
    ),
    "lung_strata_sex": ("lung", "Cox, strata of sex", COX, _lung_by_sex),
    "veteran_efron": ("veteran", "Cox", COX, lambda golden: _veteran(golden, VETERAN)),
    "veteran_strata_celltype": (
        "veteran",
        "Cox, strata of cell type",
        COX,
        lambda golden: _veteran(golden, ["trt", "karno", "age"], strata="celltype"),
    ),
    "heart_age_year_surgery_transplant_efron": (
        "Stanford hearts",
        "Cox, transplant in time",
        HEARTS,
        _hearts,
    ),
    "heart_breslow": (
        "Stanford hearts",
        "Cox, transplant in time, Breslow's ties",
        HEARTS,
        lambda golden: _hearts(golden, "breslow"),
    ),
}
# name in survival.json: data set, what it is about, the fit.
OF_R: Final[dict[str, tuple[str, str, Fit]]] = {
    "rats_efron_litters": (
        "rats",
        "Cox, clusters of litters",
        lambda golden: _rats(golden, ["rx"], "efron"),
    ),
    "rats_breslow_litters": (
        "rats",
        "Cox, clusters, Breslow's ties",
        lambda golden: _rats(golden, ["rx", IS_MALE], "breslow"),
    ),
    "kidney_patients": ("kidney", "Cox, clusters of patients", _kidney),
    "colon_patients_by_type": ("colon", "Cox, strata of events, clusters of patients", _colon),
    "mgus_late_entry": ("mgus", "Cox, late entry on the age scale", _mgus),
    "lung_weighted_efron": (
        "lung",
        "Cox, case weights, clusters of hospitals",
        lambda golden: _weighted_lung(golden, "efron"),
    ),
    "lung_weighted_breslow": (
        "lung",
        "Cox, case weights, clusters, Breslow's ties",
        lambda golden: _weighted_lung(golden, "breslow"),
    ),
    "heart_patients": (
        "Stanford hearts",
        "Cox, transplant in time, clusters of patients",
        lambda golden: _hearts(golden, clusters="id"),
    ),
    "bladder_andersen_gill": (
        "bladder",
        "Andersen-Gill",
        lambda golden: _bladder(golden, START_STOP),
    ),
    "bladder_pwp_total": (
        "bladder",
        "Prentice-Williams-Peterson, total time",
        lambda golden: _bladder(golden, START_STOP, strata="enum"),
    ),
    "bladder_pwp_gap": (
        "bladder",
        "Prentice-Williams-Peterson, gap time",
        lambda golden: _bladder(golden, "gap", strata="enum"),
    ),
    "bladder_wlw": (
        "bladder",
        "Wei-Lin-Weissfeld",
        lambda golden: _bladder(golden, "stop", "bladder_wlw.csv", strata="enum"),
    ),
    "bladder_wlw_by_event": (
        "bladder",
        "Wei-Lin-Weissfeld, an effect for every event",
        _bladder_by_event,
    ),
    "cgd_andersen_gill": (
        "cgd",
        "Andersen-Gill",
        lambda golden: _cgd(golden, ("tstart", "tstop"), [IS_LINKED, "age", "steroids"]),
    ),
    "cgd_pwp_gap": (
        "cgd",
        "Prentice-Williams-Peterson, gap time",
        lambda golden: _cgd(golden, "gap", [], strata="enum"),
    ),
}


def _as_given(name: str) -> Case:
    def rows(golden: Golden) -> Iterator[Row]:
        data, what, folder, fit = GIVEN[name]
        found, given = fit(golden), golden.given(folder)["fits"][name]
        covariates = list(given["coef"])
        coefficients = [*given["coef"].values()]
        # coxph stops at 1e-9 of the likelihood, which is near 1e-8 of a coefficient.
        stop = "coxph stops at 1e-9 of its likelihood"
        yield Row(
            data, f"{what}: coefficients", R, coefficients, found.coefficients, 1e-7, stop,
            names=covariates,
        )  # fmt: skip
        errors = [*given["se"].values()]
        yield Row(data, f"{what}: errors", R, errors, found.standard_errors, 1e-8, names=covariates)
        tests = [given["score_test"], given["lr_test"]]
        ours = [found.score_test, found.likelihood_ratio_test]
        yield Row(data, f"{what}: score and likelihood ratio tests", R, tests, ours, 1e-8)
        likelihoods = [given["loglik"]["null"], given["loglik"]["model"]]
        ours = [found.null_log_likelihood, found.log_likelihood]
        yield Row(data, f"{what}: log-likelihoods", R, likelihoods, ours, 1e-11)
        counts = [given["n"], given["nevent"]]
        yield Row(
            data, f"{what}: rows and events", R, counts, [found.n_rows, found.n_events], 0.0,
            "counts",
        )  # fmt: skip

    return rows


def _as_in_r(name: str) -> Case:
    def rows(golden: Golden) -> Iterator[Row]:
        data, what, fit = OF_R[name]
        found, reference = fit(golden), REFERENCE[name]
        yield Row(data, f"{what}: coefficients", R, reference["coef"], found.coefficients, 1e-8)
        errors = np.sqrt(np.diag(found.covariance))
        yield Row(data, f"{what}: errors", R, reference["se"], errors, 1e-8)
        if reference["robust_se"]:
            robust = reference["robust_se"]
            yield Row(data, f"{what}: robust errors", R, robust, found.standard_errors, 1e-8)
        likelihoods = [found.null_log_likelihood, found.log_likelihood]
        yield Row(data, f"{what}: log-likelihoods", R, reference["loglik"], likelihoods, 1e-11)

    return rows


CASES: Final[dict[str, Case]] = {
    **{name: _as_given(name) for name in GIVEN},
    **{name: _as_in_r(name) for name in OF_R},
}
