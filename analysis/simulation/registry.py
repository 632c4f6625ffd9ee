"""A synthetic registry from a seed: the same arguments give the same tables, to the last value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis.contracts.errors import UsageError
from analysis.simulation.appointments import measurement_records, session_records
from analysis.simulation.clinics import Clinics, draw_clinics
from analysis.simulation.course import Course
from analysis.simulation.domains import draw_values
from analysis.simulation.follow_up import end_care, observe
from analysis.simulation.outcomes import draw_outcomes, find_hazards
from analysis.simulation.people import draw_people
from analysis.simulation.probabilities import contact_frame, decision_frame
from analysis.simulation.records import (
    episode_records,
    event_records,
    followup_records,
    patient_records,
)
from analysis.simulation.scenarios import Scenario, find_scenario
from analysis.simulation.severity import draw_severity
from analysis.simulation.truth import find_truth
from analysis.simulation.visits import draw_visits

TRUTH_PEOPLE = 200_000
MOST_EPISODES = 5_000_000
MOST_CLINICS = 500


@dataclass(frozen=True)
class SyntheticRegistry:
    """A registry whose truth is known.

    tables: the six contracted tables by name. truth: what was planted, ready for JSON.
    decisions and contacts: the recorded decision points and contacts, each with its true
    probability; no delivery holds them, they are there to check estimators against.
    """

    tables: dict[str, pl.DataFrame]
    truth: dict[str, Any]
    decisions: pl.DataFrame
    contacts: pl.DataFrame


def simulate_registry(
    *,
    episodes: int,
    clinics: int,
    seed: int,
    scenario: str | Scenario,
    truth_people: int = TRUTH_PEOPLE,
) -> SyntheticRegistry:
    """Simulate a registry of that many episodes in that many clinics.

    The scenario is one of SCENARIOS by its name, or a world of one's own; where that gives the
    clinics' shares, there are as many clinics as shares. truth_people new people are simulated
    for the truth; 0 leaves the truth out.
    Raises UsageError for an unknown scenario or counts that make no registry.
    """
    world = scenario if isinstance(scenario, Scenario) else find_scenario(scenario)
    clinics = len(world.clinic_shares) or clinics
    _require_counts(episodes, clinics, seed)
    streams = _streams(seed)
    network = draw_clinics(streams[0], clinics, world)
    course = _run_course(streams[1], network, world, episodes, f"{seed % 10_000:04d}")
    truth = find_truth(streams[2], network, world, truth_people) if truth_people else {}
    return SyntheticRegistry(
        tables=_write_down(streams[3], course),
        truth={**truth, "seed": seed, "episodes": episodes, "clinics": clinics},
        decisions=decision_frame(course),
        contacts=contact_frame(course),
    )


def simulate_course(*, episodes: int, clinics: int, seed: int, scenario: Scenario) -> Course:
    """Simulate the course of the registry of the same arguments, without writing it down."""
    streams = _streams(seed)
    network = draw_clinics(streams[0], len(scenario.clinic_shares) or clinics, scenario)
    return _run_course(streams[1], network, scenario, episodes, f"{seed % 10_000:04d}")


def _streams(seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)]


def _require_counts(episodes: int, clinics: int, seed: int) -> None:
    if not 1 <= episodes <= MOST_EPISODES:
        raise UsageError(f"{episodes} episodes: ask for 1 to {MOST_EPISODES:,}.")
    if not 1 <= clinics <= MOST_CLINICS:
        raise UsageError(f"{clinics} clinics: ask for 1 to {MOST_CLINICS}.")
    if seed < 0:
        raise UsageError(f"Seed {seed}: a seed is a whole number from 0.")


def _run_course(
    rng: np.random.Generator, clinics: Clinics, scenario: Scenario, episodes: int, tag: str
) -> Course:
    people = draw_people(rng, episodes, clinics, scenario)
    severity = draw_severity(rng, people, scenario.severity)
    planned = draw_visits(rng, people, clinics, severity, scenario)
    hazards = find_hazards(people, clinics, severity, scenario)
    outcomes = draw_outcomes(rng, hazards, planned.first_violation_day)
    visits = end_care(planned, outcomes)
    observation = observe(rng, people, clinics, visits, outcomes.death, loss=scenario.loss)
    values = draw_values(rng, visits, scenario.courses)
    return Course(tag, clinics, people, visits, outcomes, observation, values)


def _write_down(rng: np.random.Generator, course: Course) -> dict[str, pl.DataFrame]:
    return {
        "patients": patient_records(course),
        "episodes": episode_records(rng, course),
        "sessions": session_records(rng, course),
        "events": event_records(rng, course),
        "followups": followup_records(course),
        "measurements": measurement_records(rng, course),
    }
