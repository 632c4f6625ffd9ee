"""The observed course of a domain, apart for those who left care when (Little 1993)."""

from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform, empty
from analysis.trajectories.clusters import clustered_means, with_mean_interval
from analysis.trajectories.lines import Lines, means_of_runs

LAST_WEEK: Final = 52
WEEKS_TOGETHER: Final = 2
COMPLETED: Final = "completed"
IN_CARE: Final = "in_care"


def dropout_patterns(lines: Lines, care_endings: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return results.dropout_patterns: means of two weeks each since day 0, a year long.

    The patterns are `completed` (all stages), `in_care` (care goes on), and those who left before
    by the quarter of their times of leaving (`left_quarter_1` to `left_quarter_4`). An episode
    counts once in each two weeks, with the mean of its days there. `care_endings` holds the rows
    of marts.care_endings. A second split of those who left would let a small count be subtracted.
    """
    patterns = _patterns(care_endings)
    names = pl.Enum(patterns["pattern"].unique().sort())
    coded = patterns.with_columns(pl.col("pattern").cast(names))
    courses = [
        _means(_course(line, coded), protocol).with_columns(
            domain=pl.lit(name), unit=pl.lit(protocol.domains[name].unit)
        )
        for name, line in lines.items()
        if not line.is_empty()
    ]
    if not courses:
        return empty("dropout_patterns")
    return conform("dropout_patterns", pl.concat(courses))


def _means(course: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    means = clustered_means(course, ["pattern", "week"], ["value"])
    limited = with_mean_interval(means, "value", protocol.bootstrap.interval_level)
    return limited.select(
        "pattern",
        "week",
        "patients",
        episodes="rows_count",
        mean="value_mean",
        low="value_low",
        high="value_high",
    )


def _patterns(care_endings: pl.DataFrame) -> pl.DataFrame:
    """Return episode, patient and pattern."""
    is_completed = pl.col("stage_due").is_null()
    left = care_endings.filter(~is_completed & pl.col("has_ended"))
    day = pl.col("last_session_day")
    quarter = pl.sum_horizontal(
        (day > day.quantile(share, "linear")).cast(pl.Int32) for share in (0.25, 0.5, 0.75)
    )
    named = [
        (care_endings.filter(is_completed), pl.lit(COMPLETED)),
        (care_endings.filter(~is_completed & ~pl.col("has_ended")), pl.lit(IN_CARE)),
        (left, pl.format("left_quarter_{}", quarter + 1)),
    ]
    return pl.concat(
        episodes.select("episode_key", "patient_key", pattern=name) for episodes, name in named
    )


def _course(line: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
    """Return patient, pattern, week and value of every episode and two weeks."""
    span = 7 * WEEKS_TOGETHER
    return (
        means_of_runs(
            line.filter(pl.col("day") < 7 * (LAST_WEEK + WEEKS_TOGETHER)).select(
                "episode_key", "value", week=pl.col("day") // span * WEEKS_TOGETHER
            ),
            "episode_key",
            "week",
        )
        .join(patterns, on="episode_key", maintain_order="left_right")
        .drop("episode_key")
    )
