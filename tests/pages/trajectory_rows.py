"""Plausible rows of the tables about courses, their doubts and times in stage; about nobody."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
REASONS = {
    "lost": 0.30,
    "self_discharged": 0.24,
    "not_recorded": 0.16,
    "financial": 0.10,
    "moved": 0.08,
    "referred_on": 0.07,
    "surgery": 0.03,
    "adverse_event": 0.02,
}
NEVER = (0.14, 0.18, 0.22, 0.27, 0.24)
WEEKS_IN_STAGE = (4.0, 3.0, 5.0, 6.0, 5.0)
LAST_WEEK = 40


def deteriorations(
    draw: np.random.Generator, episodes: int, domains: Sequence[str], unmeasured: dict[str, int]
) -> Rows:
    rows = []
    for domain in domains:
        worse = int(draw.binomial(episodes - unmeasured[domain], 0.07))
        rows.append(deterioration(domain, episodes, worse, unmeasured[domain]))
    return rows


def deterioration(domain: str, episodes: int, worse: int, unmeasured: int) -> dict[str, Any]:
    share = worse / episodes if episodes else None
    half = 1.96 * np.sqrt(share * (1 - share) / episodes) if share is not None else None
    return {
        "domain": domain,
        "episodes": episodes,
        "patients": round(episodes * 0.93),
        "deteriorated": worse,
        "not_deteriorated": episodes - worse - unmeasured,
        "unmeasured": unmeasured,
        "share_deteriorated": share,
        "low": max(0.0, share - half) if share is not None else None,
        "high": min(1.0, share + half) if share is not None else None,
    }


def stage_times(entered: Sequence[int]) -> Rows:
    """Return the weekly share out of each stage, as far as eleven are still in it."""
    rows: Rows = []
    for stage, (count, never, mean) in enumerate(
        zip(entered, NEVER, WEEKS_IN_STAGE, strict=True), start=1
    ):
        for week in range(LAST_WEEK + 1):
            share = (1 - never) * (1 - np.exp(-week / mean))
            left = int(count * np.exp(-week / (1.6 * mean)))
            if week and left < 11:
                break
            half = 1.96 * np.sqrt(share * (1 - share) / max(left, 1))
            rows.append(
                {
                    "stage": stage,
                    "week": week,
                    "at_risk": left,
                    "share_exited": float(share),
                    "low": float(max(0.0, share - half)),
                    "high": float(min(1.0, share + half)),
                }
            )
    return rows


def stage_exits(draw: np.random.Generator, entered: Sequence[int]) -> Rows:
    rows = []
    for stage, (count, never, mean) in enumerate(
        zip(entered, NEVER, WEEKS_IN_STAGE, strict=True), start=1
    ):
        exited = int(draw.binomial(count, 0.7))
        median = float(-mean * np.log(1 - 0.5 / (1 - never)))
        rows.append(
            {
                "stage": stage,
                "episodes": count,
                "patients": round(count * 0.93),
                "exited": exited,
                "not_exited": count - exited,
                "median_weeks": median,
                "median_low": median * 0.9,
                "median_high": median * 1.15,
                "never_exit_share": never,
            }
        )
    return rows


def stage_endings(draw: np.random.Generator, entered: Sequence[int]) -> Rows:
    return [
        {"stage": stage, "reason": reason, "episodes": count, "patients": count}
        for stage, size in enumerate(entered, start=1)
        for reason, share in REASONS.items()
        if (count := int(draw.binomial(size, 0.16 * share)))
    ]
