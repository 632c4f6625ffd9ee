"""What therapists record, each against the share of the own clinic; off unless it is allowed.

A page about therapists is for the clinic's own talk. Limits are those of chance alone around the
clinic's share: there is no order among therapists and no judgement in a point beyond them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import CLINIC, conform, empty
from analysis.quality.funnel import ALARM_LEVEL, exact_share_limits


@dataclass(frozen=True)
class TherapistIndicator:
    """One share of a therapist's sessions; columns of marts.therapist_sessions."""

    name: str
    numerator: str
    denominator: str
    patients: str = "patients"


THERAPIST_INDICATORS: Final = (
    TherapistIndicator("premature_sessions", "sessions_premature", "sessions_attended"),
    TherapistIndicator("pain_measured", "sessions_with_pain", "sessions_attended"),
    TherapistIndicator("measured_exits", "exits_measured", "exits_met", "patients_exits_met"),
)


def therapist_reviews(therapist_sessions: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return results.therapist_reviews, or no row where the protocol does not allow them.

    `therapist_sessions` holds the rows of marts.therapist_sessions. Therapists with fewer episodes
    than the protocol's smallest unit are left out, but are part of their clinic's share. Limits are
    exact binomial ones at 99.8 %.
    """
    if not protocol.review.therapists or therapist_sessions.is_empty():
        return empty("therapist_reviews")
    smallest = protocol.review.smallest_episodes
    reviews = [
        _review(clinic, indicator, smallest)
        for _, clinic in therapist_sessions.group_by("clinic_id", maintain_order=True)
        for indicator in THERAPIST_INDICATORS
    ]
    return conform("therapist_reviews", pl.concat(reviews))


def _review(clinic: pl.DataFrame, indicator: TherapistIndicator, smallest: int) -> pl.DataFrame:
    counted = pl.col(indicator.denominator) > 0
    shown = clinic.filter(counted & (pl.col("episodes") >= smallest))
    numerators = shown[indicator.numerator].to_numpy().astype(np.float64)
    denominators = shown[indicator.denominator].to_numpy().astype(np.float64)
    center = _share(clinic, indicator)
    limits = exact_share_limits(center, denominators, ALARM_LEVEL)
    values = numerators / denominators
    return shown.select(
        unit_kind=pl.lit(CLINIC),
        unit_name="clinic_id",
        therapist="therapist_id",
        indicator=pl.lit(indicator.name),
        numerator=indicator.numerator,
        denominator=indicator.denominator,
        patients=indicator.patients,
        share=pl.Series(values),
        center=pl.lit(center),
        lower=pl.Series(limits.lower),
        upper=pl.Series(limits.upper),
        is_beyond=pl.Series((values < limits.lower) | (values > limits.upper)),
    )


def _share(clinic: pl.DataFrame, indicator: TherapistIndicator) -> float:
    whole = float(clinic[indicator.denominator].sum())
    return float(clinic[indicator.numerator].sum()) / whole if whole else float("nan")
