"""Outcome, last known status and contacts: what is known of an episode, and until when."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import Protocol, load_protocol, parse_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import registry_of, table

NO_EVENTS = table("event_id | episode_id | day | kind")
NO_FOLLOW_UPS = table("episode_id | day | outcome")


def events(*drawn: tuple[int, str]) -> pl.DataFrame:
    rows = [
        {"event_id": f"v{number}", "episode_id": "e1", "day": day, "kind": kind}
        for number, (day, kind) in enumerate(drawn)
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(NO_EVENTS.columns, pl.String) | {"day": pl.Int64}
    )


def followups(*drawn: tuple[int, str]) -> pl.DataFrame:
    rows = [{"episode_id": "e1", "day": day, "outcome": outcome} for day, outcome in drawn]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(NO_FOLLOW_UPS.columns, pl.String) | {"day": pl.Int64}
    )


def mart(
    name: str, drawn: str = "1, 1, 1", protocol: Protocol | None = None, **others: pl.DataFrame
) -> list[dict[str, Any]]:
    tables = registry_of({"e1": drawn}, **others)
    with registry_in_memory(tables, protocol or load_protocol()) as registry:
        return read_frame(registry, f"marts.{name}").to_dicts()


def outcome(**others: Any) -> dict[str, Any]:
    (row,) = mart("episode_outcomes", **others)
    return row


def test_without_an_event_follow_up_ends_at_the_last_known_status() -> None:
    row = outcome(followups=followups((90, "reached"), (180, "no_answer"), (365, "refused")))

    assert row["last_known_day"] == 90
    assert row["followed_days"] == 90
    assert row["is_event"] is False
    assert row["reinjury_day"] is None


def test_care_beyond_the_horizon_is_followed_to_the_horizon() -> None:
    row = outcome(followups=followups((500, "reached")))

    assert (row["last_known_day"], row["followed_days"]) == (500, 365)


def test_the_first_reinjury_is_the_outcome() -> None:
    row = outcome(events=events((200, "reinjury"), (120, "reinjury"), (100, "other_region")))

    assert row["reinjury_day"] == 120
    assert row["followed_days"] == 120
    assert row["last_known_day"] == 200
    assert row["is_event"] is True


@pytest.mark.parametrize(
    ("surgery", "is_event", "followed"), [(119, False, 119), (120, True, 120), (121, True, 120)]
)
def test_a_competing_event_ends_follow_up_unless_it_comes_with_or_after_the_reinjury(
    surgery: int, is_event: bool, followed: int
) -> None:
    row = outcome(events=events((120, "reinjury"), (surgery, "surgery")))

    assert row["competing_day"] == surgery
    assert row["competing_kind"] == "surgery"
    assert row["is_event"] is is_event
    assert row["followed_days"] == followed


def test_a_reinjury_after_the_horizon_is_known_and_is_no_event() -> None:
    row = outcome(events=events((366, "reinjury")))

    assert row["reinjury_day"] == 366
    assert row["is_event"] is False
    assert row["followed_days"] == 365


def test_the_horizon_and_the_roles_are_the_protocols() -> None:
    protocol = parse_protocol(
        "[study]\nhorizon_days = 100\n"
        "[outcome]\nevent = 'surgery'\ncompeting = ['death']\nnegative_controls = []"
    )

    row = outcome(events=events((50, "reinjury"), (100, "surgery")), protocol=protocol)

    assert row["is_event"] is True
    assert row["followed_days"] == 100


def test_nothing_is_known_of_an_episode_without_any_record() -> None:
    row = outcome(drawn="")

    assert row["last_known_day"] is None
    assert row["followed_days"] is None
    assert row["is_event"] is False


def test_a_contact_is_a_day_on_which_status_was_seen_with_the_latest_pain() -> None:
    tables = registry_of({"e1": "1, 1, 1, 1"})
    sessions = tables["sessions"].with_columns(
        day=pl.Series([0, 7, 7, 30]), pain_nrs=pl.Series([8, 6, None, None])
    )
    reached = [(7, "reached"), (20, "reached"), (20, "reached"), (25, "refused"), (90, "reached")]

    rows = mart("contacts", sessions=sessions, followups=followups(*reached))

    assert [tuple(row.values())[1:] for row in rows] == [
        (0, "session", 8, False),
        (7, "session", 6, False),
        (20, "follow_up", 6, False),
        (30, "session", 6, False),
        (90, "follow_up", 6, True),
    ]


def test_an_event_after_the_last_contact_makes_no_contact_the_last() -> None:
    rows = mart("contacts", drawn="1", events=events((50, "other_region")))

    assert [(row["day"], row["is_last"]) for row in rows] == [(0, False)]


def test_the_first_event_of_each_kind_is_kept_whatever_came_before() -> None:
    drawn = events((40, "reinjury"), (20, "surgery"), (60, "reinjury"), (400, "other_region"))

    rows = mart("first_events", events=drawn)

    assert [(row["kind"], row["day"]) for row in rows] == [
        ("other_region", 400),
        ("reinjury", 40),
        ("surgery", 20),
    ]


def test_every_day_of_re_injury_is_kept_once() -> None:
    drawn = events((40, "reinjury"), (60, "reinjury"), (40, "reinjury"), (50, "surgery"))

    assert [row["day"] for row in mart("reinjuries", events=drawn)] == [40, 60]
