"""A small invented world with a known truth, for tests of the general core.

Each person has a severity (0, 1, 2). At visits on fixed days they may leave the strategy, the more
likely the more severe; after every contact they may be lost, also by severity; the event comes at
a daily rate that depends on severity and, where an effect is planted, on having left.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.emulation.arrays import NEVER, IntArray
from analysis.emulation.cohort import CENSORED, COMPETING, EVENT, Cohort, HazardRows, Strategy
from analysis.emulation.design import Category, design_matrix

HORIZON = 120
VISITS = (0, 10, 20, 30)
CONTACTS = tuple(range(15, HORIZON + 1, 15))


@dataclass(frozen=True)
class World:
    cohort: Cohort
    strict: Strategy
    follow_up: HazardRows
    severity: IntArray


def world(
    people: int, seed: int, *, effect: float = 0.0, per_unit: int = 1, horizon: int = HORIZON
) -> World:
    random = np.random.default_rng(seed)
    severity = random.integers(0, 3, people)
    leave = np.array([0.05, 0.12, 0.3])[severity]
    lost = np.array([0.01, 0.03, 0.08])[severity]
    rate = np.array([0.001, 0.003, 0.006])[severity]
    leaves_on = np.full(people, NEVER)
    for day in reversed(VISITS):
        leaves_on = np.where(random.random(people) < leave, day, leaves_on)
    event_day = _event_days(random, rate, leaves_on, effect)
    competing_day = np.ceil(random.exponential(1 / 0.001, people)).astype(np.int64)
    lost_on = np.full(people, NEVER)
    for day in reversed(CONTACTS[:-1]):
        lost_on = np.where(random.random(people) < lost, day, lost_on)
    ends = np.minimum(event_day, competing_day)
    last_day = np.minimum(np.minimum(ends, lost_on), horizon)
    ending = np.where(
        ends > last_day, CENSORED, np.where(event_day <= competing_day, EVENT, COMPETING)
    )
    cohort = Cohort(np.arange(people) // per_unit, last_day, ending, horizon)
    strict = Strategy("strict", leaves_on, _rows(VISITS, last_day, leaves_on, severity))
    known_until = np.where(ending == CENSORED, last_day, last_day - 1)
    follow_up = _rows(CONTACTS[:-1], known_until, lost_on, severity)
    return World(cohort, strict, follow_up, severity)


def _event_days(random, rate, leaves_on, effect):
    people = len(rate)
    wait = random.exponential(1.0, people)
    before = rate * leaves_on
    after = leaves_on + (wait - before) / (rate * np.exp(effect))
    return np.ceil(np.where(wait < before, wait / rate, after)).astype(np.int64).clip(1)


def _rows(days, last_day, stops_on, severity):
    people = np.arange(len(last_day))
    person = np.repeat(people, len(days))
    day = np.tile(np.array(days), len(people))
    kept = (day <= last_day[person]) & (day <= stops_on[person])
    person, day = person[kept], day[kept]
    rows = pl.DataFrame({"severity": severity[person], "day": day})
    return HazardRows(
        person,
        day,
        day == stops_on[person],
        design_matrix(rows, [Category("severity"), Category("day")]),
    )


def true_risk(seed: int = 1, people: int = 400_000) -> float:
    """The risk by the horizon had nobody left, competing events as they are."""
    random = np.random.default_rng(seed)
    rate = np.array([0.001, 0.003, 0.006])[random.integers(0, 3, people)]
    event = np.ceil(random.exponential(1.0, people) / rate).clip(1)
    competing = np.ceil(random.exponential(1 / 0.001, people))
    return float(np.mean((event <= HORIZON) & (event <= competing)))
