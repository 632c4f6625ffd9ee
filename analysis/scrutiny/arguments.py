"""How strong hidden confounding, or how many hidden events, would explain the estimate away."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.cohort import CENSORED, Strategy
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.evalue import RatioInterval, e_values
from analysis.emulation.tipping import Departure, LostPeople, remaining_risks, tipping_point
from analysis.emulation.weights import weight_path, weights_on
from analysis.scrutiny.fits import arm_weights
from analysis.scrutiny.ground import Ground
from analysis.scrutiny.rows import (
    E_VALUE,
    TIPPING_POINT,
    SensitivityRow,
    found,
    impossible,
    suppressed,
)
from analysis.study.rows import NATURAL, STRICT

E_VALUE_MEASURES: Final = ("risk_ratio", "limit_nearest_no_effect")
AIMS: Final = ("to_cover", "to_cross")
# Measures of a departure: as odds, as shares of the lost, and in people.
DEPARTURES: Final = ("odds_ratio_among_lost", "share_of_lost", "further_events", "fewest_events")
EXPECTED: Final = ("share_lost", "share_expected", "expected_events")
NOBODY_LOST: Final = "Nobody was lost to follow-up while keeping the order."


def e_value_rows(ground: Ground) -> list[SensitivityRow]:
    """Return the E-values of the primary risk ratio and of its limit nearest to no effect."""
    ratio = ground.emulation.ratio(STRICT, NATURAL)
    if ratio is None:
        reason = "The primary analysis has no risk ratio."
        return [impossible(E_VALUE, measure, reason) for measure in E_VALUE_MEASURES]
    try:
        own = e_values(RatioInterval(ratio.value, ratio.low, ratio.high))
    except NotEstimableError as refusal:
        return [impossible(E_VALUE, measure, str(refusal)) for measure in E_VALUE_MEASURES]
    values = (own.estimate, own.limit)
    return [
        found(E_VALUE, measure, value)
        for measure, value in zip(E_VALUE_MEASURES, values, strict=True)
    ]


def tipping_rows(ground: Ground) -> list[SensitivityRow]:
    """Return what those lost while strict would have to hide for the conclusion to change.

    `to_cover` is until the interval covers no effect, `to_cross` until the estimate changes sides.
    The number of the lost is a count, which the release rounds or hides. Numbers of events are
    rounded here, and all but the count is suppressed where the count will be hidden.
    """
    lost = _lost_while_strict(ground)
    tip = tipping_point(ground.emulation.difference(STRICT, NATURAL), lost)
    rows = [SensitivityRow(TIPPING_POINT, "lost", float(tip.lost))]
    if tip.lost == 0:
        return rows + [impossible(TIPPING_POINT, each, NOBODY_LOST) for each in _measures()]
    limits = ground.protocol.disclosure
    people = _InPeople(limits.rounding_base)
    if people.rounded(tip.lost) < limits.smallest_count:
        return rows + [suppressed(TIPPING_POINT, each) for each in _measures()]
    values = (
        tip.lost / ground.arms.cohort.people,
        tip.expected_events / tip.lost,
        people.rounded(tip.expected_events),
    )
    rows += [
        found(TIPPING_POINT, measure, value, reason=people.words(measure))
        for measure, value in zip(EXPECTED, values, strict=True)
    ]
    for aim, departure in zip(AIMS, (tip.interval_covers, tip.estimate_crosses), strict=True):
        rows += _departure_rows(aim, departure, people)
    return rows


@dataclass(frozen=True)
class _InPeople:
    """Numbers of people as they may be told: multiples of a base."""

    base: int

    def rounded(self, count: float) -> float:
        """Return the nearest multiple of the base; a half goes up."""
        return float(self.base * math.floor(count / self.base + 0.5))

    def rounded_if_any(self, count: float | None) -> float | None:
        """Return the same of a number that may be none."""
        return None if count is None else self.rounded(count)

    def words(self, measure: str) -> str:
        """Return what is to be said of a measure."""
        return f"Rounded to multiples of {self.base} people." if "events" in measure else ""


def _measures() -> list[str]:
    """Return all measures but the count of the lost."""
    return [*EXPECTED, *(f"{name}_{aim}" for aim in AIMS for name in DEPARTURES)]


def _departure_rows(aim: str, departure: Departure, people: _InPeople) -> list[SensitivityRow]:
    values = (
        departure.delta,
        departure.share_of_lost,
        people.rounded_if_any(departure.further_events),
        people.rounded_if_any(departure.fewest_further_events),
    )
    without = "No events among the lost could move the estimate so far."
    covers = "The interval covers no effect as it is. " if departure.shift == 0.0 else ""
    return [
        found(
            TIPPING_POINT,
            f"{name}_{aim}",
            value,
            without=without,
            reason=f"{covers}{people.words(name)}".strip(),
        )
        for name, value in zip(DEPARTURES, values, strict=True)
    ]


def _lost_while_strict(ground: Ground) -> LostPeople:
    """Return those lost while they kept the order, who count under both strategies.

    Their weights are for staying with the order alone, uncut: follow-up is what is asked about.
    """
    cohort, arms = ground.arms.cohort, ground.arms
    strategy = Strategy(STRICT, ground.population.violated_on, arms.decisions)
    path = weight_path(cohort, strategy, None)
    weights, _ = arm_weights(path, (arms.staying, None), 1.0)
    stays = strategy.leaves_on > cohort.last_day
    is_lost = stays & (cohort.ending == CENSORED) & (cohort.last_day < cohort.horizon)
    curve = ground.emulation[STRICT].curve
    return LostPeople(
        weights_on(weights, path, cohort.last_day)[is_lost],
        remaining_risks(curve.risk, curve.survival, cohort.last_day[is_lost]),
        population=float(cohort.people),
        comparator_weights=np.ones(int(np.sum(is_lost))),
        comparator_population=float(cohort.people),
    )
