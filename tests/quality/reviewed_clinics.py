"""Draws the episodes of clinics whose patients and care differ as planted."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.quality.reviewed import ReviewedTables

MONTHS = [f"{year}-{month:02d}" for year in (2022, 2023) for month in range(1, 13)]


@dataclass(frozen=True)
class Clinic:
    """A clinic: how severe its patients' pain is on average, and its own odds of re-injury.

    `known` is the share whose status is known; `since` the month in which its odds begin.
    """

    name: str
    episodes: int = 400
    pain: float = 5.0
    odds: float = 1.0
    known: float = 1.0
    since: str = "0000-00"


def tables(*clinics: Clinic, seed: int = 3, followed_months: int = 24) -> ReviewedTables:
    """Return the frames; re-injury has odds 0.25 at pain 5 and half as much again a point."""
    draw = np.random.default_rng(seed)
    episodes = pl.concat([_episodes(clinic, draw) for clinic in clinics]).with_row_index(
        "episode_key"
    )
    keys = episodes.select("episode_key")
    return ReviewedTables(
        episode_baseline=episodes.drop("is_event", "is_known"),
        care_endings=keys.with_columns(has_ended=True),
        stage_spells=keys.with_columns(stage=1, exit_day=pl.lit(30)),
        observed_episodes=episodes.select("episode_id", "is_event", "is_known"),
        pain_changes=keys.with_columns(is_improved=pl.col("episode_key") % 2 == 0),
        start_months=pl.DataFrame(
            {
                "period": MONTHS,
                "observed_days": [
                    400 if place < followed_months else 200 for place in range(len(MONTHS))
                ],
            }
        ),
    )


def _episodes(clinic: Clinic, draw: np.random.Generator) -> pl.DataFrame:
    number = clinic.episodes
    pain = np.clip(draw.normal(clinic.pain, 1.5, number), 0, 10).round()
    months = np.sort(draw.choice(MONTHS, number))
    own = np.where(months >= clinic.since, clinic.odds, 1.0)
    odds = own * 0.25 * 1.5 ** (pain - 5)
    return pl.DataFrame(
        {
            "episode_id": [f"{clinic.name}-{place:05d}" for place in range(number)],
            "patient_key": np.arange(number) + 1000 * number,
            "clinic_id": clinic.name,
            "start_month": months,
            "first_pain_nrs": pain,
            "prior_episodes": draw.integers(0, 3, number),
            "comorbidity_count": draw.integers(0, 3, number),
            "chronicity": draw.choice(["acute", "chronic"], number),
            "work_load": "light",
            "age_band": "40-49",
            "sex": draw.choice(["F", "M"], number),
            "region": draw.choice(["knee", "hip"], number),
            "condition": "ischemia",
            "is_event": draw.random(number) < odds / (1 + odds),
            "is_known": draw.random(number) < clinic.known,
        }
    )
