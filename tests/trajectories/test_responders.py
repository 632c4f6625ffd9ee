"""Who improved by a change that matters; the unmeasured stay in the denominator."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol, parse_protocol
from analysis.trajectories.clusters import wilson_interval
from analysis.trajectories.lines import domain_lines, main_line
from analysis.trajectories.responders import deteriorations, responders

PROTOCOL = load_protocol()


def points_of(domain: str, *courses: list[float]) -> pl.DataFrame:
    """Draw one episode a course, measured weekly."""
    return pl.DataFrame(
        [
            (episode, domain, 7 * week, value)
            for episode, course in enumerate(courses)
            for week, value in enumerate(course)
        ],
        schema={
            "episode_key": pl.Int64,
            "domain": pl.String,
            "day": pl.Int32,
            "value": pl.Float64,
        },
        orient="row",
    )


def baseline_of(episodes: int, patients: int | None = None) -> pl.DataFrame:
    keys = pl.int_range(episodes, eager=True)
    return pl.DataFrame(
        {"episode_key": keys, "patient_key": keys % (patients or 1_000), "clinic_id": "C1"}
    )


def network_row(
    points: pl.DataFrame, baseline: pl.DataFrame, domain: str = "pain", change: str = "important"
) -> dict[str, Any]:
    return responders(domain_lines(points, PROTOCOL), baseline, PROTOCOL).row(
        by_predicate=(pl.col("unit_kind") == "network")
        & (pl.col("domain") == domain)
        & (pl.col("change") == change),
        named=True,
    )


def counts(
    points: pl.DataFrame, episodes: int, domain: str, change: str = "important"
) -> tuple[int, int, int]:
    row = network_row(points, baseline_of(episodes), domain, change)
    assert row["improved"] + row["not_improved"] + row["unmeasured"] == row["episodes"]
    return row["improved"], row["not_improved"], row["unmeasured"]


@pytest.mark.parametrize(
    ("course", "important", "substantial"),
    [
        ([8, 6], True, False),  # two points
        ([5, 4, 3.5], True, False),  # exactly 30 %
        ([7, 4.9], True, False),  # 30 % where the product rounds
        ([5, 4], False, False),
        ([8, 4], True, True),
        ([1, 0], True, True),  # one point, but all of it
        ([0, 0], False, False),  # no room to improve
        ([4, 6], False, False),
        ([8, 2, 8], False, False),  # the last value counts, not the best
    ],
)
def test_pain_improves_by_two_points_or_a_share(
    course: list[float], important: bool, substantial: bool
) -> None:
    points = points_of("pain", course)
    assert counts(points, 1, "pain") == (int(important), int(not important), 0)
    assert counts(points, 1, "pain", "substantial") == (int(substantial), int(not substantial), 0)


def test_percent_scales_improve_upwards_by_ten() -> None:
    points = points_of("strength", [60, 70], [60, 69.9], [70, 60])
    assert counts(points, 3, "strength") == (1, 2, 0)


def test_alignment_improves_downwards() -> None:
    assert counts(points_of("alignment", [14, 9], [9, 14]), 2, "alignment") == (1, 1, 0)


def test_people_without_two_measured_days_are_their_own_group() -> None:
    points = points_of("pain", [8, 5], [8])
    assert counts(points, 4, "pain") == (1, 0, 3)


def test_values_of_one_day_count_as_their_mean() -> None:
    twice = points_of("pain", [8, 7, 5]).with_columns(day=pl.Series([0, 7, 7], dtype=pl.Int32))
    assert counts(twice, 1, "pain") == (1, 0, 0)
    same_day = points_of("pain", [8, 5]).with_columns(day=pl.lit(0, pl.Int32))
    assert counts(same_day, 1, "pain") == (0, 0, 1)


def test_a_share_is_of_all_episodes_with_wilson_limits() -> None:
    points = points_of("pain", [8, 5], [8, 8], [8, 4])
    row = network_row(points, baseline_of(10))
    assert row["share_improved"] == pytest.approx(0.2)
    # The linearised error is of 9 degrees of freedom, hence an effective number of 9.
    low, high = wilson_interval(np.array([0.2]), np.array([9.0]), 1.959963984540054)
    assert row["low"] == pytest.approx(low[0])
    assert row["high"] == pytest.approx(high[0])


def test_wilson_limits_equal_the_published_example() -> None:
    # Newcombe 1998, Stat Med 17:857, table I: 81 of 263.
    low, high = wilson_interval(np.array([81 / 263]), np.array([263.0]), 1.959963984540054)
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == (0.2553, 0.3662)


def test_two_episodes_of_a_patient_widen_the_interval() -> None:
    points = points_of(
        "pain", *[[8.0, 5.0]] * 6, *[[8.0, 8.0]] * 6, *[[8.0, 5.0]] * 6, *[[8.0, 8.0]] * 6
    )
    apart = network_row(points, baseline_of(24))
    paired = network_row(points, baseline_of(24, patients=12))
    assert paired["patients"] == 12
    assert paired["high"] - paired["low"] > 1.2 * (apart["high"] - apart["low"])


def test_nobody_measured_gives_counts_but_no_share() -> None:
    flexibility = network_row(points_of("pain", [8, 5]), baseline_of(3), "flexibility")
    assert flexibility["unmeasured"] == 3
    assert flexibility["share_improved"] is None
    assert flexibility["low"] is None


def test_no_episodes_give_no_rows() -> None:
    lines = domain_lines(points_of("pain").clear(), PROTOCOL)
    assert responders(lines, baseline_of(1).clear(), PROTOCOL).is_empty()
    assert deteriorations(lines, baseline_of(1).clear(), PROTOCOL).is_empty()


def worse_of(points: pl.DataFrame, episodes: int, domain: str) -> tuple[int, int, int]:
    rows = deteriorations(domain_lines(points, PROTOCOL), baseline_of(episodes), PROTOCOL)
    row = rows.row(
        by_predicate=(pl.col("unit_kind") == "network") & (pl.col("domain") == domain), named=True
    )
    assert row["share_deteriorated"] is None or row["low"] <= row["share_deteriorated"]
    return row["deteriorated"], row["not_deteriorated"], row["unmeasured"]


def test_worse_is_by_an_important_change_against_the_good_direction() -> None:
    assert worse_of(points_of("pain", [3, 5], [3, 4.5], [5, 3], [3]), 5, "pain") == (1, 2, 2)
    assert worse_of(points_of("strength", [70, 60], [70, 65]), 2, "strength") == (1, 1, 0)


def test_a_change_from_a_small_start_is_not_worse_by_its_share() -> None:
    assert worse_of(points_of("pain", [1, 2]), 1, "pain") == (0, 1, 0)


def test_a_detectable_change_is_important_and_more_than_noise() -> None:
    protocol = parse_protocol("[domains.pain]\nsmallest_detectable_change = 2.5")
    lines = domain_lines(points_of("pain", [8, 5.5], [8, 5.6], [9, 9], [2, 1]), protocol)
    rows = responders(lines, baseline_of(4), protocol).filter(unit_kind="network", domain="pain")
    assert dict(rows.select("change", "improved").iter_rows()) == {
        "detectable": 1,
        "important": 3,
        "substantial": 1,
    }
    plain = responders(lines, baseline_of(4), PROTOCOL).filter(domain="strength")
    assert "detectable" not in plain["change"].to_list()


def test_a_change_is_taken_within_the_line_with_most_days() -> None:
    points = points_of("pain", [9, 2, 8, 1, 8]).with_columns(
        line_number=pl.Series([1, 2, 1, 2, 1]), position=pl.int_range(5)
    )
    assert main_line(points)["value"].to_list() == [9, 8, 8]
    assert counts(points, 1, "pain") == (0, 1, 0)


def test_of_two_lines_with_as_many_days_the_later_counts() -> None:
    points = points_of("pain", [9, 5, 8, 1]).with_columns(line_number=pl.Series([1, 2, 1, 2]))
    assert main_line(points)["value"].to_list() == [5, 1]
