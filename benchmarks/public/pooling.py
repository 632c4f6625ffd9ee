"""Multiple imputations against R's mice; groups pooled by random effects against R's metafor."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.emulation.pooling import Pooled, pool
from analysis.emulation.random_effects import PAULE_MANDEL, REML, PooledGroups, pool_groups
from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from benchmarks.public.comparing import Case, Golden, Row, columns, numbers

IMPUTED: Final = "10_mi_pooling"
BCG: Final = "12_funnel_overdispersion"
# By R's mice 3.15.0: summary(pool(fits)) of lm(chl ~ age + bmi + hyp) in ten imputed data sets of
# 25 people: a line for (Intercept), age40-59, age60-99, bmi and hypyes.
MICE: Final = "R mice 3.15.0"
TERMS: Final = ["(Intercept)", "age40-59", "age60-99", "bmi", "hypyes"]
NHANES: Final = """
estimate           total variance    degrees           increase           share
 6.24897158390574  4466.017620531575 12.01115418331086 0.371472688596006  0.270856788972070
48.65395819109388   501.688851960940 13.65151180696305 0.254263201873654  0.202719175284604
66.68769432291629   676.233031877622 11.42890151689168 0.420174846784274  0.295861349562473
 5.93781573527262     5.485338323690 11.61952380261589 0.403729023461335  0.287611794522717
-3.57739730520082   855.558524687754  6.25045864187273 1.281419581572697  0.561676419332454

missing information low                  high               p
0.368003644187051   -139.342324184005548 151.8402673518170  0.9270417595573561
0.298479948715639      0.498837309663806  96.8090790725240  0.0479787000276314
0.393462493989608      9.713189554858538 123.6621990909740  0.0256243010187181
0.385068895738259      0.816267953027531  11.0593635175177  0.0267189875384193
0.656444386551603    -74.459925661779863  67.3051310513782  0.9064959856243491
"""
COLUMNS: Final = (
    "estimate",
    "total variance",
    "degrees of freedom",
    "relative increase",
    "share of imputation",
    "missing information",
    "low",
    "high",
    "p",
)
# coxph of five imputed lung data sets: the coefficient of age, its variance in each; pooled:
# estimate, error, degrees of freedom, p. Complete degrees are 165 events less the coefficients.
COXPH: Final = "R survival 3.5-3"
LUNG_TERMS: Final = ("age", "sex", "ph.ecog", "wt.loss", "meal.cal")
LUNG_AGE: Final = (
    1.03182805803367e-02, 1.14227054519209e-02, 0.007924593366752603,
    1.03478151309486e-02, 1.11585240363286e-02,
)  # fmt: skip
LUNG_VARIANCES: Final = (
    8.74066980701457e-05, 8.75083909972348e-05, 9.17919541931170e-05,
    8.63588135521319e-05, 8.73358453033991e-05,
)  # fmt: skip
LUNG_POOLED: Final = (
    1.02343837132575e-02, 0.009506139838824547, 150.3324599230889, 2.83380219518787e-01,
)  # fmt: skip
# rma(yi, vi, test = "knha") of R's metafor 3.8-1 on the BCG trials (Colditz et al. 1994), its
# iterations run to 1e-14: mean, its error, interval, tau^2, I^2, prediction interval.
RMA: Final = "R metafor 3.8-1, rma"
METAFOR: Final = {
    REML: (
        -0.714532342158139, 0.180791744092848, -1.10844371368555, -0.320620970630728,
        0.313243258136481, 0.922213845212689, -1.9960168341962, 0.566952149879923,
    ),
    PAULE_MANDEL: (
        -0.714968153493444, 0.180892191537623, -1.10909838120224, -0.320837925784648,
        0.318068452205024, 0.923303379541532, -2.0054259229281, 0.575489615941215,
    ),
}  # fmt: skip
MEASURES: Final = ("mean", "error", "low", "high", "tau^2", "I^2", "predicted low", "high")
HETEROGENEITY: Final = (152.233008082373, 1.99676459084579e-26)
# Five of these trials that agree: mean and error by test = "adhoc", error by test = "knha", and
# the p of heterogeneity.
FIVE_ALIKE: Final = (4, 7, 2, 10, 3)
FIVE_POOLED: Final = (
    -1.44626649764152, 0.114935225968633, 0.0333810080900676, 0.987273277819701,
)  # fmt: skip
ITERATIONS: Final = "iterations run to 1e-14"


def by_mice() -> npt.NDArray[np.float64]:
    """Return the pooled numbers of R (terms x columns)."""
    blocks = [block.splitlines()[1:] for block in NHANES.strip().split("\n\n")]
    return np.hstack([[line.split() for line in block] for block in blocks]).astype(float)


def _drawn_up(pooled: Pooled) -> npt.NDArray[np.float64]:
    return np.column_stack(
        [
            pooled.estimate,
            pooled.total,
            pooled.degrees_of_freedom,
            pooled.relative_increase,
            pooled.share_of_imputation,
            pooled.missing_information,
            pooled.low,
            pooled.high,
            pooled.p,
        ]
    )


def _against_mice(what: str, pooled: Pooled, within: float) -> Iterator[Row]:
    theirs, ours = by_mice(), _drawn_up(pooled)
    for place, name in enumerate(COLUMNS):
        yield Row(
            "nhanes", f"{what}: {name}", MICE, theirs[:, place], ours[:, place], within,
            names=TERMS,
        )  # fmt: skip


def _nhanes(golden: Golden) -> Iterator[Row]:
    rows = golden.rows(IMPUTED, "per_imputation_estimates.csv")
    estimates, variances = (
        rows.pivot("term", index="imp", values=name).sort("imp").select(TERMS).to_numpy()
        for name in ("est", "var")
    )
    pooled = pool(estimates, variances, complete_degrees=20)
    yield from _against_mice("ten imputations pooled", pooled, 1e-10)


def _nhanes_refitted(golden: Golden) -> Iterator[Row]:
    people = golden.rows(IMPUTED, "imputed_long_m10.csv")
    estimates, variances = [], []
    for _, one in people.group_by(".imp", maintain_order=True):
        y = one["chl"].to_numpy().astype(float)
        indicators = [one["age"] == "40-59", one["age"] == "60-99", one["hyp"] == "yes"]
        older, oldest, tense = (each.to_numpy().astype(float) for each in indicators)
        x = np.column_stack([np.ones(len(y)), older, oldest, one["bmi"].to_numpy(), tense])
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y
        residual_variance = np.sum((y - x @ beta) ** 2) / (len(y) - x.shape[1])
        estimates.append(beta)
        variances.append(np.diag(inverse) * residual_variance)
    pooled = pool(estimates, variances, complete_degrees=20)
    yield from _against_mice("ten imputations fitted and pooled", pooled, 1e-8)


def _lung(golden: Golden) -> Iterator[Row]:
    people, data = golden.rows(IMPUTED, "lung_imputed_long_m5.csv"), "imputed lung"
    ages, variances = [], []
    for _, one in people.group_by(".imp", maintain_order=True):
        times, is_dead = numbers(one, "time")[0], (one["status"] == 2).to_numpy()
        fit = fit_cox(counting_rows(0, times, is_dead), columns(one, *LUNG_TERMS))
        ages.append(fit.coefficients[0])
        variances.append(fit.covariance[0, 0])
    what = "five Cox models, age"
    yield Row(data, f"{what}: coefficients", COXPH, LUNG_AGE, ages, 1e-8)
    yield Row(data, f"{what}: variances", COXPH, LUNG_VARIANCES, variances, 1e-8)
    pooled = pool(ages, variances, complete_degrees=165 - len(LUNG_TERMS))
    ours = np.array(
        [pooled.estimate, pooled.standard_error, pooled.degrees_of_freedom, pooled.p]
    ).ravel()
    yield Row(
        data, f"{what}: pooled", MICE, LUNG_POOLED, ours, 1e-8,
        names=("estimate", "error", "degrees of freedom", "p"),
    )  # fmt: skip


def _measures(found: PooledGroups) -> tuple[float, ...]:
    return (
        found.estimate, found.standard_error, found.low, found.high,
        found.tau**2, found.i_squared, found.predicted_low, found.predicted_high,
    )  # fmt: skip


def _bcg(golden: Golden) -> Iterator[Row]:
    rows = golden.rows(BCG, "bcg.csv")
    values, variances = numbers(rows, "yi", "vi")
    errors = np.sqrt(variances)
    for method, theirs in METAFOR.items():
        found = pool_groups(values, errors, method=method)
        yield Row(
            "BCG trials", f"random effects, {method}", RMA, theirs, _measures(found), 1e-8,
            ITERATIONS, names=MEASURES,
        )  # fmt: skip
        ours = (found.heterogeneity.q, found.heterogeneity.p)
        yield Row(
            "BCG trials", f"random effects, {method}: Q and its p", RMA, HETEROGENEITY, ours, 1e-8
        )
    own = [rows["trial"].to_list().index(trial) for trial in FIVE_ALIKE]
    wide = pool_groups(values[own], errors[own])
    plain = pool_groups(values[own], errors[own], is_never_narrower=False)
    ours = (wide.estimate, wide.standard_error, plain.standard_error, wide.heterogeneity.p)
    yield Row(
        "BCG trials", "five that agree", RMA, FIVE_POOLED, ours, 1e-10, ITERATIONS,
        names=("mean", "error, never narrower", "error", "p of heterogeneity"),
    )  # fmt: skip


CASES: Final[dict[str, Case]] = {
    "nhanes": _nhanes,
    "nhanes_refitted": _nhanes_refitted,
    "lung_imputed": _lung,
    "bcg": _bcg,
}
