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
    "order_decision_points": "marts.order_decision_points",
    "care_points": "marts.care_points",
}
_POINT: Final[Mapping[str, type[pl.DataType]]] = {
    "episode_key": pl.Int64,
    "session_number": pl.Int64,
    "day": pl.Int64,
    "stage_due": pl.Int64,
    "visits_in_stage": pl.Int64,
    "has_violated": pl.Boolean,
    "pain_nrs": pl.Float64,
    "last_pain_nrs": pl.Float64,
}


def _no_reinjuries() -> pl.DataFrame:
    return pl.DataFrame(schema={"episode_key": pl.Int64, "day": pl.Int64})


def _no_order_decision_points() -> pl.DataFrame:
    own = {"stage_reached": pl.Int64, "is_reached_completed": pl.Boolean, "is_skip": pl.Boolean}
    return pl.DataFrame(schema={**_POINT, **own})


def _no_care_points() -> pl.DataFrame:
    return pl.DataFrame(schema={**_POINT, "decided_day": pl.Int64, "is_left": pl.Boolean})


@dataclass(frozen=True)
class StudyTables:
    """Frames of `marts.*`, called by their rows; columns as the SQL files of that name say.

    `baseline` an episode of the study population, `decision_points` a session at which advancing
    early was possible, `contacts` a day on which status was seen, `adherence` an episode under one
    order, `outcomes` an episode, `first_events` the first event of each kind, `record_quality` a
    clinic (null for all), `reinjuries` a day of an episode with a re-injury, the first or a later
    one, `order_decision_points` a session at which skipping a stage was possible, `care_points` a
    session after which a person might not have come back (the last three empty where nobody read
    them).
    """

    baseline: pl.DataFrame
    decision_points: pl.DataFrame
    contacts: pl.DataFrame
    adherence: pl.DataFrame
    outcomes: pl.DataFrame
    first_events: pl.DataFrame
    record_quality: pl.DataFrame
    reinjuries: pl.DataFrame = field(default_factory=_no_reinjuries)
    order_decision_points: pl.DataFrame = field(default_factory=_no_order_decision_points)
    care_points: pl.DataFrame = field(default_factory=_no_care_points)

    @classmethod
    def read(cls, read_mart: Callable[[str], pl.DataFrame]) -> "StudyTables":
        """Return the tables, each fetched by the name of its mart."""
        return cls(**{name: read_mart(mart) for name, mart in STUDY_MARTS.items()})
