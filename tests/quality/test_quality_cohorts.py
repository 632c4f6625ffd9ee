"""What became of each period's starts is counted for each clinic and for all."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import Connection, read_frame

EPISODES = """
    episode  patient  clinic  month    reason
    E1       P1       C1      2024-01  goals_met
    E2       P2       C1      2024-01  surgery
    E3       P1       C2      2024-01  -
    E4       P3       C1      2024-02  adverse_event
"""

SESSIONS = """
    episode  day  status       stage  exit      pain
    E1       0    attended     1      measured  5
    E1       7    attended     2      -         4
    E1       9    no_show      -      -         -
    E2       0    attended     1      -         -
    E2       5    attended     2      inferred  -
    E2       9    late_cancel  -      -         -
    E2       9    cancelled    -      -         -
    E3       0    attended     1      attested  6
    E3       9    attended     1      -         6
    E4       0    attended     1      -         3
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
def registry() -> Iterator[Connection]:
    episodes, sessions, events = drawn(EPISODES), drawn(SESSIONS), drawn(EVENTS)
    is_met = pl.when(pl.col("exit").is_not_null()).then(statement=True)
    tables = {
        "patients": episodes.select(pl.col("patient").unique().sort().alias("patient_id")),
        "episodes": episodes.select(
            episode_id="episode",
            patient_id="patient",
            clinic_id="clinic",
            start_month="month",
            discharge_reason="reason",
        ),
        "sessions": sessions.with_row_index("place").select(
            "day",
            "status",
            pl.format("S{}", "place").alias("session_id"),
            pl.col("episode").alias("episode_id"),
            pl.col("stage").cast(pl.Int64),
            is_met.alias("exit_met"),
            pl.col("exit").alias("exit_evidence"),
            pl.col("pain").cast(pl.Float64).alias("pain_nrs"),
            pl.when(pl.col("episode") == "E2")
            .then(pl.lit("T2"))
            .otherwise(pl.lit("T1"))
            .alias("therapist_id"),
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
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def cohorts(registry: Connection) -> pl.DataFrame:
    return read_frame(registry, "marts.quality_cohorts")


def row_of(rows: pl.DataFrame, **names: str | int | None) -> dict[str, Any]:
    is_row = [pl.col(name).eq_missing(pl.lit(value)) for name, value in names.items()]
    return rows.row(by_predicate=pl.all_horizontal(is_row), named=True)


def counts(cohorts: pl.DataFrame, clinic: str | None, period: str) -> dict[str, int]:
    return row_of(cohorts, clinic_id=clinic, period=period)


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


def test_a_quarter_holds_the_episodes_of_its_months_and_each_person_once(
    cohorts: pl.DataFrame,
) -> None:
    quarter = counts(cohorts, None, "2024-Q1")
    assert (quarter["is_quarter"], quarter["episodes"], quarter["patients"]) == (True, 4, 3)
    # The quarter ends with March, whether or not anything began in it.
    assert quarter["observed_days"] == 275


def test_missed_sessions_are_told_apart(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, "C1", "2024-01")
    assert (january["no_shows"], january["late_cancellations"]) == (1, 1)
    assert (january["sessions_attended"], january["sessions_with_pain"]) == (4, 2)


def test_only_measured_exits_are_measured_and_all_evidence_is_an_exit(
    cohorts: pl.DataFrame,
) -> None:
    january = counts(cohorts, None, "2024-01")
    assert (january["exits_met"], january["exits_measured"]) == (3, 1)
    assert january["patients_exits_met"] == 2


def test_who_never_met_the_exit_of_stage_1_and_who_was_harmed(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, None, "2024-01")
    assert (january["worked_stage_1"], january["never_exited_stage_1"]) == (3, 1)
    assert (january["adverse_endings"], january["completed_all"]) == (1, 0)


def test_reinjury_counts_at_the_horizon_where_the_status_is_known(cohorts: pl.DataFrame) -> None:
    january = counts(cohorts, None, "2024-01")
    assert (january["status_known_at_horizon"], january["reinjured_at_horizon"]) == (3, 2)


def test_visits_and_days_of_a_stage_are_those_of_its_own_sessions(registry: Connection) -> None:
    stages = read_frame(registry, "marts.quality_stages")
    first = row_of(stages, clinic_id=None, period="2024-Q1", stage=1)
    assert (first["episodes_in_stage"], first["visits"], first["patients_in_stage"]) == (4, 5, 3)
    assert (first["exited_stays"], first["exited_days"], first["patients_exited"]) == (2, 0, 1)
    second = row_of(stages, clinic_id="C1", period="2024-01", stage=2)
    assert (second["episodes_in_stage"], second["visits"], second["exited_stays"]) == (2, 2, 0)


def test_endings_in_harm_know_how_many_episodes_had_begun(registry: Connection) -> None:
    endings = read_frame(registry, "marts.adverse_endings")
    assert endings["start_month"].to_list() == ["2024-01", "2024-02"]
    assert endings["episodes_begun"].to_list() == [2, 4]
    assert endings["episodes_begun_in_clinic"].to_list() == [2, 3]
    # Day 5 was the last session of E2, and 2024-01-01 is day 8766 since 2000-01-01.
    assert endings["ended_day_number"][0] == 8766 + 5


def test_a_therapists_sessions_are_those_of_one_clinic(registry: Connection) -> None:
    therapists = read_frame(registry, "marts.therapist_sessions")
    other = row_of(therapists, clinic_id="C1", therapist_id="T2")
    assert (other["sessions_attended"], other["sessions_premature"], other["exits_met"]) == (
        2,
        1,
        1,
    )
    own = row_of(therapists, clinic_id="C1", therapist_id="T1")
    assert (own["episodes"], own["sessions_with_pain"], own["exits_measured"]) == (2, 3, 1)
    assert row_of(therapists, clinic_id="C2", therapist_id="T1")["patients"] == 1
