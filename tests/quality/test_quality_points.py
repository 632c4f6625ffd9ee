"""Counts of cohorts become points; cohorts that are too young take no part in limits."""

import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import RESULT_TABLES
from analysis.quality import quality_points

PROTOCOL = load_protocol()


def cohorts(months: int, clinic: str | None = "C1", *, youngest_days: int = 400) -> pl.DataFrame:
    """Draw monthly cohorts of 100 episodes, half of them violated, the last observed so long."""
    return pl.DataFrame(
        {
            "clinic_id": pl.Series([clinic] * months, dtype=pl.String),
            "start_month": [
                f"20{20 + month // 12}-{month % 12 + 1:02d}" for month in range(months)
            ],
            "patients": 90,
            "patients_known_90_days": 70,
            "episodes": 100,
            "episodes_violated": [50 + (-1) ** month for month in range(months)],
            "stage_changes": 200,
            "stage_changes_with_evidence": 150,
            "sessions_booked": 1000,
            "sessions_missed": 80,
            "status_known_90_days": 80,
            "reinjured_90_days": 4,
            "status_known_at_horizon": 60,
            "observed_days": [youngest_days + 30 * (months - 1 - month) for month in range(months)],
        }
    )


def test_every_indicator_has_a_point_for_every_month() -> None:
    points = quality_points(cohorts(12), PROTOCOL)
    assert points.columns == list(RESULT_TABLES["quality_points"])
    values = {
        chart: (row["numerator"], row["denominator"], row["patients"])
        for (chart,), rows in points.group_by("chart")
        for row in rows.sort("period").tail(1).rows(named=True)
    }
    assert values == {
        "premature_advance": (49, 100, 90),
        "exit_evidence": (150, 200, 90),
        "missed_sessions": (80, 1000, 90),
        "reinjury_90_days": (4, 80, 70),
        "follow_up_capture": (60, 100, 90),
    }
    assert points.height == 5 * 12


def test_the_network_stands_first_and_clinics_have_limits_of_their_own() -> None:
    network = cohorts(12, None).with_columns(
        pl.col("episodes") * 2, pl.col("episodes_violated") * 3
    )
    points = quality_points(pl.concat([cohorts(12), network]), PROTOCOL).filter(
        pl.col("chart") == "premature_advance"
    )
    assert points["unit_name"].unique(maintain_order=True).to_list() == ["network", "C1"]
    centers = points.group_by("unit_name", maintain_order=True).agg(pl.col("center").first())
    assert centers["center"].to_list() == [0.75, 0.5]


def test_a_young_cohort_is_shown_but_takes_no_part() -> None:
    young = cohorts(14, youngest_days=100).with_columns(
        episodes_violated=pl.when(pl.col("observed_days") < 180)
        .then(0)
        .otherwise("episodes_violated")
    )
    points = quality_points(young, PROTOCOL).filter(pl.col("chart") == "premature_advance")
    assert points["is_complete"].to_list() == [True] * 11 + [False] * 3
    last = points.row(-1, named=True)
    assert last["value"] == 0
    assert last["signal"] is None
    assert last["center"] == points.filter(pl.col("is_complete"))["value"].mean()


def test_few_months_have_values_but_no_limits() -> None:
    points = quality_points(cohorts(4), PROTOCOL)
    assert set(points["method"]) == {"none"}
    assert points["upper"].null_count() == points.height
    assert points["value"].null_count() == 0


def test_a_month_without_stage_changes_has_no_share() -> None:
    idle = cohorts(12).with_columns(stage_changes=0, stage_changes_with_evidence=0)
    points = quality_points(idle, PROTOCOL).filter(pl.col("chart") == "exit_evidence")
    assert points["value"].null_count() == 12
    assert points["center"].null_count() == 12


def test_no_cohorts_give_no_points() -> None:
    assert quality_points(cohorts(1).clear(), PROTOCOL).is_empty()
