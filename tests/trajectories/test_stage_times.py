"""Time in a stage until its exit: drop-outs are censored, clinics add up."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import RESULT_TABLES
from analysis.disclosure import release_tables
from analysis.trajectories.stage_times import exit_curve, stage_endings, stage_times
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import episode, registry_of

PROTOCOL = load_protocol()


def marts_of(drawn: dict[str, str], **others: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    with registry_in_memory(registry_of(drawn, **others), PROTOCOL) as registry:
        return tuple(read_frame(registry, f"marts.{m}") for m in ("stage_spells", "care_endings"))  # type: ignore[return-value]


def spells_of(*drawn: tuple[int, bool], clinic: str = "a", first: int = 0) -> pl.DataFrame:
    """Draw spells of stage 1, each of so many days, that end with the exit or without it."""
    rows = [
        (first + number, first + number, clinic, 1, 0, days if exited else None, days)
        for number, (days, exited) in enumerate(drawn)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "episode_key": pl.Int64,
            "patient_key": pl.Int64,
            "clinic_id": pl.String,
            "stage": pl.Int32,
            "first_worked_day": pl.Int32,
            "exit_day": pl.Int32,
            "last_session_day": pl.Int32,
        },
        orient="row",
    )


def of(rows: pl.DataFrame, unit: str = "network", **where: Any) -> dict[str, Any]:
    kept = rows.filter(unit_name=unit, **where)
    assert kept.height == 1
    return kept.row(0, named=True)


def test_a_spell_runs_from_first_working_a_stage_to_its_exit() -> None:
    spells, _ = marts_of({"e1": "1, 1[1], 2, 2, 3+2"})

    assert spells.select("stage", "first_worked_day", "exit_day", "care_ended").rows() == [
        (1, 0, 7, False),
        (2, 14, None, True),
        (3, 28, None, True),
    ]
    assert spells["last_session_day"].unique().to_list() == [28]


def test_a_stage_worked_beside_another_begins_then_and_an_inferred_exit_does_not_count() -> None:
    tables = registry_of({"e1": "1+2, 1[1], 2[2]"})
    inferred = tables["sessions"].with_columns(
        exit_evidence=pl.Series(["measured", "inferred", "attested"])
    )

    spells, _ = marts_of({"e1": ""}, **{**tables, "sessions": inferred})

    assert spells.select("stage", "first_worked_day", "exit_day").rows() == [
        (1, 0, None),
        (2, 0, 14),
    ]


def test_care_ends_with_the_stage_that_is_due_and_its_reason() -> None:
    people = [
        episode("e1", "p-e1", discharge_reason="moved"),
        episode("e2", "p-e2"),
        episode("e3", "p-e3", discharge_reason="ongoing"),
        episode("e4", "p-e4", discharge_reason="goals_met"),
    ]
    _, endings = marts_of(
        {"e1": "1[1], 2", "e2": "1, 3", "e3": "1", "e4": "1[1],2[2],3[3],4[4],5[5]"},
        episodes=pl.DataFrame(people, infer_schema_length=None),
    )

    counted = stage_endings(endings)

    network = counted.filter(unit_kind="network").select("stage", "reason", "episodes")
    assert network.rows() == [(1, "not_recorded", 1), (2, "moved", 1)]


def test_the_share_that_exited_is_kaplan_meier() -> None:
    # 12 exit at 1 week, 12 leave at 2 weeks, 12 exit at 3 weeks, 12 leave at 4 weeks.
    parts = [(7, True), (14, False), (21, True), (28, False)]
    times, exits = stage_times(spells_of(*(part for part in parts for _ in range(12))), PROTOCOL)

    network = times.filter(unit_name="network")
    assert network["at_risk"].to_list() == [48, 48, 36, 24, 12]
    assert network["share_exited"].to_list() == pytest.approx([0, 1 / 4, 1 / 4, 5 / 8, 5 / 8])
    row = of(exits)
    assert (row["episodes"], row["exited"], row["not_exited"]) == (48, 24, 24)
    assert row["median_weeks"] == 3
    assert row["never_exit_share"] == pytest.approx(3 / 8)


def test_the_curve_stops_where_too_few_are_at_risk() -> None:
    spells = spells_of(*[(7, True)] * 20, *[(70, False)] * 3)
    times, exits = stage_times(spells, PROTOCOL)
    assert times.filter(unit_name="network")["week"].to_list() == [0, 1]
    assert of(exits)["never_exit_share"] == pytest.approx(3 / 23)


def test_episodes_of_a_patient_are_one_cluster() -> None:
    draw = np.random.default_rng(3)
    days, exited = draw.integers(0, 60, 300), draw.random(300) < 0.7
    alone = exit_curve(days, exited, np.arange(300), 0.95, 364)
    # Everybody twice: the same curve, and the error of half as many.
    twice = exit_curve(np.tile(days, 2), np.tile(exited, 2), np.tile(np.arange(300), 2), 0.95, 364)
    assert twice.share == pytest.approx(alone.share)
    assert twice.low[:-1] == pytest.approx(alone.low[:-1])
    apart = exit_curve(np.tile(days, 2), np.tile(exited, 2), np.arange(600), 0.95, 364)
    assert np.nanmin((twice.high - twice.low) / (apart.high - apart.low)) > 1.3


def test_clinics_add_up_to_the_network() -> None:
    draw = np.random.default_rng(5)
    clinics = [
        spells_of(
            *zip(draw.integers(0, 90, size), draw.random(size) < 0.6, strict=True),
            clinic=name,
            first=first,
        )
        for name, size, first in (("a", 40, 0), ("b", 25, 40), ("c", 3, 65))
    ]
    _, exits = stage_times(pl.concat(clinics), PROTOCOL)
    for count in ("episodes", "patients", "exited", "not_exited"):
        of_clinics = exits.filter(unit_kind="clinic")[count].sum()
        assert of(exits)[count] == of_clinics


@pytest.mark.parametrize("episodes", [0, 1, 5, 60])
def test_times_and_endings_pass_the_release_gate(episodes: int) -> None:
    draw = np.random.default_rng(episodes)
    spells = spells_of(
        *zip(draw.integers(0, 90, episodes), draw.random(episodes) < 0.6, strict=True)
    )
    endings = pl.DataFrame(
        {
            "patient_key": pl.int_range(episodes, eager=True),
            "clinic_id": ["a" if one % 3 else "b" for one in range(episodes)],
            "stage_due": [1 + one % 2 for one in range(episodes)],
            "reason": ["lost" if one % 5 else "moved" for one in range(episodes)],
            "has_ended": [True] * episodes,
        },
        schema_overrides={"clinic_id": pl.String, "reason": pl.String, "has_ended": pl.Boolean},
    )
    times, exits = stage_times(spells, PROTOCOL)
    frames = {"stage_times": times, "stage_exits": exits, "stage_endings": stage_endings(endings)}
    for name, frame in frames.items():
        assert frame.columns == list(RESULT_TABLES[name])
    released = release_tables(frames, PROTOCOL.disclosure)
    if episodes == 60:
        assert of(released["stage_exits"].rows)["episodes"] == 60


def test_a_hidden_ending_cannot_be_subtracted_from_the_network() -> None:
    counts = {("a", "lost"): 60, ("a", "moved"): 1, ("b", "lost"): 60, ("b", "moved"): 23}
    drawn = [key for key, count in counts.items() for _ in range(count)]
    endings = pl.DataFrame(drawn, schema=["clinic_id", "reason"], orient="row").with_columns(
        patient_key=pl.int_range(len(drawn)), stage_due=1, has_ended=True
    )
    frames = {"stage_endings": stage_endings(endings)}
    rows = release_tables(frames, PROTOCOL.disclosure)["stage_endings"].rows
    moved = rows.filter(reason="moved").select("unit_name", "episodes").rows()
    assert moved == [("network", 25), ("a", None), ("b", None)]
    assert of(rows, "b", reason="lost")["episodes"] == 60


def test_a_hidden_exit_does_not_come_back_from_the_funnel() -> None:
    spells = spells_of(*[(7, True)] * 58, *[(14, False)] * 3)
    _, exits = stage_times(spells, PROTOCOL)
    funnel = exits.select(
        "unit_kind",
        "unit_name",
        "stage",
        episodes_worked="episodes",
        episodes_completed="exited",
        patients_worked="patients",
    )
    released = release_tables({"stage_exits": exits, "stage_funnel": funnel}, PROTOCOL.disclosure)
    assert of(released["stage_exits"].rows)["not_exited"] is None
    assert of(released["stage_exits"].rows)["exited"] is None
    assert of(released["stage_funnel"].rows)["episodes_completed"] is None
