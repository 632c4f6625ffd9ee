"""The marts that the study reads, as frames."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class StudyTables:
    """Frames of `marts.*`, called by their rows; columns as the SQL files of that name say.

    `baseline` an episode of the study population, `decision_points` a session at which advancing
    early was possible, `contacts` a day on which status was seen, `adherence` an episode under one
    order, `outcomes` an episode, `first_events` the first event of each kind, `record_quality` a
    clinic (null for all).
    """

    baseline: pl.DataFrame
    decision_points: pl.DataFrame
    contacts: pl.DataFrame
    adherence: pl.DataFrame
    outcomes: pl.DataFrame
    first_events: pl.DataFrame
    record_quality: pl.DataFrame
