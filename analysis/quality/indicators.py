"""What a quality review follows, cohort of starts by cohort: shares, rates and means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

import polars as pl

from analysis.contracts.protocol import STAGES, Protocol
from analysis.contracts.results import CLINIC, NETWORK

Kind = Literal["share", "rate", "mean"]
Source = Literal["quality_cohorts", "quality_stages", "change_cohorts"]

# What a point is made of, whatever the indicator.
COLUMNS: Final = (
    "chart",
    "unit_kind",
    "unit_name",
    "period",
    "numerator",
    "denominator",
    "patients",
    "is_complete",
)
# Long enough for a course of care to have ended, or not to have moved any more.
CARE_DAYS: Final = 180
EARLY_DAYS: Final = 90


@dataclass(frozen=True)
class QualityTables:
    """The marts that the quality review reads, as frames of the same names."""

    quality_cohorts: pl.DataFrame
    quality_stages: pl.DataFrame
    adverse_endings: pl.DataFrame

    @classmethod
    def read(cls, read_mart: Callable[[str], pl.DataFrame]) -> "QualityTables":
        """Return the tables, each read by its name `marts.<field>`."""
        return cls(**{mart.name: read_mart(f"marts.{mart.name}") for mart in fields(cls)})


@dataclass(frozen=True)
class Indicator:
    """One number of a cohort of episodes that began in the same month or quarter.

    numerator, denominator, patients, episodes : columns of the source; patients is how many people
        the denominator is about, episodes by which the size of a cohort is judged. kind : a share,
        a rate of events, or the mean of a sum. days_needed : how long every episode of the cohort
        must have been observable before it can be held against older cohorts. stage : which rows
        of marts.quality_stages count.
    """

    chart: str
    numerator: str
    denominator: str
    patients: str = "patients"
    episodes: str = "episodes"
    kind: Kind = "share"
    days_needed: int = CARE_DAYS
    source: Source = "quality_cohorts"
    stage: int | None = None


def indicators(protocol: Protocol) -> tuple[Indicator, ...]:
    """Return the indicators; the protocol's horizon is when follow-up is complete."""
    return (
        *_changes_in_pain(),
        *_follow_up(protocol.study.horizon_days),
        *_courses(),
        *_attendance(),
        *_stages(),
        Indicator("adverse_endings", "adverse_endings", "episodes"),
    )


def _changes_in_pain() -> tuple[Indicator, ...]:
    return (
        Indicator("improved_at_discharge", "improved", "episodes", source="change_cohorts"),
        Indicator("deteriorated", "deteriorated", "episodes", source="change_cohorts"),
        Indicator(
            "pain_change_at_discharge",
            "change",
            "episodes",
            kind="mean",
            source="change_cohorts",
        ),
    )


def _follow_up(horizon_days: int) -> tuple[Indicator, ...]:
    return (
        Indicator(
            "reinjury_90_days",
            "reinjured_90_days",
            "status_known_90_days",
            patients="patients_known_90_days",
            days_needed=EARLY_DAYS,
        ),
        Indicator(
            "reinjury_365_days",
            "reinjured_at_horizon",
            "status_known_at_horizon",
            patients="patients_known_at_horizon",
            days_needed=horizon_days,
        ),
        Indicator(
            "follow_up_capture", "status_known_at_horizon", "episodes", days_needed=horizon_days
        ),
    )


def _courses() -> tuple[Indicator, ...]:
    return (
        Indicator("premature_advance", "episodes_violated", "episodes"),
        Indicator(
            "exit_evidence",
            "stage_changes_with_evidence",
            "stage_changes",
            patients="patients_changed_stage",
        ),
        Indicator("measured_exits", "exits_measured", "exits_met", patients="patients_exits_met"),
        Indicator(
            "never_exit_stage_1",
            "never_exited_stage_1",
            "worked_stage_1",
            patients="patients_worked_stage_1",
        ),
        Indicator("completed_all", "completed_all", "episodes"),
    )


def _attendance() -> tuple[Indicator, ...]:
    return (
        Indicator("missed_sessions", "sessions_missed", "sessions_booked"),
        Indicator("no_shows", "no_shows", "sessions_booked"),
        Indicator("late_cancellations", "late_cancellations", "sessions_booked"),
        Indicator("pain_measured", "sessions_with_pain", "sessions_attended"),
    )


def _stages() -> tuple[Indicator, ...]:
    days = [
        Indicator(
            f"days_in_stage_{stage}",
            "exited_days",
            "exited_stays",
            patients="patients_exited",
            episodes="exited_stays",
            kind="mean",
            source="quality_stages",
            stage=stage,
        )
        for stage in STAGES
    ]
    visits = [
        Indicator(
            f"visits_in_stage_{stage}",
            "visits",
            "episodes_in_stage",
            patients="patients_in_stage",
            episodes="episodes_in_stage",
            kind="rate",
            source="quality_stages",
            stage=stage,
        )
        for stage in STAGES
    ]
    return (*days, *visits)


def indicator_points(sources: Mapping[str, pl.DataFrame], indicator: Indicator) -> pl.DataFrame:
    """Return the indicator's counts for each unit and period, sorted by unit and period.

    Columns: those of `COLUMNS`, is_quarter and episodes. Months and quarters both are there;
    `charted_periods` chooses.
    """
    cohorts = sources[indicator.source]
    if indicator.stage is not None:
        cohorts = cohorts.filter(pl.col("stage") == indicator.stage)
    is_network = pl.col("clinic_id").is_null()
    return cohorts.select(
        "period",
        "is_quarter",
        chart=pl.lit(indicator.chart),
        unit_kind=pl.when(is_network).then(pl.lit(NETWORK)).otherwise(pl.lit(CLINIC)),
        unit_name=pl.col("clinic_id").fill_null(NETWORK),
        numerator=pl.col(indicator.numerator).cast(pl.Float64),
        denominator=pl.col(indicator.denominator).cast(pl.Float64),
        patients=pl.col(indicator.patients).cast(pl.Int64),
        episodes=pl.col(indicator.episodes).cast(pl.Int64),
        is_complete=pl.col("observed_days") >= indicator.days_needed,
    ).sort(pl.col("unit_kind") == CLINIC, "unit_name", "is_quarter", "period")
