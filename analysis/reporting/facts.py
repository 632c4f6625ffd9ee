"""What the texts may tell of the results: sentences made from released rows, and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.contracts.release import RELEASED, ReleasedTable, status_column
from analysis.contracts.results import NETWORK
from analysis.reporting.writing import count, percent, points, readable, spelled

PRIMARY: Final = "primary"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class StudyFacts:
    """Sentences about the study's results; an empty text where nothing is released.

    `standing` is the primary verdict's standing (registered, exploratory, not registered).
    """

    selection: str
    participants: str
    follow_up: str
    verdict: str
    standing: str
    estimate: str
    gates: str
    subgroups: str
    sensitivity: str
    calibration: str


def study_facts(released: Mapping[str, ReleasedTable]) -> StudyFacts:
    """Return what may be told of the results."""

    def rows(table: str) -> list[Row]:
        return list(released[table].rows.to_dicts()) if table in released else []

    verdict = next((row for row in rows("verdicts") if row["analysis"] == PRIMARY), None)
    summary = next((row for row in rows("unit_summaries") if row["unit_kind"] == NETWORK), None)
    return StudyFacts(
        selection=_selection(rows("attrition")),
        participants=_participants(summary),
        follow_up=_follow_up(summary),
        verdict=_verdict(verdict),
        standing=(verdict or {}).get("standing") or "",
        estimate=_estimate(rows("estimates")),
        gates=_gates(rows("gates")),
        subgroups=_subgroups(rows("estimates")),
        sensitivity=_sensitivity(rows("sensitivity"), rows("specification_curve")),
        calibration=_calibration(rows("certificate")),
    )


def _shows(row: Row | None, *columns: str) -> bool:
    return row is not None and all(row[status_column(name)] == RELEASED for name in columns)


def _selection(attrition: Sequence[Row]) -> str:
    steps = sorted(attrition, key=lambda row: int(row["step"]))
    told = [
        f"{row['reason']}: {count(row['episodes_left'])}"
        if _shows(row, "episodes_left")
        else f"{row['reason']}: too few to be shown"
        for row in steps
    ]
    return f"Episodes left after each step: {'; '.join(told)}." if told else ""


def _participants(summary: Row | None) -> str:
    if summary is None or not _shows(summary, "patients", "episodes"):
        return ""
    told = (
        f"About {count(summary['patients'])} patients with {count(summary['episodes'])} episodes "
        "of care (rounded)"
    )
    if _shows(summary, "attended_sessions"):
        told += f" and {count(summary['attended_sessions'])} attended sessions"
    return f"{told}."


def _follow_up(summary: Row | None) -> str:
    if summary is None or not _shows(summary, "status_known", "episodes"):
        return ""
    if not summary["episodes"]:
        return ""
    share = min(1.0, summary["status_known"] / summary["episodes"])
    told = f"The status at the horizon is known for {percent(share)} of the episodes"
    if _shows(summary, "reinjuries"):
        told += f"; about {count(summary['reinjuries'])} episodes had a first re-injury by then"
    return f"{told}."


def _verdict(verdict: Row | None) -> str:
    if verdict is None:
        return ""
    reason = f" {readable(verdict['reason'])}" if verdict["reason"] else ""
    return f"Verdict of the primary analysis: {verdict['verdict']}.{reason}"


def _estimate(estimates: Sequence[Row]) -> str:
    """Return the primary contrast as a sentence, or an empty text where it is not shown."""
    wanted = {
        (row["strategy"], row["measure"]): row
        for row in estimates
        if row["analysis"] == PRIMARY
        and not row["is_biased_comparison"]
        and _shows(row, "value", "low", "high")
    }
    strict, natural = wanted.get(("strict", "risk")), wanted.get(("natural", "risk"))
    difference, ratio = (wanted.get(("strict", f"risk_{kind}")) for kind in ("difference", "ratio"))
    if strict is None or natural is None or difference is None:
        return ""
    told = (
        f"Risk by day {strict['horizon_days']}: {percent(strict['value'])} under strict and "
        f"{percent(natural['value'])} under natural; difference {points(difference['value'])} "
        f"(95% interval {points(difference['low'])} to {points(difference['high'])})"
    )
    if ratio is not None:
        told += f"; ratio {ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
    return f"{told}."


def _gates(gates: Sequence[Row]) -> str:
    own = [row for row in gates if row["analysis"] == PRIMARY]
    if not own:
        return ""
    closed = [spelled(row["gate"]) for row in own if row["status"] != "passed"]
    if not closed:
        return f"All {len(own)} gates passed."
    return (
        f"Of {len(own)} gates, {len(closed)} did not pass ({', '.join(closed)}); the estimate is "
        "sealed."
    )


def _subgroups(estimates: Sequence[Row]) -> str:
    kinds = sorted({row["subgroup_kind"] for row in estimates if row["subgroup_kind"]})
    if not kinds:
        return ""
    told = ", ".join(spelled(kind) for kind in kinds)
    return f"The contrast is also told by {told}, each row with its own status."


def _sensitivity(sensitivity: Sequence[Row], specifications: Sequence[Row]) -> str:
    methods = list(dict.fromkeys(spelled(row["method"]) for row in sensitivity if row["method"]))
    told = [f"Sensitivity analyses: {', '.join(methods)}."] if methods else []
    if specifications:
        told.append(f"{len(specifications)} specifications were planned for the curve.")
    return " ".join(told)


def _calibration(certificate: Sequence[Row]) -> str:
    scenarios = sorted({row["scenario"] for row in certificate if row["status"] != "not_run"})
    if not scenarios:
        return ""
    told = ", ".join(spelled(scenario) for scenario in scenarios)
    return (
        "The whole estimator was run on simulated registries of planted truth under these "
        f"scenarios: {told} (Morris et al. 2019)."
    )
