"""What the clinics write about patients, episodes, events and follow-ups."""

import numpy as np
import polars as pl

from analysis.simulation.care import CARE_CAPPED, GOALS_MET, LEFT_EARLY
from analysis.simulation.course import Course, categories, identifiers, known_only, labelled
from analysis.simulation.people import Integers
from analysis.simulation.scenarios import FOLLOW_UP_DAYS

FIRST_YEAR = 2022
PLANNED_PROTOCOL = ("strict_order", "flexible", "none_recorded")
LEAVING_REASONS = ("self_discharged", "financial", "moved", "lost")
LEAVING_SHARES = (0.55, 0.15, 0.1, 0.2)
SOURCES = ("clinic", "follow_up")
SOURCE_SHARES = (0.35, 0.65)
TOLD_SHARE = 0.8
CARE_SOUGHT_SHARE = 0.55


def patient_records(course: Course) -> pl.DataFrame:
    """Return the patients; the body mass index is sometimes not known."""
    patients = course.people.patients
    frame = pl.DataFrame(
        {
            "patient_id": identifiers("P", course.tag, len(patients.frailty)),
            "sex": categories(patients.sex),
            "age_band": categories(patients.age_band),
            "bmi_band": categories(patients.bmi_band),
            "comorbidity_count": patients.comorbidity_count.astype(np.int16),
            "work_load": categories(patients.work_load),
        }
    )
    known = pl.Series(patients.bmi_known)
    return frame.with_columns(pl.when(known).then("bmi_band").alias("bmi_band"))


def episode_records(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    """Return the episodes; care ends with the last session that is known."""
    people = course.people
    last = course.is_seen.sum(axis=1) - 1
    last_day = course.visits.day[np.arange(people.count), last]
    months = _start_months()
    patient_ids = identifiers("P", course.tag, len(people.patients.frailty))
    return pl.DataFrame(
        {
            "episode_id": course.episode_ids,
            "patient_id": patient_ids.gather(people.patient.astype(np.uint32)),
            "clinic_id": labelled(course.clinics.names, people.clinic),
            "start_month": labelled(months, people.start_month),
            "region": categories(people.region),
            "side": pl.Series(people.side),
            "condition": categories(people.condition),
            "chronicity": categories(people.chronicity),
            "prior_episodes": people.prior_episodes.astype(np.int16),
            "planned_protocol": labelled(
                PLANNED_PROTOCOL, course.clinics.protocol_leaning[people.clinic]
            ),
            "end_day": last_day,
            "discharge_reason": _discharge_reasons(rng, course),
        }
    )


def _start_months() -> tuple[str, ...]:
    return tuple(f"{FIRST_YEAR + month // 12}-{month % 12 + 1:02d}" for month in range(24))


def _discharge_reasons(rng: np.random.Generator, course: Course) -> pl.Series:
    """Say why care ended, as far as the clinic knows it."""
    outcomes, ending = course.outcomes, course.visits.ending
    end, lost = outcomes.end_of_care, course.observation.lost_day
    planned_end = course.visits.day.max(axis=1, where=course.visits.stage > 0, initial=0)
    was_cut = end <= planned_end
    lost_first = lost < np.minimum(end, planned_end)
    leaving = rng.choice(LEAVING_REASONS, size=len(ending), p=LEAVING_SHARES)
    reason = np.select(
        [
            lost_first,
            was_cut & (outcomes.death == end),
            was_cut & (outcomes.surgery == end),
            was_cut,
            ending == GOALS_MET,
            ending == LEFT_EARLY,
            ending == CARE_CAPPED,
        ],
        ["lost", "", "surgery", "adverse_event", "goals_met", leaving, "maintenance"],
        default="",
    )
    return known_only(reason, reason != "")


def event_records(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    """Return the events that became known.

    A death that stays unknown hides nothing else: no other event is known later than the last
    contact, which the person lived to see.
    """
    outcomes = course.outcomes
    known = [
        _known_events(course, "reinjury", outcomes.reinjury),
        _known_events(course, "reinjury", outcomes.second_reinjury),
        _known_events(course, "other_region", outcomes.other_region),
        _known_events(course, "unrelated_illness", outcomes.unrelated_illness),
        _known_events(course, "surgery", outcomes.surgery),
        _known_events(course, "death", outcomes.death),
    ]
    return _describe_events(rng, course, pl.concat(known).sort("episode", "day", "kind"))


def _known_events(course: Course, kind: str, day: Integers) -> pl.DataFrame:
    episode = np.flatnonzero(course.observation.sees(day) & (day <= course.outcomes.death))
    return pl.DataFrame(
        {"episode": episode.astype(np.uint32), "day": day[episode].astype(np.int16)}
    ).with_columns(kind=pl.lit(kind))


def _describe_events(
    rng: np.random.Generator, course: Course, events: pl.DataFrame
) -> pl.DataFrame:
    count = events.height
    is_flare = events["kind"].is_in(["reinjury", "other_region"]).to_numpy()
    is_told = is_flare & (rng.random(count) < TOLD_SHARE)
    lost = rng.poisson(4, count).astype(np.int16)
    hours = np.rint(rng.gamma(2, 18, count) + 1).astype(np.int16)
    return events.with_columns(
        event_id=identifiers("V", course.tag, count),
        episode_id=course.names_of(events["episode"]),
        pain_nrs=known_only(rng.integers(4, 10, count).astype(np.int16), is_told),
        duration_h=known_only(hours, is_told),
        limited_days=known_only(lost, is_told),
        care_sought=known_only(rng.random(count) < CARE_SOUGHT_SHARE, is_told),
        source=labelled(SOURCES, rng.choice(2, size=count, p=SOURCE_SHARES)),
    ).select(
        "event_id",
        "episode_id",
        "day",
        "kind",
        "pain_nrs",
        "duration_h",
        "limited_days",
        "care_sought",
        "source",
    )


def followup_records(course: Course) -> pl.DataFrame:
    """Return every scheduled attempt; a death is reported on its own day."""
    observation, death = course.observation, course.outcomes.death
    episode, attempt = np.nonzero(observation.is_attempted)
    scheduled = pl.DataFrame(
        {
            "episode": episode.astype(np.uint32),
            "day": np.array(FOLLOW_UP_DAYS, dtype=np.int16)[attempt],
            "outcome": pl.Series(observation.outcome[episode, attempt]),
        }
    )
    died = np.flatnonzero(observation.sees(death))
    reports = pl.DataFrame(
        {
            "episode": died.astype(np.uint32),
            "day": death[died].astype(np.int16),
            "outcome": pl.repeat("died", len(died), dtype=pl.String, eager=True),
        }
    )
    frame = pl.concat([scheduled, reports]).sort("episode", "day")
    return frame.select(course.names_of(frame["episode"]).alias("episode_id"), "day", "outcome")
