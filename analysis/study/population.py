"""The study population as arrays: who, from which patient, in which order, ending how and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import NEVER, BoolArray, IntArray
from analysis.emulation.cohort import CENSORED, COMPETING, EVENT, Cohort
from analysis.emulation.design import pooled_levels
from analysis.study.tables import StudyTables

# A level of a covariate with fewer episodes is pooled with other rare ones: its share among the
# few who are left of a strategy is chance, in the models as in the balance.
SMALLEST_LEVEL_EPISODES: Final = 50
LARGEST_COUNT_APART: Final = 2
# Counts enter the models as numbers; the few beyond this tell nothing about a trend.
LARGEST_COUNT_IN_MODELS: Final = 5
BASELINE_CATEGORIES: Final = {
    "prior_episodes": "prior_episodes",
    "chronicity": "chronicity",
    "comorbidity_count": "comorbidity_count",
    "work_load": "work_load",
    "clinic": "clinic_id",
    "region": "region",
}
PATIENT: Final = "patient"
CLINIC: Final = "clinic"
COUNTS: Final = ("prior_episodes", "comorbidity_count")


@dataclass(frozen=True)
class Population:
    """Episodes in order of `episode_id`; a person of the core is an episode, a unit its patient.

    `baseline` holds one column for every covariate of `BASELINE_CATEGORIES` (levels as text), the
    counts once more as numbers (`<name>_number`), `first_pain_nrs` and `clinic_number`;
    `first_day` the first day of every kind of event (`NEVER` if none). `cluster` says whose
    episodes depend on one another in intervals, a patient's or a clinic's.
    """

    episode_keys: IntArray
    unit: IntArray
    baseline: pl.DataFrame
    violated_on: IntArray
    completed_stages: IntArray
    last_known_day: IntArray
    first_day: dict[str, IntArray]
    horizon: int
    cluster: str = PATIENT

    @property
    def episodes(self) -> int:
        """Return the number of episodes."""
        return len(self.episode_keys)

    @property
    def patients(self) -> int:
        """Return the number of patients."""
        return int(self.unit.max()) + 1 if self.episodes else 0

    def person_of(self, episode_keys: pl.Series) -> IntArray:
        """Return the position of each episode, -1 when it is not in the population."""
        if self.episodes == 0:
            return np.full(len(episode_keys), -1, dtype=np.int64)
        order = np.argsort(self.episode_keys, kind="stable")
        keys = episode_keys.cast(pl.Int64).to_numpy()
        found = np.minimum(
            np.searchsorted(self.episode_keys[order], keys), len(self.episode_keys) - 1
        )
        position = order[found]
        return np.where(self.episode_keys[position] == keys, position, -1).astype(np.int64)

    def ending(self, event: str, competing: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return each episode's last day at risk of the event and what ended it then."""
        event_day = self.day_of(event)
        competing_day = np.full(self.episodes, NEVER)
        for kind in competing:
            competing_day = np.minimum(competing_day, self.day_of(kind))
        last_day = np.minimum(np.minimum(event_day, competing_day), self.last_known_day)
        last_day = np.minimum(last_day, self.horizon)
        ending = np.where(
            event_day == last_day, EVENT, np.where(competing_day == last_day, COMPETING, CENSORED)
        )
        return last_day, ending.astype(np.int64)

    def cohort(self, event: str, competing: Sequence[str]) -> Cohort:
        """Return the cohort of the core for this event."""
        last_day, ending = self.ending(event, competing)
        return Cohort(self._clusters(), last_day, ending, self.horizon)

    def _clusters(self) -> IntArray:
        if self.cluster == PATIENT:
            return self.unit
        return _units(self.baseline["clinic_number"].to_numpy().astype(np.int64))

    def day_of(self, kind: str) -> IntArray:
        """Return the first day of this kind of event (people,), `NEVER` if there was none."""
        return self.first_day.get(kind, np.full(self.episodes, NEVER))

    @property
    def ever_violated(self) -> BoolArray:
        """Return whether the order was violated by the horizon (people,)."""
        return self.violated_on <= self.horizon


def study_population(tables: StudyTables, protocol: Protocol) -> Population:
    """Return the study population under the protocol's primary order."""
    episodes = tables.baseline.sort("episode_id")
    adherence = tables.adherence.filter(pl.col("order_name") == protocol.study.primary_order)
    joined = episodes.select("episode_id", "episode_key", "patient_key").join(
        adherence.select("episode_id", "first_violation_day", "completed_stages"),
        on="episode_id",
        how="left",
        maintain_order="left",
    )
    joined = joined.join(
        tables.outcomes.select("episode_id", "last_known_day"),
        on="episode_id",
        how="left",
        maintain_order="left",
    )
    keys = _whole(joined["episode_key"], 0)
    population = Population(
        keys,
        _units(_whole(joined["patient_key"], 0)),
        _baseline(episodes),
        _whole(joined["first_violation_day"], NEVER),
        _whole(joined["completed_stages"], 0),
        _whole(joined["last_known_day"], 0),
        {},
        protocol.study.horizon_days,
        protocol.intervals.cluster,
    )
    population.first_day.update(_first_days(population, tables.first_events))
    return population


def _first_days(population: Population, first_events: pl.DataFrame) -> dict[str, IntArray]:
    person = population.person_of(first_events["episode_key"])
    days = _whole(first_events["day"], NEVER)
    kinds = first_events["kind"].cast(pl.String)
    first_day = {}
    for kind in kinds.unique().sort().to_list():
        rows = (kinds == kind).to_numpy() & (person >= 0)
        first = np.full(population.episodes, NEVER)
        np.minimum.at(first, person[rows], days[rows])
        first_day[str(kind)] = first
    return first_day


def _units(keys: IntArray) -> IntArray:
    """Return patients or clinics numbered by their first episode, whatever their keys are."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def _baseline(episodes: pl.DataFrame) -> pl.DataFrame:
    columns = []
    for name, column in BASELINE_CATEGORIES.items():
        levels = episodes[column]
        if name in COUNTS:
            levels = _capped(levels, LARGEST_COUNT_APART)
        columns.append(pooled_levels(levels, SMALLEST_LEVEL_EPISODES).alias(name))
    numbers = [
        episodes[BASELINE_CATEGORIES[name]]
        .cast(pl.Float64)
        .clip(upper_bound=LARGEST_COUNT_IN_MODELS)
        .alias(f"{name}_number")
        for name in COUNTS
    ]
    first_pain = episodes["first_pain_nrs"].cast(pl.Float64)
    clinics = episodes["clinic_id"].cast(pl.String).rank("dense").cast(pl.Int64)
    return pl.DataFrame([*columns, *numbers, first_pain, clinics.alias("clinic_number")])


def _capped(counts: pl.Series, largest: int) -> pl.Series:
    """Return counts as text, those above the largest told apart as one level."""
    capped = counts.cast(pl.Int64).clip(upper_bound=largest + 1)
    return capped.cast(pl.String).replace(str(largest + 1), f"{largest + 1} or more")


def capped_level(counts: pl.Series, largest: int) -> pl.Series:
    """Return counts as text levels 0 to `largest`, the last one standing for more too."""
    return counts.cast(pl.Int64).clip(upper_bound=largest).cast(pl.String)


def _whole(column: pl.Series, missing: int) -> IntArray:
    return column.cast(pl.Int64).fill_null(missing).to_numpy().astype(np.int64)
