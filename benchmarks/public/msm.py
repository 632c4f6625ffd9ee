"""Weights that change in time against R's ipw on haartdat and R's glm on msmdata."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.emulation.design import Interaction, Quantity, Term, design_matrix
from analysis.emulation.msm import (
    assignment_factors,
    cox_censoring_weights,
    cox_treatment_weights,
    marginal_cox,
    treatment_weights,
    truncated,
)
from analysis.emulation.pooled import fit_pooled
from analysis.emulation.weights import effective_sample_size
from analysis.survival.counting import CountingRows, counting_rows
from benchmarks.public.comparing import Case, Golden, Row

HAART: Final = "19_msm_cox_haart"
THREE_PERIODS: Final = ("17_balance_weights_lalonde", "msmdata.csv")
IPW: Final = "R ipw, ipwtm, and survival 3.5-3, coxph"
GLM: Final = "R 4.2.2, glm, and sandwich 3.0-2, vcovCL by person"
BASELINE, HISTORY = ["sex", "age"], ["sex", "age", "cd4.sqrt"]
# R 4.2.2, ipw's ipwtm and coxph of survival 3.5-3, the example of its manual (van der Wal and
# Geskus 2011, section 4.2): mean, standard deviation, least and largest weight.
COX_WEIGHTS: Final = [1.0389598597, 0.3925923888, 0.2458795855, 7.1257169517]
COX_WEIGHTS_CUT: Final = [1.0296719986, 0.2993136868, 0.4781289272, 2.5180593409]
COX_CENSORING: Final = [0.9988046040, 0.0497069968, 0.4571987677, 2.3347723878]
LOGISTIC_WEIGHTS: Final = [1.0400000559, 0.4085441466, 0.2287303183, 7.4965780203]
LOGISTIC_UNSTABILISED: Final = [14.5132943487, 26.7654244013, 1.0030370283, 308.9330111491]
# Log hazard ratio of having started therapy, its error by patient.
BOTH_WEIGHTS: Final = (-0.936332979803, 0.452692385665)
TREATMENT_ONLY: Final = (-0.992108453901, 0.461328136601)
CUT: Final = (-0.952969832761, 0.458727220460)
PLAIN_WEIGHTS: Final = (1.0402542054, 0.3991316127, 0.2351243749, 7.3446514082)
PLAIN_CENSORING: Final = (0.9988735814, 0.0771656209, 0.4715982663, 2.6812961000)
PLAIN_EFFECT: Final = (-0.951400651913, 0.447096693974)
LOGISTIC_ONLY: Final = (-1.036336689609, 0.465917135776)
# R 4.2.2: glm to epsilon 1e-15 a period, products; then glm and vcovCL by person.
MSM_WEIGHTS: Final = [8.0745788959, 14.6881698987, 1.0791247429, 403.4833199625, 1740.7248437879]
MSM_STABILISED: Final = [0.9917836165, 1.5801075798, 0.1089376939, 57.0794403307, 2119.8769939891]
MSM_EFFECTS: Final = [
    (0.63959026139, 0.07128413404),
    (-0.25999707819, 0.08166627572),
    (-0.71620748400, 0.08159439191),
    (-0.16713576202, 0.09249228271),
]
BOTH_EARLIER: Final = (
    Quantity("A_1"),
    Quantity("A_2"),
    Interaction(Quantity("A_1"), Quantity("A_2")),
)
SUMMARY: Final = ("mean", "standard deviation", "least", "largest", "effective sample size")
EFFECT: Final = ("log hazard ratio", "error")
# Coefficients of both programs' Cox models are good to about 1e-9 relative, products of up to 38
# factors to a little less; ipw leaves glm at its preset epsilon of 1e-8.
PRODUCTS: Final = "products of up to 38 factors good to 1e-9 each"
COXPH: Final = "coxph stops at a relative change of 1e-9 in the log likelihood"
PRESET: Final = "ipw leaves glm at its preset of 1e-8"


def haart_visits(golden: Golden) -> pl.DataFrame:
    """Return the visits sorted by patient and time."""
    return golden.rows(HAART).sort("patient", "fuptime")


def _person(visits: pl.DataFrame) -> npt.NDArray[np.int64]:
    return visits["patient"].to_numpy().astype(np.int64)


def _counted(visits: pl.DataFrame, what: str) -> CountingRows:
    return counting_rows(visits["tstart"], visits["fuptime"], visits[what])


def _summary(weights: npt.NDArray[np.float64]) -> list[float]:
    return [weights.mean(), weights.std(ddof=1), weights.min(), weights.max()]


def _effect(visits: pl.DataFrame, weights: npt.NDArray[np.float64]) -> tuple[float, float]:
    fit = marginal_cox(
        visits["tstart"],
        visits["fuptime"],
        visits["event"],
        visits["haartind"],
        weights=weights,
        person=_person(visits),
        names=["haart"],
    )
    return float(fit.coefficients[0]), float(fit.standard_errors[0])


def _haart_by_cox(golden: Golden) -> Iterator[Row]:
    visits, data = haart_visits(golden), "haartdat"
    history, baseline = visits.select(HISTORY).to_numpy(), visits.select(BASELINE).to_numpy()
    person = _person(visits)
    weights = cox_treatment_weights(_counted(visits, "haartind"), person, history, baseline)
    followed = cox_censoring_weights(_counted(visits, "dropout"), person, history, baseline)
    cut = truncated(weights, 0.01)
    for what, own, theirs in (
        ("weights of therapy", weights, COX_WEIGHTS),
        ("weights of therapy, cut at 1 and 99 %", cut, COX_WEIGHTS_CUT),
        ("weights of drop-out", followed, COX_CENSORING),
    ):
        ours = _summary(own)
        yield Row(data, f"{what} by Cox", IPW, theirs, ours, 1e-8, PRODUCTS, names=SUMMARY)
    for what, own, pair in (
        ("therapy", weights, TREATMENT_ONLY),
        ("therapy, cut", cut, CUT),
        ("therapy and drop-out", weights * followed, BOTH_WEIGHTS),
    ):
        ours, name = _effect(visits, own), f"marginal structural Cox model, weights of {what}"
        yield Row(data, name, IPW, pair, ours, 1e-7, PRODUCTS, names=EFFECT)


def _haart_by_plain_numerators(golden: Golden) -> Iterator[Row]:
    """Numerators without covariates: the hazards of starting and of dropping out of all alike."""
    visits, data = haart_visits(golden), "haartdat"
    history, person = visits.select(HISTORY).to_numpy(), _person(visits)
    weights = cox_treatment_weights(_counted(visits, "haartind"), person, history, ())
    followed = cox_censoring_weights(_counted(visits, "dropout"), person, history, ())
    for what, own, theirs in (
        ("weights of therapy", weights, PLAIN_WEIGHTS),
        ("weights of drop-out", followed, PLAIN_CENSORING),
    ):
        name = f"{what} by Cox, numerator without covariates"
        yield Row(data, name, IPW, theirs, _summary(own), 1e-7, COXPH, names=SUMMARY)
    ours = _effect(visits, weights * followed)
    name = "marginal structural Cox model, numerators without covariates"
    yield Row(data, name, IPW, PLAIN_EFFECT, ours, 1e-7, PRODUCTS, names=EFFECT)


def _haart_by_logistic(golden: Golden) -> Iterator[Row]:
    visits, data = haart_visits(golden), "haartdat"
    therapy, person = (visits["haartind"] == 1).to_numpy(), _person(visits)
    history = [Quantity(name) for name in HISTORY]
    weights = treatment_weights(visits, person, therapy, history, history[:2])
    plain = treatment_weights(visits, person, therapy, history, None)
    for what, own, theirs in (
        ("stabilised", weights, LOGISTIC_WEIGHTS),
        ("unstabilised", plain, LOGISTIC_UNSTABILISED),
    ):
        name = f"{what} weights of therapy by logistic models"
        yield Row(data, name, IPW, theirs, _summary(own), 1e-6, PRESET, names=SUMMARY)
    what = "marginal structural Cox model, logistic weights"
    yield Row(data, what, IPW, LOGISTIC_ONLY, _effect(visits, weights), 1e-6, PRESET, names=EFFECT)


def _three_periods(rows: pl.DataFrame, *, stabilised: bool) -> npt.NDArray[np.float64]:
    history = ["X1_0", "X2_0", "A_1", "X1_1", "X2_1", "A_2", "X1_2", "X2_2"]
    earlier: list[Sequence[Term]] = [(), (Quantity("A_1"),), BOTH_EARLIER]
    weights = np.ones(rows.height)
    for period, seen in enumerate((2, 5, 8)):
        weights *= assignment_factors(
            rows,
            (rows[f"A_{period + 1}"] == 1).to_numpy(),
            [Quantity(name) for name in history[:seen]],
            earlier[period] if stabilised else None,
        )
    return weights


def _msmdata(golden: Golden) -> Iterator[Row]:
    rows, data = golden.rows(*THREE_PERIODS), "msmdata"
    plain = _three_periods(rows, stabilised=False)
    stabilised = _three_periods(rows, stabilised=True)
    for what, weights, theirs in (
        ("unstabilised", plain, MSM_WEIGHTS),
        ("stabilised", stabilised, MSM_STABILISED),
    ):
        ours = [*_summary(weights), effective_sample_size(weights)]
        name = f"{what} weights of three periods"
        yield Row(data, name, GLM, theirs, ours, 1e-8, names=SUMMARY)
    design = design_matrix(rows, [Quantity(name) for name in ("A_1", "A_2", "A_3")])
    table = fit_pooled(design, (rows["Y_B"] == 1).to_numpy(), weights=stabilised).table()
    for place, column in enumerate(("estimate", "standard_error")):
        theirs = [pair[place] for pair in MSM_EFFECTS]
        name = f"marginal structural logistic model: {column.replace('_', ' ')}s"
        yield Row(data, name, GLM, theirs, table[column].to_numpy(), 1e-8)


CASES: Final[dict[str, Case]] = {
    "haart_by_cox": _haart_by_cox,
    "haart_by_plain_numerators": _haart_by_plain_numerators,
    "haart_by_logistic": _haart_by_logistic,
    "three_periods": _msmdata,
}
