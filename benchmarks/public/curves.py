"""Curves, counts, means and tests over time against R's survival and cmprsk."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.curves import risk_standard_errors
from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from analysis.survival.incidence import aalen_johansen, cumulative_incidence, kaplan_meier
from analysis.survival.logrank import log_rank
from analysis.survival.prediction import StandardisedRisks, predicted_hazard, standardised_risks
from analysis.survival.recurrent import mean_cumulative_count
from analysis.survival.restricted_mean import contrast, restricted_mean
from analysis.survival.subdistribution import fit_subdistribution
from benchmarks.public.comparing import PRINTED, Case, Golden, Row, columns, numbers
from benchmarks.public.cox import COX, RECURRENT, REFERENCE, R

COMPETING: Final = "06_competing_risks_mgus2"
CURVES: Final = "16_km_rmst_logrank_gcomp"
CMPRSK: Final = "R cmprsk 2.2-11, crr"
IS_MALE = (pl.col("sex") == "M").alias("is_male")
LEVEL: Final = 0.95
# A sum in another order of steps.
SUMS: Final = "the same sums; rounding"
STOP: Final = "crr stops at a gradient of 1e-10"
# Uno et al. 2015, vignette of survRM2: restricted mean to 10 years, arm 1 less arm 0, and ratio.
PUBLISHED_DIFFERENCE: Final = (-0.137, -0.939, 0.665)
PUBLISHED_RATIO: Final = (0.981, 0.878, 1.096)
SURVRM2: Final = "Uno et al. 2015, vignette of R survRM2"


def _aalen_johansen(golden: Golden) -> Iterator[Row]:
    people, given = golden.rows(COMPETING), golden.given(COMPETING)["aj_all"]
    months, causes, at = *numbers(people, "etime"), people["ev"].to_numpy(), given["time"]
    names = [f"month {month}" for month in at]
    everybody = np.arange(people.height)
    own = [cumulative_incidence(months, causes, everybody, month, LEVEL) for month in at]
    risks, errors = [each.risk for each in own], [each.error for each in own]
    what = "Aalen-Johansen"
    yield Row("mgus2", f"{what}: risk", R, given["p_pcm"], risks, 1e-10, SUMS, names=names)
    yield Row("mgus2", f"{what}: errors", R, given["se_pcm"], errors, 1e-9, SUMS, names=names)
    curve, errors = risk_standard_errors(
        people["etime"].to_numpy(), causes, int(people["etime"].max())
    )
    both = [*given["p_pcm"], *given["p_death"]]
    daily = [*curve.risk[at], *curve.competing_risk[at]]
    what = "Aalen-Johansen of the emulation, day by day"
    yield Row("mgus2", f"{what}: risks of event and death", R, both, daily, 1e-10, SUMS)
    yield Row("mgus2", f"{what}: errors", R, given["se_pcm"], errors[at], 1e-9, SUMS)


def _weighted_aalen_johansen(golden: Golden) -> Iterator[Row]:
    people, reference = golden.rows(COMPETING), REFERENCE["mgus2_weighted_aj"]
    months, ages = numbers(people, "etime", "age")
    causes, times = people["ev"].to_numpy(), reference["times"]
    for cause, name in ((1, "pcm"), (2, "death")):
        found = aalen_johansen(months, causes, times, cause=cause, weights=ages / 70)
        what = f"Aalen-Johansen, weighted, {name}"
        yield Row("mgus2", f"{what}: risk", R, reference[name], found.values, 1e-12, SUMS)
        errors = reference[f"se_{name}"]
        yield Row("mgus2", f"{what}: errors", R, errors, found.standard_errors, 1e-10, SUMS)


def _kaplan_meier(golden: Golden) -> Iterator[Row]:
    people, plain = golden.rows(CURVES, "lung.csv"), REFERENCE["lung_km"]
    is_dead = (people["status"] == 2).to_numpy()
    found = kaplan_meier(*numbers(people, "time"), is_dead, plain["times"])
    yield Row("lung", "Kaplan-Meier: survival", R, plain["survival"], found.values, 1e-12, SUMS)
    errors = found.standard_errors
    yield Row("lung", "Kaplan-Meier: errors", R, plain["se"], errors, 1e-10, SUMS)
    people, weighted = people.drop_nulls(["ph.karno", "inst"]), REFERENCE["lung_km_weighted"]
    times, scores, places = numbers(people, "time", "ph.karno", "inst")
    found = kaplan_meier(
        times,
        (people["status"] == 2).to_numpy(),
        weighted["times"],
        weights=scores / 50,
        clusters=places,
    )
    what = "Kaplan-Meier, weighted, clusters"
    yield Row("lung", f"{what}: survival", R, weighted["survival"], found.values, 1e-12, SUMS)
    errors = found.standard_errors
    yield Row("lung", f"{what}: errors", R, weighted["se"], errors, 1e-10, SUMS)


def _fine_gray(golden: Golden) -> Iterator[Row]:
    for name, cause, covariates, what in (
        ("mgus2_crr_age_male", 1, ["age", IS_MALE], "Fine-Gray"),
        ("mgus2_crr_death", 2, ["age", IS_MALE], "Fine-Gray, death"),
        ("mgus2_crr_age_male_mspike", 1, ["age", IS_MALE, "mspike"], "Fine-Gray, three covariates"),
    ):
        named = [covariate for covariate in covariates if isinstance(covariate, str)]
        people = golden.rows(COMPETING).drop_nulls(named)
        causes = people["ev"].to_numpy()
        x = columns(people, *covariates)
        found = fit_subdistribution(*numbers(people, "etime"), causes, x, cause=cause)
        reference = REFERENCE[name]
        estimates, errors = found.coefficients, found.standard_errors
        yield Row(
            "mgus2", f"{what}: coefficients", CMPRSK, reference["coef"], estimates, 1e-9, STOP
        )
        yield Row("mgus2", f"{what}: errors", CMPRSK, reference["se"], errors, 1e-8, STOP)
        likelihood = found.cox.log_likelihood
        yield Row("mgus2", f"{what}: likelihood", CMPRSK, reference["loglik"], likelihood, 1e-10)


def _cause_specific(golden: Golden) -> Iterator[Row]:
    people, reference = golden.rows(COMPETING), REFERENCE["mgus2_cause_specific"]
    rows = counting_rows(0, people["etime"].to_numpy(), people["ev"].to_numpy() == 1)
    found = fit_cox(rows, columns(people, "age", IS_MALE))
    what = "cause-specific Cox"
    yield Row("mgus2", f"{what}: coefficients", R, reference["coef"], found.coefficients, 1e-8)
    yield Row("mgus2", f"{what}: errors", R, reference["se"], found.standard_errors, 1e-8)


def _mean_count(golden: Golden) -> Iterator[Row]:
    for place, arm in ((1, "placebo"), (2, "rIFN-g")):
        people = golden.rows(RECURRENT).filter(pl.col("treat") == arm)
        reference = REFERENCE[f"cgd_mean_count_{place}"]
        start, stop, status, ids = numbers(people, "tstart", "tstop", "status", "id")
        rows = counting_rows(start, stop, status == 1, clusters=ids)
        found = mean_cumulative_count(rows, reference["times"])
        what = f"mean cumulative count, {arm}"
        yield Row("cgd", what, R, reference["mean"], found.values, 1e-12, SUMS)
        errors = found.standard_errors
        yield Row("cgd", f"{what}: errors", R, reference["se"], errors, 1e-10, SUMS)


def _restricted_mean(golden: Golden) -> Iterator[Row]:
    people, means = golden.rows(CURVES, "pbc_rmst.csv"), []
    for arm in (0, 1):
        own, reference = people.filter(pl.col("arm") == arm), REFERENCE[f"pbc_rmst10_arm{arm}"]
        found = restricted_mean(*numbers(own, "time"), (own["status"] == 1).to_numpy(), 10.0)
        what = f"restricted mean to 10 years, arm {arm}"
        yield Row("pbc", what, R, reference["rmst"], found.mean, 1e-12, SUMS)
        yield Row("pbc", f"{what}: error", R, reference["se"], found.standard_error, 1e-10, SUMS)
        means.append(found)
    found = contrast(means[1], means[0])
    reach = np.array([0.0, -1.959964, 1.959964])
    differences = found.difference + reach * found.difference_error
    ratios = found.ratio * np.exp(reach * found.log_ratio_error)
    yield Row(
        "pbc", "difference of restricted means, interval", SURVRM2,
        PUBLISHED_DIFFERENCE, differences, 5e-4, PRINTED, is_absolute=True,
    )  # fmt: skip
    yield Row(
        "pbc", "ratio of restricted means, interval", SURVRM2,
        PUBLISHED_RATIO, ratios, 5e-4, PRINTED, is_absolute=True,
    )  # fmt: skip


def _log_rank(golden: Golden) -> Iterator[Row]:
    for name, file, group, strata in (
        ("logrank_lung", "lung.csv", "sex", None),
        ("logrank_veteran", "data.csv", "celltype", None),
        ("logrank_veteran_stratified", "data.csv", "trt", "celltype"),
        ("logrank_aml", "aml.csv", "x", None),
    ):
        people = golden.rows(CURVES, file)
        happened = (people["status"] == people["status"].max()).to_numpy()
        within = None if strata is None else people[strata].to_numpy()
        times = numbers(people, "time")
        found = log_rank(*times, happened, people[group].to_numpy(), strata=within)
        data = name.split("_")[1]
        what = f"log-rank test by {group}{f', strata of {strata}' if strata else ''}"
        yield Row(data, what, R, REFERENCE[name]["chisq"], found.statistic, 1e-9, SUMS)


def _predictions(golden: Golden) -> Iterator[Row]:
    people = golden.rows(COX, "lung.csv").drop_nulls("ph.ecog")
    times, is_dead = people["time"].to_numpy(), people["status"].to_numpy() == 2
    reference = REFERENCE["lung_survival_at_60_2_1"]
    fit = fit_cox(counting_rows(0, times, is_dead), columns(people, "age", "sex", "ph.ecog"))
    found = predicted_hazard(fit, [60, 2, 1], reference["times"])
    what = "predicted survival of one person"
    yield Row("lung", what, R, reference["survival"], found.survival[0], 1e-9)
    yield Row("lung", f"{what}: hazard", R, reference["cumulative_hazard"], found.values[0], 1e-9)
    errors = found.standard_errors[0]
    yield Row("lung", f"{what}: hazard's errors", R, reference["hazard_se"], errors, 1e-8)
    reference = REFERENCE["lung_survival_stratum_2_breslow"]
    rows = counting_rows(0, times, is_dead, strata=people["sex"].to_numpy())
    fit = fit_cox(rows, columns(people, "age", "ph.ecog"), ties="breslow")
    found = predicted_hazard(fit, [60, 1], reference["times"], stratum=1)
    what = "predicted survival in a stratum, Breslow"
    yield Row("lung", what, R, reference["survival"], found.survival[0], 1e-9)
    errors = found.standard_errors[0]
    yield Row("lung", f"{what}: hazard's errors", R, reference["hazard_se"], errors, 1e-8)


def standardised(
    golden: Golden, weights: np.ndarray | None = None, ties: str = "efron"
) -> StandardisedRisks:
    """Return the risks of lung's people as women and as men by day 180 and 365."""
    people = golden.rows(CURVES, "lung_gcomp.csv")
    table = columns(people, "female", "age", "ph.ecog")
    women, men = table.copy(), table.copy()
    women[:, 0], men[:, 0] = 1.0, 0.0
    times, is_dead = numbers(people, "time")[0], people["st"].to_numpy() == 1
    at = REFERENCE["lung_standardised"]["times"]
    return standardised_risks(times, is_dead, table, [women, men], at, ties=ties, weights=weights)


def _standardised(golden: Golden) -> Iterator[Row]:
    found, reference = standardised(golden), REFERENCE["lung_standardised"]
    for place, name in enumerate(("women", "men")):
        what = f"standardised risk as {name} (g-computation by Cox)"
        yield Row("lung", what, R, reference[name], found.risks[place], 1e-9)


CASES: Final[dict[str, Case]] = {
    "aalen_johansen": _aalen_johansen,
    "weighted_aalen_johansen": _weighted_aalen_johansen,
    "kaplan_meier": _kaplan_meier,
    "fine_gray": _fine_gray,
    "cause_specific": _cause_specific,
    "mean_count": _mean_count,
    "restricted_mean": _restricted_mean,
    "log_rank": _log_rank,
    "predictions": _predictions,
    "standardised": _standardised,
}
