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


PARTS = {
    "condition": (
        "postural_distortion",
        "biomechanical_dysfunction",
        "nerve_compression",
        "ischemia",
        "trigger_points",
    ),
    "chronicity": ("acute", "subacute", "chronic"),
    "region": ("cervical", "thoracic", "lumbar", "shoulder", "hip", "knee", "ankle_foot"),
}
UNITS = {"pain": "{score}", "flexibility": "%", "strength": "%", "endurance": "%"}
STARTS = {"pain": 6.2, "flexibility": 61.0, "strength": 55.0, "endurance": 48.0}
WEEKLY = {"pain": -0.2, "flexibility": 1.4, "strength": 1.6, "endurance": 1.8}
PATTERNS = {
    "completed": 0.4,
    "in_care": 0.1,
    **{f"left_quarter_{quarter}": 0.12 for quarter in range(1, 5)},
    **{f"left_stage_{stage}": 0.09 for stage in range(1, 6)},
}
STAGES = (1, 2, 3, 4, 5)


def interval(value: float, error: float) -> dict[str, float]:
    reach = 1.96 * error
    return {
        "value": value,
        "standard_error": error,
        "low": value - reach,
        "high": value + reach,
    }


def models(draw: np.random.Generator, episodes: int) -> Rows:
    """Return slopes of the population, the marginal check and of every part, and spreads."""
    rows: Rows = []
    for domain, unit in UNITS.items():
        rows += slopes(draw, domain, episodes, {"model": "population"})
        rows += slopes(draw, domain, episodes, {"model": "marginal"})
        for kind, names in PARTS.items():
            for name in names:
                part = {"model": f"by_{kind}", "subgroup_kind": kind, "subgroup": name}
                rows += slopes(draw, domain, episodes // len(names), part)
        shared = {"domain": domain, "patients": episodes, "values_count": episodes * 9}
        for stage in STAGES[1:]:
            term = {"model": "population", "term": f"slope_difference_{stage}_{stage - 1}"}
            rows.append(shared | term | interval(0.1, 0.05) | {"unit": f"{unit} per week"})
        for term in ("sd_between_clinics", "sd_between_episodes", "sd_within_episodes"):
            own = {"model": "population", "term": term, "value": abs(WEEKLY[domain]) * 5}
            rows.append(shared | own | {"unit": unit})
        correlation = {"model": "marginal", "term": "working_correlation", "value": 0.4123}
        rows.append(shared | correlation | {"unit": "1"})
    return rows


def slopes(draw: np.random.Generator, domain: str, episodes: int, model: dict[str, Any]) -> Rows:
    rows = []
    for stage in STAGES:
        value = WEEKLY[domain] * (1.2 - stage / 10) * float(draw.normal(1, 0.08))
        error = abs(WEEKLY[domain]) * 3 / max(np.sqrt(episodes), 1)
        rows.append(
            {"domain": domain, "term": f"slope_stage_{stage}", "unit": f"{UNITS[domain]} per week"}
            | model
            | interval(value, error)
            | {"patients": int(episodes * (1.1 - stage / 10)), "values_count": episodes * 9}
        )
    return rows


def gaps() -> Rows:
    reason = "parts of fewer than 50 patients have no model of their own"
    row = {"domain": "alignment", "model": "population", "reason": "nobody was measured"}
    parts = [
        {"domain": domain, "model": "by_region", "subgroup_kind": "region", "reason": reason}
        for domain in UNITS
    ]
    return [row, *parts]


def predicted_courses(episodes: int) -> Rows:
    """Return the population's course and that of every part, four points a stage."""
    subjects: list[tuple[dict[str, Any], int]] = [({"model": "population"}, episodes)]
    for kind, names in PARTS.items():
        subjects += [
            (
                {"model": f"by_{kind}", "subgroup_kind": kind, "subgroup": name},
                episodes // len(names),
            )
            for name in names
        ]
    return [
        subject | {"domain": domain, "unit": unit} | point
        for subject, count in subjects
        for domain, unit in UNITS.items()
        for point in course_points(domain, count)
    ]


def course_points(domain: str, episodes: int) -> Rows:
    rows, value, week = [], STARTS[domain], 0.0
    for stage, weeks in zip(STAGES, WEEKS_IN_STAGE, strict=True):
        for point in range(0 if stage == 1 else 1, 5):
            part = point / 4
            mean = value + WEEKLY[domain] * weeks * part
            half = abs(WEEKLY[domain]) * 20 / max(np.sqrt(episodes), 1)
            rows.append(
                {
                    "stage": stage,
                    "week": week + weeks * part,
                    "value": mean,
                    "low": mean - half,
                    "high": mean + half,
                    "patients": int(episodes * (1.1 - stage / 10)),
                }
            )
        value, week = value + WEEKLY[domain] * weeks, week + weeks
    return rows


def clinic_courses(draw: np.random.Generator, clinics: Sequence[tuple[str, int]]) -> Rows:
    rows = []
    for name, size in clinics:
        for domain, unit in UNITS.items():
            for stage in STAGES:
                spread = abs(WEEKLY[domain]) * 0.25
                error = abs(WEEKLY[domain]) * 4 / max(np.sqrt(size), 1)
                reliability = spread**2 / (spread**2 + error**2)
                own = WEEKLY[domain] + float(draw.normal(0, spread + error))
                drawn = WEEKLY[domain] + reliability * (own - WEEKLY[domain])
                half = 1.96 * error * np.sqrt(reliability)
                rows.append(
                    {
                        "unit_kind": "clinic",
                        "unit_name": name,
                        "domain": domain,
                        "term": f"slope_stage_{stage}",
                        "value": own,
                        "standard_error": error,
                        "shrunken": drawn,
                        "low": drawn - half,
                        "high": drawn + half,
                        "reliability": reliability,
                        "unit": f"{unit} per week",
                        "patients": int(size * (1.05 - stage / 10)),
                        "values_count": size * 8,
                    }
                )
    return rows


def dropout_patterns(episodes: int) -> Rows:
    rows = []
    for domain, unit in UNITS.items():
        for place, (pattern, share) in enumerate(PATTERNS.items()):
            for week in range(0, 54, 2):
                count = int(episodes * share * np.exp(-week / (6 + 5 * (place % 6))))
                mean = STARTS[domain] + WEEKLY[domain] * (week**0.8) * (0.6 + 0.1 * (place % 6))
                if count:
                    rows.append(
                        {
                            "domain": domain,
                            "pattern": pattern,
                            "week": week,
                            "episodes": count,
                            "patients": count,
                            "mean": max(mean, 0.0),
                            "low": max(mean, 0.0) - 1 / np.sqrt(count),
                            "high": max(mean, 0.0) + 1 / np.sqrt(count),
                            "unit": unit,
                        }
                    )
    return rows


def checks(draw: np.random.Generator, episodes: int) -> Rows:
    """Return slopes by the checks, the delta-adjusted change, and what moves back by itself."""
    rows: Rows = []
    for domain, unit in UNITS.items():
        for method, plain in (("attendance", "_unweighted"), ("tobit", "_uncensored")):
            for row in slopes(draw, domain, episodes, {}):
                row.pop("values_count")
                row.pop("standard_error")
                own = {"method": method, "measure": row.pop("term"), "status": "estimated"}
                rows += [row | own, row | own | {"measure": f"{own['measure']}{plain}"}]
        shared = {"domain": domain, "unit": unit, "patients": episodes, "status": "estimated"}
        rows += deltas(domain, shared)
        rows += first_changes(domain, shared)
    rows += untreated(episodes)
    for row in rows:
        row.pop("standard_error", None)
    return rows


def deltas(domain: str, shared: dict[str, Any]) -> Rows:
    """Return the change if those who left are by a delta from what is expected of them."""
    worse = 1.0 if domain == "pain" else -1.0
    important = 2.0 if domain == "pain" else 10.0
    rows = []
    for step in (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2):
        delta = worse * step * important
        change = WEEKLY[domain] * 12 + 0.3 * delta
        own = {"method": "delta", "measure": "change_week_12", "parameter": delta}
        mean = own | {"measure": "mean_week_12"}
        rows.append(shared | own | interval(change, abs(WEEKLY[domain])))
        rows.append(shared | mean | interval(STARTS[domain] + change, abs(WEEKLY[domain])))
    tipping = {"method": "delta", "measure": "tipping_not_clear", "value": worse * important * 1.7}
    told = {"status": "impossible", "reason": "the mean change is not an important one anyway"}
    none = {"method": "delta", "measure": "tipping_not_important"} | told
    return [*rows, shared | tipping, shared | none | {"patients": None, "unit": None}]


def first_changes(domain: str, shared: dict[str, Any]) -> Rows:
    change = WEEKLY[domain] * 3
    values = {
        "observed_change": change,
        "observed_change_others": change * 0.7,
        "observed_change_worst_third": change * 1.6,
        "expected_change_worst_third": change * 0.9,
    }
    method = {"method": "regression_to_the_mean"}
    return [
        shared | method | {"measure": measure} | interval(value, abs(change) / 12)
        for measure, value in values.items()
    ]


def untreated(episodes: int) -> Rows:
    """Return pain by week as observed, and as published cohorts had it."""
    rows = []
    for cohort, level in (("acute", 5.2), ("persistent", 5.1)):
        for week in (0, 6, 12, 26, 52):
            for kind, fall in (("untreated", 0.35), ("observed", 0.5)):
                value = level - fall * week**0.5 * (1.0 if cohort == "acute" else 0.6)
                own = {
                    "domain": "pain",
                    "method": "regression_to_the_mean",
                    "measure": f"{kind}_{cohort}",
                    "parameter": float(week),
                    "unit": "{score}",
                    "patients": episodes // (3 + week // 6),
                    "status": "estimated",
                }
                rows.append(own | interval(value, 0.15))
    return rows


def measure_bounds(draw: np.random.Generator, episodes: int) -> Rows:
    rows = []
    for domain in UNITS:
        for stage in STAGES:
            values = int(episodes * 3 * (1.1 - stage / 10))
            worst, best = (
                int(draw.binomial(values, share)) for share in (0.08 / stage, 0.03 * stage)
            )
            rows.append(
                {
                    "domain": domain,
                    "stage": stage,
                    "patients": values // 3,
                    "values_count": values,
                    "at_worst": worst if domain == "pain" else None,
                    "at_best": best,
                    "share_at_worst": worst / values if values and domain == "pain" else None,
                    "share_at_best": best / values if values else None,
                }
            )
    return rows


def missingness(draw: np.random.Generator, episodes: int) -> Rows:
    shares = {"pain": 0.97, "flexibility": 0.6, "strength": 0.45, "endurance": 0.3}
    rows = []
    for domain, share in (shares | {"alignment": 0.0}).items():
        for stage in STAGES:
            sessions = int(episodes * 3 * (1.1 - stage / 10))
            measured = int(draw.binomial(sessions, share * (0.7 + stage * 0.05)))
            rows.append(
                {
                    "domain": domain,
                    "stage": stage,
                    "patients": sessions // 3,
                    "sessions": sessions,
                    "measured": measured,
                    "share_measured": measured / sessions if sessions else None,
                }
            )
    return rows
