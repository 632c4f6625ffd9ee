"""The marts that the trajectories read, as frames."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import polars as pl


@dataclass(frozen=True)
class TrajectoryTables:
    """Frames of `marts.<name of the field>`; columns as the SQL files of those names say."""

    domain_exposure: pl.DataFrame
    domain_products: pl.DataFrame
    stage_trajectories: pl.DataFrame
    episode_baseline: pl.DataFrame
    stage_spells: pl.DataFrame
    care_endings: pl.DataFrame
    study_sessions: pl.DataFrame
    instrument_use: pl.DataFrame

    @classmethod
    def read(cls, mart: Callable[[str], pl.DataFrame]) -> "TrajectoryTables":
        """Return the tables; `mart` gives the rows of a mart by its name."""
        return cls(**{each.name: mart(f"marts.{each.name}") for each in fields(cls)})
