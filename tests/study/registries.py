"""Simulated registries as the study's tables, and small changes that take an answer away."""

from dataclasses import replace
from functools import cache

import polars as pl

from analysis.contracts.protocol import Protocol, load_protocol
from analysis.simulation import simulate_registry
from analysis.study import StudyResult, StudyTables
from analysis.study.study import open_study, sealed
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

EPISODES = 1_500


@cache
def simulated(scenario: str = "null", episodes: int = EPISODES, seed: int = 12) -> StudyTables:
    registry = simulate_registry(
        episodes=episodes, clinics=5, seed=seed, scenario=scenario, truth_people=0
    )
    return built(registry.tables)


def built(records: dict[str, pl.DataFrame]) -> StudyTables:
    connection = registry_in_memory(records, load_protocol())
    try:
        return StudyTables.read(lambda mart: read_frame(connection, mart))
    finally:
        connection.close()


def analyse_study(tables: StudyTables, protocol: Protocol) -> StudyResult:
    """The study alone, sealed, without what `analysis.findings` adds."""
    return sealed(open_study(tables, protocol))


def quick_protocol(**gates: float) -> Protocol:
    """The shipped protocol with few resamples, and gates moved."""
    protocol = load_protocol()
    return replace(
        protocol,
        bootstrap=replace(protocol.bootstrap, replicates=10),
        gates=replace(protocol.gates, **gates),
    )


def open_protocol(**gates: float) -> Protocol:
    """A protocol whose gates a small registry passes."""
    wide = {"balance_largest_difference": 1.0, "detectable_largest_difference": 1.0}
    return quick_protocol(**{**wide, **gates})


def only_some(tables: StudyTables, episodes: int) -> StudyTables:
    """The first few episodes, as if the registry held no others."""
    keys = tables.baseline.sort("episode_id")["episode_key"].head(episodes)
    names = tables.baseline.sort("episode_id")["episode_id"].head(episodes)
    return StudyTables(
        tables.baseline.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.decision_points.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.contacts.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.adherence.filter(pl.col("episode_id").is_in(names.implode())),
        tables.outcomes.filter(pl.col("episode_id").is_in(names.implode())),
        tables.first_events.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.record_quality,
        tables.reinjuries.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.order_decision_points.filter(pl.col("episode_key").is_in(keys.implode())),
        tables.care_points.filter(pl.col("episode_key").is_in(keys.implode())),
    )


def without_events(tables: StudyTables, kind: str) -> StudyTables:
    """Nobody ever had this kind of event."""
    reinjuries = tables.reinjuries.clear() if kind == "reinjury" else tables.reinjuries
    first_events = tables.first_events.filter(pl.col("kind") != kind)
    return replace(tables, first_events=first_events, reinjuries=reinjuries)


def violated_on(tables: StudyTables, day: int | None) -> StudyTables:
    """Every episode first violated on this day, or none did."""
    adherence = tables.adherence.with_columns(
        pl.lit(day).cast(pl.Int64).alias("first_violation_day")
    )
    points = tables.decision_points.filter(pl.col("day") <= (day if day is not None else 10_000))
    return replace(
        tables,
        adherence=adherence,
        decision_points=points.with_columns(is_violation=pl.lit(day is not None)),
    )


def lost_on(tables: StudyTables, day: int) -> StudyTables:
    """Nobody was seen after this day."""
    return replace(
        tables,
        outcomes=tables.outcomes.with_columns(
            pl.col("last_known_day").clip(upper_bound=day).alias("last_known_day")
        ),
        contacts=tables.contacts.filter(pl.col("day") <= day),
        first_events=tables.first_events.filter(pl.col("day") <= day),
        reinjuries=tables.reinjuries.filter(pl.col("day") <= day),
    )


def with_constant(tables: StudyTables, **columns: object) -> StudyTables:
    """The same episodes with baseline columns that never vary."""
    return replace(
        tables,
        baseline=tables.baseline.with_columns(
            pl.lit(value).cast(tables.baseline.schema[name]).alias(name)
            for name, value in columns.items()
        ),
    )


def shuffled(tables: StudyTables, seed: int) -> StudyTables:
    """The same rows in another order."""
    return StudyTables(
        **{
            name: getattr(tables, name).sample(fraction=1.0, shuffle=True, seed=seed)
            for name in tables.__dataclass_fields__
        }
    )
