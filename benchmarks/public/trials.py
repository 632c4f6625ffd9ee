"""Sequences of nested trials against R's TrialEmulation on the data of its examples."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.emulation.design import Quantity
from analysis.emulation.msm import truncated
from analysis.emulation.pooled import PooledFit
from analysis.emulation.trials import (
    PersonPeriods,
    TrialRows,
    censoring_factors,
    expand_trials,
    fit_trials,
    person_periods,
    standardised_trials,
    switch_factors,
    trial_weights,
    within_trials,
)
from benchmarks.public.comparing import Case, Golden, Row

TRIALS: Final = "09_trial_emulation"
EXAMPLE: Final = "trial_example_id_lt_200.csv"
PACKAGE: Final = "R TrialEmulation 0.0.4.9"
# R 4.2.2 with TrialEmulation 0.0.4.9, glm to epsilon 1e-15: estimate and robust error.
TRIAL_TERMS: Final = [Quantity("trial", degree=2), Quantity("followup", degree=2)]
FOLLOWED: Final = [Quantity(name) for name in ("x1", "x2", "x3", "x4", "age_s")]
OTHERS: Final = [Quantity(name) for name in ("x3", "x4")]
INTENTION: Final = {
    "assigned": (0.74317679373, 0.46474413426),
    "followup": (0.31175469476, 0.21487650492),
    "followup^2": (-0.017639008494, 0.013478381811),
    "x1": (-0.60223868313, 0.60093871478),
    "x2": (0.21982386384, 0.41682182057),
    "x3": (0.35410889089, 0.72462825284),
    "x4": (1.0048224473, 0.37163387347),
    "age_s": (0.75790766758, 0.33993333081),
}
INTENTION_CENSORED: Final = {
    "assigned": (1.4186234316, 0.66067792178),
    "followup": (0.3179318775, 0.24014667701),
    "followup^2": (-0.022323297745, 0.016177280518),
    "x2": (0.015605189006, 0.4759145411),
    "x3": (0.35433076597, 0.7215352011),
    "x4": (0.93285391234, 0.38881889691),
    "age_s": (0.47178941504, 0.33549153344),
}
AS_TREATED: Final = {
    "dose": (-0.58440647338, 0.24524307829),
    "followup": (0.94402235836, 0.31081469981),
    "followup^2": (-0.050564629286, 0.023636749228),
    "x3": (0.83914643928, 0.91696441967),
    "x4": (1.8323294696, 0.44890415595),
}
EXAMPLE_INTENTION: Final = {
    "assigned": (0.23979559581, 0.38208750672),
    "trial": (-0.0066902011067, 0.0060630333325),
    "trial^2": (2.0721607546e-05, 1.419957397e-05),
    "followup": (0.012742740922, 0.0052182479331),
    "followup^2": (-4.7774272773e-05, 2.40861924e-05),
    "catvarC": (-0.013828467746, 0.040707605873),
    "nvarA": (-0.19440860546, 0.070313750723),
    "nvarB": (0.0075015243999, 0.0025372085224),
    "nvarC": (-0.037600279833, 0.0087902336711),
}
EXAMPLE_PROTOCOL: Final = {
    "assigned": (0.13344881979, 0.50513840338),
    "trial": (-0.013147447165, 0.0087009179526),
    "trial^2": (4.0128509446e-05, 1.7700014851e-05),
    "followup": (0.01403508365, 0.0076776987702),
    "followup^2": (1.0438606384e-05, 3.6512923152e-05),
    "catvarC": (-0.096695830716, 0.080133707189),
    "nvarA": (-0.023156869522, 0.098851686809),
    "nvarB": (0.0025462910404, 0.003355176363),
    "nvarC": (-0.048667563856, 0.011513708574),
}
EXAMPLE_PROTOCOL_CUT: Final = {
    "assigned": (0.1386924883, 0.50566805405),
    "trial": (-0.013012027719, 0.0086149676521),
    "followup": (0.014617574328, 0.0076823776086),
    "catvarC": (-0.095305874693, 0.079531786444),
    "nvarC": (-0.048652330961, 0.011443175995),
}
EXAMPLE_TERMS: Final = [Quantity(name) for name in ("catvarC", "nvarA", "nvarB", "nvarC")]
# Cumulative incidence if treated less that if not by followup 0 to 9, people of the first trial.
RISK_DIFFERENCES: Final = (
    0.004796037159, 0.010984921230, 0.018609491739, 0.027570238461, 0.037615834481,
    0.048367414890, 0.059372526709, 0.070173384465, 0.080369682805, 0.089660630089,
)  # fmt: skip
# Sum, least and largest of the weights: of censoring; of switching, and times censoring, per
# protocol; of switching as treated; of switching in the larger example.
CENSORING: Final = (1600.89752468, 0.0546074868512, 15.8123312484)
SWITCHING: Final = (538.952474352, 0.647769882312, 2.41844159821)
SWITCHING_AND_CENSORING: Final = (449.214940938, 0.22688401841, 2.22807766025)
SWITCHING_AS_TREATED: Final = (1446.74248283, 0.0310606760226, 11.6224684818)
SWITCHING_OF_EXAMPLE: Final = (338335.458185, 0.216124429248, 2.80781730777)
# In the small data no trial after the first two has an event, so that the coefficients of the
# trial period have no finite value; R stops somewhere. The others agree to what the ridge moves.
SEPARATED: Final = (1e-6, "the ridge moves no estimate by a millionth of its error")
FINITE: Final = (1e-7, "rounding over 700,000 rows")
QUANTILES: Final = (1e-5, "the package cuts at observed weights, ours may lie between two")
DIGITS: Final = "the digits that R's own fits leave"


def as_periods(frame: pl.DataFrame, lost: str | None = None) -> PersonPeriods:
    """Return the rows as periods of people, by the package's names of columns."""
    return person_periods(
        frame,
        person="id",
        period="period",
        treated="treatment",
        happened="outcome",
        eligible="eligible",
        lost=lost,
    )


def _counts(data: str, what: str, trials: TrialRows, rows: int, events: int) -> Row:
    ours = [trials.height, trials.happened.sum()]
    return Row(data, f"{what}: trial rows, events", PACKAGE, [rows, events], ours, 0.0, "counts")


def _model(
    data: str,
    what: str,
    fit: PooledFit,
    theirs: dict[str, tuple[float, float]],
    tolerance: tuple[float, str],
) -> Iterator[Row]:
    ours = {row["name"]: row for row in fit.table().to_dicts()}
    names, (within, reason) = [*theirs], tolerance
    estimates, errors = np.array([*theirs.values()]).T
    found = np.array([ours[name]["estimate"] for name in names])
    yield Row(
        data, f"{what}: coefficients, in robust errors", PACKAGE, estimates / errors,
        found / errors, within, reason, is_absolute=True, names=names,
    )  # fmt: skip
    found = np.array([ours[name]["standard_error"] for name in names])
    yield Row(data, f"{what}: robust errors", PACKAGE, errors, found, within, reason, names=names)


def _weights(
    data: str, what: str, weights: npt.NDArray[np.float64], theirs: tuple[float, ...]
) -> Row:
    ours = [weights.sum(), weights.min(), weights.max()]
    return Row(
        data, f"{what}: weights", PACKAGE, theirs, ours, 1e-9, DIGITS,
        names=("sum", "least", "largest"),
    )  # fmt: skip


def _intention(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, small", "intention to treat"
    periods = as_periods(golden.rows(TRIALS))
    trials = expand_trials(periods)
    terms = [Quantity("assigned"), *TRIAL_TERMS, *FOLLOWED]
    yield _counts(data, what, trials, 1558, 14)
    yield from _model(data, what, fit_trials(periods, trials, terms), INTENTION, SEPARATED)
    untreated, treated = standardised_trials(periods, trials, terms, target=0, followups=10)
    ours = untreated.survival - treated.survival
    yield Row(
        data, f"{what}: differences of risk", PACKAGE, RISK_DIFFERENCES, ours, 1e-8,
        "what is printed and the ridge moves", is_absolute=True,
    )  # fmt: skip


def _censored(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, small", "intention to treat, weighted for censoring"
    periods = as_periods(golden.rows(TRIALS), lost="censored")
    trials = expand_trials(periods)
    factors = censoring_factors(periods, FOLLOWED, OTHERS, pool_numerator=True)
    weights = trial_weights(trials, factors)
    yield _weights(data, what, weights, CENSORING)
    terms = [Quantity("assigned"), *TRIAL_TERMS, *FOLLOWED[1:]]
    fit = fit_trials(periods, trials, terms, weights=weights)
    yield from _model(data, what, fit, INTENTION_CENSORED, SEPARATED)


def _per_protocol(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, small", "per protocol"
    periods = within_trials(as_periods(golden.rows(TRIALS), lost="censored"))
    yield Row(data, f"{what}: rows", PACKAGE, 321, len(periods.person), 0.0, "counts")
    trials = expand_trials(periods, until_switch=True)
    yield _counts(data, what, trials, 500, 2)
    switching = switch_factors(periods, FOLLOWED, OTHERS)
    yield _weights(data, f"{what}, switching", trial_weights(trials, switching), SWITCHING)
    both = trial_weights(trials, switching, censoring_factors(periods, FOLLOWED, OTHERS))
    yield _weights(data, f"{what}, switching and censoring", both, SWITCHING_AND_CENSORING)


def _as_treated(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, small", "as treated, by dose"
    periods = as_periods(golden.rows(TRIALS))
    trials = expand_trials(periods)
    weights = trial_weights(trials, switch_factors(periods, FOLLOWED, OTHERS))
    yield _weights(data, what, weights, SWITCHING_AS_TREATED)
    fit = fit_trials(periods, trials, [Quantity("dose"), *TRIAL_TERMS, *OTHERS], weights=weights)
    yield from _model(data, what, fit, AS_TREATED, SEPARATED)


def _example(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, large", "intention to treat"
    periods = as_periods(golden.rows(TRIALS, EXAMPLE))
    trials = expand_trials(periods)
    yield _counts(data, what, trials, 740_836, 3475)
    terms = [Quantity("assigned"), *TRIAL_TERMS, *EXAMPLE_TERMS]
    fit = fit_trials(periods, trials, terms, precision=0.0)
    yield from _model(data, what, fit, EXAMPLE_INTENTION, FINITE)


def _example_per_protocol(golden: Golden) -> Iterator[Row]:
    data, what = "TrialEmulation, large", "per protocol"
    periods = within_trials(as_periods(golden.rows(TRIALS, EXAMPLE)))
    trials = expand_trials(periods, until_switch=True)
    yield _counts(data, what, trials, 340_414, 1504)
    switching = switch_factors(periods, EXAMPLE_TERMS, [Quantity("nvarA"), Quantity("nvarB")])
    weights = trial_weights(trials, switching)
    yield _weights(data, what, weights, SWITCHING_OF_EXAMPLE)
    terms = [Quantity("assigned"), *TRIAL_TERMS, *EXAMPLE_TERMS]
    fit = fit_trials(periods, trials, terms, weights=weights, precision=0.0)
    yield from _model(data, what, fit, EXAMPLE_PROTOCOL, FINITE)
    cut = truncated(weights, 0.01)
    fit = fit_trials(periods, trials, terms, weights=cut, precision=0.0)
    what += ", weights cut at 1 and 99 %"
    yield from _model(data, what, fit, EXAMPLE_PROTOCOL_CUT, QUANTILES)


CASES: Final[dict[str, Case]] = {
    "trials_intention": _intention,
    "trials_censored": _censored,
    "trials_per_protocol": _per_protocol,
    "trials_as_treated": _as_treated,
    "trials_example": _example,
    "trials_example_per_protocol": _example_per_protocol,
}
