"""Draws tables and episodes from text, so that a test shows the records it is about."""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

SESSION = re.compile(r"(?P<worked>[1-5](?:\+[1-5])*)(?:\[(?P<met>[1-5])\])?")
DAYS_BETWEEN_SESSIONS = 7

Tables = dict[str, pl.DataFrame]


def table(text: str) -> pl.DataFrame:
    """Return the table drawn as lines of cells between bars, the first line naming the columns.

    `-` is an unknown value; cells of numbers, `true` and `false` become such, all others text.
    """
    lines = [line.strip().strip("|") for line in text.strip().splitlines()]
    names, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    cells = [[_value(cell) for cell in row] for row in rows]
    return pl.DataFrame(cells, schema=names, orient="row", strict=False, infer_schema_length=None)


def sessions(drawn: str, episode_id: str = "e1") -> list[dict[str, Any]]:
    """Return the attended sessions drawn as `1, 1+2[1], 2[2]`, a week apart from day 0.

    `1+2[1]` works the stages 1 and 2 and meets the exit of 1, measured; the stage whose exit is
    met is the session's own, otherwise the one named first.
    """
    return [
        _session(part.strip(), episode_id, number)
        for number, part in enumerate(drawn.split(","), 1)
        if part.strip()
    ]


def registry_of(drawn: Mapping[str, str], /, **others: pl.DataFrame) -> Tables:
    """Return the tables of a registry with one patient for each drawn episode, by episode id.

    Keyword arguments give further tables, or take the place of the drawn ones.
    """
    attended = [row for name, text in drawn.items() for row in sessions(text, name)]
    tables = {
        "patients": pl.DataFrame([patient(f"p-{name}") for name in drawn]),
        "episodes": pl.DataFrame([episode(name, f"p-{name}") for name in drawn]),
        "sessions": pl.DataFrame(attended, schema=SESSION_SCHEMA),
    }
    return {**tables, **others}


def patient(patient_id: str, **values: Any) -> dict[str, Any]:
    """Return a patient of whom little is known."""
    return {"patient_id": patient_id, "sex": "F", "age_band": "40-49", **values}


def episode(episode_id: str, patient_id: str, **values: Any) -> dict[str, Any]:
    """Return an episode of a knee in clinic c1."""
    return {
        "episode_id": episode_id,
        "patient_id": patient_id,
        "clinic_id": "c1",
        "start_month": "2025-01",
        "region": "knee",
        "condition": "ischemia",
        "chronicity": "acute",
        "prior_episodes": 0,
        **values,
    }


SESSION_SCHEMA: dict[str, Any] = {
    "session_id": pl.String,
    "episode_id": pl.String,
    "therapist_id": pl.String,
    "day": pl.Int64,
    "status": pl.String,
    "stage": pl.Int64,
    "also_stages": pl.List(pl.Int64),
    "exit_met": pl.Boolean,
    "exit_evidence": pl.String,
}


def _session(part: str, episode_id: str, number: int) -> dict[str, Any]:
    matched = SESSION.fullmatch(part)
    assert matched is not None, f"cannot read the session {part!r}"
    worked = [int(stage) for stage in matched["worked"].split("+")]
    stage = int(matched["met"] or worked[0])
    return {
        "session_id": f"{episode_id}-{number:03}",
        "episode_id": episode_id,
        "therapist_id": "t1",
        "day": (number - 1) * DAYS_BETWEEN_SESSIONS,
        "status": "attended",
        "stage": stage,
        "also_stages": [other for other in worked if other != stage] or None,
        "exit_met": matched["met"] is not None,
        "exit_evidence": "measured",
    }


def _value(cell: str) -> Any:
    if cell in {"-", ""}:
        return None
    if cell in {"true", "false"}:
        return cell == "true"
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
