"""The shares that a quality review follows, month of start by month of start."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import CLINIC, NETWORK


@dataclass(frozen=True)
class Indicator:
    """One share of a cohort of episodes that began in the same month.

    numerator, denominator, patients : columns of marts.quality_cohorts; patients is how many
        people the denominator is about. days_needed : how long every episode of the cohort must
        have been observable before its share can be held against older cohorts.
    """

    chart: str
    numerator: str
    denominator: str
    patients: str
    days_needed: int


# Long enough for a course of care to have ended, or not to have moved any more.
CARE_DAYS: Final = 180
EARLY_DAYS: Final = 90


def indicators(protocol: Protocol) -> tuple[Indicator, ...]:
    """Return the indicators; the protocol's horizon is when follow-up is complete."""
    return (
        Indicator("premature_advance", "episodes_violated", "episodes", "patients", CARE_DAYS),
        Indicator(
            "exit_evidence", "stage_changes_with_evidence", "stage_changes", "patients", CARE_DAYS
        ),
        Indicator("missed_sessions", "sessions_missed", "sessions_booked", "patients", CARE_DAYS),
        Indicator(
            "reinjury_90_days",
            "reinjured_90_days",
            "status_known_90_days",
            "patients_known_90_days",
            EARLY_DAYS,
        ),
        Indicator(
            "follow_up_capture",
            "status_known_at_horizon",
            "episodes",
            "patients",
            protocol.study.horizon_days,
        ),
    )


def indicator_points(quality_cohorts: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """Return the indicator's counts for each unit and period, sorted by unit and period.

    Columns: chart, unit_kind, unit_name, period, numerator, denominator, patients, is_complete.
    """
    is_network = pl.col("clinic_id").is_null()
    return quality_cohorts.select(
        chart=pl.lit(indicator.chart),
        unit_kind=pl.when(is_network).then(pl.lit(NETWORK)).otherwise(pl.lit(CLINIC)),
        unit_name=pl.col("clinic_id").fill_null(NETWORK),
        period=pl.col("start_month"),
        numerator=pl.col(indicator.numerator).cast(pl.Float64),
        denominator=pl.col(indicator.denominator).cast(pl.Float64),
        patients=pl.col(indicator.patients).cast(pl.Int64),
        is_complete=pl.col("observed_days") >= indicator.days_needed,
    ).sort(pl.col("unit_kind") == CLINIC, "unit_name", "period")
