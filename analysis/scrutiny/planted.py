"""Positive controls: a known effect planted in outcomes that the order cannot cause.

Of the events of a negative-control outcome that came while the order was kept, half are taken out
by lot: keeping the order now halves that outcome's hazard, whatever else drives it (a synthetic
positive control; Schuemie et al. 2018 inject events, which needs a model of them, while thinning
keeps all that confounds as it is). What would have been, had everybody kept the order, is known as
well: the same lot for everybody's events. The planted ratio is that risk over the one with the
stages as usually chosen, neither of which needs a weight for keeping the order; the ratio found is
what the whole design makes of it.

Events planted after a violation would test nothing: they touch no clone that keeps the order.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.emulation.arrays import NEVER, BoolArray
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.intervals import Estimate
from analysis.scrutiny.fits import ArmRisks, carried, risk_ratios
from analysis.scrutiny.ground import Ground, arms_of, natural_risks
from analysis.scrutiny.rows import POSITIVE_CONTROL, SensitivityRow, impossible, interval, not_run
from analysis.study.gates import FEWEST_CONTROL_EVENTS
from analysis.study.models import follow_up_rows
from analysis.study.population import Population

HAZARD_RATIO: Final = 0.5
MEASURES: Final = ("planted_risk_ratio", "found_risk_ratio", "found_over_planted")


@dataclass(frozen=True)
class Planted:
    """A planted ratio of risks, the ratio that the design found, and their ratio."""

    planted: Estimate
    found: Estimate
    found_over_planted: Estimate


def positive_control_rows(ground: Ground) -> list[SensitivityRow]:
    """Return planted and found ratios for each negative-control outcome with enough events."""
    rows: list[SensitivityRow] = []
    for number, control in enumerate(ground.study.controls):
        measures = [f"{measure}_{control.kind}" for measure in MEASURES]
        if control.events < FEWEST_CONTROL_EVENTS:
            reason = f"Fewer than {FEWEST_CONTROL_EVENTS} episodes had the outcome."
            rows += [impossible(POSITIVE_CONTROL, measure, reason) for measure in measures]
            continue
        try:
            own = planted_control(ground, control.kind, number)
        except NotEstimableError as refusal:
            rows += [impossible(POSITIVE_CONTROL, measure, str(refusal)) for measure in measures]
            continue
        words = f"Keeping the order was made to multiply the outcome's hazard by {HAZARD_RATIO:g}."
        estimates = (own.planted, own.found, own.found_over_planted)
        for measure, each in zip(measures, estimates, strict=True):
            limits = each.low, each.high
            rows.append(interval(POSITIVE_CONTROL, measure, each.value, limits, words))
    if not rows:
        reason = "The protocol names no negative-control outcome to plant an effect in."
        rows = [not_run(POSITIVE_CONTROL, measure, reason) for measure in MEASURES]
    return rows


def planted_control(
    ground: Ground, kind: str, number: int, hazard_ratio: float = HAZARD_RATIO
) -> Planted:
    """Return what was planted in this outcome and found; raise `NotEstimableError` if it cannot.

    `number` tells the outcomes' lots apart; `hazard_ratio` is the share of events that stay.
    """
    protocol, population = ground.protocol, ground.population
    competing = protocol.outcome.competing
    random = np.random.default_rng([protocol.sensitivity.seed, 1, number])
    drawn: BoolArray = random.random(population.episodes) >= hazard_ratio
    while_strict = population.day_of(kind) < population.violated_on
    world = _without(population, kind, drawn & while_strict)
    arms = arms_of(ground.tables, world, world.cohort(kind, competing), protocol)
    everybody = _without(population, kind, drawn)
    cohort = everybody.cohort(kind, competing)
    follow_up = follow_up_rows(ground.tables, everybody, cohort, protocol)
    model = carried(cohort, follow_up, protocol.weights.ridge_precision)
    truth = natural_risks(cohort, follow_up, model, protocol)
    return Planted(
        _ratio(truth, arms.natural, ground),
        _ratio(arms.strict, arms.natural, ground),
        _ratio(arms.strict, truth, ground),
    )


def _ratio(one: ArmRisks, other: ArmRisks, ground: Ground) -> Estimate:
    ratio = risk_ratios(one, other, ground.population.unit, ground.level)[0]
    if ratio is None:
        raise NotEstimableError("A strategy has no event of the outcome by the horizon.")
    return ratio


def _without(population: Population, kind: str, who: BoolArray) -> Population:
    """Return the population as if these people had never had this kind of event."""
    days = np.where(who, NEVER, population.day_of(kind))
    return replace(population, first_day={**population.first_day, kind: days})
