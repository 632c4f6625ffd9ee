"""The six tables of a delivery, and the true probabilities behind them, as frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation.clinics import Clinics
from analysis.simulation.follow_up import Observation
from analysis.simulation.outcomes import Outcomes
from analysis.simulation.people import Category, Flags, Floats, Integers, People
from analysis.simulation.scenarios import FOLLOW_UP_DAYS
from analysis.simulation.visits import (
    CARE_CAPPED,
    EXIT_MET,
    EXIT_UNRECORDED,
    GOALS_MET,
    LEFT_EARLY,
    Visits,
)

FIRST_YEAR = 2022
EVIDENCE = (None, "measured", "attested", "inferred")
PLANNED_PROTOCOL = ("strict_order", "flexible", "none_recorded")
MINUTES = (30, 45, 60, 90)
NOT_ATTENDED = ("no_show", "late_cancel", "cancelled", "rescheduled")
MISSED_SHARE = 0.10
MISSED_AFTER_LAST_SHARE = 0.35
LEAVING_REASONS = ("self_discharged", "financial", "moved", "lost")
LEAVING_SHARES = (0.55, 0.15, 0.1, 0.2)
SOURCES = ("clinic", "follow_up")
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
EVENT_KINDS = ("reinjury", "other_region", "unrelated_illness", "surgery", "death")


@dataclass(frozen=True)
class Course:
    """Everything simulated about the episodes, before it is written down."""

    tag: str
    clinics: Clinics
    people: People
    visits: Visits
    outcomes: Outcomes
    observation: Observation
    values: dict[str, Floats]

    @property
    def is_seen(self) -> Flags:
        """Return which sessions are recorded, episodes x MOST_VISITS."""
        return np.asarray(
            self.visits.happens & (self.visits.day <= self.observation.lost_day[:, None])
        )

    @property
    def episode_ids(self) -> pl.Series:
        """Return the identifier of every episode."""
        return _identifiers("E", self.tag, self.people.count)


@dataclass(frozen=True)
class _Sessions:
    """The recorded sessions laid out flat: the episode and visit of each."""

    episode: Integers
    visit: Integers

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[self.episode, self.visit]


def build_tables(rng: np.random.Generator, course: Course) -> dict[str, pl.DataFrame]:
    """Return the six contracted tables, sorted by their keys."""
    sessions = _Sessions(*np.nonzero(course.is_seen))
    return {
        "patients": _patients(course),
        "episodes": _episodes(rng, course),
        "sessions": _sessions(rng, course, sessions),
        "events": _events(rng, course),
        "followups": _followups(course),
        "measurements": _measurements(rng, course, sessions),
    }


def _identifiers(letter: str, tag: str, count: int) -> pl.Series:
    numbers = pl.Series("id", np.arange(count)).cast(pl.String).str.zfill(7)
    return pl.select(pl.lit(f"{letter}{tag}-") + numbers).to_series()


def _labels(labels: Sequence[str | None], codes: NDArray[Any]) -> pl.Series:
    return pl.Series(labels, dtype=pl.String).gather(codes.astype(np.uint32))


def _category(category: Category) -> pl.Series:
    return _labels(category.labels, category.codes)


def _known(values: NDArray[Any], known: Flags) -> pl.Series:
    """Return the values with null where they are not known."""
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series()


def _patients(course: Course) -> pl.DataFrame:
    patients = course.people.patients
    frame = pl.DataFrame(
        {
            "patient_id": _identifiers("P", course.tag, len(patients.frailty)),
            "sex": _category(patients.sex),
            "age_band": _category(patients.age_band),
            "bmi_band": _category(patients.bmi_band),
            "comorbidity_count": patients.comorbidity_count.astype(np.int16),
            "work_load": _category(patients.work_load),
        }
    )
    known = pl.Series(patients.bmi_known)
    return frame.with_columns(pl.when(known).then("bmi_band").alias("bmi_band"))


def _episodes(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    people = course.people
    last = course.is_seen.sum(axis=1) - 1
    last_day = course.visits.day[np.arange(people.count), last]
    months = _start_months()
    patient_ids = _identifiers("P", course.tag, len(people.patients.frailty))
    return pl.DataFrame(
        {
            "episode_id": course.episode_ids,
            "patient_id": patient_ids.gather(people.patient.astype(np.uint32)),
            "clinic_id": _labels(course.clinics.names, people.clinic),
            "start_month": _labels(months, people.start_month),
            "region": _category(people.region),
            "side": pl.Series(people.side),
            "condition": _category(people.condition),
            "chronicity": _category(people.chronicity),
            "prior_episodes": people.prior_episodes.astype(np.int16),
            "planned_protocol": _labels(
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
    return _known(reason, reason != "")


def _sessions(rng: np.random.Generator, course: Course, sessions: _Sessions) -> pl.DataFrame:
    attended = _attended(rng, course, sessions)
    missed = _missed(rng, course, sessions)
    frame = pl.concat([attended, missed], how="diagonal_relaxed").sort("episode", "day")
    ids = _identifiers("S", course.tag, frame.height)
    clinic = pl.Series(course.people.clinic.astype(np.int64)).gather(frame["episode"])
    therapists = _therapists(rng, course, frame["episode"].to_numpy(), clinic.to_numpy())
    return frame.with_columns(
        session_id=ids,
        episode_id=course.episode_ids.gather(frame["episode"]),
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


def _attended(rng: np.random.Generator, course: Course, sessions: _Sessions) -> pl.DataFrame:
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
            "exit_met": _known(exit_state == EXIT_MET, exit_state != EXIT_UNRECORDED),
            "exit_evidence": _labels(EVIDENCE, sessions.of(visits.evidence)),
            "minutes": rng.choice(np.array(MINUTES, dtype=np.int16), size=count),
            "techniques": _techniques(rng, sessions.of(visits.stage)),
            "pain_nrs": _known(pain.astype(np.int16), pain >= 0),
            **_session_values(rng, course, sessions),
        }
    )


def _also_stages(sessions: _Sessions, visits: Visits) -> pl.Series:
    """Return the further stages of every session as a list, or null."""
    ways = [[], *[[stage] for stage in range(1, 6)], *[[1, stage] for stage in range(1, 6)]]
    lists = pl.Series([way or None for way in ways], dtype=pl.List(pl.UInt8))
    later = sessions.of(visits.beside_next).astype(np.int64)
    relieves = sessions.of(visits.beside_earlier).astype(np.int64)
    code = np.where(later == 0, relieves, later + 5 * relieves)
    return lists.gather(code.astype(np.uint32))


def _techniques(rng: np.random.Generator, stage: NDArray[Any]) -> pl.Series:
    """Draw one or two techniques of the stage for every session."""
    pairs: list[list[str]] = []
    for names in TECHNIQUES.values():
        turned = (*names[1:], names[0])
        pairs += [[name] for name in names * (4 // len(names) + 1)][:4]
        pairs += [sorted({name, other}) for name, other in zip(names, turned, strict=True)]
        pairs += [[names[0]]] * (4 - len(names))
    place = (stage.astype(np.int64) - 1) * 8 + rng.integers(0, 8, len(stage))
    return pl.Series(pairs, dtype=pl.List(pl.String)).gather(place.astype(np.uint32))


def _is_measured(rng: np.random.Generator, course: Course, sessions: _Sessions) -> Flags:
    share = course.clinics.domain_missing_share[course.people.clinic[sessions.episode]]
    return np.asarray(rng.random(len(share)) >= share)


def _by_instrument(course: Course, sessions: _Sessions) -> Flags:
    return np.asarray(course.clinics.has_instruments[course.people.clinic[sessions.episode]])


def _session_values(
    rng: np.random.Generator, course: Course, sessions: _Sessions
) -> dict[str, pl.Series]:
    """Return the domains that the session itself records; instruments have a table of their own."""
    by_instrument = _by_instrument(course, sessions)
    columns = {}
    for domain, column in SESSION_DOMAINS.items():
        here = _is_measured(rng, course, sessions)
        if domain in INSTRUMENTS:
            here &= ~by_instrument
        columns[column] = _known(sessions.of(course.values[domain]), here)
    return columns


def _missed(rng: np.random.Generator, course: Course, sessions: _Sessions) -> pl.DataFrame:
    """Draw appointments that did not take place, between sessions and after the last one."""
    count = len(sessions.episode)
    day = sessions.of(course.visits.day).astype(np.int64)
    is_last = np.append(sessions.episode[1:] != sessions.episode[:-1], True)
    next_day = np.where(is_last, day + 8, np.append(day[1:], 0))
    gave_up = (course.visits.ending != GOALS_MET)[sessions.episode]
    share = np.where(is_last, MISSED_AFTER_LAST_SHARE * gave_up, MISSED_SHARE)
    missed_day = day + 1 + (rng.random(count) * (next_day - day - 1)).astype(np.int64)
    happens = (rng.random(count) < share) & (next_day - day > 1)
    happens &= missed_day < course.outcomes.end_of_care[sessions.episode]
    status = rng.choice(len(NOT_ATTENDED), size=count, p=(0.4, 0.2, 0.2, 0.2))
    return pl.DataFrame(
        {
            "episode": sessions.episode[happens].astype(np.uint32),
            "day": missed_day[happens].astype(np.int16),
            "sequence": np.ones(int(happens.sum()), dtype=np.int16),
            "status": _labels(NOT_ATTENDED, status[happens]),
        }
    )


def _therapists(
    rng: np.random.Generator, course: Course, episode: Integers, clinic: Integers
) -> pl.Series:
    """Draw the therapist of every session: mostly the episode's own, sometimes a colleague."""
    team = course.clinics.therapists
    own = rng.integers(0, team[course.people.clinic])[episode]
    other = rng.integers(0, team[clinic])
    member = np.where(rng.random(len(episode)) < 0.85, own, other)
    first = np.concatenate([[0], np.cumsum(team)[:-1]])
    names = [
        f"T{home + 1:02d}-{number + 1:02d}"
        for home, size in enumerate(team)
        for number in range(size)
    ]
    return _labels(names, first[clinic] + member)


def _events(rng: np.random.Generator, course: Course) -> pl.DataFrame:
    outcomes, observation = course.outcomes, course.observation
    days = [
        ("reinjury", outcomes.reinjury),
        ("reinjury", outcomes.second_reinjury),
        *((kind, getattr(outcomes, kind)) for kind in EVENT_KINDS[1:]),
    ]
    # A death that stays unknown leaves the other events as they are: none of them is later than
    # the last contact, which the person lived to see.
    frames = []
    for kind, day in days:
        is_known = observation.sees(day) & (day <= outcomes.death)
        episode = np.flatnonzero(is_known)
        frames.append(
            pl.DataFrame(
                {
                    "episode": episode.astype(np.uint32),
                    "day": day[episode].astype(np.int16),
                    "kind": pl.repeat(kind, len(episode), dtype=pl.String, eager=True),
                }
            )
        )
    events = pl.concat(frames).sort("episode", "day", "kind")
    return _describe_events(rng, course, events)


def _describe_events(
    rng: np.random.Generator, course: Course, events: pl.DataFrame
) -> pl.DataFrame:
    count = events.height
    is_flare = events["kind"].is_in(["reinjury", "other_region"]).to_numpy()
    is_told = is_flare & (rng.random(count) < 0.8)
    lost = rng.poisson(4, count).astype(np.int16)
    hours = np.rint(rng.gamma(2, 18, count) + 1).astype(np.int16)
    return events.with_columns(
        event_id=_identifiers("V", course.tag, count),
        episode_id=course.episode_ids.gather(events["episode"]),
        pain_nrs=_known(rng.integers(4, 10, count).astype(np.int16), is_told),
        duration_h=_known(hours, is_told),
        limited_days=_known(lost, is_told),
        care_sought=_known(rng.random(count) < 0.55, is_told),
        source=_labels(SOURCES, rng.choice(2, size=count, p=(0.35, 0.65))),
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


def _followups(course: Course) -> pl.DataFrame:
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
    return frame.select(
        course.episode_ids.gather(frame["episode"]).alias("episode_id"), "day", "outcome"
    )


def _measurements(rng: np.random.Generator, course: Course, sessions: _Sessions) -> pl.DataFrame:
    """Return what the clinics with instruments measured, in long form."""
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
    taken = at_clinic & (rng.random(len(at_clinic)) < 0.2)
    frames.append(
        _readings(course, sessions, taken, instrument=instrument, unit=unit, values=pressure)
    )
    frame = pl.concat(frames).sort("episode", "day", "instrument")
    return frame.select(
        course.episode_ids.gather(frame["episode"]).alias("episode_id"),
        "day",
        "instrument",
        "side",
        "value",
        "unit",
        "timing",
    )


def _readings(
    course: Course,
    sessions: _Sessions,
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


def decision_frame(course: Course) -> pl.DataFrame:
    """Return every recorded decision with the true probability of moving on early.

    One row is an attended session, up to and including the first violation, at which an early
    move was possible.
    """
    visits = course.visits
    is_decision = course.is_seen & ~np.isnan(visits.violation_probability)
    rows = _Sessions(*np.nonzero(is_decision))
    day = rows.of(visits.day)
    return pl.DataFrame(
        {
            "episode_id": course.episode_ids.gather(rows.episode.astype(np.uint32)),
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
    seen = _Sessions(*np.nonzero(course.is_seen))
    is_reached = observation.is_attempted & (observation.outcome == "reached")
    reached = _Sessions(*np.nonzero(is_reached))
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
    rows: _Sessions,
    *,
    day: NDArray[Any],
    last_pain: NDArray[Any],
    probability: Floats,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "episode_id": course.episode_ids.gather(rows.episode.astype(np.uint32)),
            "day": day,
            "last_pain_nrs": rows.of(last_pain).astype(np.int8),
            "loss_probability": rows.of(probability),
            "is_lost": course.observation.lost_day[rows.episode] == day,
        }
    )
