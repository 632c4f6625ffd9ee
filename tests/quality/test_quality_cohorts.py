"""What became of each month's starts is counted for each clinic and for all."""

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

EPISODES = """
    episode  patient  clinic  month
    E1       P1       C1      2024-01
    E2       P2       C1      2024-01
    E3       P1       C2      2024-01
    E4       P3       C1      2024-02
"""

SESSIONS = """
    episode  day  status       stage  exit
    E1       0    attended     1      measured
    E1       7    attended     2      -
    E1       9    no_show      -      -
    E2       0    attended     1      -
    E2       5    attended     2      -
    E2       9    late_cancel  -      -
    E2       9    cancelled    -      -
    E3       0    attended     1      -
    E4       0    attended     1      -
"""

EVENTS = """
    episode  day  kind
    E2       60   reinjury
    E1       95   reinjury
"""

FOLLOW_UPS = """
    episode  day  outcome
    E1       90   reached
    E3       365  reached
    E4       90   no_answer
"""


def drawn(text: str) -> pl.DataFrame:
    names, *rows = [line.split() for line in text.strip().splitlines()]
    cells = [[None if cell == "-" else cell for cell in row] for row in rows]
    frame = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.with_columns(pl.col(name).cast(pl.Int64) for name in names if name == "day")


@pytest.fixture(scope="module")
def cohorts() -> pl.DataFrame:
    episodes, sessions, events = drawn(EPISODES), drawn(SESSIONS), drawn(EVENTS)
    is_met = pl.when(pl.col("exit").is_not_null()).then(statement=True)
    tables = {
        "patients": episodes.select(pl.col("patient").unique().sort().alias("patient_id")),
        "episodes": episodes.select(
            episode_id="episode", patient_id="patient", clinic_id="clinic", start_month="month"
        ),
        "sessions": sessions.with_row_index("place").select(
            "day",
            "status",
            pl.format("S{}", "place").alias("session_id"),
            pl.col("episode").alias("episode_id"),
            pl.col("stage").cast(pl.Int64),
            is_met.alias("exit_met"),
            pl.col("exit").alias("exit_evidence"),
        ),
        "events": events.with_row_index("place").select(
            pl.format("V{}", "place").alias("event_id"),
            pl.col("episode").alias("episode_id"),
            "day",
            "kind",
        ),
        "followups": drawn(FOLLOW_UPS).rename({"episode": "episode_id"}),
    }
    connection = registry_in_memory(tables, load_protocol())
    try:
        return read_frame(connection, "marts.quality_cohorts")
    finally:
        connection.close()


def counts(cohorts: pl.DataFrame, clinic: str | None, month: str) -> dict[str, int]:
    is_unit = pl.col("clinic_id").eq_missing(pl.lit(clinic))
    return cohorts.row(by_predicate=is_unit & (pl.col("start_month") == month), named=True)


def test_a_clinics_month_holds_its_own_episodes(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, "C1", "2024-01")
    assert (january["episodes"], january["patients"], january["episodes_violated"]) == (2, 2, 1)
    assert (january["stage_changes"], january["stage_changes_with_evidence"]) == (2, 1)
    assert (january["sessions_booked"], january["sessions_missed"]) == (6, 2)


def test_reinjury_counts_by_day_90_where_the_status_is_known(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, "C1", "2024-01")
    assert (january["status_known_90_days"], january["reinjured_90_days"]) == (2, 1)
    february = counts(cohorts, "C1", "2024-02")
    assert (february["status_known_90_days"], february["patients_known_90_days"]) == (0, 0)


def test_all_clinics_together_count_a_person_once(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, None, "2024-01")
    assert (january["episodes"], january["patients"]) == (3, 2)
    assert january["status_known_at_horizon"] == 3


def test_a_cohort_is_observed_up_to_the_latest_record(cohorts: pl.DataFrame) -> None:
    # The latest record is at least 365 days after 2024-01-01: 2024-12-31.
    assert counts(cohorts, "C1", "2024-01")["observed_days"] == 335
    assert counts(cohorts, "C1", "2024-02")["observed_days"] == 306
