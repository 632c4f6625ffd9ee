"""Everything that speaks against the line of a domain, as rows of one table."""

from collections.abc import Iterator

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform, empty
from analysis.trajectories.attendance import attendance_doubts, care_sessions
from analysis.trajectories.doubts import Doubt
from analysis.trajectories.lines import Lines
from analysis.trajectories.pattern_mixture import mixture_doubts
from analysis.trajectories.regression_to_mean import regression_doubts
from analysis.trajectories.tables import TrajectoryTables
from analysis.trajectories.tobit import tobit_doubts


def trajectory_sensitivity(
    lines: Lines, tables: TrajectoryTables, protocol: Protocol
) -> pl.DataFrame:
    """Return results.trajectory_sensitivity of every domain of the protocol.

    A check that a domain cannot carry is named with its reason in words; the others go on.
    """
    if tables.episode_baseline.is_empty():
        return empty("trajectory_sensitivity")
    rows = [{"domain": name, **vars(doubt)} for name, doubt in _doubts(lines, tables, protocol)]
    framed = pl.DataFrame(rows, infer_schema_length=None)
    return conform("trajectory_sensitivity", framed)


def _doubts(
    lines: Lines, tables: TrajectoryTables, protocol: Protocol
) -> Iterator[tuple[str, Doubt]]:
    sessions = care_sessions(tables.study_sessions, protocol)
    patients = tables.episode_baseline.select("episode_key", "patient_key")
    level = protocol.bootstrap.interval_level
    for name, domain in protocol.domains.items():
        points = lines[name].join(patients, on="episode_key", maintain_order="left")
        for doubts in (
            mixture_doubts(points, tables.care_endings, domain, level),
            attendance_doubts(points, sessions, domain, protocol),
            tobit_doubts(points, domain, level),
            regression_doubts(points, tables.episode_baseline, name, domain, level),
        ):
            yield from ((name, doubt) for doubt in doubts)
