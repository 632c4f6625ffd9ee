"""The true probability behind every recorded decision and contact, to check estimators with."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation.course import Cells, Course
from analysis.simulation.people import Floats
from analysis.simulation.scenarios import FOLLOW_UP_DAYS


def decision_frame(course: Course) -> pl.DataFrame:
    """Return every recorded decision with the true probability of moving on early.

    One row is an attended session, up to and including the first violation, at which an early
    move was possible.
    """
    visits = course.visits
    is_decision = course.is_seen & ~np.isnan(visits.violation_probability)
    rows = Cells(*np.nonzero(is_decision))
    day = rows.of(visits.day)
    return pl.DataFrame(
        {
            "episode_id": course.names_of(rows.episode),
            "session_number": (rows.visit + 1).astype(np.int16),
            "day": day,
            "stage_due": rows.of(visits.stage_due),
            "visits_in_stage": rows.of(visits.visits_in_stage),
            "last_pain_nrs": rows.of(visits.last_pain_nrs),
            "is_violation": visits.first_violation_day[rows.episode] == day,
            "violation_probability": rows.of(visits.violation_probability),
        }
    )


def contact_frame(course: Course) -> pl.DataFrame:
    """Return every contact with the true probability that it is the last one ever."""
    visits, observation = course.visits, course.observation
    seen = course.sessions
    is_reached = observation.is_attempted & (observation.outcome == "reached")
    reached = Cells(*np.nonzero(is_reached))
    schedule = np.array(FOLLOW_UP_DAYS, dtype=np.int16)
    at_sessions = _contacts(
        course,
        seen,
        day=seen.of(visits.day),
        last_pain=visits.last_pain_nrs,
        probability=observation.session_loss,
    )
    at_follow_ups = _contacts(
        course,
        reached,
        day=schedule[reached.visit],
        last_pain=observation.follow_up_last_pain,
        probability=observation.follow_up_loss,
    )
    kinds = {"session": at_sessions, "follow_up": at_follow_ups}
    return pl.concat(
        [frame.with_columns(contact_kind=pl.lit(kind)) for kind, frame in kinds.items()]
    ).sort("episode_id", "day")


def _contacts(
    course: Course,
    rows: Cells,
    *,
    day: NDArray[Any],
    last_pain: NDArray[Any],
    probability: Floats,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "episode_id": course.names_of(rows.episode),
            "day": day,
            "last_pain_nrs": rows.of(last_pain).astype(np.int8),
            "loss_probability": rows.of(probability),
            "is_lost": course.observation.lost_day[rows.episode] == day,
        }
    )
