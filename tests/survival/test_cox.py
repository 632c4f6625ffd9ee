"""Cox fits equal R's survival on public data, definitions by hand, and each other."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import CoxFit, fit_cox
from tests.survival.references import (
    COX,
    RECURRENT,
    REFERENCE,
    columns,
    given_fits,
    public_rows,
)

IS_DEAD = pl.col("status") == 2


def cox_of(
    people: pl.DataFrame,
    time: str | tuple[str, str],
    is_event: pl.Expr,
    covariates: list[str | pl.Expr],
    ties: str = "efron",
    **roles: str | pl.Expr,
) -> CoxFit:
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


def lung(*known: str) -> pl.DataFrame:
    return public_rows(COX, "lung.csv").drop_nulls(list(known))


CELLS = [(pl.col("celltype") == cell).alias(cell) for cell in ("smallcell", "adeno", "large")]
VETERAN = ["trt", *CELLS, "karno", "diagtime", "age", "prior"]
LUNG = ["age", "sex", "ph.ecog"]
HEART = ["age", "year", "surgery", "transplant"]
START_STOP = ("start", "stop")

GIVEN: dict[str, tuple[str, Callable[[], CoxFit]]] = {
    "lung_efron": (COX, lambda: cox_of(lung("ph.ecog"), "time", IS_DEAD, LUNG)),
    "lung_breslow": (COX, lambda: cox_of(lung("ph.ecog"), "time", IS_DEAD, LUNG, "breslow")),
    "lung_strata_sex": (
        COX,
        lambda: cox_of(
            lung("ph.ecog", "wt.loss"), "time", IS_DEAD, ["age", "ph.ecog", "wt.loss"], strata="sex"
        ),
    ),
    "veteran_efron": (
        COX,
        lambda: cox_of(public_rows(COX, "veteran.csv"), "time", pl.col("status"), VETERAN),
    ),
    "veteran_strata_celltype": (
        COX,
        lambda: cox_of(
            public_rows(COX, "veteran.csv"),
            "time",
            pl.col("status"),
            ["trt", "karno", "age"],
            strata="celltype",
        ),
    ),
    "heart_age_year_surgery_transplant_efron": (
        "03_heart_timedep",
        lambda: cox_of(public_rows("03_heart_timedep"), START_STOP, pl.col("event"), HEART),
    ),
    "heart_breslow": (
        "03_heart_timedep",
        lambda: cox_of(
            public_rows("03_heart_timedep"), START_STOP, pl.col("event"), HEART, "breslow"
        ),
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_fits_equal_the_given_ones(name: str) -> None:
    case, fit = GIVEN[name]
    given, found = given_fits(case)["fits"][name], fit()
    np.testing.assert_allclose(found.coefficients, [*given["coef"].values()], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors, [*given["se"].values()], rtol=1e-8)
    assert found.log_likelihood == pytest.approx(given["loglik"]["model"], abs=1e-9)
    assert found.null_log_likelihood == pytest.approx(given["loglik"]["null"], abs=1e-9)
    assert found.score_test == pytest.approx(given["score_test"], abs=1e-8)
    assert found.likelihood_ratio_test == pytest.approx(given["lr_test"], abs=1e-8)
    assert (found.n_rows, found.n_events) == (given["n"], given["nevent"])


def rats(covariates: list[str | pl.Expr], ties: str) -> CoxFit:
    people = public_rows(COX, "rats.csv")
    return cox_of(people, "time", pl.col("status"), covariates, ties, clusters="litter")


def kidney() -> CoxFit:
    people = public_rows(COX, "kidney.csv")
    return cox_of(people, "time", pl.col("status"), ["age", "sex"], clusters="id")


def colon() -> CoxFit:
    people = public_rows(COX, "colon.csv")
    drugs = [(pl.col("rx") == drug).alias(drug) for drug in ("Lev", "Lev+5FU")]
    covariates = [*drugs, "age", "node4"]
    roles = {"strata": "etype", "clusters": "id"}
    return cox_of(people, "time", pl.col("status"), covariates, **roles)


def mgus() -> CoxFit:
    people = public_rows(COX, "mgus_lefttrunc.csv").drop_nulls(["creat", "hgb"])
    covariates = [(pl.col("sex") == "male").alias("is_male"), "creat", "hgb"]
    return cox_of(people, ("entry", "exit"), pl.col("death"), covariates)


def weighted_lung(ties: str) -> CoxFit:
    people = lung("ph.karno", "inst")
    roles = {"weights": pl.col("ph.karno") / 50, "clusters": pl.col("inst")}
    return cox_of(people, "time", IS_DEAD, ["age", "sex"], ties, **roles)


def heart_patients() -> CoxFit:
    people = public_rows("03_heart_timedep")
    return cox_of(people, START_STOP, pl.col("event"), HEART, clusters="id")


def bladder(time: str | tuple[str, str], file: str = "bladder2.csv", **roles: str) -> CoxFit:
    people = public_rows(RECURRENT, file)
    if file == "bladder2.csv":
        people = people.with_columns(gap=pl.col("stop") - pl.col("start"))
    covariates = ["rx", "number", "size"]
    return cox_of(people, time, pl.col("event"), covariates, clusters="id", **roles)


def bladder_by_event() -> CoxFit:
    people = public_rows(RECURRENT, "bladder_wlw.csv")
    own = [(pl.col("rx") * (pl.col("enum") == nth)).alias(f"rx{nth}") for nth in (1, 2, 3, 4)]
    roles = {"strata": "enum", "clusters": "id"}
    return cox_of(people, "stop", pl.col("event"), [*own, "number", "size"], **roles)


def cgd(time: str | tuple[str, str], others: list[str | pl.Expr], **roles: str) -> CoxFit:
    people = public_rows(RECURRENT).with_columns(gap=pl.col("tstop") - pl.col("tstart"))
    is_treated = (pl.col("treat") == "rIFN-g").alias("is_treated")
    return cox_of(people, time, pl.col("status"), [is_treated, *others], clusters="id", **roles)


IS_MALE, IS_LINKED = pl.col("sex") == "m", (pl.col("inherit") == "X-linked").alias("is_linked")
OF_R: dict[str, Callable[[], CoxFit]] = {
    "rats_efron_litters": lambda: rats(["rx"], "efron"),
    "rats_breslow_litters": lambda: rats(["rx", IS_MALE], "breslow"),
    "kidney_patients": kidney,
    "colon_patients_by_type": colon,
    "mgus_late_entry": mgus,
    "lung_weighted_efron": lambda: weighted_lung("efron"),
    "lung_weighted_breslow": lambda: weighted_lung("breslow"),
    "heart_patients": heart_patients,
    "bladder_andersen_gill": lambda: bladder(START_STOP),
    "bladder_pwp_total": lambda: bladder(START_STOP, strata="enum"),
    "bladder_pwp_gap": lambda: bladder("gap", strata="enum"),
    "bladder_wlw": lambda: bladder("stop", "bladder_wlw.csv", strata="enum"),
    "bladder_wlw_by_event": bladder_by_event,
    "cgd_andersen_gill": lambda: cgd(("tstart", "tstop"), [IS_LINKED, "age", "steroids"]),
    "cgd_pwp_gap": lambda: cgd("gap", [], strata="enum"),
}


@pytest.mark.parametrize("name", OF_R)
def test_fits_with_clusters_weights_strata_and_late_entry_equal_r(name: str) -> None:
    reference, found = REFERENCE[name], OF_R[name]()
    np.testing.assert_allclose(found.coefficients, reference["coef"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), reference["se"], rtol=1e-8)
    if reference["robust_se"]:
        np.testing.assert_allclose(found.standard_errors, reference["robust_se"], rtol=1e-8)
    likelihoods = [found.null_log_likelihood, found.log_likelihood]
    np.testing.assert_allclose(likelihoods, reference["loglik"], rtol=1e-11)
