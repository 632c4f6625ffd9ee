"""Observed courses by time of leaving, values at the ends of scales, and what was not measured."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.disclosure import release_tables
from analysis.trajectories.bounds import measure_bounds, missingness
from analysis.trajectories.lines import domain_lines
from analysis.trajectories.patterns import dropout_patterns
from tests.drawing import table
from tests.trajectories.test_responders import baseline_of, points_of

PROTOCOL = load_protocol()


def endings_of(*drawn: tuple[int, int, int | None, bool]) -> pl.DataFrame:
    """Draw how care ended: last day, highest stage, stage due, whether it has ended."""
    return pl.DataFrame(
        [(key, key, *ending) for key, ending in enumerate(drawn)],
        schema={
            "episode_key": pl.Int64,
            "patient_key": pl.Int64,
            "last_session_day": pl.Int32,
            "highest_stage_worked": pl.Int32,
            "stage_due": pl.Int32,
            "has_ended": pl.Boolean,
        },
        orient="row",
    )


def pattern(rows: pl.DataFrame, name: str) -> list[tuple[Any, ...]]:
    return rows.filter(pattern=name).select("week", "episodes", "mean").rows()


def test_courses_are_apart_by_when_care_ended() -> None:
    points = points_of("pain", [8, 6, 4], [6, 6, 4], [9], [4, 2])
    endings = endings_of((14, 5, None, True), (14, 2, 2, True), (0, 1, 1, True), (7, 1, 1, False))

    rows = dropout_patterns(domain_lines(points, PROTOCOL), endings, PROTOCOL)

    # Two weeks together: the first two values of an episode are one mean.
    assert pattern(rows, "completed") == [(0, 1, 7), (2, 1, 4)]
    assert pattern(rows, "in_care") == [(0, 1, 3)]
    assert pattern(rows, "left_quarter_1") == [(0, 1, 9)]
    assert pattern(rows, "left_quarter_4") == [(0, 1, 6), (2, 1, 4)]
    assert rows["domain"].unique().to_list() == ["pain"]


def test_everybody_leaving_at_once_is_one_quarter() -> None:
    points = points_of("pain", [8], [6])
    rows = dropout_patterns(
        domain_lines(points, PROTOCOL), endings_of(*[(0, 1, 1, True)] * 2), PROTOCOL
    )
    assert pattern(rows, "left_quarter_1") == [(0, 2, 7)]


def test_values_at_the_ends_of_the_scale_are_counted_by_stage() -> None:
    points = pl.concat(
        [
            points_of("pain", [10, 0, 5, 0]),
            points_of("strength", [100, 104, 60, 0]),
            points_of("alignment", [0, 4, 8, 12]),
        ]
    ).with_columns(stage=pl.Series([1, 1, 2, None] * 3))

    rows = measure_bounds(points, baseline_of(1), PROTOCOL)

    ends = rows.select("domain", "stage", "values_count", "at_worst", "at_best").rows()
    assert ends == [
        ("pain", 1, 2, 1, 1),
        ("pain", 2, 1, 0, 0),
        ("strength", 1, 2, 0, 2),
        ("strength", 2, 1, 0, 0),
        ("alignment", 1, 2, None, 1),
        ("alignment", 2, 1, None, 0),
    ]
    assert rows["share_at_best"].to_list() == [0.5, 0, 1, 0, 0.5, 0]


def test_sessions_without_a_value_are_missing_by_domain_and_stage() -> None:
    sessions = table("""
        episode_key | patient_key | day | stage
        0           | 0           | 0   | 1
        0           | 0           | 7   | 1
        0           | 0           | 14  | 2
        1           | 0           | 0   | 1
    """)
    points = points_of("pain", [8, 6], [4]).filter(pl.col("day") != 14)

    rows = missingness(points, sessions, PROTOCOL)

    pain = rows.filter(domain="pain").select("stage", "patients", "sessions", "measured")
    assert pain.rows() == [(1, 1, 3, 3), (2, 1, 1, 0)]
    strength = rows.filter(domain="strength")["share_measured"].to_list()
    assert strength == [0, 0]


@pytest.mark.parametrize("episodes", [0, 3, 40])
def test_what_the_line_hides_passes_the_release_gate(episodes: int) -> None:
    points = points_of("pain", *[[8.0, 6.0, 0.0]] * episodes).with_columns(stage=pl.lit(1))
    endings = endings_of(*[(14, 1, 1, True)] * episodes)
    sessions = points.select("episode_key", "day", "stage", patient_key="episode_key")
    frames = {
        "dropout_patterns": dropout_patterns(domain_lines(points, PROTOCOL), endings, PROTOCOL),
        "measure_bounds": measure_bounds(points, baseline_of(max(episodes, 1)), PROTOCOL),
        "missingness": missingness(points, sessions, PROTOCOL),
    }
    released = release_tables(frames, PROTOCOL.disclosure)
    assert released["measure_bounds"].rows.height == (episodes > 0)
    if episodes == 40:
        assert released["measure_bounds"].rows["at_best"].to_list() == [40]
        assert released["dropout_patterns"].rows["mean"].to_list() == [7.0, 0.0]
