"""Risks that who the patients are lets expect, from their state before treatment alone.

A ridge logistic model over all clinics without any term for the clinic (indirect standardisation):
what a clinic's patients would have had if they fared as patients like them do everywhere.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.design import Category, Design, Quantity, Term, design_matrix
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.quality.charts import BoolArray, FloatArray

# Levels of fewer episodes are pooled, as in the models of the study.
SMALLEST_LEVEL: Final = 50
# With less than this weight of a prior, levels in which nothing happens have no finite estimate.
LEAST_RIDGE: Final = 0.01
# A sum of scores needs risks that are neither sure nor impossible.
SUREST: Final = 1e-6
QUANTITIES: Final = {"pain": "first_pain_nrs", "prior_episodes": "prior_episodes"}
COUNTS: Final = {"comorbidity_count": "comorbidity_count"}


@dataclass(frozen=True)
class ExpectedRisks:
    """The risk of every episode (episodes,), and how well the model does.

    concordance : probability that a case had a higher risk than another episode (c-statistic), in
        the episodes it was fitted to, so a little optimistic. slope : calibration slope to expect
        in new patients, the heuristic shrinkage of van Houwelingen and le Cessie (1990).
    """

    risks: FloatArray
    concordance: float
    slope: float


def expected_risks(
    episodes: pl.DataFrame, protocol: Protocol, fitted: BoolArray
) -> ExpectedRisks | None:
    """Return the risks of all episodes by the model of those that are `fitted` (episodes,).

    `episodes` needs `is_case` without nulls and the columns of marts.episode_baseline. None where
    the fitted episodes are all cases or none is.
    """
    happened = episodes["is_case"].to_numpy().astype(np.bool_)
    if not 0 < np.count_nonzero(happened[fitted]) < np.count_nonzero(fitted):
        return None
    design = design_matrix(episodes, _terms(protocol))
    ridge = max(protocol.weights.ridge_precision, LEAST_RIDGE)
    fit = fit_logistic(design, happened, fitted.astype(np.float64), precision=ridge)
    risks = np.clip(probabilities(design, fit.coefficients), SUREST, 1.0 - SUREST)
    return ExpectedRisks(
        risks,
        concordance(happened[fitted], risks[fitted]),
        _expected_slope(design, happened[fitted], risks[fitted]),
    )


def concordance(happened: BoolArray, risks: FloatArray) -> float:
    """Return the share of pairs of a case and another in which the case had the higher risk."""
    from scipy.stats import rankdata

    cases = int(np.count_nonzero(happened))
    others = len(happened) - cases
    above = float(rankdata(risks)[happened].sum()) - cases * (cases + 1) / 2
    return above / (cases * others)


def _expected_slope(design: Design, happened: BoolArray, risks: FloatArray) -> float:
    """Return (chi-square less its degrees of freedom) / chi-square of the model, not below 0."""
    share = float(happened.mean())
    gained = _log_likelihood(happened, risks) - _log_likelihood(
        happened, np.full(risks.shape, share)
    )
    free = design.values.shape[1] - 1
    return max(0.0, 1.0 - free / (2.0 * gained)) if gained > 0.0 else 0.0


def _log_likelihood(happened: BoolArray, risks: FloatArray) -> float:
    return float(np.sum(np.log(np.where(happened, risks, 1.0 - risks))))


def _terms(protocol: Protocol) -> list[Term]:
    return [_term(covariate) for covariate in protocol.case_mix.covariates]


def _term(covariate: str) -> Term:
    if covariate in QUANTITIES:
        return Quantity(QUANTITIES[covariate], degree=2)
    if covariate in COUNTS:
        return Quantity(COUNTS[covariate])
    return Category(covariate, SMALLEST_LEVEL)
