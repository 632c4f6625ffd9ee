"""The primary analysis of 100,000 episodes from marts to intervals by influence functions: designs,
both weight models, both weighted curves with bands, balance. CPU seconds of the whole process,
which its wall seconds do not exceed on free cores; peak memory, frames of the marts included.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.simulation import simulate_registry
from analysis.study import StudyTables
from analysis.study.rows import NATURAL, STRICT
from analysis.study.study import primary_analysis
from benchmarks.measuring import Mark, as_markdown, cost_of
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

EPISODES = 100_000
SECONDS_AT_MOST = 60.0
MEGABYTES_AT_MOST = 4096.0


def measure(episodes: int = EPISODES) -> list[Mark]:
    """Write the marts of a simulated registry in one process, analyse them in another."""
    with tempfile.TemporaryDirectory(prefix="nmt-emulation-") as folder:
        cost_of("benchmarks.emulation", ["--prepare", folder, "--episodes", str(episodes)])
        cost = cost_of("benchmarks.emulation", ["--analyse", folder])
    name = f"primary analysis of {episodes:,} episodes, intervals by influences"
    wall = f"{cost.wall_seconds:.0f} s by the clock, beside whatever else ran"
    return [
        Mark(name, cost.cpu_seconds, SECONDS_AT_MOST, "CPU s", wall),
        Mark(f"{name}, peak memory", cost.peak_mb, MEGABYTES_AT_MOST, "MB", "one process"),
    ]


def prepare(folder: Path, episodes: int) -> None:
    """Write the marts that the study reads as Parquet files."""
    protocol = load_protocol()
    registry = simulate_registry(
        episodes=episodes, clinics=12, seed=7, scenario="protective", truth_people=0
    )
    connection = registry_in_memory(registry.tables, protocol)
    tables = StudyTables.read(lambda mart: read_frame(connection, mart))
    for each in fields(StudyTables):
        getattr(tables, each.name).write_parquet(folder / f"{each.name}.parquet")


def analyse(folder: Path) -> None:
    """Run the primary analysis on the written marts and say what came out."""
    protocol = load_protocol()
    linear = replace(protocol, intervals=replace(protocol.intervals, method="influence"))
    frames = {
        each.name: pl.read_parquet(folder / f"{each.name}.parquet") for each in fields(StudyTables)
    }
    emulation = primary_analysis(StudyTables(**frames), linear).emulation
    if emulation is None:
        raise RuntimeError("the simulated registry holds no answer")
    emulation[STRICT].band(0.95)
    found = emulation.difference(STRICT, NATURAL)
    print(f"{100 * found.value:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f}) points")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or do one of the two pieces of work in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--prepare", type=Path, metavar="FOLDER")
    parser.add_argument("--analyse", type=Path, metavar="FOLDER")
    wanted = parser.parse_args(arguments)
    if wanted.prepare:
        prepare(wanted.prepare, wanted.episodes)
    elif wanted.analyse:
        analyse(wanted.analyse)
    else:
        print(as_markdown(measure(wanted.episodes)))


if __name__ == "__main__":
    main()
