"""Plausible rows of the study's further tables, drawn at random, about nobody."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
CONDITIONS = (
    "postural_distortion",
    "biomechanical_dysfunction",
    "nerve_compression",
    "ischemia",
    "trigger_points",
)
REGIONS = ("cervical", "thoracic", "lumbar", "shoulder", "hip", "knee", "jaw")
CHRONICITIES = ("acute", "subacute", "chronic")
PAINS = ("1: below 4", "2: 4 to below 7", "3: 7 or more", None)
SCENARIOS = ("null", "protective", "harmful", "hidden_confounder", "unequal_followup")


def contrast(
    analysis: str,
    center: float,
    half: float,
    episodes: int,
    measure: str = "risk_difference",
    **own: Any,
) -> dict[str, Any]:
    """Return an estimated row of results.estimates; `own` overrides any column."""
    return {
        "analysis": analysis,
        "hypothesis": "completion",
        "strategy": "strict",
        "comparator": "natural",
        "estimator": "clone_censor_weight",
        "measure": measure,
        "horizon_days": 365,
        "value": center,
        "low": center - half,
        "high": center + half,
        "standard_error": half / 1.96,
        "episodes": episodes,
        "events": int(episodes * 0.16),
        "status": "estimated",
        "is_biased_comparison": False,
    } | own


def further_estimates(draw: np.random.Generator, episodes: int, clinics: Sequence[str]) -> Rows:
    """Return rows of every further analysis."""
    return [
        *hypotheses(draw, episodes),
        *subgroups(draw, episodes),
        *across_clinics(draw, episodes, clinics),
        *secondary(draw, episodes),
        *nested_trials(draw, episodes),
        *controls(draw, episodes),
    ]


def hypotheses(draw: np.random.Generator, episodes: int) -> Rows:
    strategies = {
        "order": ("order", "in_order"),
        "endurance": ("endurance", "stage_5_completed"),
        "early_loading": ("completion", "early_loading"),
    }
    rows = [
        contrast(
            analysis,
            float(draw.normal(-0.02, 0.02)),
            0.03,
            episodes,
            hypothesis=hypothesis,
            strategy=strategy,
        )
        for analysis, (hypothesis, strategy) in strategies.items()
    ]
    for rival in ("strict_alt23", "strict_partial", "in_order", "stage_5_completed"):
        center = float(draw.normal(-0.02, 0.01))
        own = {"hypothesis": "specificity", "strategy": "strict_seed", "comparator": rival}
        rows.append(contrast("specificity", center, 0.03, episodes, **own))
    return rows


def subgroups(draw: np.random.Generator, episodes: int) -> Rows:
    kinds = {
        "by_condition": ("condition", CONDITIONS),
        "by_region": ("region", REGIONS),
        "by_chronicity": ("chronicity", CHRONICITIES),
    }
    rows = []
    for analysis, (kind, names) in kinds.items():
        for name in names:
            own: dict[str, Any] = {"subgroup_kind": kind, "subgroup": name}
            if name == "jaw":
                own |= empty_row("impossible", "There are fewer than 50 patients.")
                own |= {"episodes": 40, "events": 4}
            center = float(draw.normal(-0.03, 0.03))
            size = episodes // len(names)
            rows.append(contrast(analysis, center, 0.07, size) | own)
        spread = contrast(analysis, 0.0123, 0.0, episodes, "tau", subgroup_kind=kind)
        rows.append(spread | {"low": None, "high": None, "standard_error": None})
    return rows


def empty_row(status: str, reason: str) -> dict[str, Any]:
    """Return the columns of a row that has no number."""
    numbers = dict.fromkeys(("value", "low", "high", "standard_error"))
    return numbers | {"status": status, "reason": reason}


def across_clinics(draw: np.random.Generator, episodes: int, clinics: Sequence[str]) -> Rows:
    pooled = {"estimator": "random_effects"}
    rows = [
        contrast("across_clinics", -0.029, 0.024, episodes, **pooled),
        contrast("across_clinics", -0.029, 0.051, episodes, "risk_difference_prediction", **pooled),
        contrast("across_clinics", 0.018, 0.0, episodes, "tau", subgroup_kind="clinic", **pooled)
        | {"low": None, "high": None, "standard_error": None},
    ]
    for place, _ in enumerate(clinics, start=1):
        own = {"subgroup_kind": "clinic", "subgroup": f"without clinic {place}"}
        center = float(draw.normal(-0.03, 0.006))
        rows.append(contrast("leave_one_clinic_out", center, 0.026, episodes - 60, **own))
    return rows


def secondary(draw: np.random.Generator, episodes: int) -> Rows:
    def both(analysis: str, measure: str, values: tuple[float, float], half: float) -> Rows:
        risks = [
            contrast(analysis, value, half, episodes, measure, strategy=name, comparator=None)
            for name, value in zip(("strict", "natural"), values, strict=True)
        ]
        difference, name = values[0] - values[1], f"{measure}_difference"
        return [*risks, contrast(analysis, difference, half * 1.3, episodes, name)]

    return [
        *both("recurrent_reinjury", "mean_count", (0.2231, 0.2612), 0.021),
        *both("restricted_mean", "restricted_mean_days", (331.2, 325.8), 4.1),
        *both("recovered_days", "recovered_days", (201.4, 196.1), 7.7),
        contrast("competing_events", float(draw.normal(0, 0.002)), 0.006, episodes),
    ]


def nested_trials(draw: np.random.Generator, episodes: int) -> Rows:
    rows = []
    for stage in range(1, 5):
        own = {
            "strategy": "wait",
            "comparator": "advance",
            "estimator": "weighted_nested_trials",
            "horizon_days": 180,
            "subgroup_kind": "stage",
            "subgroup": str(stage),
        }
        center = float(draw.normal(0.01, 0.02))
        rows.append(contrast("nested_trials", center, 0.03, episodes // stage, **own))
    return rows


def controls(draw: np.random.Generator, episodes: int) -> Rows:
    return [
        contrast(f"negative_control_{kind}", float(draw.normal(0, 0.004)), 0.014, episodes)
        for kind in ("other_region", "unrelated_illness")
    ]


def weights(episodes: int) -> Rows:
    return [
        {
            "analysis": "primary",
            "strategy": strategy,
            "day": day,
            "at_risk": int(episodes * (1 - (1 - left) * day / 365)),
            "mean": 1.0 + slope * day,
            "standard_deviation": 0.1 + slope * 2 * day,
            "quantile_99": 1.2 + slope * 8 * day,
            "effective_share": 1 / (1 + slope * day),
        }
        for strategy, left, slope in (("strict", 0.35, 0.004), ("natural", 0.7, 0.001))
        for day in (0, 30, 90, 180, 365)
    ]


def positivity(draw: np.random.Generator, clinics: Sequence[tuple[str, int]]) -> Rows:
    """Return the map of every clinic, and the network's as their sum."""
    rows = []
    totals: dict[tuple[int, str | None], list[float]] = {}
    for name, size in clinics:
        for stage in range(1, 5):
            for place, pain in enumerate(PAINS):
                decisions = int(draw.poisson(size * (0.9 - 0.2 * place)))
                patients = int(decisions * 0.6)
                left = int(draw.binomial(decisions, min(0.9, 0.08 + 0.14 * stage - 0.03 * place)))
                total = totals.setdefault((stage, pain), [0, 0, 0])
                for at, number in enumerate((decisions, patients, left)):
                    total[at] += number
                unit = {"unit_kind": "clinic", "unit_name": name}
                rows.append(unit | mapped(stage, pain, decisions, patients, left))
    network = [
        {"unit_kind": "network", "unit_name": "network"}
        | mapped(stage, pain, *(int(number) for number in total))
        for (stage, pain), total in totals.items()
    ]
    return [*network, *rows]


def mapped(
    stage: int, pain: str | None, decisions: int, patients: int, left: int
) -> dict[str, Any]:
    share = left / decisions if decisions else None
    return {
        "stage": stage,
        "pain": pain,
        "decisions": decisions,
        "patients": patients,
        "leaving_observed": share,
        "leaving_predicted": None if share is None else share * 0.97 + 0.004,
        "share_below_floor": None if share is None else max(0.0, share - 0.55),
    }


def sensitivity() -> Rows:
    groups = ("completed_all", "never_violated")
    told: list[tuple[str, str, float, float | None, float | None]] = [
        ("e_value", "risk_ratio", 1.6812, None, None),
        ("e_value", "limit_nearest_no_effect", 1.2811, None, None),
        ("tipping_point", "odds_ratio_among_lost_to_cover", 2.4123, None, None),
        ("tipping_point", "odds_ratio_among_lost_to_cross", 3.9123, None, None),
        ("empirical_null_exposures", "share_rejected", 0.0833, None, None),
        ("empirical_null_exposures", "expected_absolute_error", 0.0142, None, None),
        ("empirical_null", "share_rejected", 0.0769, None, None),
        ("empirical_null", "expected_absolute_error", 0.0142, None, None),
        ("calibrated", "p_value", 0.0233, None, None),
        ("calibrated", "risk_ratio", 0.8371, 0.7211, 0.9711),
        ("positive_control", "planted_risk_ratio_other_region", 0.5312, 0.4312, 0.6312),
        ("positive_control", "found_risk_ratio_other_region", 0.5512, 0.4112, 0.7112),
        ("positive_control", "found_over_planted_other_region", 1.0312, 0.8112, 1.2312),
        ("specification_curve", "specifications", 216.0, None, None),
        ("specification_curve", "median_risk_difference", -0.0312, None, None),
        ("specification_curve", "share_below_none", 0.5612, None, None),
        ("specification_curve", "share_above_none", 0.0, None, None),
        ("specification_curve", "joint_median_p", 0.0331, None, None),
        ("specification_curve", "joint_share_p", 0.0, None, None),
        ("immortal_time", "designed_risk_ratio", 0.8358, 0.7312, 0.9511),
    ]
    for group, factor in zip(groups, (0.62, 1.18), strict=True):
        for measure, ratio in (
            ("naive_risk_ratio", 0.85 * factor),
            ("hazard_ratio_in_the_end", 0.83 * factor),
            ("hazard_ratio_by_day", 0.83),
            ("immortal_time_ratio", factor),
        ):
            name = f"{measure}_{group}"
            told.append(("immortal_time", name, ratio, ratio * 0.85, ratio * 1.17))
    return [
        {
            "analysis": "primary",
            "method": method,
            "measure": measure,
            "value": value,
            "low": low,
            "high": high,
            "status": "estimated",
        }
        for method, measure, value, low, high in told
    ]


def negative_exposures(draw: np.random.Generator) -> Rows:
    return [
        {
            "permutation": number,
            "risk_difference": float(draw.normal(0, 0.013)),
            "difference_error": float(draw.uniform(0.011, 0.014)),
            "log_risk_ratio": float(draw.normal(0, 0.07)),
            "ratio_error": 0.0712,
            "status": "estimated",
        }
        for number in range(1, 25)
    ]


def specification_curve(draw: np.random.Generator, episodes: int) -> Rows:
    choices = [
        (definition, order, horizon, adjustment, follow_up, truncation)
        for definition in ("strict", "one_session_grace")
        for order in ("seed", "alt23", "partial")
        for horizon in (180, 270, 365)
        for adjustment in ("full", "without_clinic", "baseline_only")
        for follow_up in ("weighted", "unweighted")
        for truncation in ("none", "99 %")
    ]
    registered = ("strict", "seed", 365, "full", "weighted", "none")
    rows = []
    for number, chosen in enumerate(choices, start=1):
        value = float(draw.normal(-0.03, 0.012))
        names = ("definition", "order_name", "horizon_days", "adjustment", "follow_up")
        rows.append(
            {
                "specification": number,
                "is_registered": chosen == registered,
                "truncation": chosen[-1],
                "value": value,
                "low": value - 0.022,
                "high": value + 0.022,
                "episodes": episodes,
                "events": int(episodes * 0.16),
                "status": "estimated",
            }
            | dict(zip(names, chosen, strict=False))
        )
    return rows


def certificate() -> Rows:
    rows: Rows = []
    for place, scenario in enumerate(SCENARIOS):
        measures = {
            "bias": (0.0004 + 0.011 * (place == 3), 0.0006, "within two Monte Carlo errors"),
            "coverage": (0.949 - 0.3 * (place == 3), 0.0069, "93.5 to 96.5 %"),
            "empirical_error": (0.0131, 0.0003, None),
            "estimated_error": (0.0134, 0.0001, None),
            "power": (0.31 if place else 0.05, 0.0146, None),
            "sealed_share": (
                0.07 + 0.85 * (place > 2),
                0.0081,
                "at most 10 %" if place < 3 else "at least 90 %",
            ),
        }
        rows += [
            {
                "scenario": scenario,
                "measure": measure,
                "value": value,
                "monte_carlo_error": error,
                "registries": 1000,
                "episodes": 3000,
                "goal": goal,
                "status": ("missed" if place == 3 else "reached") if goal else "no_goal",
            }
            for measure, (value, error, goal) in measures.items()
        ]
    return rows
