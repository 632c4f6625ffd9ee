"""Clinics against what their patients' state before treatment lets expect; no clinic is ranked.

Observed over expected cases has the exact binomial interval of the cases. What is left of it once
chance is allowed for is the linear empirical Bayes estimate: drawn towards 1 by the share of a
clinic's distance that is chance (Morris 1983; with Poisson chance and a gamma distribution of
clinics it is that of Clayton and Kaldor 1987). Limits of the funnel are exact unless clinics differ
by clearly more than chance; then they are widened by the variance between clinics (Spiegelhalter
2005; Spiegelhalter et al. 2012).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import CLINIC, NETWORK, conform, empty
from analysis.disclosure.rounding import largest_small_count
from analysis.disclosure.standardised import cases_interval
from analysis.quality.charts import BoolArray, FloatArray
from analysis.quality.expected import ExpectedRisks, expected_risks
from analysis.quality.funnel import (
    ALARM_LEVEL,
    WARNING_LEVEL,
    Limits,
    Overdispersion,
    Scores,
    drawn_in,
    exact_share_limits,
    log_ratio_limits,
)
from analysis.quality.reviewed import Reviewed, ReviewedTables, reviewed_outcomes

EXACT: Final = "exact"
OVERDISPERSED: Final = "overdispersed"
# With fewer clinics nothing can be said about how they differ.
FEWEST_CLINICS: Final = 5
# By chance the mean square of scores is above this in about one of forty networks.
DISPERSION_ERRORS: Final = 2.0
TOO_SMALL: Final = "It has too few episodes with a known outcome."
OTHER_CAPTURE: Final = (
    "Outcomes are known of a clearly different share of its patients than elsewhere, and who is "
    "known of differs from who is not."
)
NO_MODEL: Final = "Nobody, or everybody, had the outcome, so nothing can be expected."
TOO_FEW_CASES: Final = "Too few cases to say where it lies."


@dataclass(frozen=True)
class Shrinkage:
    """What chance leaves of the ratios: shrunken towards 1, and by how much (clinics,)."""

    shrunken: FloatArray
    reliability: FloatArray


def case_mix(tables: ReviewedTables, protocol: Protocol) -> pl.DataFrame:
    """Return results.case_mix: for each outcome a row of the model, then every clinic by name.

    A clinic under `review.smallest_episodes` with known outcome has no numbers. One whose share of
    known outcomes differs from all others' by more than `review.largest_capture_difference` keeps
    its numbers, is not compared, and takes no part in the model and in the limits. The network's
    row has no numbers: its ratio is 1 by construction; its reason says how well the model does.
    """
    parts = [
        _compared(reviewed, protocol)
        for reviewed in reviewed_outcomes(tables, protocol)
        if not reviewed.known.is_empty()
    ]
    return pl.concat(parts) if parts else empty("case_mix")


def shrink(
    ratios: FloatArray, expected: FloatArray, variances: FloatArray, counted: BoolArray
) -> Shrinkage:
    """Return the ratios drawn towards 1 by as much of their distance as is chance.

    The variance between the counted units is that of DerSimonian and Laird (1986) around their
    pooled ratio; reliability is between / (between + within), within = variances / expected^2.
    """
    within = variances / expected**2
    weights = 1.0 / within[counted]
    pooled = float(np.sum(weights * ratios[counted]) / weights.sum())
    excess = float(np.sum(weights * (ratios[counted] - pooled) ** 2)) - (len(weights) - 1)
    between = max(0.0, excess / float(weights.sum() - np.sum(weights**2) / weights.sum()))
    reliability = between / (between + within)
    return Shrinkage(1.0 + reliability * (ratios - 1.0), reliability)


def compared_clinics(reviewed: Reviewed, protocol: Protocol) -> list[str]:
    """Return the names of the clinics that are large enough and known of as the others are."""
    clinics = _clinics(reviewed, protocol)
    return clinics.filter(~pl.col("is_small") & ~pl.col("is_different"))["clinic_id"].to_list()


def _compared(reviewed: Reviewed, protocol: Protocol) -> pl.DataFrame:
    """Return the rows of one outcome."""
    clinics = _clinics(reviewed, protocol)
    known = reviewed.known
    different = clinics.filter("is_different")["clinic_id"]
    is_fitted = ~known["clinic_id"].is_in(different.to_list()).to_numpy()
    model = expected_risks(known, protocol, is_fitted)
    if model is None:
        numbers = clinics.select("clinic_id", reason=pl.lit(NO_MODEL), is_comparable=False)
        rows = clinics.select("clinic_id", "episodes", "patients").join(numbers, on="clinic_id")
        return _named(rows, reviewed.outcome)
    summed = _with_expected(clinics, known, model)
    compared = _with_limits(_with_shrinkage(summed))
    rows = _with_reasons(_placed(compared, protocol)).drop(
        "variance", "is_small", "is_different", "is_counted"
    )
    network = pl.DataFrame({"reason": [_model_words(model)], "is_comparable": [False]})
    return pl.concat([_named(network, reviewed.outcome), _named(rows, reviewed.outcome)])


def _named(rows: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Return rows of clinics, or of the network where there is no clinic, as the contract says."""
    is_clinic = "clinic_id" in rows.columns
    name = pl.col("clinic_id") if is_clinic else pl.lit(NETWORK)
    named = rows.with_columns(
        unit_kind=pl.lit(CLINIC if is_clinic else NETWORK),
        unit_name=name,
        outcome=pl.lit(outcome),
    )
    return conform("case_mix", named.drop("clinic_id", strict=False))


def _clinics(reviewed: Reviewed, protocol: Protocol) -> pl.DataFrame:
    """Return every clinic's counts of known outcomes, and why it cannot be compared."""
    is_known = pl.col("is_case").is_not_null()
    counted = (
        reviewed.episodes.group_by("clinic_id")
        .agg(
            begun=pl.len(),
            episodes=is_known.sum().cast(pl.Int64),
            patients=pl.col("patient_key").filter(is_known).n_unique().cast(pl.Int64),
            observed=pl.col("is_case").sum().cast(pl.Int64),
        )
        .sort("clinic_id")
    )
    others = (pl.col("episodes").sum() - pl.col("episodes")) / (
        pl.col("begun").sum() - pl.col("begun")
    )
    distance = (pl.col("episodes") / pl.col("begun") - others).abs().fill_nan(0.0)
    return counted.with_columns(
        is_small=pl.col("episodes") < protocol.review.smallest_episodes,
        is_different=distance > protocol.review.largest_capture_difference,
    ).drop("begun")


def _with_expected(
    clinics: pl.DataFrame, known: pl.DataFrame, model: ExpectedRisks
) -> pl.DataFrame:
    """Return the clinics with expected cases, their variance by chance, and the ratio."""
    names = clinics["clinic_id"].to_list()
    place = known["clinic_id"].replace_strict(names, range(len(names)), return_dtype=pl.Int64)

    def sums(values: FloatArray) -> pl.Series:
        return pl.Series(np.bincount(place.to_numpy(), weights=values, minlength=len(names)))

    return (
        clinics.with_columns(
            expected=sums(model.risks),
            variance=sums(model.risks * (1.0 - model.risks)),
            is_counted=~pl.col("is_small") & ~pl.col("is_different"),
        )
        .filter(pl.col("episodes") > 0)
        .with_columns(ratio=pl.col("observed") / pl.col("expected"))
    )


def _with_shrinkage(clinics: pl.DataFrame) -> pl.DataFrame:
    """Return the clinics with interval, shrunken ratio and reliability."""
    expected = clinics["expected"].to_numpy()
    low, high = cases_interval(clinics["observed"].to_numpy(), clinics["episodes"].to_numpy())
    ends = clinics.with_columns(low=pl.Series(low / expected), high=pl.Series(high / expected))
    counted = clinics["is_counted"].to_numpy()
    if np.count_nonzero(counted) < FEWEST_CLINICS:
        return ends
    made = shrink(clinics["ratio"].to_numpy(), expected, clinics["variance"].to_numpy(), counted)
    return ends.with_columns(
        shrunken=pl.Series(made.shrunken), reliability=pl.Series(made.reliability)
    )


def _with_limits(clinics: pl.DataFrame) -> pl.DataFrame:
    """Return the clinics with both pairs of limits.

    Exact limits are those of binomial counts with the clinic's mean risk.
    """
    sizes, expected = clinics["episodes"].to_numpy(), clinics["expected"].to_numpy()
    spread = _overdispersion(clinics.filter("is_counted"))

    def limits(level: float) -> Limits:
        if spread is None:
            shares = exact_share_limits(expected / sizes, sizes, level)
            return Limits(shares.lower * sizes / expected, shares.upper * sizes / expected)
        return log_ratio_limits(_weight_of_chance(clinics), spread.between_variance, level)

    warning, alarm = limits(WARNING_LEVEL), limits(ALARM_LEVEL)
    return clinics.with_columns(
        warning_low=pl.Series(warning.lower),
        warning_high=pl.Series(warning.upper),
        alarm_low=pl.Series(alarm.lower),
        alarm_high=pl.Series(alarm.upper),
        method=pl.lit(EXACT if spread is None else OVERDISPERSED),
    )


def _overdispersion(counted: pl.DataFrame) -> Overdispersion | None:
    """Return how much more clinics differ than by chance; None where it is not clearly more.

    A clinic without a case has no score on the log scale and is left out here.
    """
    with_cases = counted.filter(pl.col("observed") > 0)
    if with_cases.height < FEWEST_CLINICS:
        return None
    errors = 1.0 / np.sqrt(_weight_of_chance(with_cases))
    found = drawn_in(Scores(np.log(with_cases["ratio"].to_numpy()) / errors, errors))
    is_clear = found.dispersion > 1.0 + DISPERSION_ERRORS * np.sqrt(2.0 / found.units)
    return found if is_clear else None


def _weight_of_chance(clinics: pl.DataFrame) -> FloatArray:
    """Return one over the variance by chance of the log ratio; that of rare cases is expected."""
    weights: FloatArray = clinics["expected"].to_numpy() ** 2 / clinics["variance"].to_numpy()
    return weights


def _placed(clinics: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return the clinics with where they lie; not told where too few cases could be told by it."""
    disclosure = protocol.disclosure
    smallest_shown = 1 + largest_small_count(disclosure.smallest_count, disclosure.rounding_base)
    is_told = (pl.col("observed") == 0) | (pl.col("observed") >= smallest_shown)
    ratio = pl.col("ratio")
    position = (
        pl.when(ratio > pl.col("alarm_high"))
        .then(pl.lit("alarm_high"))
        .when(ratio < pl.col("alarm_low"))
        .then(pl.lit("alarm_low"))
        .when(ratio > pl.col("warning_high"))
        .then(pl.lit("warning_high"))
        .when(ratio < pl.col("warning_low"))
        .then(pl.lit("warning_low"))
        .otherwise(pl.lit("within"))
    )
    return clinics.with_columns(
        position=pl.when(pl.col("is_counted") & is_told).then(position),
        reason=pl.when(~is_told).then(pl.lit(TOO_FEW_CASES)),
    )


def _with_reasons(clinics: pl.DataFrame) -> pl.DataFrame:
    """Return the clinics with why they are not compared, and without numbers where too small."""
    numbers = [
        name
        for name in clinics.columns
        if name not in {"clinic_id", "episodes", "patients", "reason", "method"}
        and not name.startswith("is_")
    ]
    reason = (
        pl.when("is_small")
        .then(pl.lit(TOO_SMALL))
        .when("is_different")
        .then(pl.lit(OTHER_CAPTURE))
        .otherwise(pl.col("reason"))
    )
    return clinics.with_columns(
        *(pl.when(~pl.col("is_small")).then(pl.col(name)).alias(name) for name in numbers),
        reason=reason,
        is_comparable=pl.col("is_counted"),
    )


def _model_words(model: ExpectedRisks) -> str:
    return (
        f"The model of what is expected tells cases from others with a c-statistic of "
        f"{model.concordance:.2f}, a little optimistic as it is of the same patients; in new "
        f"patients a calibration slope of {model.slope:.2f} is to be expected."
    )
