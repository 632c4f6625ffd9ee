"""What the study reads: its population, decision points, funnel and the quality of its records."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from pipelines.warehouse.build import build_tables, registry_in_memory
from pipelines.warehouse.connection import read_frame, write_frame
from tests.drawing import Tables, episode, patient, registry_of, table


def mart(name: str, tables: Tables) -> pl.DataFrame:
    with registry_in_memory(tables, load_protocol()) as registry:
        return read_frame(registry, f"marts.{name}")


def decisions(drawn: str, order_name: str = "seed") -> list[tuple[Any, ...]]:
    rows = mart("decision_points", registry_of({"e1": drawn})).filter(order_name=order_name)
    return rows.select("session_number", "stage_due", "visits_in_stage", "is_violation").rows()


def test_the_population_begins_on_day_0_with_an_attended_session() -> None:
    tables = registry_of({"studied": "1, 2", "late": "1", "empty": ""})
    sessions = tables["sessions"].with_columns(
        day=pl.when(episode_id="late").then(3).otherwise("day")
    )
    tables = {**tables, "sessions": sessions}

    assert mart("attrition", tables).rows() == [
        (1, "episodes accepted into the registry", 3),
        (2, "with at least one attended session", 2),
        (3, "whose first attended session is on day 0", 1),
    ]
    assert mart("episode_baseline", tables)["episode_id"].to_list() == ["studied"]
    assert mart("contacts", tables)["episode_key"].unique().len() == 1
    assert mart("decision_points", tables)["episode_key"].unique().len() == 1
    assert mart("episode_adherence", tables)["episode_id"].unique().len() == 3
    assert mart("episode_outcomes", tables).height == 3


def test_the_baseline_is_what_was_known_before_the_first_choice() -> None:
    tables = registry_of(
        {"e1": "1, 1"},
        patients=pl.DataFrame([patient("p-e1", comorbidity_count=2, work_load="heavy")]),
        episodes=pl.DataFrame([episode("e1", "p-e1", prior_episodes=3, side="L")]),
    )
    sessions = tables["sessions"].with_columns(pain_nrs=pl.Series([7.0, 2.0]))

    (row,) = mart("episode_baseline", {**tables, "sessions": sessions}).to_dicts()

    assert row["first_pain_nrs"] == 7.0
    assert (row["comorbidity_count"], row["work_load"]) == (2, "heavy")
    assert (row["prior_episodes"], row["side"], row["clinic_id"]) == (3, "L", "c1")


def test_decisions_end_with_the_first_violation() -> None:
    assert decisions("1, 2, 1[1], 2") == [(1, 1, 0, False), (2, 1, 1, True)]


def test_decisions_end_when_no_stage_waits_any_more() -> None:
    assert decisions("1, 1[1], 2[2], 3[3], 1, 4[4], 5, 5") == [
        (1, 1, 0, False),
        (2, 1, 1, False),
        (3, 2, 0, False),
        (4, 3, 0, False),
        (5, 4, 0, False),
        (6, 4, 0, False),
    ]


def test_a_visit_in_the_stage_due_is_any_earlier_session_that_worked_it() -> None:
    assert decisions("1+2[1], 2, 2[2], 3") == [
        (1, 1, 0, False),
        (2, 2, 1, False),
        (3, 2, 2, False),
        (4, 3, 0, False),
    ]


def test_the_stage_due_is_the_orders() -> None:
    assert decisions("1[1], 3, 3[3], 2", "alt23") == [
        (1, 1, 0, False),
        (2, 3, 0, False),
        (3, 3, 1, False),
        (4, 2, 0, False),
    ]
    assert decisions("1[1], 3, 3[3], 2", "partial") == [
        (1, 1, 0, False),
        (2, 2, 0, False),
        (3, 2, 0, False),
        (4, 2, 0, False),
    ]


def test_pain_at_a_decision_is_this_sessions_or_the_latest_known() -> None:
    tables = registry_of({"e1": "1, 1, 1"})
    sessions = tables["sessions"].with_columns(pain_nrs=pl.Series([None, 6.0, None]))

    rows = mart("decision_points", {**tables, "sessions": sessions}).filter(order_name="seed")

    assert rows["pain_nrs"].to_list() == [None, 6.0, None]
    assert rows["last_pain_nrs"].to_list() == [None, 6.0, 6.0]


def order_decisions(drawn: str) -> list[tuple[Any, ...]]:
    rows = mart("order_decision_points", registry_of({"e1": drawn}))
    columns = ("session_number", "stage_due", "stage_reached", "visits_in_stage")
    return rows.select(*columns, "is_reached_completed", "has_violated", "is_skip").rows()


def test_skipping_is_possible_until_every_stage_that_comes_first_was_worked() -> None:
    assert order_decisions("1, 2, 2+3[2], 1, 4, 5, 5") == [
        (1, 1, None, 0, False, False, False),
        (2, 2, 1, 1, False, False, False),
        (3, 3, 2, 1, False, True, False),
        (4, 4, 3, 1, False, True, False),
        (5, 4, 3, 1, False, True, False),
    ]


def test_sessions_at_which_skipping_was_possible_end_with_the_first_skip() -> None:
    assert order_decisions("1[1], 3, 2, 4") == [
        (1, 1, None, 0, False, False, False),
        (2, 2, 1, 1, True, False, True),
    ]
    assert order_decisions("2") == [(1, 1, None, 0, False, False, True)]


def care(tables: Tables) -> list[tuple[Any, ...]]:
    columns = ("session_number", "day", "decided_day", "stage_due", "visits_in_stage")
    return mart("care_points", tables).select(*columns, "has_violated", "is_left").rows()


def test_coming_back_is_decided_when_the_longest_gap_has_passed() -> None:
    assert care(registry_of({"e1": "1[1], 3, 2[2]"})) == [
        (1, 0, 42, 2, 0, False, False),
        (2, 7, 49, 2, 0, True, False),
        (3, 14, 56, 3, 1, True, True),
    ]


def test_nobody_leaves_care_who_has_completed_its_last_stage() -> None:
    assert care(registry_of({"e1": "1[1], 5[5], 2, 2"})) == [(1, 0, 42, 2, 0, False, False)]


@pytest.mark.parametrize(("gap", "left"), [(42, False), (43, True)])
def test_care_ends_with_the_first_gap_that_is_too_long(gap: int, left: bool) -> None:
    tables = registry_of({"e1": "1, 1, 1"})
    sessions = tables["sessions"].with_columns(day=pl.Series([0, gap, gap + 60]))

    rows = care({**tables, "sessions": sessions})

    assert [row[0] for row in rows] == ([1] if left else [1, 2])
    assert [row[-1] for row in rows] == ([True] if left else [False, True])


def test_several_sessions_of_a_day_are_one_occasion_to_leave_care() -> None:
    tables = registry_of({"e1": "1, 1[1], 2"})
    sessions = tables["sessions"].with_columns(day=pl.Series([0, 0, 5]))

    assert care({**tables, "sessions": sessions}) == [
        (2, 0, 42, 2, 0, False, False),
        (3, 5, 47, 2, 0, False, True),
    ]


def test_the_funnel_counts_episodes_and_people_by_clinic_and_for_all() -> None:
    episodes = pl.DataFrame(
        [
            episode("a", "p-a"),
            episode("b", "p-a"),
            episode("c", "p-c", clinic_id="c2"),
        ]
    )
    tables = registry_of({"a": "1[1], 2", "b": "1", "c": "1, 1+3"}, episodes=episodes)

    funnel = mart("stage_funnel", tables)

    assert funnel.filter(pl.col("clinic_id").is_null()).rows() == [
        (None, 1, 3, 1, 2, 1),
        (None, 2, 1, 0, 1, 0),
        (None, 3, 1, 0, 1, 0),
        (None, 4, 0, 0, 0, 0),
        (None, 5, 0, 0, 0, 0),
    ]
    assert funnel.filter(clinic_id="c2")["episodes_worked"].to_list() == [1, 0, 1, 0, 0]


def test_a_stage_change_has_evidence_when_the_session_before_it_says_measured_or_attested() -> None:
    tables = registry_of(
        {"measured": "1[1], 2", "unmet": "1, 2", "inferred": "1, 2", "none": "1, 2"}
    )
    evidence = pl.col("episode_id").replace({"unmet": "attested", "none": None})
    sessions = tables["sessions"].with_columns(exit_evidence=evidence)

    (row,) = (
        mart("record_quality", {**tables, "sessions": sessions}).filter(clinic_id="c1").to_dicts()
    )

    assert (row["stage_changes"], row["stage_changes_with_evidence"]) == (4, 2)
    assert (row["attended_sessions"], row["stage_known"]) == (8, 8)
    assert (row["episodes"], row["patients"]) == (4, 4)


def test_sessions_rejected_for_their_stage_count_as_sessions_of_unknown_stage() -> None:
    rejections = table(
        """
        delivery_id | file         | line | column_name | rule     | message
        d1          | sessions.csv | 2    | stage       | required | write a stage
        d1          | sessions.csv | 2    | stage       | other    | write a stage
        d1          | sessions.csv | 3    | pain_nrs    | range    | write 0 to 10
        """
    )
    with registry_in_memory(registry_of({"e1": "1"}), load_protocol()) as registry:
        write_frame(registry, "quarantine.rejections", rejections)
        build_tables(registry, load_protocol())
        network, clinic = read_frame(registry, "marts.record_quality").to_dicts()

    assert (network["attended_sessions"], network["stage_known"]) == (2, 1)
    assert (clinic["attended_sessions"], clinic["stage_known"]) == (1, 1)


@pytest.mark.parametrize(
    ("day", "outcome", "known"), [(365, "reached", 1), (364, "reached", 0), (365, "no_answer", 0)]
)
def test_status_is_known_at_the_horizon_or_beyond(day: int, outcome: str, known: int) -> None:
    followups = pl.DataFrame([{"episode_id": "e1", "day": day, "outcome": outcome}])

    rows = mart("record_quality", registry_of({"e1": "1"}, followups=followups))

    assert rows["status_known_episodes"].to_list() == [known, known]
