"""From the marts of a version being built to the results in it: read, compute, store."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.contracts.protocol import Protocol
from analysis.quality.baselines import Rebase
from pipelines.progress import Progress
from pipelines.publication.runs import FINISHED, RunRecord, runs_frame, utc_text
from pipelines.registration import Standing
from pipelines.warehouse.connection import connect, read_frame, write_frame
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

    from analysis.quality import QualityTables
    from analysis.quality.reviewed import ReviewedTables
    from analysis.study import StudyTables
    from analysis.trajectories import TrajectoryTables

Frames = Mapping[str, "pl.DataFrame"]


def compute_results(
    building: Path, protocol: Protocol, progress: Progress, rebases: Sequence[Rebase] = ()
) -> dict[str, "pl.DataFrame"]:
    """Return the frames of all results tables, computed from the marts of the version."""
    from analysis.findings import find
    from analysis.outcomes import attrition, stage_funnel, unit_summaries
    from analysis.trajectories import analyse_trajectories

    tables = read_study_tables(building)
    progress("Describing units and stages")
    marts = _read(building, ("stage_funnel", "attrition"))
    summaries = unit_summaries(tables.baseline, tables.adherence, tables.outcomes, protocol)
    described = {
        "unit_summaries": summaries,
        "stage_funnel": stage_funnel(marts["stage_funnel"]),
        "attrition": attrition(marts["attrition"]),
    }
    progress("Fitting the course of every domain")
    trajectory_tables = read_trajectory_tables(building)
    trajectories = analyse_trajectories(trajectory_tables, protocol)
    progress("Reviewing quality")
    reviewed = _reviewed(building, tables, trajectory_tables, protocol, rebases)
    progress("Emulating the target trial")
    found = find(tables, protocol, progress=progress)
    return {**described, **reviewed, **_frames(trajectories), **_frames(found)}


def read_study_tables(building: Path) -> "StudyTables":
    """Return the rows the study reads from the marts of the version."""
    from analysis.study import StudyTables

    with connect(building, read_only=True) as registry:
        return StudyTables.read(lambda mart: read_frame(registry, mart))


def read_trajectory_tables(building: Path) -> "TrajectoryTables":
    """Return the rows the trajectories read from the marts of the version."""
    from analysis.trajectories import TrajectoryTables

    with connect(building, read_only=True) as registry:
        return TrajectoryTables.read(lambda mart: read_frame(registry, mart))


def read_quality_tables(building: Path) -> "QualityTables":
    """Return the rows the quality review reads from the marts of the version."""
    from analysis.quality import QualityTables

    with connect(building, read_only=True) as registry:
        return QualityTables.read(lambda mart: read_frame(registry, mart))


def with_standing(verdicts: "pl.DataFrame", standing: Standing) -> "pl.DataFrame":
    """Return the verdicts with what the registered protocol makes of each."""
    import polars as pl

    words = [standing.of(analysis) for analysis in verdicts["analysis"]]
    return verdicts.with_columns(standing=pl.Series(words, dtype=pl.String))


def store_results(building: Path, results: Frames) -> None:
    """Write every results table into the version being built."""
    from analysis.contracts.results import RESULT_TABLES, conform

    with connect(building) as registry:
        for name in RESULT_TABLES:
            if name in results:
                write_frame(registry, f"results.{name}", conform(name, results[name]))


def store_runs(workspace: Workspace, building: Path, ending: RunRecord, now: datetime) -> None:
    """Write results.runs into the version, with the run that publishes it as finished."""
    ended = replace(ending, status=FINISHED, finished=utc_text(now))
    with connect(building) as registry:
        write_frame(registry, "results.runs", runs_frame(workspace, ended))


def read_results(building: Path) -> dict[str, "pl.DataFrame"]:
    """Return every results table of the version but the runs, which no release holds."""
    from analysis.contracts.results import RESULT_TABLES, conform

    with connect(building, read_only=True) as registry:
        return {
            name: conform(name, read_frame(registry, f"results.{name}"))
            for name in RESULT_TABLES
            if name != "runs"
        }


def findings(results: Frames) -> dict[str, Any]:
    """Return what a run's record keeps of the results: the gates and the verdicts."""
    return {
        "gates": tuple(results["gates"].to_dicts()),
        "verdicts": tuple(results["verdicts"].to_dicts()),
    }


def _reviewed(
    building: Path,
    tables: "StudyTables",
    trajectories: "TrajectoryTables",
    protocol: Protocol,
    rebases: Sequence[Rebase],
) -> dict[str, "pl.DataFrame"]:
    """Return the results of the quality review."""
    from analysis.outcomes.summaries import observed_episodes
    from analysis.quality import change_cohorts, quality_points
    from analysis.quality.reviewed import ReviewedTables, start_months
    from analysis.trajectories.responders import pain_changes

    quality = read_quality_tables(building)
    reviewed = ReviewedTables(
        tables.baseline,
        trajectories.care_endings,
        trajectories.stage_spells,
        observed_episodes(tables.baseline, tables.adherence, tables.outcomes, protocol),
        pain_changes(trajectories.domain_exposure, protocol),
        start_months(quality.quality_cohorts),
    )
    changes = change_cohorts(
        reviewed.episode_baseline,
        reviewed.care_endings,
        reviewed.pain_changes,
        quality.quality_cohorts,
    )
    return {
        "quality_points": quality_points(quality, changes, protocol, rebases),
        "therapist_reviews": _therapist_reviews(building, protocol),
        **_compared(building, reviewed, protocol),
    }


def _compared(
    building: Path, reviewed: "ReviewedTables", protocol: Protocol
) -> dict[str, "pl.DataFrame"]:
    """Return how clinics and parts of them fare beside one another, and what each records."""
    from analysis.outcomes.groups import group_summaries
    from analysis.quality.case_mix import case_mix
    from analysis.quality.risk_cusums import risk_cusums
    from analysis.quality.tiers import data_quality

    seen, months = reviewed.observed_episodes, reviewed.start_months
    records, gate = _read(building, ("episode_records", "record_quality")).values()
    return {
        "case_mix": case_mix(reviewed, protocol),
        "risk_cusums": risk_cusums(reviewed, protocol),
        "data_quality": data_quality(records, seen, gate, months, protocol),
        "group_summaries": group_summaries(
            seen, reviewed.episode_baseline, reviewed.pain_changes, protocol
        ),
    }


def _therapist_reviews(building: Path, protocol: Protocol) -> "pl.DataFrame":
    """Return the review of therapists; where it is not allowed, nothing about them is read."""
    from analysis.contracts.results import empty
    from analysis.quality import therapist_reviews

    if not protocol.review.therapists:
        return empty("therapist_reviews")
    (sessions,) = _read(building, ("therapist_sessions",)).values()
    return therapist_reviews(sessions, protocol)


def _read(building: Path, marts: Sequence[str]) -> dict[str, "pl.DataFrame"]:
    with connect(building, read_only=True) as registry:
        return {name: read_frame(registry, f"marts.{name}") for name in marts}


def _frames(result: Any) -> dict[str, "pl.DataFrame"]:
    return {entry.name: getattr(result, entry.name) for entry in fields(result)}
