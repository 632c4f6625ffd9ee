"""The clinics of a synthetic network: unequal in size, each with habits of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.scenarios import Scenario

Floats = NDArray[np.float64]
INSTRUMENT_CLINIC_SHARE = 0.3
MEAN_DRAW = 3.0
SMALLEST_DRAW = 0.4


@dataclass(frozen=True)
class Clinics:
    """The network's clinics; every array has one entry a clinic."""

    names: tuple[str, ...]
    share: Floats
    therapists: NDArray[np.int64]
    advance_logit: Floats
    hazard_log: Floats
    loss_logit: Floats
    evidence_share: Floats
    measured_share: Floats
    inferred_share: Floats
    pain_missing_share: Floats
    domain_missing_share: Floats
    no_answer_share: Floats
    protocol_leaning: NDArray[np.int64]
    has_instruments: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Return how many clinics there are."""
        return len(self.names)


def draw_clinics(rng: np.random.Generator, count: int, scenario: Scenario) -> Clinics:
    """Draw clinics with cultures of their own, and of unequal size where none are given."""
    share = rng.gamma(MEAN_DRAW, size=count) + SMALLEST_DRAW
    if scenario.clinic_shares:
        given = np.array(scenario.clinic_shares, dtype=np.float64)
        share = given / given.sum() * count * (MEAN_DRAW + SMALLEST_DRAW)
    return Clinics(
        names=tuple(
            f"clinic-{number:0{max(2, len(str(count)))}d}" for number in range(1, count + 1)
        ),
        share=share / share.sum(),
        therapists=2 + np.rint(share * 1.5).astype(np.int64),
        advance_logit=_advance_logit(rng, share / share.sum(), scenario),
        hazard_log=rng.normal(0, scenario.hazards.clinic_sd, count),
        loss_logit=_bounded_normal(rng, count) * scenario.loss.clinic_sd,
        evidence_share=rng.uniform(0.86, 0.99, count),
        measured_share=rng.uniform(0.45, 0.9, count),
        inferred_share=rng.uniform(0.0, 0.25, count),
        pain_missing_share=rng.uniform(0.01, 0.08, count),
        domain_missing_share=rng.uniform(0.15, 0.55, count),
        no_answer_share=rng.uniform(0.02, 0.12, count),
        protocol_leaning=rng.integers(0, 3, count),
        has_instruments=rng.permutation(count) < np.ceil(count * INSTRUMENT_CLINIC_SHARE),
    )


def _advance_logit(rng: np.random.Generator, share: Floats, scenario: Scenario) -> Floats:
    """Draw how early each clinic moves on; over the network's people the mean is the scenario's."""
    deviation, count = scenario.deviation, len(share)
    culture = _bounded_normal(rng, count) * deviation.clinic_sd
    always_early = rng.permutation(count) < np.ceil(count * deviation.always_early_clinic_share)
    centered = culture - np.average(culture, weights=share)
    return np.asarray(centered + deviation.always_early * always_early, dtype=np.float64)


def _bounded_normal(rng: np.random.Generator, count: int) -> Floats:
    """Draw normal values cut at two standard deviations, so that no clinic is extreme by chance."""
    return np.clip(rng.standard_normal(count), -2, 2)
