"""The marts that the study reads, as frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

STUDY_MARTS: Final[Mapping[str, str]] = {
    "baseline": "marts.episode_baseline",
    "decision_points": "marts.decision_points",
    "contacts": "marts.contacts",
    "adherence": "marts.episode_adherence",
    "outcomes": "marts.episode_outcomes",
    "first_events": "marts.first_events",
    "record_quality": "marts.record_quality",
    "reinjuries": "marts.reinjuries",
}


def _no_reinjuries() -> pl.DataFrame:
    return pl.DataFrame(schema={"episode_key": pl.Int64, "day": pl.Int64})


@dataclass(frozen=True)
class StudyTables:
    """Frames of `marts.*`, called by their rows; columns as the SQL files of that name say.

    `baseline` an episode of the study population, `decision_points` a session at which advancing
    early was possible, `contacts` a day on which status was seen, `adherence` an episode under one
    order, `outcomes` an episode, `first_events` the first event of each kind, `record_quality` a
    clinic (null for all), `reinjuries` a day of an episode with a re-injury, the first or a later
    one (empty where nobody read them).
    """

    baseline: pl.DataFrame
    decision_points: pl.DataFrame
    contacts: pl.DataFrame
    adherence: pl.DataFrame
    outcomes: pl.DataFrame
    first_events: pl.DataFrame
    record_quality: pl.DataFrame
    reinjuries: pl.DataFrame = field(default_factory=_no_reinjuries)

    @classmethod
    def read(cls, read_mart: Callable[[str], pl.DataFrame]) -> "StudyTables":
        """Return the tables, each fetched by the name of its mart."""
        return cls(**{name: read_mart(mart) for name, mart in STUDY_MARTS.items()})
