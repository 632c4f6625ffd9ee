"""Draws the cohorts that the quality review reads, as the marts would hold them."""

from typing import Any

import polars as pl

from analysis.quality import QualityTables

COUNTS: dict[str, Any] = {
    "patients": 90,
    "patients_worked_stage_1": 88,
    "patients_changed_stage": 85,
    "patients_exits_met": 84,
    "patients_known_90_days": 70,
    "patients_known_at_horizon": 55,
    "episodes": 100,
    "episodes_violated": 50,
    "worked_stage_1": 98,
    "never_exited_stage_1": 20,
    "completed_all": 40,
    "adverse_endings": 15,
    "stage_changes": 200,
    "stage_changes_with_evidence": 150,
    "sessions_attended": 920,
    "sessions_booked": 1000,
    "sessions_missed": 80,
    "no_shows": 50,
    "late_cancellations": 30,
    "sessions_with_pain": 900,
    "exits_met": 240,
    "exits_measured": 120,
    "status_known_90_days": 80,
    "reinjured_90_days": 16,
    "status_known_at_horizon": 60,
    "reinjured_at_horizon": 15,
}


def month_of(number: int) -> str:
    return f"{2020 + number // 12}-{number % 12 + 1:02d}"


def quarter_of(number: int) -> str:
    return f"{2020 + number // 4}-Q{number % 4 + 1}"


def cohorts(
    months: int,
    clinic: str | None = "C1",
    *,
    youngest_days: int = 400,
    quarters: int | None = None,
    **counts: Any,
) -> pl.DataFrame:
    """Draw monthly cohorts of 100 episodes, the last observed so long, and their quarters.

    `counts` replaces columns by a number, or by one for each month.
    """
    drawn = COUNTS | counts
    monthly = pl.DataFrame(
        {
            "clinic_id": pl.Series([clinic] * months, dtype=pl.String),
            "period": [month_of(number) for number in range(months)],
            "is_quarter": False,
            **drawn,
            "observed_days": [youngest_days + 30 * (months - 1 - month) for month in range(months)],
        }
    )
    size = months // 3 if quarters is None else quarters
    sums = {name: [sum(_thirds(drawn[name], place)) for place in range(size)] for name in drawn}
    quarterly = pl.DataFrame(
        {
            "clinic_id": pl.Series([clinic] * size, dtype=pl.String),
            "period": [quarter_of(number) for number in range(size)],
            "is_quarter": True,
            **sums,
            "observed_days": [youngest_days + 90 * (size - 1 - place) for place in range(size)],
        },
        schema=monthly.schema,
    )
    return pl.concat([monthly, quarterly])


def _thirds(count: Any, place: int) -> list[int]:
    return count[3 * place : 3 * place + 3] if isinstance(count, list) else [count] * 3


def stages_of(cohorts: pl.DataFrame, **counts: Any) -> pl.DataFrame:
    """Draw what every stage amounts to in the cohorts: 10 days and 3 visits an episode."""
    drawn = {
        "episodes_in_stage": 50,
        "visits": 150,
        "exited_stays": 40,
        "exited_days": 400,
        "patients_in_stage": 45,
        "patients_exited": 38,
    } | counts
    stages = pl.DataFrame({"stage": [1, 2, 3, 4, 5]}, schema={"stage": pl.Int64})
    return (
        cohorts.select("clinic_id", "period", "is_quarter")
        .join(stages, how="cross")
        .with_columns(**{name: pl.lit(value) for name, value in drawn.items()})
    )


def changes_of(cohorts: pl.DataFrame, **counts: Any) -> pl.DataFrame:
    """Draw how pain changed in the cohorts: of 60 measured, 30 improved and 10 were worse."""
    drawn = {
        "episodes": 60,
        "patients": 55,
        "improved": 30,
        "deteriorated": 10,
        "change": -120.0,
    } | counts
    return cohorts.select("clinic_id", "period", "is_quarter", "observed_days").with_columns(
        **{name: pl.lit(value) for name, value in drawn.items()}
    )


def endings(days: list[int], **columns: Any) -> pl.DataFrame:
    """Draw adverse endings of different patients of C1, one after so many episodes begun."""
    count = len(days)
    return pl.DataFrame(
        {
            "episode_key": list(range(count)),
            "patient_key": list(range(count)),
            "clinic_id": ["C1"] * count,
            "start_month": ["2020-01"] * count,
            "episodes_begun": [10 * (place + 1) for place in range(count)],
            "episodes_begun_in_clinic": [10 * (place + 1) for place in range(count)],
            "ended_day_number": days,
        }
        | columns,
        schema_overrides={"start_month": pl.String, "clinic_id": pl.String},
    )


def tables_of(cohorts: pl.DataFrame, adverse_endings: pl.DataFrame | None = None) -> QualityTables:
    """Return the tables of the review around these cohorts."""
    harm = endings([]) if adverse_endings is None else adverse_endings
    return QualityTables(cohorts, stages_of(cohorts), harm)
