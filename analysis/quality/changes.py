"""How pain changed by the end of care, cohort of starts by cohort."""

from typing import Final

import polars as pl

QUARTER_MONTHS: Final = 3
MILLION: Final = 1e6


def change_cohorts(
    episode_baseline: pl.DataFrame,
    care_endings: pl.DataFrame,
    pain_changes: pl.DataFrame,
    quality_cohorts: pl.DataFrame,
) -> pl.DataFrame:
    """Return what became of pain in the ended episodes of each unit and period of start.

    `pain_changes` holds the episodes with pain on two days or more, see
    `analysis.trajectories.responders.pain_changes`; the others are rows of the marts of the same
    names. Columns: clinic_id (null for all), period, is_quarter, episodes, patients, improved,
    deteriorated, change (the sum of last less first), observed_days.
    """
    ended = care_endings.filter("has_ended").select("episode_key")
    episodes = (
        episode_baseline.select("episode_key", "patient_key", "clinic_id", "start_month")
        .join(ended, on="episode_key", how="semi")
        .join(pain_changes, on="episode_key", how="inner")
    )
    counted = pl.concat(
        _counted(episodes.with_columns(period=period, clinic_id=clinic), is_quarter=is_quarter)
        for period, is_quarter in ((pl.col("start_month"), False), (_quarter(), True))
        for clinic in (pl.col("clinic_id"), pl.lit(None, dtype=pl.String))
    )
    observed = quality_cohorts.select("clinic_id", "period", "observed_days")
    return counted.join(observed, on=["clinic_id", "period"], how="left", nulls_equal=True)


def _counted(episodes: pl.DataFrame, *, is_quarter: bool) -> pl.DataFrame:
    # Summed as whole numbers (millionths), so that the order of the rows changes nothing.
    change = ((pl.col("last") - pl.col("first")) * MILLION).round().cast(pl.Int64)
    return episodes.group_by("clinic_id", "period").agg(
        pl.lit(is_quarter).alias("is_quarter"),
        episodes=pl.len(),
        patients=pl.col("patient_key").n_unique(),
        improved=pl.col("is_improved").sum(),
        deteriorated=pl.col("is_worse").sum(),
        change=change.sum() / MILLION,
    )


def _quarter() -> pl.Expr:
    month = pl.col("start_month").str.slice(5, 2).cast(pl.Int32)
    quarter = (month + QUARTER_MONTHS - 1) // QUARTER_MONTHS
    return pl.format("{}-Q{}", pl.col("start_month").str.slice(0, 4), quarter)
