"""Courses of the domains: which value belongs to which stage, and how they are summed up."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol, parse_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import Tables, episode, registry_of, table

MEASUREMENTS = """
    episode_id | day | instrument   | side | value | unit | timing
    e1         | 0   | inclinometer | R    | 9     | deg  | pre
    e1         | 8   | inclinometer | R    | 8     | deg  | -
    e1         | 20  | inclinometer | R    | 7     | deg  | pre
    e1         | 20  | inclinometer | R    | 3     | deg  | post
    e1         | 20  | inclinometer | L    | 2     | deg  | pre
    e1         | 20  | inclinometer | R    | 0.1   | rad  | pre
    e1         | 20  | thermometer  | -    | 36.6  | Cel  | pre
"""


def built(tables: Tables, *marts: str) -> tuple[pl.DataFrame, ...]:
    with registry_in_memory(tables, load_protocol()) as registry:
        return tuple(read_frame(registry, f"marts.{mart}") for mart in marts)


def built_by(protocol: str, tables: Tables, *marts: str) -> tuple[pl.DataFrame, ...]:
    with registry_in_memory(tables, parse_protocol(protocol)) as registry:
        return tuple(read_frame(registry, f"marts.{mart}") for mart in marts)


def course_of(drawn: str, **values: list[Any]) -> list[dict[str, Any]]:
    tables = registry_of({"e1": drawn})
    with_values = tables["sessions"].with_columns(
        pl.Series(name, column) for name, column in values.items()
    )
    (courses,) = built({**tables, "sessions": with_values}, "stage_trajectories")
    return courses.sort("domain", "stage").to_dicts()


def test_a_course_has_first_last_count_and_slope_per_week_for_each_stage() -> None:
    courses = course_of(
        "1, 1, 1[1], 2, 2", pain_nrs=[8.0, 5.0, 5.0, 4.0, None], strength_pct=[None] * 4 + [61.5]
    )

    # Through (0, 8), (1, 5), (2, 5) in weeks the least-squares slope is -1.5.
    pain_1, pain_2, strength_2 = [[*course.values()][1:-2] for course in courses]
    assert pain_1 == ["pain", 1, 0, 14, 3, 8.0, 5.0, -1.5]
    assert pain_2 == ["pain", 2, 21, 21, 1, 4.0, 4.0, None]
    assert strength_2 == ["strength", 2, 28, 28, 1, 61.5, 61.5, None]


def test_values_of_a_single_day_have_no_slope() -> None:
    (course,) = course_of("1, 1", day=[3, 3], pain_nrs=[7.0, 5.0])

    assert course["values_count"] == 2
    assert (course["first_value"], course["last_value"]) == (7.0, 5.0)
    assert course["slope_per_week"] is None


def test_a_return_to_a_stage_belongs_to_its_one_course() -> None:
    courses = course_of("1, 2, 1", pain_nrs=[8.0, 6.0, 7.0])

    assert [course["values_count"] for course in courses] == [2, 1]
    assert courses[0]["slope_per_week"] == pytest.approx(-0.5)


def test_slopes_are_those_of_numpy() -> None:
    random = np.random.default_rng(7)
    days = np.cumsum(random.integers(1, 9, 40))
    values = np.round(60 + 0.3 * days + random.normal(0, 5, 40), 1)

    (course,) = course_of(", ".join("3" * 40), day=days.tolist(), flexibility_pct=values.tolist())

    assert course["slope_per_week"] == pytest.approx(7 * np.polyfit(days, values, 1)[0], rel=1e-12)


def test_a_measurement_belongs_to_the_stage_of_the_latest_session() -> None:
    tables = registry_of(
        {"e1": "1, 2, 3"},
        episodes=pl.DataFrame([episode("e1", "p-e1", side="R")]),
        measurements=table(MEASUREMENTS),
    )

    points, courses, uses = built(tables, "domain_points", "stage_trajectories", "measurement_use")

    assert points.sort("day").select(
        "domain", "day", "stage", "value", "unit", "source"
    ).rows() == [
        ("alignment", 0, 1, 9.0, "deg", "inclinometer"),
        ("alignment", 8, 2, 8.0, "deg", "inclinometer"),
        ("alignment", 20, 3, 7.0, "deg", "inclinometer"),
    ]
    assert courses.height == 3
    assert dict(uses.iter_rows()) == {
        "counted": 3,
        "instrument_not_in_protocol": 1,
        "of_the_other_side": 1,
        "other_unit": 1,
        "taken_after_treatment": 1,
    }


def test_a_measurement_before_any_session_has_no_stage_and_no_course() -> None:
    tables = registry_of({"e1": "1"}, measurements=table(MEASUREMENTS))
    later = tables["sessions"].with_columns(day=pl.lit(5))

    points, courses = built({**tables, "sessions": later}, "domain_points", "stage_trajectories")

    assert points.sort("day", "value")["stage"].to_list() == [None, 1, 1, 1]
    assert courses["values_count"].to_list() == [3]


def test_a_sessions_value_is_of_that_sessions_stage_in_the_domains_unit() -> None:
    tables = registry_of({"e1": "1, 2"})
    sessions = tables["sessions"].with_columns(
        day=pl.lit(0), pain_nrs=pl.Series([6.0, 5.0]), alignment_deg=pl.Series([None, 4.5])
    )

    (points,) = built({**tables, "sessions": sessions}, "domain_points")

    assert points.sort("stage", "domain").select(
        "domain", "stage", "value", "unit", "source"
    ).rows() == [
        ("pain", 1, 6.0, "{score}", "session"),
        ("alignment", 2, 4.5, "deg", "session"),
        ("pain", 2, 5.0, "{score}", "session"),
    ]


BREAKS = """
    episode_id | day | instrument | side | value | unit    | timing
    e1         | 21  | pain_nrs   | -    | 2     | {score} | pre
    e1         | 28  | pain_nrs   | -    | 1     | {score} | pre
"""


def test_another_instrument_breaks_the_line_and_does_not_bend_it() -> None:
    tables = registry_of({"e1": "1, 1, 1, 1, 1"}, measurements=table(BREAKS))
    with_pain = tables["sessions"].with_columns(pain_nrs=pl.Series([8.0, 7.5, 7.0, None, None]))

    points, courses = built(
        {**tables, "sessions": with_pain}, "domain_points", "stage_trajectories"
    )

    assert points.sort("day")["line_number"].n_unique() == 2
    (course,) = courses.to_dicts()
    # Both lines fall, by 0.5 and by 1 a week; between them lie 5 points that nobody lost.
    within = (-0.5 * 2 + -1.0 * 0.5) / 2.5
    assert course["slope_per_week"] == pytest.approx(within, rel=1e-12)
    assert (course["values_count"], course["lines_count"]) == (5, 2)
    assert (course["first_value"], course["last_value"]) == (8.0, 7.0)
    assert (course["first_day"], course["last_day"]) == (0, 14)


def test_of_two_lines_with_as_many_values_the_one_that_goes_on_longest_says_first_and_last() -> (
    None
):
    tables = registry_of({"e1": "1, 1, 1, 1, 1"}, measurements=table(BREAKS))
    with_pain = tables["sessions"].with_columns(pain_nrs=pl.Series([8.0, 7.5] + [None] * 3))

    (courses,) = built({**tables, "sessions": with_pain}, "stage_trajectories")

    assert courses.select("first_value", "last_value").row(0) == (2.0, 1.0)


def test_lines_of_one_value_each_have_no_slope_between_them() -> None:
    tables = registry_of({"e1": "1, 1, 1, 1"}, measurements=table(BREAKS).head(1))
    with_pain = tables["sessions"].with_columns(pain_nrs=pl.Series([8.0] + [None] * 3))

    (courses,) = built({**tables, "sessions": with_pain}, "stage_trajectories")

    assert courses.select("lines_count", "slope_per_week").row(0) == (2, None)


def test_the_sides_of_an_episode_of_no_one_side_are_lines_of_their_own() -> None:
    drawn = """
        episode_id | day | instrument   | side | value | unit | timing
        e1         | 0   | inclinometer | L    | 9     | deg  | pre
        e1         | 7   | inclinometer | R    | 4     | deg  | pre
        e1         | 14  | inclinometer | L    | 8     | deg  | pre
    """
    tables = registry_of({"e1": "1, 1, 1"}, measurements=table(drawn))

    points, courses = built(tables, "domain_points", "stage_trajectories")

    left, right, later = points.sort("day")["line_number"]
    assert left == later != right
    assert courses["slope_per_week"].to_list() == [-0.5]


@pytest.mark.parametrize(
    ("rater_breaks_line", "pain_lines", "strength_lines"), [("false", 1, 1), ("true", 1, 2)]
)
def test_another_rater_breaks_the_line_of_what_raters_read_where_the_protocol_says_so(
    rater_breaks_line: str, pain_lines: int, strength_lines: int
) -> None:
    tables = registry_of({"e1": "4, 4, 4"})
    sessions = tables["sessions"].with_columns(
        therapist_id=pl.Series(["t2", "t1", "t2"]),
        pain_nrs=pl.lit(3.0),
        strength_pct=pl.Series([60.0, 90.0, 62.0]),
    )

    points, courses = built_by(
        f"[courses]\nrater_breaks_line = {rater_breaks_line}",
        {**tables, "sessions": sessions},
        "domain_points",
        "stage_trajectories",
    )

    assert dict(courses.select("domain", "lines_count").iter_rows()) == {
        "pain": pain_lines,
        "strength": strength_lines,
    }
    strength = courses.row(by_predicate=pl.col("domain") == "strength", named=True)
    assert strength["slope_per_week"] == pytest.approx(1.0)
    assert points.height == 6
