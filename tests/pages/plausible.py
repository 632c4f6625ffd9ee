"""Results tables such as a network of nine clinics would have; drawn at random, about nobody."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from analysis.contracts.protocol import Disclosure, load_protocol
from analysis.contracts.release import ReleaseFacts
from analysis.contracts.results import CLINIC, NETWORK, RESULT_TABLES, conform, empty
from tests.pages import research_rows, review_rows, trajectory_rows

DISCLOSURE = Disclosure(smallest_count=11, rounding_base=5)
FACTS = ReleaseFacts(
    run_id="20260714T061500-4f1c",
    release_id="r-20260714-4f1c",
    code_version="0.1.0+8ab12cd",
    protocol_name="NMT stage adherence",
    protocol_hash="9f2c" * 16,
    input_hash="77aa" * 16,
    first_month="2023-01",
    last_month="2026-06",
    deliveries=14,
    smallest_count=11,
    rounding_base=5,
    is_synthetic=True,
)
PROTOCOL = load_protocol()
UNITS = {"pain": "{score}", "flexibility": "%", "strength": "%", "endurance": "%"}
STARTS = {"pain": 6.2, "flexibility": 61.0, "strength": 55.0, "endurance": 48.0}
GAINS = {"pain": -0.9, "flexibility": 7.0, "strength": 8.0, "endurance": 9.0}
REACHED = (1.0, 0.84, 0.71, 0.6, 0.47)
Rows = list[dict[str, Any]]
# Arguments about other outcomes and exposures, from which the effect cannot be computed.
NEVER_SEALED = ("empirical_null", "empirical_null_exposures", "positive_control")


def results(
    clinics: Sequence[tuple[str, int]] | None = None, seed: int = 7
) -> dict[str, pl.DataFrame]:
    """Return every results table for clinics given as (name, episodes)."""
    if clinics is None:
        sizes = (620, 410, 365, 290, 240, 180, 120, 64, 3)
        clinics = [(f"clinic-{place:02d}", size) for place, size in enumerate(sizes, start=1)]
    draw = np.random.default_rng(seed)
    units = [unit_tables(draw, name, size) for name, size in clinics]
    tables = (
        {name: [row for unit in units for row in unit[name]] for name in units[0]} if units else {}
    )
    network = {name: add_up(name, rows) + rows for name, rows in tables.items()}
    made = {name: conform(name, drawn(rows)) for name, rows in network.items() if rows}
    total = sum(size for _, size in clinics)
    study = study_tables(draw, total, clinics) if total else {}
    return {name: empty(name) for name in RESULT_TABLES} | made | study


def drawn(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def unit_tables(draw: np.random.Generator, name: str, episodes: int) -> dict[str, Rows]:
    unit = {"unit_kind": CLINIC, "unit_name": name}
    skill = float(draw.normal(0, 0.15))
    tables = {
        "unit_summaries": [summary(draw, episodes, skill)],
        "stage_funnel": funnel(draw, episodes),
        "domain_courses": courses(draw, episodes, skill),
        "responders": responders(draw, episodes, skill),
        "quality_points": review_rows.quality(draw, episodes),
    }
    entered = [row["episodes_worked"] for row in tables["stage_funnel"]]
    unmeasured = {row["domain"]: row["unmeasured"] for row in tables["responders"]}
    tables |= {
        "deteriorations": trajectory_rows.deteriorations(draw, episodes, list(UNITS), unmeasured),
        "stage_times": trajectory_rows.stage_times(entered),
        "stage_exits": trajectory_rows.stage_exits(draw, entered),
        "stage_endings": trajectory_rows.stage_endings(draw, entered),
        "case_mix": review_rows.case_mix(draw, episodes),
        "risk_cusums": review_rows.risk_cusums(draw, episodes),
        "data_quality": review_rows.data_quality(draw, episodes),
        "group_summaries": review_rows.group_summaries(draw, episodes),
    }
    return {name: [unit | row for row in rows] for name, rows in tables.items()}


def summary(draw: np.random.Generator, episodes: int, skill: float) -> dict[str, Any]:
    known = int(draw.binomial(episodes, 0.78))
    risk = float(np.clip(0.19 - 0.1 * skill, 0.02, 0.6))
    hurt = int(draw.binomial(known, risk))
    spread = 1.96 * np.sqrt(risk * (1 - risk) / max(known, 1))
    return {
        "patients": round(episodes * 0.93),
        "episodes": episodes,
        "attended_sessions": int(draw.poisson(12.4 * episodes)),
        "episodes_ever_violated": int(draw.binomial(episodes, 0.42)),
        "episodes_ever_skipped": int(draw.binomial(episodes, 0.21)),
        "episodes_completed_all": int(draw.binomial(episodes, 0.31)),
        "reinjuries": hurt,
        "reinjury_risk": risk + 0.0012345,
        "reinjury_risk_low": max(0.0, risk - spread),
        "reinjury_risk_high": min(1.0, risk + spread),
        "status_known": known,
    }


def funnel(draw: np.random.Generator, episodes: int) -> Rows:
    worked = [int(draw.binomial(episodes, share)) if share < 1 else episodes for share in REACHED]
    worked = [min(worked[: place + 1]) for place in range(5)]
    return [
        {
            "stage": stage,
            "episodes_worked": count,
            "episodes_completed": int(draw.binomial(count, 0.72)),
            "patients_worked": round(count * 0.93),
        }
        for stage, count in enumerate(worked, start=1)
    ]


def courses(draw: np.random.Generator, episodes: int, skill: float) -> Rows:
    rows: Rows = []
    for domain, unit in UNITS.items():
        level = STARTS[domain]
        for stage, share in enumerate(REACHED, start=1):
            count = int(episodes * share * 0.8)
            change = GAINS[domain] * (1 + skill) * float(draw.uniform(0.8, 1.2))
            half = abs(GAINS[domain]) * 4 / np.sqrt(max(count, 1))
            if count:
                rows.append(course(domain, unit, stage, count, level, change, half))
            level += change
    return rows


def course(
    domain: str, unit: str, stage: int, count: int, level: float, change: float, half: float
) -> dict[str, Any]:
    return {
        "domain": domain,
        "unit": unit,
        "stage": stage,
        "episodes": count,
        "patients": round(count * 0.95),
        "first_mean": level,
        "last_mean": level + change,
        "last_low": level + change - half,
        "last_high": level + change + half,
        "change_mean": change,
        "change_low": change - half,
        "change_high": change + half,
    }


def responders(draw: np.random.Generator, episodes: int, skill: float) -> Rows:
    rows: Rows = []
    for domain in UNITS:
        kinds = ("important", "substantial") if domain == "pain" else ("important",)
        unmeasured = int(draw.binomial(episodes, 0.14))
        for kind in kinds:
            share = 0.64 + 0.5 * skill - (0.2 if kind == "substantial" else 0.0)
            improved = int(draw.binomial(episodes - unmeasured, np.clip(share, 0.05, 0.95)))
            rows.append(responder(domain, kind, episodes, improved, unmeasured))
    return rows


def responder(
    domain: str, kind: str, episodes: int, improved: int, unmeasured: int
) -> dict[str, Any]:
    share = improved / episodes if episodes else None
    half = 1.96 * np.sqrt(share * (1 - share) / episodes) if share is not None else None
    return {
        "domain": domain,
        "change": kind,
        "episodes": episodes,
        "patients": round(episodes * 0.93),
        "improved": improved,
        "not_improved": episodes - improved - unmeasured,
        "unmeasured": unmeasured,
        "share_improved": share,
        "low": max(0.0, share - half) if share is not None else None,
        "high": min(1.0, share + half) if share is not None else None,
    }


ADDED = {
    "unit_summaries": (
        "patients",
        "episodes",
        "attended_sessions",
        "episodes_ever_violated",
        "episodes_ever_skipped",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
    "stage_funnel": ("episodes_worked", "episodes_completed", "patients_worked"),
    "domain_courses": ("episodes", "patients"),
    "responders": ("episodes", "patients", "improved", "not_improved", "unmeasured"),
    "quality_points": ("numerator", "denominator", "patients"),
    "deteriorations": ("episodes", "patients", "deteriorated", "not_deteriorated", "unmeasured"),
    "stage_times": ("at_risk",),
    "stage_exits": ("episodes", "patients", "exited", "not_exited"),
    "stage_endings": ("episodes", "patients"),
    "case_mix": ("episodes", "patients", "observed"),
    "risk_cusums": ("episodes", "patients", "observed"),
    "data_quality": ("numerator", "denominator", "patients"),
    "group_summaries": (
        "episodes",
        "patients",
        "improved",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
}
KEYS = (
    "domain",
    "stage",
    "change",
    "chart",
    "period",
    "week",
    "reason",
    "outcome",
    "tier",
    "requirement",
    "subgroup_kind",
    "subgroup",
)


def add_up(table: str, rows: Rows) -> Rows:
    """Return the network's rows: sums of counts, and means weighted by them."""
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in KEYS), []).append(row)
    return [network_row(table, group) for group in groups.values()]


def network_row(table: str, group: Rows) -> dict[str, Any]:
    summed = {
        name: sum(row[name] for row in group) if group[0][name] is not None else None
        for name in ADDED[table]
    }
    weights = [row[ADDED[table][0]] or row["patients"] for row in group]
    row = dict(group[0])
    for name, value in row.items():
        if isinstance(value, float) and name not in summed:
            values = [other[name] if other[name] is not None else 0.0 for other in group]
            row[name] = float(np.average(values, weights=weights)) if sum(weights) else None
    row |= summed | {"unit_kind": NETWORK, "unit_name": NETWORK}
    if table == "responders":
        row |= responder(
            row["domain"], row["change"], row["episodes"], row["improved"], row["unmeasured"]
        )
    if table == "data_quality":
        row["share"] = row["numerator"] / row["denominator"]
        row["needed"] = group[0]["needed"]
        row["is_met"] = bool(row["share"] >= row["needed"])
    if table == "group_summaries":
        row["share_improved"] = row["improved"] / row["episodes"] if row["episodes"] else None
    if table == "deteriorations":
        row |= trajectory_rows.deterioration(
            row["domain"], row["episodes"], row["deteriorated"], row["unmeasured"]
        )
    if table == "quality_points" and row["chart"] in review_rows.SHARES:
        row |= review_rows.share_limits(row)
    return row


def study_tables(
    draw: np.random.Generator, episodes: int, clinics: Sequence[tuple[str, int]]
) -> dict[str, pl.DataFrame]:
    names = [name for name, _ in clinics]
    tables: dict[str, Rows] = {
        "estimates": [
            *estimates(episodes),
            *research_rows.further_estimates(draw, episodes, names),
        ],
        "risk_curves": curves(episodes),
        "gates": gates(),
        "verdicts": verdicts(),
        "balance": balance(draw),
        "trajectory_models": trajectory_rows.models(draw, episodes),
        "trajectory_gaps": trajectory_rows.gaps(),
        "trajectory_courses": trajectory_rows.predicted_courses(episodes),
        "clinic_courses": trajectory_rows.clinic_courses(draw, clinics),
        "dropout_patterns": trajectory_rows.dropout_patterns(episodes),
        "trajectory_sensitivity": trajectory_rows.checks(draw, episodes),
        "measure_bounds": trajectory_rows.measure_bounds(draw, episodes),
        "missingness": trajectory_rows.missingness(draw, episodes),
        "attrition": attrition(episodes),
        "weights": research_rows.weights(episodes),
        "positivity": research_rows.positivity(draw, clinics),
        "sensitivity": research_rows.sensitivity(),
        "negative_exposures": research_rows.negative_exposures(draw),
        "specification_curve": research_rows.specification_curve(draw, episodes),
        "certificate": research_rows.certificate(),
    }
    return {
        name: conform(name, pl.DataFrame(rows, infer_schema_length=None))
        for name, rows in tables.items()
    }


def verdicts() -> Rows:
    told = (
        ("primary", "compatible with lower re-injury", "the interval lies below zero"),
        ("order", "no clear difference", "the interval covers zero"),
        ("endurance", "no clear difference", "the interval covers zero"),
        ("specificity", "cannot be estimated from these data", "orders differ too little"),
    )
    return [
        {"analysis": analysis, "verdict": verdict, "reason": reason, "standing": "registered"}
        for analysis, verdict, reason in told
    ]


def estimates(episodes: int) -> Rows:
    shared = {
        "horizon_days": 365,
        "episodes": episodes,
        "status": "estimated",
        "hypothesis": "completion",
    }
    designed = shared | {
        "analysis": "primary",
        "estimator": "clone_censor_weight",
        "strategy": "strict",
        "is_biased_comparison": False,
    }
    raw = shared | {
        "is_biased_comparison": True,
        "estimator": "aalen_johansen",
        "analysis": "biased_comparison",
    }
    hurt = int(episodes * 0.16)
    return [
        designed | effect(None, "risk", 0.1583, 0.1402, 0.1771, hurt // 2),
        designed | {"strategy": "natural"} | effect(None, "risk", 0.1894, 0.1741, 0.2052, hurt),
        designed | effect("natural", "risk_difference", -0.0311, -0.0534, -0.0098, hurt),
        designed | effect("natural", "risk_ratio", 0.8358, 0.7312, 0.9511, hurt),
        raw
        | {"strategy": "completed_all"}
        | effect("not_completed_all", "risk_difference", -0.12, -0.15, -0.09, hurt),
        raw
        | {"strategy": "completed_all"}
        | effect("not_completed_all", "risk_ratio", 0.52, 0.44, 0.62, hurt),
        raw
        | {"strategy": "never_violated"}
        | effect("ever_violated", "risk_difference", 0.05, 0.02, 0.08, hurt),
        raw
        | {"strategy": "never_violated"}
        | effect("ever_violated", "risk_ratio", 1.29, 1.12, 1.49, hurt),
        shared
        | {"analysis": "by_side", "strategy": "strict", "measure": "risk_difference"}
        | {"status": "not_run", "reason": "the side is not recorded"}
        | {"is_biased_comparison": False},
    ]


def effect(
    comparator: str | None, measure: str, value: float, low: float, high: float, events: int
) -> dict[str, Any]:
    return {
        "comparator": comparator,
        "measure": measure,
        "value": value,
        "low": low,
        "high": high,
        "standard_error": (high - low) / 3.92,
        "events": events,
    }


def curves(episodes: int) -> Rows:
    rows: Rows = []
    for strategy, final, left in (("strict", 0.1583, 0.35), ("natural", 0.1894, 0.7)):
        for day in range(0, 366, 5):
            risk = final * (1 - np.exp(-day / 150)) / (1 - np.exp(-365 / 150))
            rows.append(
                {
                    "analysis": "primary",
                    "strategy": strategy,
                    "day": day,
                    "risk": risk,
                    "low": risk * 0.88,
                    "high": risk * 1.12,
                    "at_risk": int(episodes * (1 - (1 - left) * day / 365)),
                }
            )
    return rows


def gates() -> Rows:
    values = (
        ("balance", 0.0612, 0.1, "largest weighted difference over follow-up: chronicity=chronic"),
        (
            "overlap_probability",
            0.0021,
            0.01,
            "decision points with a probability of staying below 0.05",
        ),
        ("overlap_effective", 0.3141, 0.1, "effective sample size as a share of those followed"),
        ("follow_up_known", 0.7812, 0.6, "episodes with known status at day 365"),
        ("follow_up_gap", 0.0331, 0.15, "difference between ever and never violated"),
        ("negative_control", 0.0, 0.0, "the interval covers no effect"),
        ("power", 0.0381, 0.1, "smallest detectable risk difference"),
        ("records_stage", 0.9712, 0.8, "sessions whose stage is known"),
        ("records_exit", 0.8812, 0.8, "stage changes with measured or attested exit"),
    )
    return [
        {
            "analysis": "primary",
            "gate": gate,
            "value": value,
            "threshold": threshold,
            "status": "passed",
            "reason": reason,
        }
        for gate, value, threshold, reason in values
    ]


def balance(draw: np.random.Generator) -> Rows:
    covariates = (
        "first_pain_nrs",
        "prior_episodes",
        "chronicity=chronic",
        "work_load=heavy",
        "comorbidity_count",
    )
    clinics = tuple(f"clinic_id=clinic-{place:02d}" for place in range(1, 9))
    return [
        {
            "analysis": "primary",
            "strategy": "strict",
            "day": day,
            "covariate": covariate,
            "unweighted_difference": float(draw.normal(0, 0.18)),
            "weighted_difference": float(draw.normal(0, 0.03)),
        }
        for day in (90, 180, 365)
        for covariate in (*covariates, *clinics)
    ]


def attrition(episodes: int) -> Rows:
    steps = (
        (1.09, "episodes delivered"),
        (1.05, "with an attended session"),
        (1.02, "whose first attended session is day 0"),
        (1.0, "study population"),
    )
    return [
        {"step": step, "reason": reason, "episodes_left": int(episodes * share)}
        for step, (share, reason) in enumerate(steps)
    ]


def sealed(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the tables as a study leaves them when its overlap gate fails."""
    told = "the gate overlap_effective failed"
    numbers = ("value", "low", "high")
    taken = {
        "estimates": (*numbers, "standard_error", "events"),
        "sensitivity": numbers,
        "specification_curve": (*numbers, "events"),
    }
    failed = pl.col("gate") == "overlap_effective"
    return (
        tables
        | {name: without(tables[name], columns, told) for name, columns in taken.items()}
        | {
            "risk_curves": empty("risk_curves"),
            "gates": tables["gates"].with_columns(
                status=pl.when(failed).then(pl.lit("failed")).otherwise("status"),
                value=pl.when(failed).then(0.0312).otherwise("value"),
            ),
            "verdicts": tables["verdicts"].with_columns(
                verdict=pl.lit("cannot be estimated from these data"),
                reason=pl.lit("gate overlap_effective failed: 0.0312 where 0.1 is needed"),
            ),
        }
    )


def without(rows: pl.DataFrame, columns: Sequence[str], reason: str) -> pl.DataFrame:
    """Return the rows with what was estimated taken away, but for the negative controls."""
    is_run = pl.col("status") == "estimated"
    if "analysis" in rows.columns:
        is_run &= ~pl.col("analysis").str.starts_with("negative_control")
    if "method" in rows.columns:
        is_run &= ~pl.col("method").is_in(NEVER_SEALED)
    return rows.with_columns(
        *(pl.when(is_run).then(None).otherwise(pl.col(name)).alias(name) for name in columns),
        reason=pl.when(is_run).then(pl.lit(reason)).otherwise("reason"),
        status=pl.when(is_run).then(pl.lit("sealed")).otherwise("status"),
    )
