"""A delivery of sessions, held to every check, against DuckDB's own typed read of the same files.

The peer reads patients, episodes and sessions with declared types into tables of a database file,
and checks nothing. A correction replaces one session in a hundred.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.measuring import Mark, as_markdown, cost_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

SESSIONS: Final = 10_000_000
SESSIONS_PER_EPISODE: Final = 12
CORRECTED_SHARE: Final = 100
DAYS: Final = 150
TYPES: Final = {
    "patients": {"patient_id": "VARCHAR", "sex": "VARCHAR", "age_band": "VARCHAR"},
    "episodes": {
        "episode_id": "VARCHAR",
        "patient_id": "VARCHAR",
        "clinic_id": "VARCHAR",
        "start_month": "VARCHAR",
        "region": "VARCHAR",
        "condition": "VARCHAR",
        "chronicity": "VARCHAR",
        "prior_episodes": "SMALLINT",
        "end_day": "SMALLINT",
    },
    "sessions": {
        "session_id": "VARCHAR",
        "episode_id": "VARCHAR",
        "therapist_id": "VARCHAR",
        "day": "SMALLINT",
        "status": "VARCHAR",
        "stage": "UTINYINT",
        "exit_met": "BOOLEAN",
        "exit_evidence": "VARCHAR",
        "minutes": "SMALLINT",
        "pain_nrs": "DOUBLE",
        "flexibility_pct": "DOUBLE",
        "strength_pct": "DOUBLE",
        "endurance_pct": "DOUBLE",
    },
}


def measure(sessions: int = SESSIONS) -> list[Mark]:
    """Return the marks of ingestion; every piece of work runs in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="nmt-benchmark-") as folder:
        costs = {
            step: cost_of("benchmarks.ingestion", [step, folder, str(sessions)]) for step in STEPS
        }
    peer, fresh = costs["peer"], costs["fresh"]
    return [
        Mark(
            "fresh delivery, CPU",
            fresh.cpu_seconds / peer.cpu_seconds,
            1.6,
            "x peer",
            f"{sessions:,} sessions; {fresh.cpu_seconds:.1f} s, peer {peer.cpu_seconds:.1f} s",
        ),
        Mark(
            "fresh delivery, peak memory",
            fresh.peak_mb / peer.peak_mb,
            2.5,
            "x peer",
            f"{fresh.peak_mb:,.0f} MB, peer {peer.peak_mb:,.0f} MB",
        ),
        Mark(
            "correction of 1 %, CPU",
            costs["correction"].cpu_seconds / fresh.cpu_seconds,
            0.2,
            "x fresh",
            f"{costs['correction'].cpu_seconds:.1f} s",
        ),
        Mark(
            "same files again, CPU",
            costs["again"].cpu_seconds / fresh.cpu_seconds,
            0.4,
            "x fresh",
            f"{costs['again'].cpu_seconds:.1f} s",
        ),
    ]


def write_deliveries(folder: Path, sessions: int) -> None:
    """Write a delivery of that many sessions, and one that corrects one in a hundred of them."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(20250101)
    episodes = max(sessions // SESSIONS_PER_EPISODE, 1)
    quarter, correction = folder / "quarter", folder / "correction"
    for delivery in (quarter, correction):
        delivery.mkdir()
    number = pl.DataFrame({"number": np.arange(episodes)}).select(
        pl.col("number").cast(pl.String).str.zfill(7)
    )
    number.select(
        patient_id=pl.format("P{}", "number"), sex=pl.lit("F"), age_band=pl.lit("40-49")
    ).write_csv(quarter / "patients.csv")
    number.select(
        episode_id=pl.format("E{}", "number"),
        patient_id=pl.format("P{}", "number"),
        clinic_id=pl.lit("C01"),
        start_month=pl.lit("2025-03"),
        region=pl.lit("lumbar"),
        condition=pl.lit("ischemia"),
        chronicity=pl.lit("chronic"),
        prior_episodes=pl.lit(1),
        end_day=pl.lit(DAYS),
    ).write_csv(quarter / "episodes.csv")
    rows = _sessions(rng, sessions, episodes)
    rows.write_csv(quarter / "sessions.csv")
    rows.gather_every(CORRECTED_SHARE).with_columns(minutes=pl.lit(50)).write_csv(
        correction / "sessions.csv"
    )


def _sessions(rng: "np.random.Generator", sessions: int, episodes: int) -> "pl.DataFrame":
    import numpy as np
    import polars as pl

    def drawn(values: list[str], shares: list[float] | None = None) -> "np.ndarray":
        return np.array(values)[rng.choice(len(values), sessions, p=shares)]

    def percent() -> "np.ndarray":
        values = np.round(rng.uniform(20, 120, sessions), 1).astype(str)
        return np.where(rng.random(sessions) < 0.3, "", values)

    return pl.DataFrame(
        {
            "session_id": np.arange(sessions),
            "episode_id": np.sort(rng.integers(0, episodes, sessions)),
            "therapist_id": drawn([f"T{number:03d}" for number in range(40)]),
            "day": rng.integers(0, DAYS, sessions),
            "status": drawn(["attended", "no_show", "late_cancel"], [0.9, 0.05, 0.05]),
            "stage": rng.integers(1, 6, sessions),
            "exit_met": drawn(["true", "false"]),
            "exit_evidence": drawn(["measured", "attested"]),
            "minutes": rng.choice([30, 45, 60, 90], sessions),
            "pain_nrs": rng.integers(0, 11, sessions),
            "flexibility_pct": percent(),
            "strength_pct": percent(),
            "endurance_pct": percent(),
        }
    ).with_columns(
        pl.format("S{}", pl.col("session_id").cast(pl.String).str.zfill(12)).alias("session_id"),
        pl.format("E{}", pl.col("episode_id").cast(pl.String).str.zfill(7)).alias("episode_id"),
    )


def _peer(folder: Path, _: int) -> None:
    import duckdb

    with duckdb.connect(folder / "peer.duckdb") as connection:
        connection.execute("SET threads = 2")
        for table, types in TYPES.items():
            columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
            connection.execute(
                f"CREATE TABLE {table} AS FROM read_csv(?, header = true, delim = ',', "
                f"auto_detect = false, columns = {{{columns}}})",
                [str(folder / "quarter" / f"{table}.csv")],
            )


def _ingest(folder: Path, delivery: str, accepted: int, superseded: int) -> None:
    from pipelines.ingestion import ingest_deliveries
    from pipelines.workspace import Workspace

    report = ingest_deliveries(
        [folder / delivery], Workspace(folder / "data"), now=datetime(2025, 1, 1)
    )
    sessions = report.deliveries[0].files[-1]
    if (sessions.accepted, sessions.superseded, report.exit_code) != (accepted, superseded, 0):
        raise RuntimeError(f"{delivery}: {sessions}")


def _corrected(sessions: int) -> int:
    return -(-sessions // CORRECTED_SHARE)


STEPS: Final[dict[str, Callable[[Path, int], None]]] = {
    "write": write_deliveries,
    "peer": _peer,
    "fresh": lambda folder, sessions: _ingest(folder, "quarter", sessions, 0),
    "correction": lambda folder, sessions: _ingest(
        folder, "correction", _corrected(sessions), _corrected(sessions)
    ),
    "again": lambda folder, _: _ingest(folder, "quarter", 0, 0),
}


def main() -> None:
    """Run one step for a child process, or all of them and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    print(as_markdown(measure(parser.parse_args().sessions)))


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in STEPS:
        STEPS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
