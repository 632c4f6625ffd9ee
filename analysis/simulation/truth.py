"""The planted truth: what would happen to new people of the same clinics under each strategy.

Strict and natural use the same people and the same random numbers: a person's course is the same
under both up to the first violation, which strict never reaches. Events are not drawn; their
hazards are integrated, so the Monte Carlo error is that of the people alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.simulation.care import NEVER, Visits
from analysis.simulation.clinics import Clinics
from analysis.simulation.outcomes import (
    NEGATIVE_CONTROLS,
    find_hazards,
    flat_risk,
    reinjury_risk,
)
from analysis.simulation.people import Floats, draw_people
from analysis.simulation.scenarios import FOLLOW_UP_DAYS, HORIZON_DAYS, STAGES, Scenario
from analysis.simulation.severity import draw_severity
from analysis.simulation.visits import draw_visits

BATCH = 25_000


@dataclass(frozen=True)
class _Batch:
    """Risks of new people: curves are people x FOLLOW_UP_DAYS, the rest one entry a person."""

    strict: Floats
    natural: Floats
    controls: dict[str, Floats]
    ever_violates: Floats
    strict_weight: Floats


def find_truth(
    rng: np.random.Generator, clinics: Clinics, scenario: Scenario, people: int
) -> dict[str, Any]:
    """Return the truth of a scenario in these clinics, ready to be written as JSON.

    Risks are cumulative incidences with surgery and death competing and without any loss.
    """
    sizes = [min(BATCH, people - done) for done in range(0, people, BATCH)]
    batches = [_simulate(rng, clinics, scenario, size) for size in sizes]
    strict = np.concatenate([batch.strict for batch in batches])
    natural = np.concatenate([batch.natural for batch in batches])
    return {
        "scenario": scenario.name,
        "sentence": scenario.sentence,
        "horizon_days": HORIZON_DAYS,
        "event": "reinjury",
        "competing": ["surgery", "death"],
        "people_simulated": people,
        **_effects(strict[:, -1], natural[:, -1]),
        "risk_curves": _curves(strict, natural),
        "negative_controls": _controls(batches),
        "natural_care": _natural_care(batches),
        "domains": _domains(scenario),
        "domain_time": "the days from one attended session to the next count for the stage of the"
        " earlier session",
    }


def _simulate(rng: np.random.Generator, clinics: Clinics, scenario: Scenario, size: int) -> _Batch:
    people = draw_people(rng, size, clinics, scenario)
    severity = draw_severity(rng, people, scenario.severity)
    visits = draw_visits(rng, people, clinics, severity, scenario)
    hazards = find_hazards(people, clinics, severity, scenario)
    never = np.full(size, NEVER, dtype=np.int64)
    strict = reinjury_risk(hazards, never, FOLLOW_UP_DAYS)
    changes = hazards.after_violation != 1
    natural = (
        reinjury_risk(hazards, visits.first_violation_day, FOLLOW_UP_DAYS) if changes else strict
    )
    return _Batch(
        strict=strict,
        natural=natural,
        controls={
            "other_region": flat_risk(hazards.other_region, hazards),
            "unrelated_illness": flat_risk(hazards.unrelated_illness, hazards),
        },
        ever_violates=(visits.first_violation_day < NEVER).astype(np.float64),
        strict_weight=_strict_weight(visits),
    )


def _strict_weight(visits: Visits) -> Floats:
    """Return one over the probability of the whole course without a violation; 0 for violators."""
    chance = np.where(np.isnan(visits.violation_probability), 0.0, visits.violation_probability)
    weight = 1 / np.prod(1 - chance, axis=1)
    return np.where(visits.first_violation_day < NEVER, 0.0, weight)


def _effects(strict: Floats, natural: Floats) -> dict[str, Any]:
    low, high = float(strict.mean()), float(natural.mean())
    ratio = low / high
    return {
        "risk": {"strict": low, "natural": high},
        "risk_difference": low - high,
        "risk_ratio": ratio,
        "monte_carlo_standard_error": {
            "strict": _standard_error(strict),
            "natural": _standard_error(natural),
            "risk_difference": _standard_error(strict - natural),
            "risk_ratio": _standard_error(strict - ratio * natural) / high,
        },
    }


def _standard_error(values: Floats) -> float:
    return float(values.std() / np.sqrt(len(values)))


def _curves(strict: Floats, natural: Floats) -> list[dict[str, float]]:
    return [
        {"day": day, "strict": float(strict[:, at].mean()), "natural": float(natural[:, at].mean())}
        for at, day in enumerate(FOLLOW_UP_DAYS)
    ]


def _controls(batches: list[_Batch]) -> dict[str, dict[str, float]]:
    """Return the risks of the negative controls, which no strategy can change."""
    return {
        kind: {
            "risk": float(np.concatenate([batch.controls[kind] for batch in batches]).mean()),
            "risk_difference": 0.0,
        }
        for kind in NEGATIVE_CONTROLS
    }


def _natural_care(batches: list[_Batch]) -> dict[str, float]:
    weights = np.concatenate([batch.strict_weight for batch in batches])
    return {
        "ever_violates_share": float(
            np.concatenate([batch.ever_violates for batch in batches]).mean()
        ),
        "strict_weight_999": float(np.quantile(weights[weights > 0], 0.999)),
    }


def _domains(scenario: Scenario) -> dict[str, dict[str, Any]]:
    slopes = {domain: course.slope_per_week for domain, course in scenario.courses.items()}
    return {
        domain: {
            "unit": UNITS[domain],
            "slope_per_week": {str(stage): by_stage[stage - 1] for stage in STAGES},
        }
        for domain, by_stage in {"pain": scenario.pain.slope_per_week, **slopes}.items()
    }


UNITS = {
    "pain": "{score}",
    "flexibility": "%",
    "strength": "%",
    "endurance": "%",
    "alignment": "deg",
}
