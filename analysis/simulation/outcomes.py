"""Events by daily hazards, and the risks that those hazards mean.

The hazard of re-injury follows the recorded baseline, the clinic, the hidden trait (only in
`hidden_confounder`) and the latent severity path. Care does not change that path. Measured pain
shows it, with noise and with what treatment took away, and decisions see measured pain alone. So
severity confounds at the start and over time, and yet, given the measured history, who moves on
early says nothing more about the hazard. Only `hazard_ratio_after_violation` makes the hazard
answer to the order of stages, from the day after the first violation.
"""

from dataclasses import dataclass

import numpy as np

from analysis.simulation.care import NEVER
from analysis.simulation.clinics import Clinics
from analysis.simulation.people import Floats, Integers, People
from analysis.simulation.scenarios import HORIZON_DAYS, BaselineEffects, Scenario
from analysis.simulation.severity import DAYS_PER_WEEK, WEEKS

COMPETING = ("surgery", "death")
NEGATIVE_CONTROLS = ("other_region", "unrelated_illness")
SECOND_REINJURY_RATIO = 1.5
QUIET_DAYS_AFTER_REINJURY = 21
FRAILTY_OF_SURGERY = 0.25
ILLNESS = BaselineEffects(
    prior_episode=0.05,
    comorbidity=0.25,
    chronicity=(("chronic", 0.25),),
    work_load=(("heavy", 0.15), ("very_heavy", 0.2), ("not_working", 0.1)),
)


@dataclass(frozen=True)
class Hazards:
    """Daily hazards; re-injury as it is without any violation, episodes x WEEKS, others flat."""

    reinjury: Floats
    after_violation: float
    surgery: Floats
    death: Floats
    other_region: Floats
    unrelated_illness: Floats


@dataclass(frozen=True)
class Outcomes:
    """The day of each event (NEVER if none by the horizon), one entry an episode."""

    reinjury: Integers
    second_reinjury: Integers
    surgery: Integers
    death: Integers
    other_region: Integers
    unrelated_illness: Integers

    @property
    def end_of_care(self) -> Integers:
        """Return the day of the first event that ends the sessions."""
        return np.minimum(self.reinjury, np.minimum(self.surgery, self.death))


def find_hazards(people: People, clinics: Clinics, severity: Floats, scenario: Scenario) -> Hazards:
    """Return every episode's hazards in the scenario."""
    planted = scenario.hazards
    level = people.effect(planted.baseline) + clinics.hazard_log[people.clinic]
    hidden = planted.hidden_trait * people.hidden_trait
    illness = np.exp(people.effect(ILLNESS) + hidden)
    early = planted.early_excess * np.maximum(1 - np.arange(WEEKS) / planted.early_weeks, 0)
    log_hazard = planted.severity_point * severity + (level + hidden)[:, None] + early
    frail = np.exp(FRAILTY_OF_SURGERY * people.frailty + people.effect(planted.baseline))
    return Hazards(
        reinjury=planted.reinjury_per_day * np.exp(log_hazard),
        after_violation=planted.hazard_ratio_after_violation,
        surgery=planted.surgery_per_day * frail,
        # Whoever comes back with a second problem has outlived the first.
        death=planted.death_per_day * np.exp(people.effect(ILLNESS)) * ~people.has_later_episode,
        other_region=planted.other_region_per_day * illness,
        unrelated_illness=planted.unrelated_illness_per_day * illness,
    )


def draw_outcomes(
    rng: np.random.Generator, hazards: Hazards, first_violation_day: Integers
) -> Outcomes:
    """Draw the days of all events under care as usual."""
    clock = _ReinjuryClock(hazards, first_violation_day)
    reinjury = clock.day_at(rng.exponential(size=len(first_violation_day)))
    restart = np.minimum(reinjury + QUIET_DAYS_AFTER_REINJURY, HORIZON_DAYS)
    waits = rng.exponential(size=len(restart)) / SECOND_REINJURY_RATIO
    second = clock.day_at(clock.hazard_by(restart) + waits)
    return Outcomes(
        reinjury=reinjury,
        second_reinjury=np.where(restart < HORIZON_DAYS, second, NEVER),
        surgery=_flat_day(rng, hazards.surgery),
        death=_flat_day(rng, hazards.death),
        other_region=_flat_day(rng, hazards.other_region),
        unrelated_illness=_flat_day(rng, hazards.unrelated_illness),
    )


def _flat_day(rng: np.random.Generator, per_day: Floats) -> Integers:
    wait = rng.exponential(size=len(per_day)) / np.maximum(per_day, 1e-12)
    return np.where(wait < HORIZON_DAYS, np.ceil(np.minimum(wait, HORIZON_DAYS)), NEVER).astype(
        np.int64
    )


class _ReinjuryClock:
    """Translate between days and cumulative hazard of re-injury under care as usual."""

    def __init__(self, hazards: Hazards, first_violation_day: Integers) -> None:
        self.hazard = hazards.reinjury
        self.ratio = hazards.after_violation
        self.turn_day = np.minimum(first_violation_day, HORIZON_DAYS)
        # Day 0 carries no hazard, so week 0 holds six days; the last week ends at the horizon.
        self.week_ends = np.minimum(DAYS_PER_WEEK * np.arange(1, WEEKS + 1) - 1, HORIZON_DAYS)
        days = np.diff(self.week_ends, prepend=0)
        self.by_week_end = np.cumsum(self.hazard * days, axis=1)
        self.at_turn = self._exogenous_by(self.turn_day)

    def hazard_by(self, day: Integers) -> Floats:
        """Return the hazard gathered from day 1 to that day."""
        extra = np.maximum(self._exogenous_by(day) - self.at_turn, 0)
        return self._exogenous_by(day) + (self.ratio - 1) * extra

    def day_at(self, hazard: Floats) -> Integers:
        """Return the first day on which the gathered hazard reaches a value, or NEVER."""
        after = np.maximum(hazard - self.at_turn, 0)
        exogenous = np.minimum(hazard, self.at_turn) + after / self.ratio
        rows = np.arange(len(exogenous))
        week = (self.by_week_end < exogenous[:, None]).sum(axis=1)
        inside = np.minimum(week, WEEKS - 1)
        missing = self.by_week_end[rows, inside] - exogenous
        day = self.week_ends[inside] - np.floor(missing / self.hazard[rows, inside])
        return np.where(week < WEEKS, day, NEVER).astype(np.int64)

    def _exogenous_by(self, day: Integers) -> Floats:
        rows, week = np.arange(len(day)), day // DAYS_PER_WEEK
        left = self.week_ends[week] - day
        return self.by_week_end[rows, week] - left * self.hazard[rows, week]


def reinjury_risk(hazards: Hazards, turn_day: Integers, days: tuple[int, ...]) -> Floats:
    """Return each episode's risk of re-injury by some days, its hazard turning after turn_day.

    Returns episodes x days. Surgery and death compete; re-injury is counted when it falls on the
    same day as either.
    """
    stays = np.exp(-(hazards.surgery + hazards.death))
    free = np.ones(len(turn_day))
    risk = np.zeros(len(turn_day))
    curve = np.empty((len(turn_day), len(days)))
    for week in range(WEEKS):
        before = np.exp(-hazards.reinjury[:, week])
        after = np.exp(-hazards.after_violation * hazards.reinjury[:, week])
        for day in _days_of_week(week):
            free_of_reinjury = np.where(day > turn_day, after, before)
            risk += free * (1 - free_of_reinjury)
            free *= free_of_reinjury * stays
            if day in days:
                curve[:, days.index(day)] = risk
    return curve


def _days_of_week(week: int) -> range:
    """Return the days at risk in a week; day 0 carries no hazard."""
    return range(max(1, DAYS_PER_WEEK * week), min(DAYS_PER_WEEK * (week + 1), HORIZON_DAYS + 1))


def flat_risk(per_day: Floats, hazards: Hazards) -> Floats:
    """Return each episode's risk by the horizon of an event with a flat hazard."""
    competing = hazards.surgery + hazards.death
    event, stay = -np.expm1(-per_day), np.exp(-(per_day + competing))
    return np.asarray(event * (1 - stay**HORIZON_DAYS) / (1 - stay), dtype=np.float64)
