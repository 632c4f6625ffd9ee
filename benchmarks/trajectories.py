"""The trajectories of all domains from the records of a million sessions: the marts that they read
and what those stand on, every model, and what the line hides. Wall seconds, because a night is
short; peak memory of the process. Simulating the records is not counted.
"""

import argparse
import tempfile
from pathlib import Path

from analysis.contracts.protocol import load_protocol
from analysis.simulation import simulate_registry
from analysis.trajectories import TrajectoryTables, analyse_trajectories
from benchmarks.measuring import Mark, as_markdown, cost_of
from pipelines.warehouse.build import SqlTable, build_table, ordered_sql_files, prepare_schemas
from pipelines.warehouse.connection import Connection, connect, read_frame, write_frame
from pipelines.warehouse.core_tables import core_tables, no_rejections

# About 10.8 attended sessions of an episode.
EPISODES = 93_000
CLINICS = 40
THREADS = 2
STEPS = ("make", "analyse")
SECONDS_AT_MOST = 60.0
LARGEST_PEAK_MB = 4096.0


def measure(episodes: int = EPISODES) -> list[Mark]:
    """Simulate the records, then build and analyse in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="nmt-trajectories-") as folder:
        costs = {
            step: cost_of("benchmarks.trajectories", [step, folder, str(episodes)])
            for step in STEPS
        }
    spent = costs["analyse"]
    name = f"trajectories of {episodes:,} episodes"
    return [
        Mark(name, spent.wall_seconds, SECONDS_AT_MOST, "s", f"{spent.cpu_seconds:.0f} CPU s"),
        Mark(f"{name}, peak memory", spent.peak_mb, LARGEST_PEAK_MB, "MB", "marts included"),
    ]


def make(registry: Connection, episodes: int) -> None:
    """Write the records of simulated episodes."""
    simulated = simulate_registry(
        episodes=episodes, clinics=CLINICS, seed=5, scenario="protective", truth_people=1_000
    )
    for name, rows in core_tables(simulated.tables).items():
        write_frame(registry, f"core.{name}", rows)
    write_frame(registry, "quarantine.rejections", no_rejections())


def analyse(registry: Connection) -> None:
    """Build what the trajectories read, and compute all of their results."""
    protocol = load_protocol()
    prepare_schemas(registry, protocol)
    marts = [f"marts.{name}" for name in TrajectoryTables.__dataclass_fields__]
    for table in needed(marts):
        build_table(registry, table)
    tables = TrajectoryTables.read(lambda mart: read_frame(registry, mart))
    analyse_trajectories(tables, protocol)


def needed(marts: list[str]) -> list[SqlTable]:
    """Return the tables that these marts stand on, and themselves, in the order of building."""
    files = ordered_sql_files()
    wanted = set(marts)
    for table in reversed(files):
        if table.name in wanted:
            wanted |= table.references
    return [table for table in files if table.name in wanted]


def main() -> None:
    """Do one step in this process, or all in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"], nargs="?", default="all")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("episodes", type=int, nargs="?", default=EPISODES)
    wanted = parser.parse_args()
    if wanted.step == "all":
        print(as_markdown(measure(wanted.episodes)))
        return
    with connect(wanted.folder / "registry.duckdb", create=True, threads=THREADS) as registry:
        if wanted.step == "make":
            make(registry, wanted.episodes)
        else:
            analyse(registry)


if __name__ == "__main__":
    main()
