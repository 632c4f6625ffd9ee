"""Weights for attending undo what leaving on the last seen value does to the slopes."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.trajectories.attendance import (
    attendance_doubts,
    attendance_weights,
    care_sessions,
)
from analysis.trajectories.doubts import Doubt
from tests.drawing import table

PROTOCOL = load_protocol()
PAIN = PROTOCOL.domains["pain"]


def leaving_on_pain(people: int, strength: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw weekly pain that falls by 0.3 a week; whoever hurts more leaves sooner."""
    draw = np.random.default_rng(4)
    weeks = 8
    pain = 6 + 1.5 * draw.normal(size=(people, 1)) - 0.3 * np.arange(weeks)
    pain = pain + draw.normal(size=(people, weeks))
    leaves = draw.random((people, weeks)) < 1 / (1 + np.exp(2.2 - strength * (pain - 5)))
    stays = np.cumsum(leaves, axis=1) - leaves == 0
    person, week = np.nonzero(stays)
    is_last = np.append(person[1:] != person[:-1], True)
    rows = pl.DataFrame(
        {
            "episode_key": person,
            "patient_key": person,
            "day": 7 * week,
            "value": pain[person, week],
            "weeks_stage_1": week.astype(np.float64),
            **{f"weeks_stage_{stage}": np.zeros(person.size) for stage in (2, 3, 4, 5)},
            "session_number": week + 1,
            "next_day": pl.Series(7 * week + 7).cast(pl.Int64),
            "stage": 1,
            "completed_set": 0,
        }
    )
    left = pl.Series(is_last)
    return rows, rows.with_columns(next_day=pl.when(~left).then("next_day"))


def by_measure(doubts: list[Doubt]) -> dict[str, Doubt]:
    return {doubt.measure: doubt for doubt in doubts}


def test_weighted_slopes_find_what_leaving_on_pain_hides() -> None:
    points, sessions = leaving_on_pain(6_000, 0.5)
    found = by_measure(attendance_doubts(points, care_sessions(sessions, PROTOCOL), PAIN, PROTOCOL))
    weighted, plain = found["slope_stage_1"], found["slope_stage_1_unweighted"]
    assert weighted.low < -0.3 < weighted.high
    assert plain.high < -0.33
    assert 0.1 < found["effective_share"].value < 0.9


def test_leaving_by_chance_leaves_the_slopes_alone() -> None:
    points, sessions = leaving_on_pain(2_000, 0.0)
    found = by_measure(attendance_doubts(points, care_sessions(sessions, PROTOCOL), PAIN, PROTOCOL))
    assert found["slope_stage_1"].value == pytest.approx(
        found["slope_stage_1_unweighted"].value, abs=0.02
    )
    assert found["effective_share"].value > 0.95


def test_weights_are_the_inverse_of_known_chances() -> None:
    # Half of those at 8 leave after the first session, a quarter of those at 2; the shares are
    # told by the value alone, so the fit is exact: 3 of 8 leave in all.
    people = 400
    value = np.where(np.arange(people) % 2 == 0, 8.0, 2.0)
    leaves = np.arange(people) // 2 % 4 < np.where(value == 8, 2, 1)
    first = pl.DataFrame({"episode_key": np.arange(people), "value": value, "leaves": leaves})
    rows = pl.concat(
        [
            first.with_columns(day=0, session_number=1),
            first.filter(~pl.col("leaves")).with_columns(day=7, session_number=2),
        ]
    ).sort("episode_key", "day")
    sessions = care_sessions(
        rows.with_columns(
            patient_key="episode_key",
            stage=pl.lit(1),
            completed_set=pl.lit(0),
            next_day=pl.when((pl.col("day") == 0) & ~pl.col("leaves")).then(7),
        ),
        PROTOCOL,
    )
    moments = rows.select(pl.col("episode_key") * 10_000 + pl.col("day")).to_series().to_numpy()
    # All second sessions are last ones: leaving after them says nothing of the first weights.
    weights = attendance_weights(moments, rows["value"].to_numpy(), sessions, 1e-6)
    second = rows.with_columns(weight=pl.Series(weights)).filter(pl.col("day") == 7)
    told = dict(second.group_by("value").agg(pl.col("weight").mean()).iter_rows())
    assert told[8.0] / told[2.0] == pytest.approx(0.75 / 0.5, rel=1e-3)
    assert set(rows.with_columns(w=weights).filter(pl.col("day") == 0)["w"].to_list()) == {1.0}


def test_care_ends_with_the_last_stage_or_a_long_gap() -> None:
    drawn = table("""
        episode_key | session_number | day | next_day | stage | completed_set
        1           | 1              | 0   | 7        | 1     | 0
        1           | 2              | 7   | 90       | 2     | 1
        1           | 3              | 90  | -        | 2     | 3
        2           | 1              | 0   | 7        | 5     | 15
        2           | 2              | 7   | 14       | 5     | 31
        2           | 3              | 14  | -        | 5     | 31
    """)
    sessions = care_sessions(drawn, PROTOCOL)
    assert sessions.number.tolist() == [1, 2, 1, 2]
    assert sessions.comes_again.tolist() == [True, False, True, True]
    assert sessions.can_leave.tolist() == [True, True, True, False]


def test_where_nobody_leaves_it_is_said_in_words() -> None:
    points, sessions = leaving_on_pain(30, -50.0)
    always = sessions.with_columns(next_day=pl.col("day") + 7)
    (doubt,) = attendance_doubts(points, care_sessions(always, PROTOCOL), PAIN, PROTOCOL)
    assert (doubt.status, doubt.reason) == ("impossible", "hardly anybody left care before the end")
    (nobody,) = attendance_doubts(points.clear(), care_sessions(sessions, PROTOCOL), PAIN, PROTOCOL)
    assert nobody.status == "impossible"
