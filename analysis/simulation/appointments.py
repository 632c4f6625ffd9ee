"""What the clinics write about each appointment: the sessions and the measurements."""

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation.care import EXIT_MET, EXIT_UNRECORDED, GOALS_MET, Visits
from analysis.simulation.course import Cells, Course, identifiers, known_only, labelled
from analysis.simulation.people import Flags, Integers

EVIDENCE = (None, "measured", "attested", "inferred")
MINUTES = (30, 45, 60, 90)
NOT_ATTENDED = ("no_show", "late_cancel", "cancelled", "rescheduled")
MISSED_SHARE = 0.10
MISSED_AFTER_LAST_SHARE = 0.35
TECHNIQUES = {
    1: ("trigger_point_pressure_release", "ischemic_compression", "myofascial_release"),
    2: ("structural_evaluation", "posture_education", "joint_mobilisation", "gait_training"),
    3: ("passive_stretch", "active_stretch", "pnf", "neuromuscular_reeducation"),
    4: ("strengthening",),
    5: ("endurance_training",),
}
SESSION_DOMAINS = {
    "flexibility": "flexibility_pct",
    "strength": "strength_pct",
    "endurance": "endurance_pct",
    "alignment": "alignment_deg",
}
INSTRUMENTS = {
    "flexibility": ("range_of_motion_pct", "%"),
    "strength": ("dynamometer_pct", "%"),
}
UNCOUNTED_INSTRUMENT = ("pressure_algometer", "N/cm2")
NOT_ATTENDED_SHARES = (0.4, 0.2, 0.2, 0.2)
OWN_THERAPIST_SHARE = 0.85
PRESSURE_SHARE = 0.2
DAYS_TO_MISSED_LAST = 8


def session_records(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    """Return every appointment: the attended sessions and those that did not take place."""
    attended = _attended(rng, course, course.sessions)
    missed = _missed(rng, course, course.sessions)
    frame = pl.concat([attended, missed], how="diagonal_relaxed").sort("episode", "day")
    ids = identifiers("S", course.tag, frame.height)
    clinic = pl.Series(course.people.clinic.astype(np.int64)).gather(frame["episode"])
    therapists = _therapists(rng, course, frame["episode"].to_numpy(), clinic.to_numpy())
    return frame.with_columns(
        session_id=ids,
        episode_id=course.names_of(frame["episode"]),
        therapist_id=therapists,
    ).select(
        "session_id",
        "episode_id",
        "therapist_id",
        "day",
        "sequence",
        "status",
        "stage",
        "also_stages",
        "exit_met",
        "exit_evidence",
        "minutes",
        "techniques",
        "pain_nrs",
        *SESSION_DOMAINS.values(),
    )


def _attended(rng: np.random.Generator, course: Course, sessions: Cells) -> pl.DataFrame:
    visits = course.visits
    exit_state, pain = sessions.of(visits.exit_state), sessions.of(visits.pain_nrs)
    count = len(sessions.episode)
    return pl.DataFrame(
        {
            "episode": sessions.episode.astype(np.uint32),
            "day": sessions.of(visits.day),
            "sequence": np.ones(count, dtype=np.int16),
            "status": pl.repeat("attended", count, eager=True),
            "stage": sessions.of(visits.stage).astype(np.uint8),
            "also_stages": _also_stages(sessions, visits),
            "exit_met": known_only(exit_state == EXIT_MET, exit_state != EXIT_UNRECORDED),
            "exit_evidence": labelled(EVIDENCE, sessions.of(visits.evidence)),
            "minutes": rng.choice(np.array(MINUTES, dtype=np.int16), size=count),
            "techniques": _techniques(rng, sessions.of(visits.stage)),
            "pain_nrs": known_only(pain.astype(np.int16), pain >= 0),
            **_session_values(rng, course, sessions),
        }
    )


def _also_stages(sessions: Cells, visits: Visits) -> pl.Series:
    """Return the further stages of every session as a list, or null."""
    ways = [[], *[[stage] for stage in range(1, 6)], *[[1, stage] for stage in range(1, 6)]]
    lists = pl.Series([way or None for way in ways], dtype=pl.List(pl.UInt8))
    later = sessions.of(visits.beside_next).astype(np.int64)
    relieves = sessions.of(visits.beside_earlier).astype(np.int64)
    code = np.where(later == 0, relieves, later + 5 * relieves)
    return lists.gather(code.astype(np.uint32))


def _techniques(rng: np.random.Generator, stage: NDArray[Any]) -> pl.Series:
    """Draw one or two techniques of the stage for every session."""
    ways = [
        [[name] for name in names] + [list(pair) for pair in combinations(names, 2)]
        for names in TECHNIQUES.values()
    ]
    sizes = np.array([len(way) for way in ways])
    first = np.cumsum(sizes) - sizes
    row = stage.astype(np.int64) - 1
    place = first[row] + rng.integers(0, sizes[row])
    flat = [way for of_stage in ways for way in of_stage]
    return pl.Series(flat, dtype=pl.List(pl.String)).gather(place.astype(np.uint32))


def _session_values(
    rng: np.random.Generator, course: Course, sessions: Cells
) -> dict[str, pl.Series]:
    """Return the domains that the session itself records; instruments have a table of their own."""
    by_instrument = _by_instrument(course, sessions)
    columns = {}
    for domain, column in SESSION_DOMAINS.items():
        here = _is_measured(rng, course, sessions)
        if domain in INSTRUMENTS:
            here &= ~by_instrument
        columns[column] = known_only(sessions.of(course.values[domain]), here)
    return columns


def _missed(rng: np.random.Generator, course: Course, sessions: Cells) -> pl.DataFrame:
    """Draw appointments that did not take place, between sessions and after the last one."""
    count = len(sessions.episode)
    day = sessions.of(course.visits.day).astype(np.int64)
    is_last = np.append(sessions.episode[1:] != sessions.episode[:-1], True)
    next_day = np.where(is_last, day + DAYS_TO_MISSED_LAST, np.append(day[1:], 0))
    gave_up = (course.visits.ending != GOALS_MET)[sessions.episode]
    share = np.where(is_last, MISSED_AFTER_LAST_SHARE * gave_up, MISSED_SHARE)
    missed_day = day + 1 + (rng.random(count) * (next_day - day - 1)).astype(np.int64)
    happens = (rng.random(count) < share) & (next_day - day > 1)
    happens &= missed_day < course.outcomes.end_of_care[sessions.episode]
    status = rng.choice(len(NOT_ATTENDED), size=count, p=NOT_ATTENDED_SHARES)
    return pl.DataFrame(
        {
            "episode": sessions.episode[happens].astype(np.uint32),
            "day": missed_day[happens].astype(np.int16),
            "sequence": np.ones(int(happens.sum()), dtype=np.int16),
            "status": labelled(NOT_ATTENDED, status[happens]),
        }
    )


def _therapists(
    rng: np.random.Generator, course: Course, episode: Integers, clinic: Integers
) -> pl.Series:
    """Draw the therapist of every session: mostly the episode's own, sometimes a colleague."""
    team = course.clinics.therapists
    own = rng.integers(0, team[course.people.clinic])[episode]
    other = rng.integers(0, team[clinic])
    member = np.where(rng.random(len(episode)) < OWN_THERAPIST_SHARE, own, other)
    first = np.concatenate([[0], np.cumsum(team)[:-1]])
    names = [
        f"T{home + 1:02d}-{number + 1:02d}"
        for home, size in enumerate(team)
        for number in range(size)
    ]
    return labelled(names, first[clinic] + member)


def measurement_records(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    """Return what the clinics with instruments measured, in long form."""
    sessions = course.sessions
    at_clinic = _by_instrument(course, sessions)
    frames = []
    for domain, (instrument, unit) in INSTRUMENTS.items():
        taken = at_clinic & _is_measured(rng, course, sessions)
        values = sessions.of(course.values[domain])
        frames.append(
            _readings(course, sessions, taken, instrument=instrument, unit=unit, values=values)
        )
    instrument, unit = UNCOUNTED_INSTRUMENT
    pressure = np.round(rng.gamma(9, 3.5, len(at_clinic)), 1)
    taken = at_clinic & (rng.random(len(at_clinic)) < PRESSURE_SHARE)
    frames.append(
        _readings(course, sessions, taken, instrument=instrument, unit=unit, values=pressure)
    )
    frame = pl.concat(frames).sort("episode", "day", "instrument")
    return frame.select(
        course.names_of(frame["episode"]).alias("episode_id"),
        "day",
        "instrument",
        "side",
        "value",
        "unit",
        "timing",
    )


def _readings(
    course: Course,
    sessions: Cells,
    taken: Flags,
    *,
    instrument: str,
    unit: str,
    values: NDArray[Any],
) -> pl.DataFrame:
    episode = sessions.episode[taken]
    return pl.DataFrame(
        {
            "episode": episode.astype(np.uint32),
            "day": sessions.of(course.visits.day)[taken],
            "side": pl.Series(course.people.side[episode]),
            "value": values[taken].astype(np.float64),
        }
    ).with_columns(instrument=pl.lit(instrument), unit=pl.lit(unit), timing=pl.lit("pre"))


def _is_measured(rng: np.random.Generator, course: Course, sessions: Cells) -> Flags:
    share = course.clinics.domain_missing_share[course.people.clinic[sessions.episode]]
    return np.asarray(rng.random(len(share)) >= share)


def _by_instrument(course: Course, sessions: Cells) -> Flags:
    return np.asarray(course.clinics.has_instruments[course.people.clinic[sessions.episode]])
