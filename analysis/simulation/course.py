"""A simulated course of all episodes, and the small steps that turn its arrays into columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation.care import Visits
from analysis.simulation.clinics import Clinics
from analysis.simulation.follow_up import Observation
from analysis.simulation.outcomes import Outcomes
from analysis.simulation.people import Category, Flags, Floats, Integers, People


@dataclass(frozen=True)
class Course:
    """Everything simulated about the episodes, before it is written down."""

    tag: str
    clinics: Clinics
    people: People
    visits: Visits
    outcomes: Outcomes
    observation: Observation
    values: dict[str, Floats]

    @property
    def is_seen(self) -> Flags:
        """Return which sessions are recorded, episodes x MOST_VISITS."""
        return np.asarray(
            self.visits.happens & (self.visits.day <= self.observation.lost_day[:, None])
        )

    @property
    def episode_ids(self) -> pl.Series:
        """Return the identifier of every episode."""
        return identifiers("E", self.tag, self.people.count)

    @property
    def sessions(self) -> "Cells":
        """Return the recorded sessions, by episode and visit."""
        return Cells(*np.nonzero(self.is_seen))

    def names_of(self, episode: Integers | pl.Series) -> pl.Series:
        """Return the identifiers of these episodes, given by their position."""
        return self.episode_ids.gather(pl.Series(episode).cast(pl.UInt32))


@dataclass(frozen=True)
class Cells:
    """Chosen cells of episodes x visits (or x follow-up days), laid out flat."""

    episode: Integers
    visit: Integers

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values in these cells."""
        return values[self.episode, self.visit]


def identifiers(letter: str, tag: str, count: int) -> pl.Series:
    """Return so many identifiers; the tag keeps registries of other seeds apart."""
    numbers = pl.Series("id", np.arange(count)).cast(pl.String).str.zfill(7)
    return pl.select(pl.lit(f"{letter}{tag}-") + numbers).to_series()


def labelled(labels: Sequence[str | None], codes: NDArray[Any]) -> pl.Series:
    """Return the label of every code."""
    return pl.Series(labels, dtype=pl.String).gather(codes.astype(np.uint32))


def categories(category: Category) -> pl.Series:
    """Return a recorded category as text."""
    return labelled(category.labels, category.codes)


def known_only(values: NDArray[Any], known: Flags) -> pl.Series:
    """Return the values with null where they are not known."""
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series()
