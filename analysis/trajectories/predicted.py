"""The course that a model predicts for an episode with the usual time in every stage."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES, Domain
from analysis.trajectories.models import DomainModel
from analysis.trajectories.products import DAYS_PER_WEEK, MOST_DAYS
from analysis.trajectories.terms import contrast

# The interval is curved between the knots, so that each stage is told at four points.
POINTS_PER_STAGE: Final = 4
PART_OF_A_WEEK: Final = 0.5


def usual_weeks(lines: pl.DataFrame) -> dict[int, float]:
    """Return the median weeks in each stage over the episodes that were measured after some.

    An episode that left care within a stage counts with the weeks it had; a stage that nobody was
    measured after is absent. They are whole halves of a week, at least one, because they are
    shown as they are and a median is somebody's own number.
    """
    episodes = lines.group_by("episode_key").agg(pl.col(name).max() for name in MOST_DAYS)
    medians = {
        stage: episodes.filter(pl.col(name) > 0)[name].median()
        for stage, name in zip(STAGES, MOST_DAYS, strict=True)
    }
    return {
        stage: max(round(days / DAYS_PER_WEEK / PART_OF_A_WEEK), 1) * PART_OF_A_WEEK
        for stage, days in medians.items()
        if isinstance(days, float)
    }


def course_rows(
    model: DomainModel, lines: pl.DataFrame, domain: Domain, level: float
) -> Iterator[dict[str, object]]:
    """Yield the rows of results.trajectory_courses, from week 0 on.

    Stages follow one another in their numbers' order; one without a slope takes no time. `week`
    counts from the first session, and a point where a stage ends belongs to that stage.
    """
    usual = usual_weeks(lines)
    shared = vars(model.subject) | {"unit": domain.unit}
    weights, week = np.eye(len(model.terms))[0], 0.0
    stages = [stage for stage in STAGES if f"slope_stage_{stage}" in model.terms]
    for stage in stages:
        place = model.terms.index(f"slope_stage_{stage}")
        first = 0 if stage == stages[0] else 1
        for point in range(first, POINTS_PER_STAGE + 1):
            spent = usual[stage] * point / POINTS_PER_STAGE
            weights[place] = spent
            found = contrast(model.fit, weights, level)
            yield shared | {
                "stage": stage,
                "week": week + spent,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "patients": model.term_patients[place],
            }
        week += usual[stage]
