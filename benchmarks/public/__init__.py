"""Public data with known answers, computed by our estimators and held to the answers.

One module a field. Each has `CASES`: a name, and a function that takes the folder of public data
and yields rows, a quantity of ours beside the reference. No reference number stands anywhere else:
the tests run the same cases.
"""

from typing import Final

from benchmarks.public import (
    balance,
    charts,
    courses,
    cox,
    curves,
    cusums,
    doubt,
    funnels,
    grace_period,
    hidden,
    msm,
    nhefs,
    pooling,
    ratings,
    repeated,
    trials,
)
from benchmarks.public.comparing import GOLDEN, Case, Golden, MissingDataError, Row, rows_of

FIELDS: Final[dict[str, dict[str, Case]]] = {
    "Weights, g-formula and survival of NHEFS": nhefs.CASES,
    "Clone-censor-weight": grace_period.CASES,
    "Sequences of trials": trials.CASES,
    "Marginal structural models": msm.CASES,
    "Propensity weights and balance": balance.CASES,
    "Cox models and recurrent events": cox.CASES,
    "Curves, competing events, means and tests": curves.CASES,
    "Mixed models": courses.CASES,
    "What the line of a course hides": hidden.CASES,
    "Repeated answers": repeated.CASES,
    "Imputation and pooling": pooling.CASES,
    "E-values, empirical calibration, multiplicity": doubt.CASES,
    "Reliability and agreement": ratings.CASES,
    "Control charts": charts.CASES,
    "Funnels": funnels.CASES,
    "Risk-adjusted cumulative sums": cusums.CASES,
}
CASES: Final[dict[str, Case]] = {
    name: case for cases in FIELDS.values() for name, case in cases.items()
}
if len(CASES) != sum(map(len, FIELDS.values())):
    raise ValueError("Two public cases have the same name.")

__all__ = ["CASES", "FIELDS", "GOLDEN", "Case", "Golden", "MissingDataError", "Row", "rows_of"]
