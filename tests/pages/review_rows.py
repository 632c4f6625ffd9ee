"""Rows of the quality review such as a clinic would have; drawn at random, about nobody."""

from typing import Any

import numpy as np

MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
QUARTERS = [f"{year}-Q{quarter}" for year in (2024, 2025) for quarter in range(1, 5)]
OUTCOMES = {"reinjury_365_days": 0.18, "improved_at_discharge": 0.6, "never_exit_stage_1": 0.12}
# Indicator, its share, and from which month on a planted change moves it by how much.
SHARES = {
    "premature_advance": (0.42, 24, 0.0),
    "measured_exits": (0.7, 24, 0.0),
    "missed_sessions": (0.08, 24, 0.0),
    "improved_at_discharge": (0.6, 24, 0.0),
    "follow_up_capture": (0.78, 14, 0.18),
}
REQUIREMENTS = (
    (1, "stage_recorded", 0.8, 0.97),
    (1, "pain_recorded", 0.8, 0.91),
    (2, "exit_recorded", 0.8, 0.88),
    (2, "exit_evidence", 0.8, 0.7),
    (3, "follow_up_attempted", 0.6, 0.9),
    (3, "status_known", 0.6, 0.75),
)
PARTS = {
    "condition": ("trigger_points", "nerve_compression", "ischemia", "postural_distortion"),
    "region": ("lumbar", "cervical", "shoulder", "knee", "jaw"),
}
Rows = list[dict[str, Any]]


def quality(draw: np.random.Generator, episodes: int) -> Rows:
    """Return points of charts of every kind: shares, a mean, counts, and rare events."""
    return [
        *(row for chart in SHARES for row in shares(draw, chart, episodes)),
        *means(draw, episodes),
        *visits(draw, episodes),
        *between(draw, episodes),
    ]


def shares(draw: np.random.Generator, chart: str, episodes: int) -> Rows:
    share, moves_at, move = SHARES[chart]
    rows: Rows = []
    for place, month in enumerate(MONTHS):
        base = int(draw.poisson(episodes / 12))
        now = share + (move if place > moves_at else 0.0)
        row = {
            "chart": chart,
            "period": month,
            "numerator": float(draw.binomial(base, min(now, 0.97))),
            "denominator": float(base),
            "patients": base,
            "method": "p",
            "is_complete": place < 20,
            "is_baseline": place < 12,
        }
        rows.append(row | share_limits(row))
    return rows


def share_limits(row: dict[str, Any]) -> dict[str, Any]:
    center = SHARES[row["chart"]][0]
    base = row["denominator"]
    value = row["numerator"] / base if base else None
    half = 3 * np.sqrt(center * (1 - center) / base) if base else None
    low = max(0.0, center - half) if half is not None else None
    high = min(1.0, center + half) if half is not None else None
    beyond = value is not None and low is not None and high is not None and not low <= value <= high
    signal = "beyond_limits" if beyond and row["is_complete"] else None
    return {"value": value, "center": center, "lower": low, "upper": high, "signal": signal}


def means(draw: np.random.Generator, episodes: int) -> Rows:
    """Return days in stage 1: a mean, whose chart was re-based in the second year."""
    rows: Rows = []
    for place, quarter in enumerate(QUARTERS):
        center = 31.0 if place < 4 else 24.0
        rows.append(
            in_unit("days_in_stage_1", quarter, "days", "xmr", int(episodes / 4))
            | {"value": center + float(draw.normal(0, 2)), "center": center}
            | {"lower": center - 7, "upper": center + 7, "is_baseline": place % 4 < 3}
        )
    return rows


def visits(draw: np.random.Generator, episodes: int) -> Rows:
    base = int(episodes / 4)
    rows: Rows = []
    for quarter in QUARTERS:
        count = float(draw.poisson(3.1 * base))
        rows.append(
            in_unit("visits_in_stage_1", quarter, "visits", "u_prime", base)
            | {"numerator": count, "value": count / base if base else None, "center": 3.1}
            | {"lower": 2.4, "upper": 3.8, "is_baseline": True}
        )
    return rows


def between(draw: np.random.Generator, episodes: int) -> Rows:
    return [
        in_unit("adverse_endings_cases", month, "episodes", "g", int(episodes / 12))
        | {"value": float(draw.geometric(0.03)) + 10, "center": 40.0, "upper": 190.0}
        | {"lower": None, "is_baseline": place < 5}
        for place, month in enumerate(MONTHS[2::3])
    ]


def in_unit(chart: str, period: str, unit: str, method: str, base: int) -> dict[str, Any]:
    return {
        "chart": chart,
        "period": period,
        "numerator": None,
        "denominator": float(base),
        "patients": base,
        "method": method,
        "unit": unit,
        "signal": None,
        "is_complete": True,
    }


def case_mix(draw: np.random.Generator, episodes: int) -> Rows:
    return [against_expected(draw, outcome, share, episodes) for outcome, share in OUTCOMES.items()]


def against_expected(
    draw: np.random.Generator, outcome: str, share: float, episodes: int
) -> dict[str, Any]:
    seen = int(draw.binomial(episodes, share))
    expected = episodes * share * float(draw.uniform(0.9, 1.1))
    spread = 1 / np.sqrt(max(expected, 1))
    ratio = seen / expected
    compared = bool(episodes >= 20 and draw.uniform() > 0.15)
    ends = {name: 1 + sign * spread for name, sign in (("warning_low", -2), ("warning_high", 2))}
    ends |= {name: 1 + sign * spread for name, sign in (("alarm_low", -3), ("alarm_high", 3))}
    return {
        "outcome": outcome,
        "episodes": episodes,
        "patients": round(episodes * 0.93),
        "observed": seen,
        "expected": expected,
        "ratio": ratio,
        "low": max(0.0, ratio - 2 * spread),
        "high": ratio + 2 * spread,
        "shrunken": 1 + (ratio - 1) * 0.7,
        "reliability": 0.7,
        "position": position(ratio, ends) if compared else None,
        "method": "exact",
        "is_comparable": compared,
        "reason": None if compared else "status is known of a different share of patients",
    } | {name: max(0.0, end) for name, end in ends.items()}


def position(ratio: float, ends: dict[str, float]) -> str:
    for name in ("alarm_low", "warning_low"):
        if ratio < ends[name]:
            return name
    for name in ("alarm_high", "warning_high"):
        if ratio > ends[name]:
            return name
    return "within"


def risk_cusums(draw: np.random.Generator, episodes: int) -> Rows:
    rows: Rows = []
    for outcome, share in OUTCOMES.items():
        worse, better, saved = 0.0, 0.0, 0.0
        for quarter in QUARTERS:
            base = int(episodes / 8)
            seen = int(draw.binomial(base, share))
            saved += base * share - seen
            worse = max(0.0, worse + float(draw.normal(0, 0.2)))
            better = max(0.0, better + float(draw.normal(0, 0.2)))
            rows.append(
                {
                    "outcome": outcome,
                    "period": quarter,
                    "episodes": base,
                    "patients": base,
                    "observed": seen,
                    "worse": worse,
                    "better": better,
                    "life_adjusted": saved,
                    "signal": "worse" if worse > 1 else None,
                }
            )
    return rows


def data_quality(draw: np.random.Generator, episodes: int) -> Rows:
    rows: Rows = []
    for tier, requirement, needed, share in REQUIREMENTS:
        met = int(draw.binomial(episodes, share))
        rows.append(
            {
                "tier": tier,
                "requirement": requirement,
                "numerator": met,
                "denominator": episodes,
                "patients": round(episodes * 0.93),
                "share": met / episodes if episodes else None,
                "needed": needed,
                "is_met": bool(episodes and met / episodes >= needed),
            }
        )
    return rows


def group_summaries(draw: np.random.Generator, episodes: int) -> Rows:
    rows: Rows = []
    for kind, names in PARTS.items():
        left = episodes
        for name in names:
            size = left if name == names[-1] else int(left * 0.45)
            left -= size
            rows.append({"subgroup_kind": kind, "subgroup": name} | part(draw, size))
    return rows


def part(draw: np.random.Generator, size: int) -> dict[str, Any]:
    improved, hurt = int(draw.binomial(size, 0.6)), int(draw.binomial(size, 0.15))
    risk = hurt / size if size else None
    half = 1.96 * np.sqrt(risk * (1 - risk) / size) if risk is not None else None
    return {
        "patients": size,
        "episodes": size,
        "improved": improved,
        "episodes_completed_all": int(draw.binomial(size, 0.4)),
        "reinjuries": hurt,
        "status_known": int(draw.binomial(size, 0.8)),
        "share_improved": improved / size if size else None,
        "reinjury_risk": risk,
        "reinjury_risk_low": max(0.0, risk - half)
        if half is not None and risk is not None
        else None,
        "reinjury_risk_high": min(1.0, risk + half)
        if half is not None and risk is not None
        else None,
    }


def therapist_reviews(draw: np.random.Generator, clinic: str) -> Rows:
    rows: Rows = []
    for indicator, share in (("premature_sessions", 0.3), ("pain_measured", 0.9)):
        for place in range(1, 5):
            base = 90 * place
            seen = int(draw.binomial(base, share))
            rows.append(
                {
                    "unit_kind": "clinic",
                    "unit_name": clinic,
                    "therapist": f"T{5 - place}",
                    "indicator": indicator,
                    "numerator": seen,
                    "denominator": base,
                    "patients": base // 4,
                    "share": seen / base,
                    "center": share,
                    "lower": max(0.0, share - 0.1),
                    "upper": min(1.0, share + 0.1),
                    "is_beyond": abs(seen / base - share) > 0.1,
                }
            )
    return rows
