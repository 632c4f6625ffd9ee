"""How pain, flexibility, strength, endurance and alignment move, stage by stage."""

from dataclasses import dataclass

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.trajectories.bounds import measure_bounds, missingness
from analysis.trajectories.courses import domain_courses
from analysis.trajectories.lines import domain_lines
from analysis.trajectories.measurements import measurement_gaps
from analysis.trajectories.modelling import course_models
from analysis.trajectories.patterns import dropout_patterns
from analysis.trajectories.responders import deteriorations, responders
from analysis.trajectories.sensitivity import trajectory_sensitivity
from analysis.trajectories.stage_times import stage_endings, stage_times
from analysis.trajectories.tables import TrajectoryTables

__all__ = ["TrajectoryResult", "TrajectoryTables", "analyse_trajectories"]


@dataclass(frozen=True)
class TrajectoryResult:
    """Frames of the results tables of the same names."""

    domain_courses: pl.DataFrame
    responders: pl.DataFrame
    deteriorations: pl.DataFrame
    trajectory_models: pl.DataFrame
    trajectory_gaps: pl.DataFrame
    trajectory_courses: pl.DataFrame
    clinic_courses: pl.DataFrame
    dropout_patterns: pl.DataFrame
    trajectory_sensitivity: pl.DataFrame
    measure_bounds: pl.DataFrame
    missingness: pl.DataFrame
    stage_times: pl.DataFrame
    stage_exits: pl.DataFrame
    stage_endings: pl.DataFrame


def analyse_trajectories(tables: TrajectoryTables, protocol: Protocol) -> TrajectoryResult:
    """Return courses, responders, times in stage and models of every domain, with their doubts."""
    models = course_models(tables.domain_products, tables.episode_baseline, protocol)
    lines = domain_lines(tables.domain_exposure, protocol)
    times, exits = stage_times(tables.stage_spells, protocol)
    return TrajectoryResult(
        domain_courses=domain_courses(tables.stage_trajectories, tables.episode_baseline, protocol),
        responders=responders(lines, tables.episode_baseline, protocol),
        deteriorations=deteriorations(lines, tables.episode_baseline, protocol),
        trajectory_models=models.trajectory_models,
        trajectory_gaps=pl.concat(
            [models.trajectory_gaps, measurement_gaps(tables.instrument_use, protocol)]
        ),
        trajectory_courses=models.trajectory_courses,
        clinic_courses=models.clinic_courses,
        dropout_patterns=dropout_patterns(lines, tables.care_endings, protocol),
        trajectory_sensitivity=trajectory_sensitivity(lines, tables, protocol),
        measure_bounds=measure_bounds(tables.domain_exposure, tables.episode_baseline, protocol),
        missingness=missingness(tables.domain_exposure, tables.study_sessions, protocol),
        stage_times=times,
        stage_exits=exits,
        stage_endings=stage_endings(tables.care_endings),
    )
