"""What is recorded is counted for each clinic and held against what the analyses need."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.quality.tiers import data_quality, requirements
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import episode, patient, table

PROTOCOL = load_protocol()
MONTHS = pl.DataFrame({"period": ["2024-01", "2025-01"], "observed_days": [400, 100]})


def record(clinic: str, number: int, **own: Any) -> dict[str, Any]:
    return {
        "episode_id": f"E{number}",
        "patient_key": number,
        "clinic_id": clinic,
        "start_month": "2024-01",
        "attended_sessions": 10,
        "sessions_with_pain": 9,
        "stage_changes": 4,
        "stage_changes_with_evidence": 3,
        "follow_up_attempts": 1,
        "is_known": True,
    } | own


def rows_of(*records: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    episodes = pl.DataFrame(list(records))
    gate = pl.DataFrame(
        {"clinic_id": [None, "C1"], "attended_sessions": [230, 200], "stage_known": [200, 200],
         "patients": [20, 20]}
    )  # fmt: skip
    found = data_quality(
        episodes.drop("is_known"),
        episodes.select("episode_id", "is_known"),
        gate,
        MONTHS,
        PROTOCOL,
    )
    return {(row["unit_name"], row["requirement"]): row for row in found.rows(named=True)}


def test_shares_are_of_what_the_clinic_could_have_recorded() -> None:
    found = rows_of(*(record("C1", number) for number in range(20)))
    pain = found["C1", "pain_recorded"]
    assert (pain["numerator"], pain["denominator"], pain["patients"]) == (180, 200, 20)
    assert (pain["tier"], pain["share"], pain["is_met"]) == (1, 0.9, True)
    evidence = found["C1", "exit_evidence"]
    assert (evidence["tier"], evidence["share"], evidence["is_met"]) == (2, 0.75, False)
    assert found["network", "stage_recorded"]["share"] == pytest.approx(200 / 230)


def test_only_episodes_past_their_horizon_are_asked_for_follow_up() -> None:
    old = [record("C1", number, follow_up_attempts=number % 2) for number in range(30)]
    young = [
        record("C1", number, start_month="2025-01", is_known=False) for number in range(30, 60)
    ]
    found = rows_of(*old, *young)
    attempted, known = found["C1", "follow_up_attempted"], found["C1", "status_known"]
    assert (attempted["numerator"], attempted["denominator"], attempted["patients"]) == (15, 30, 30)
    assert (attempted["is_met"], known["is_met"]) == (False, True)


def test_nothing_to_record_is_no_share_and_is_not_met() -> None:
    changes = {"stage_changes": 0, "stage_changes_with_evidence": 0}
    found = rows_of(*(record("C1", number, **changes) for number in range(20)))
    evidence = found["C1", "exit_evidence"]
    assert (evidence["denominator"], evidence["patients"]) == (0, 0)
    assert (evidence["share"], evidence["is_met"]) == (None, None)


def test_whether_it_is_met_tells_no_more_than_the_rounded_counts() -> None:
    # 47 of 60 is below 80 %, yet rounds to 45 of 60; 48 of 60 is 80 %, and rounds to 50 of 60.
    def evidence(with_evidence: int) -> dict[str, Any]:
        rows = [
            record("C1", place, stage_changes=1, stage_changes_with_evidence=place < with_evidence)
            for place in range(60)
        ]
        return rows_of(*rows)["C1", "exit_evidence"]

    assert [evidence(count)["is_met"] for count in (47, 48, 50, 52)] == [False, True, True, True]
    assert evidence(9)["is_met"] is None


def test_the_marts_tell_what_is_recorded_of_an_episode() -> None:
    tables = {
        "patients": pl.DataFrame([patient("p1")]),
        "episodes": pl.DataFrame([episode("e1", "p1")]),
        "sessions": table("""
            session_id | episode_id | therapist_id | day | status   | stage | exit_met | exit_evidence | pain_nrs
            s1         | e1         | t1           | 0   | attended | 1     | true     | measured      | 5
            s2         | e1         | t1           | 7   | attended | 2     | -        | -             | -
            s3         | e1         | t1           | 9   | no_show  | -     | -        | -             | -
            s4         | e1         | t1           | 14  | attended | 3     | true     | inferred      | 2
        """),  # noqa: E501
        "followups": table("""
            episode_id | day | outcome
            e1         | 90  | no_answer
            e1         | 180 | reached
        """),
    }
    connection = registry_in_memory(tables, PROTOCOL)
    try:
        row = read_frame(connection, "marts.episode_records").row(0, named=True)
    finally:
        connection.close()
    assert (row["attended_sessions"], row["sessions_with_pain"]) == (3, 2)
    assert (row["stage_changes"], row["stage_changes_with_evidence"]) == (2, 1)
    assert row["follow_up_attempts"] == 2


def test_every_tier_above_the_first_asks_for_something() -> None:
    assert {each.tier for each in requirements(PROTOCOL)} == {1, 2, 3}
