"""Outcomes case by case against the risks of the baseline: which clinics' odds have changed when.

Risks come from the case-mix model fitted on the first months of the whole network, so that later
patients are held against what was usual then. Limits are those of `cusum`, one pair for an outcome:
they depend on how risks are spread, for which the whole network stands.

A point is the end of a period. What a sum moved by since the point before tells how many cases
there were, within two where it is told finely; so no point stands after a period whose cases are
too few to be shown: such a period is joined to the next one, and the sums of both are told at its
end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Disclosure, Protocol
from analysis.contracts.results import CLINIC, conform, empty
from analysis.disclosure.rounding import largest_small_count
from analysis.quality.case_mix import compared_clinics
from analysis.quality.charts import FloatArray
from analysis.quality.cusum import case_scores, cumulative_sum, life_adjusted_display, limit_of
from analysis.quality.expected import expected_risks
from analysis.quality.reviewed import Reviewed, ReviewedTables, reviewed_outcomes

WORSE: Final = "worse"
BETTER: Final = "better"
QUARTER_MONTHS: Final = 3
# Months or quarters are taken where so many of them hold enough cases to be shown, else years.
MOST: Final = 0.5
# Risks are put into classes so wide before the limit is sought; it moves by less than a hundredth.
RISK_CLASS: Final = 0.02


@dataclass(frozen=True)
class Direction:
    """One of the two sums: the odds ratio that it looks for, and the limit at which it signals."""

    odds_ratio: float
    limit: float


def risk_cusums(tables: ReviewedTables, protocol: Protocol) -> pl.DataFrame:
    """Return results.risk_cusums: for each outcome every compared clinic by name.

    The network, against which clinics are held, has no sums. Reads complete cohorts only. Nothing
    where the baseline of `review.baseline_points` months is not followed by another one, or where
    all or none of its episodes are cases. Clinics that the case mix does not compare have no sums
    either. worse and better are the sums at the end of the period as shares of their limits; a
    signal is one within the period.
    """
    parts = [
        part
        for reviewed in reviewed_outcomes(tables, protocol)
        for part in _sums(reviewed, protocol)
    ]
    return conform("risk_cusums", pl.concat(parts)) if parts else empty("risk_cusums")


def period_of(month: pl.Expr, months_in_period: int) -> pl.Expr:
    """Return the period of a month (YYYY-MM): itself, its quarter (YYYY-Qn) or its year (YYYY)."""
    if months_in_period == 1:
        return month
    year = month.str.slice(0, 4)
    if months_in_period > QUARTER_MONTHS:
        return year
    number = month.str.slice(5, 2).cast(pl.Int32) + QUARTER_MONTHS - 1
    return pl.format("{}-Q{}", year, number // QUARTER_MONTHS)


def _sums(reviewed: Reviewed, protocol: Protocol) -> Iterator[pl.DataFrame]:
    known = reviewed.known
    months = known["start_month"].unique().sort()
    baseline = months.head(protocol.review.baseline_points)
    if months.len() <= baseline.len():
        return
    is_baseline = known["start_month"].is_in(baseline.to_list()).to_numpy()
    model = expected_risks(known, protocol, is_baseline)
    if model is None:
        return
    directions = _directions(model.risks[is_baseline], reviewed, protocol)
    cases = known.with_columns(risk=pl.Series(model.risks))
    for name in compared_clinics(reviewed, protocol):
        own = cases.filter(pl.col("clinic_id") == name)
        points = _points(own, directions, protocol.disclosure)
        yield points.with_columns(
            unit_kind=pl.lit(CLINIC), unit_name=pl.lit(name), outcome=pl.lit(reviewed.outcome)
        )


def _directions(risks: FloatArray, reviewed: Reviewed, protocol: Protocol) -> dict[str, Direction]:
    """Return both directions; where more cases are better, lower odds are the worse ones."""
    classes = np.maximum(np.round(risks / RISK_CLASS), 0.5) * RISK_CLASS
    classes = np.minimum(classes, 1.0 - 0.5 * RISK_CLASS)
    more = protocol.review.cusum_odds_ratio
    worse = more if reviewed.is_unwanted else 1.0 / more
    return {
        name: Direction(ratio, limit_of(classes, ratio, protocol.review.cusum_run_length))
        for name, ratio in ((WORSE, worse), (BETTER, 1.0 / worse))
    }


def _points(
    cases: pl.DataFrame, directions: dict[str, Direction], disclosure: Disclosure
) -> pl.DataFrame:
    """Return one row for each period of one unit's cases, in order of start."""
    happened, risks = cases["is_case"].to_numpy().astype(np.float64), cases["risk"].to_numpy()
    sums = {
        name: cumulative_sum(case_scores(happened, risks, each.odds_ratio), each.limit)
        for name, each in directions.items()
    }
    smallest_shown = 1 + largest_small_count(disclosure.smallest_count, disclosure.rounding_base)
    followed = cases.with_columns(
        *(pl.Series(name, sums[name].values / each.limit) for name, each in directions.items()),
        *(pl.Series(f"is_{name}", sums[name].signals) for name in directions),
        life_adjusted=pl.Series(life_adjusted_display(happened, risks)),
        period=_periods(cases, smallest_shown),
    )
    points = followed.group_by("period", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("episodes"),
        pl.col("patient_key").n_unique().cast(pl.Int64).alias("patients"),
        pl.col("is_case").sum().cast(pl.Int64).alias("observed"),
        pl.col(WORSE, BETTER, "life_adjusted").last(),
        pl.col(f"is_{WORSE}", f"is_{BETTER}").any(),
    )
    is_told = pl.col("observed") >= smallest_shown
    named = [pl.when(f"is_{name}").then(pl.lit(name)) for name in (WORSE, BETTER)]
    told = pl.concat_str(named, separator=";", ignore_nulls=True)
    # A signal of a hidden period would tell that its few cases were many, or few.
    return points.with_columns(signal=pl.when(is_told & (told != "")).then(told)).drop(
        f"is_{WORSE}", f"is_{BETTER}"
    )


def _periods(cases: pl.DataFrame, smallest_shown: int) -> pl.Series:
    """Return each case's period, named by its last part where several were joined."""
    length = _months_in_period(cases, smallest_shown)
    own = cases.select(period=period_of(pl.col("start_month"), length), is_case="is_case")
    counts = own.group_by("period").agg(pl.col("is_case").sum()).sort("period")
    joined = _joined(counts["period"].to_list(), counts["is_case"].to_list(), smallest_shown)
    return own["period"].replace_strict(joined, return_dtype=pl.String)


def _joined(periods: list[str], counts: list[int], smallest_shown: int) -> dict[str, str]:
    """Return the name under which each period is told, so that all hold enough cases.

    Periods are joined to the next until there are enough; what is left over goes to the last.
    """
    groups: list[list[str]] = [[]]
    so_far = 0
    for period, count in zip(periods, counts, strict=True):
        groups[-1].append(period)
        so_far += count
        if so_far >= smallest_shown:
            groups.append([])
            so_far = 0
    left_over = groups.pop()
    if groups:
        groups[-1].extend(left_over)
    else:
        groups.append(left_over)
    return {period: group[-1] for group in groups for period in group}


def _months_in_period(cases: pl.DataFrame, smallest_shown: int) -> int:
    """Return the shortest of month, quarter and year of which most hold enough cases."""
    for length in (1, QUARTER_MONTHS):
        counts = cases.group_by(period_of(pl.col("start_month"), length)).agg(
            observed=pl.col("is_case").sum()
        )
        enough = counts.filter(pl.col("observed") >= smallest_shown).height
        if enough >= MOST * counts.height:
            return length
    return 4 * QUARTER_MONTHS
