"""Lalonde's trial and survey: propensity weights and balance against R's cobalt and WeightIt."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from analysis.emulation.balance import standardised_differences
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.emulation.weights import effective_sample_size
from benchmarks.public.comparing import Case, Golden, Row, columns

LALONDE: Final = "17_balance_weights_lalonde"
COBALT: Final = "R cobalt 4.5.2"
GLM: Final = "R 4.2.2, glm"
STOP: Final = "glm stops at 1e-8 of the deviance"
QUANTITIES: Final = ("age", "educ", "married", "nodegree", "re74", "re75")
TERMS: Final = [Category("race"), *map(Quantity, QUANTITIES)]
CONTINUOUS: Final = ("age", "educ", "re74", "re75")


def _lalonde(golden: Golden) -> Iterator[Row]:
    people, given = golden.rows(LALONDE), golden.given(LALONDE)
    reference = given["weighting"]["ps_ATT"]
    treated = (people["treat"] == 1).to_numpy()
    design = design_matrix(people, TERMS)
    fit = fit_logistic(design, treated)
    found = dict(zip(design.names, design.on_original_scale(fit.coefficients), strict=True))
    theirs = [given["ps_coef"][name] for name in QUANTITIES]
    ours = [found[name] for name in QUANTITIES]
    what = "model of treatment: coefficients"
    yield Row("Lalonde", what, GLM, theirs, ours, 1e-6, STOP, names=QUANTITIES)
    chance = probabilities(design, fit.coefficients)
    weights = (chance / (1 - chance))[~treated]
    amounts = [reference["ess"]["control"], reference["sum_w"]["control"], reference["max_w"]]
    ours = [effective_sample_size(weights), weights.sum(), weights.max()]
    yield Row(
        "Lalonde", "weights for the treated", "R WeightIt 0.14.2", amounts, ours, 1e-6, STOP,
        names=("effective sample size", "sum", "largest"),
    )  # fmt: skip
    earnings = people["re78"].to_numpy()
    effect = earnings[treated].mean() - np.average(earnings[~treated], weights=weights)
    theirs = reference["effect_re78"]["est"]
    yield Row(
        "Lalonde", "effect on earnings, treated", "R WeightIt 0.14.2", theirs, effect, 1e-6,
        STOP,
    )  # fmt: skip
    numbers = columns(people, *CONTINUOUS)
    spread = np.std(numbers[treated], axis=0, ddof=1)
    plain = given["unadjusted_denom_treated"]
    for label, given_rows, column, own, within, reason in (
        ("before weighting", plain, "Diff.Un", np.ones(weights.size), 1e-10, "rounding"),
        ("after weighting", reference["balance"], "Diff.Adj", weights, 1e-6, STOP),
    ):
        named = {row["var"]: -row[column] for row in given_rows}
        theirs = [named[name] for name in CONTINUOUS]
        ours = standardised_differences(numbers[~treated], own, numbers[treated], spread)
        yield Row(
            "Lalonde", f"standardised differences {label}", COBALT, theirs, ours, within,
            reason, is_absolute=True, names=CONTINUOUS,
        )  # fmt: skip


CASES: Final[dict[str, Case]] = {"lalonde": _lalonde}
