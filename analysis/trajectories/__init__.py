"""How pain, flexibility, strength, endurance and alignment move, stage by stage."""

from dataclasses import dataclass

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.trajectories.courses import domain_courses
from analysis.trajectories.models import trajectory_models
from analysis.trajectories.responders import responders

__all__ = ["TrajectoryResult", "analyse_trajectories"]


@dataclass(frozen=True)
class TrajectoryResult:
    """Frames of the results tables of the same names."""

    domain_courses: pl.DataFrame
    responders: pl.DataFrame
    trajectory_models: pl.DataFrame
    trajectory_gaps: pl.DataFrame


def analyse_trajectories(
    domain_exposure: pl.DataFrame,
    stage_trajectories: pl.DataFrame,
    baseline: pl.DataFrame,
    protocol: Protocol,
) -> TrajectoryResult:
    """Return courses, responders and population models of every domain.

    The frames hold the rows of marts.domain_exposure, marts.stage_trajectories and
    marts.episode_baseline.
    """
    models, gaps = trajectory_models(domain_exposure, baseline, protocol)
    return TrajectoryResult(
        domain_courses=domain_courses(stage_trajectories, baseline, protocol),
        responders=responders(domain_exposure, baseline, protocol),
        trajectory_models=models,
        trajectory_gaps=gaps,
    )
