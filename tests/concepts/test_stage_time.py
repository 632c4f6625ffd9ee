"""The days from one attended session to the next are worked in the stage of the earlier one."""

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

SESSIONS = """
    day  sequence  status    stage  pain
    0    -         attended  1      8
    7    -         attended  1      6
    10   -         no_show   -      -
    14   1         attended  2      5
    14   2         attended  3      4
    21   -         attended  2      3
"""

MEASURED = """
    day  value
    3    70
    14   71
    16   72
    21   73
    40   74
"""


def drawn(text: str) -> list[list[str | None]]:
    _, *rows = [line.split() for line in text.strip().splitlines()]
    return [[None if cell == "-" else cell for cell in row] for row in rows]


def number(cell: str | None) -> int | None:
    return None if cell is None else int(cell)


@pytest.fixture(scope="module")
def exposure() -> pl.DataFrame:
    sessions = pl.DataFrame(
        [
            {
                "session_id": f"S{place}",
                "episode_id": "E1",
                "therapist_id": "T1",
                "day": number(day),
                "sequence": number(sequence),
                "status": status,
                "stage": number(stage),
                "pain_nrs": number(pain),
            }
            for place, (day, sequence, status, stage, pain) in enumerate(drawn(SESSIONS))
        ]
    )
    measurements = pl.DataFrame(
        [
            {
                "episode_id": "E1",
                "day": number(day),
                "instrument": "dynamometer_pct",
                "value": float(value or 0),
                "unit": "%",
            }
            for day, value in drawn(MEASURED)
        ]
    )
    episode = {
        "episode_id": "E1",
        "patient_id": "P1",
        "clinic_id": "C1",
        "start_month": "2024-01",
        "region": "lumbar",
        "condition": "ischemia",
        "chronicity": "acute",
        "prior_episodes": 0,
    }
    tables = {
        "patients": pl.DataFrame([{"patient_id": "P1", "sex": "F", "age_band": "40-49"}]),
        "episodes": pl.DataFrame([episode]),
        "sessions": sessions,
        "measurements": measurements,
    }
    connection = registry_in_memory(tables, load_protocol())
    try:
        rows = read_frame(connection, "marts.domain_exposure")
    finally:
        connection.close()
    days = [(pl.col(f"weeks_stage_{stage}") * 7).round(6) for stage in range(1, 6)]
    return rows.sort("domain", "day", "position").with_columns(days)


def days_of(exposure: pl.DataFrame, domain: str) -> list[tuple[float | None, ...]]:
    rows = exposure.filter(pl.col("domain") == domain)
    return rows.select("day", "value", "weeks_stage_1", "weeks_stage_2", "weeks_stage_3").rows()


def test_a_session_has_behind_it_the_time_up_to_its_day(exposure: pl.DataFrame) -> None:
    assert days_of(exposure, "pain") == [
        (0, 8, 0, 0, 0),
        (7, 6, 7, 0, 0),
        (14, 5, 14, 0, 0),
        (14, 4, 14, 0, 0),
        (21, 3, 14, 0, 7),
    ]


def test_a_measurement_between_sessions_counts_the_days_since(exposure: pl.DataFrame) -> None:
    assert days_of(exposure, "strength") == [
        (3, 70, 3, 0, 0),
        (14, 71, 14, 0, 0),
        (16, 72, 14, 0, 2),
        (21, 73, 14, 0, 7),
        (40, 74, None, None, None),
    ]
