"""Which episodes count for which outcome when clinics are held against what was expected.

Only cohorts that could be followed long enough count: of younger ones the cases are known before
the others are. Where the outcome of an episode is unknown, it is unknown: no one is taken to be
well because nothing was heard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.quality.indicators import CARE_DAYS

REINJURY: Final = "reinjury_365_days"
IMPROVED: Final = "improved_at_discharge"
NEVER_EXIT: Final = "never_exit_stage_1"


@dataclass(frozen=True)
class ReviewedTables:
    """Frames with one row for each episode (or episode and stage) of the study population.

    `observed_episodes` as `analysis.outcomes` gives it: `episode_id`, `is_event`, `is_known`;
    `pain_changes` holds the episodes with pain on two days or more: `episode_key`, `is_improved`;
    `start_months` each month of start (`period`) and its `observed_days`; the others are rows of
    the marts of the same names.
    """

    episode_baseline: pl.DataFrame
    care_endings: pl.DataFrame
    stage_spells: pl.DataFrame
    observed_episodes: pl.DataFrame
    pain_changes: pl.DataFrame
    start_months: pl.DataFrame


@dataclass(frozen=True)
class Reviewed:
    """One outcome and the episodes that it applies to, in order of start.

    Rows of marts.episode_baseline of complete cohorts, with `is_case`: null where it is unknown.
    `is_unwanted` says whether more cases are worse.
    """

    outcome: str
    is_unwanted: bool
    episodes: pl.DataFrame

    @property
    def known(self) -> pl.DataFrame:
        """Return the episodes whose outcome is known."""
        return self.episodes.filter(pl.col("is_case").is_not_null())


def start_months(quality_cohorts: pl.DataFrame) -> pl.DataFrame:
    """Return each month of start (`period`) and how long all of its episodes were observed.

    `quality_cohorts` holds the rows of marts.quality_cohorts.
    """
    months = quality_cohorts.filter(pl.col("clinic_id").is_null() & ~pl.col("is_quarter"))
    return months.select("period", "observed_days")


def reviewed_outcomes(tables: ReviewedTables, protocol: Protocol) -> Iterator[Reviewed]:
    """Return every outcome by which clinics are compared, with its episodes."""
    yield Reviewed(
        REINJURY,
        is_unwanted=True,
        episodes=_complete(tables, _reinjury(tables), protocol.study.horizon_days),
    )
    yield Reviewed(
        IMPROVED, is_unwanted=False, episodes=_complete(tables, _improved(tables), CARE_DAYS)
    )
    yield Reviewed(
        NEVER_EXIT, is_unwanted=True, episodes=_complete(tables, _never_exit(tables), CARE_DAYS)
    )


def _complete(tables: ReviewedTables, judged: pl.DataFrame, days_needed: int) -> pl.DataFrame:
    """Return the judged episodes of the months that were followed for so many days."""
    months = tables.start_months.filter(pl.col("observed_days") >= days_needed)
    return (
        tables.episode_baseline.join(
            months.select(start_month="period"), on="start_month", how="semi"
        )
        .join(judged, on="episode_key", how="inner")
        .sort("start_month", "episode_id")
    )


def _reinjury(tables: ReviewedTables) -> pl.DataFrame:
    """Return all episodes; the outcome is known to the horizon or to an event before it."""
    is_case = pl.when(pl.col("is_known")).then(pl.col("is_event"))
    return (
        tables.episode_baseline.select("episode_id", "episode_key")
        .join(
            tables.observed_episodes.select("episode_id", is_case=is_case),
            on="episode_id",
            how="inner",
        )
        .drop("episode_id")
    )


def _improved(tables: ReviewedTables) -> pl.DataFrame:
    """Return the ended episodes; the outcome is known where pain was measured on two days."""
    return _ended(tables).join(
        tables.pain_changes.select("episode_key", is_case="is_improved"),
        on="episode_key",
        how="left",
    )


def _never_exit(tables: ReviewedTables) -> pl.DataFrame:
    """Return the ended episodes that worked stage 1; a case never met its exit."""
    spells = tables.stage_spells.filter(pl.col("stage") == 1)
    return _ended(tables).join(
        spells.select("episode_key", is_case=pl.col("exit_day").is_null()), on="episode_key"
    )


def _ended(tables: ReviewedTables) -> pl.DataFrame:
    return tables.care_endings.filter("has_ended").select("episode_key")
