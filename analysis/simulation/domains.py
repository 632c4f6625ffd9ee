"""Flexibility, strength, endurance and alignment of each person, session by session.

A value is the person's start, plus the person's own slope over all weeks, plus what each stage adds
for the weeks spent in it, plus noise. The time from one session to the next counts for the stage
of the earlier of the two. Pain is made the same way in `visits`, with the latent severity in place
of the person's start and slope.
"""

from collections.abc import Mapping

import numpy as np

from analysis.simulation.care import Visits
from analysis.simulation.people import Floats
from analysis.simulation.scenarios import Course
from analysis.simulation.severity import DAYS_PER_WEEK


def draw_values(
    rng: np.random.Generator, visits: Visits, courses: Mapping[str, Course]
) -> dict[str, Floats]:
    """Draw the value of every domain at every session, episodes x MOST_VISITS."""
    return {domain: _draw_course(rng, visits, course) for domain, course in courses.items()}


def _draw_course(rng: np.random.Generator, visits: Visits, course: Course) -> Floats:
    people = (len(visits.attended), 1)
    start = course.start + course.start_sd * rng.standard_normal(people)
    slope = course.slope_sd_per_week * rng.standard_normal(people)
    noise = course.noise_sd * rng.standard_normal(visits.day.shape)
    value = (
        start
        + slope * (visits.day.astype(np.float64) / DAYS_PER_WEEK)
        + _stage_part(visits, course)
        + noise
    )
    return np.asarray(np.clip(value, course.lowest, course.highest).round(1), dtype=np.float64)


def _stage_part(visits: Visits, course: Course) -> Floats:
    weeks = np.diff(visits.day.astype(np.float64), axis=1) / DAYS_PER_WEEK
    slopes = np.array([0.0, *course.slope_per_week])[visits.stage[:, :-1]]
    gained = np.zeros(visits.day.shape)
    gained[:, 1:] = np.cumsum(weeks * slopes, axis=1)
    return gained
