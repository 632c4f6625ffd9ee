"""What the research page shows: the verdict, the estimates, and what stands in their way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.figures import words
from analysis.figures.chart import Cell, Chart
from analysis.figures.study import (
    balance_chart,
    curve_chart,
    forest_chart,
    slope_chart,
    strategy_name,
    write_effect,
)
from analysis.figures.words import Row, shows
from analysis.pages.shelf import Shelf

PRIMARY: Final = "primary"
HYPOTHESES: Final = {
    "completion": "moving on only after the current stage's exit is met lowers re-injury",
    "order": "working the stages in order lowers re-injury",
    "endurance": "finishing the endurance stage lowers re-injury",
    "specificity": "this order matters more than rival orders",
}
VERDICT_CLASSES: Final = {
    "compatible with lower re-injury": "lower",
    "no clear difference": "none",
    "compatible with higher re-injury": "higher",
    "cannot be estimated from these data": "sealed",
}
STATUS_WORDS: Final = {
    "estimated": "estimated",
    "sealed": "sealed by the gates",
    "not_run": "not run",
    "failed": "failed",
    "suppressed": "hidden: too few patients",
    "impossible": "impossible with these data",
}


@dataclass(frozen=True)
class Verdict:
    """What an analysis concludes, in the study's own words."""

    analysis: str
    name: str
    words: str
    reason: str
    style: str


@dataclass(frozen=True)
class ResearchPage:
    """Everything the research page shows."""

    verdicts: Sequence[Verdict]
    summary: str
    curves: Chart
    forests: Sequence[Chart]
    estimates: Sequence[tuple[Cell, ...]]
    gates: Sequence[tuple[Cell, ...]]
    failed_gates: Sequence[str]
    balance: Chart
    attrition: Sequence[tuple[Cell, ...]]
    slopes: Sequence[Chart]
    not_run: Sequence[str]


def research_page(shelf: Shelf) -> ResearchPage:
    """Return the study as far as it is released."""
    estimates = shelf.rows("estimates")
    gates = shelf.rows("gates")
    return ResearchPage(
        verdicts=_verdicts(shelf.rows("verdicts")),
        summary=_summary(estimates),
        curves=curve_chart(_of_primary(shelf.rows("risk_curves"))),
        forests=_forests(estimates),
        estimates=[_estimate_cells(row) for row in estimates if row["status"] != "not_run"],
        gates=[_gate_cells(row) for row in gates],
        failed_gates=[words.spelled(row["gate"]) for row in gates if row["status"] != "passed"],
        balance=balance_chart(shelf.rows("balance"), _threshold(gates)),
        attrition=[
            (words.text(row["reason"]), words.cell(row, "episodes_left"))
            for row in sorted(shelf.rows("attrition"), key=lambda row: int(row["step"]))
        ],
        slopes=_slopes(shelf.rows("trajectory_models")),
        not_run=_not_run(shelf, estimates),
    )


def _of_primary(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["analysis"] == PRIMARY]


def _verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Return the verdicts, the primary analysis' first."""
    if not rows:
        not_estimated = "cannot be estimated from these data"
        return [_verdict(PRIMARY, not_estimated, "The analysis was not run.")]
    ordered = sorted(rows, key=lambda row: str(row["analysis"]) != PRIMARY)
    return [_verdict(row["analysis"], row["verdict"], row["reason"] or "") for row in ordered]


def _verdict(analysis: str, verdict: str, reason: str) -> Verdict:
    return Verdict(analysis, words.spelled(analysis), verdict, reason, VERDICT_CLASSES[verdict])


def _summary(estimates: Sequence[Row]) -> str:
    """Return the primary estimate as a sentence, or an empty text when it is not shown."""
    wanted = {
        (row["strategy"], row["measure"]): row
        for row in _of_primary(estimates)
        if shows(row, "value") and not row["is_biased_comparison"]
    }
    strict, natural = wanted.get(("strict", "risk")), wanted.get(("natural", "risk"))
    difference = wanted.get(("strict", "risk_difference"))
    if strict is None or natural is None or difference is None:
        return ""
    told = (
        f"Had every stage been completed before the next, an estimated "
        f"{words.percent(strict['value'])} would have been injured again by day "
        f"{strict['horizon_days']}; with stages chosen as usual, "
        f"{words.percent(natural['value'])}. "
        f"The difference is {words.points(difference['value'])}"
    )
    if not shows(difference, "low", "high"):
        return f"{told}."
    low, high = words.points(difference["low"]), words.points(difference["high"])
    return f"{told} (95% interval {low} to {high})."


def _forests(estimates: Sequence[Row]) -> list[Chart]:
    contrasts = [row for row in estimates if row["comparator"] and _is_main(row)]
    measures = dict.fromkeys(row["measure"] for row in contrasts if row["measure"])
    return [forest_chart(contrasts, measure) for measure in measures]


def _is_main(row: Row) -> bool:
    return bool(row["analysis"] == PRIMARY or row["is_biased_comparison"])


def _estimate_cells(row: Row) -> tuple[Cell, ...]:
    write = write_effect(row["measure"] or "")
    name = strategy_name(row["strategy"])
    contrast = f"{name} against {strategy_name(row['comparator'])}" if row["comparator"] else name
    kind = "biased comparison" if row["is_biased_comparison"] else words.spelled(row["estimator"])
    is_told_elsewhere = row["status"] in {"estimated", "sealed"}
    reason = "" if is_told_elsewhere or not row["reason"] else f"; {row['reason']}"
    return (
        words.text(words.spelled(row["analysis"])),
        words.text(contrast),
        words.text(kind),
        words.text(words.spelled(row["measure"])),
        words.cell(row, "value", write),
        words.interval_cell(row, "low", "high", write),
        words.cell(row, "episodes"),
        words.text(_status_words(row) + reason),
    )


def _gate_cells(row: Row) -> tuple[Cell, ...]:
    threshold = row["threshold"]
    status = words.spelled(row["status"])
    return (
        words.text(words.spelled(row["gate"])),
        words.cell(row, "value", words.decimal),
        Cell("" if threshold is None else words.decimal(threshold)),
        Cell(status, "passed" if row["status"] == "passed" else "failed"),
        words.text(row["reason"]),
    )


def _status_words(row: Row) -> str:
    return STATUS_WORDS.get(row["status"], words.spelled(row["status"]))


def _threshold(gates: Sequence[Row]) -> float | None:
    balance = (row["threshold"] for row in gates if row["gate"].startswith("balance"))
    return next((float(limit) for limit in balance if limit is not None), None)


def _slopes(rows: Sequence[Row]) -> list[Chart]:
    domains = [
        domain for domain in words.DOMAIN_NAMES if any(row["domain"] == domain for row in rows)
    ]
    return [
        slope_chart(domain, [row for row in rows if row["domain"] == domain]) for domain in domains
    ]


def _not_run(shelf: Shelf, estimates: Sequence[Row]) -> list[str]:
    told = [
        f"{words.spelled(row['analysis'])}: {_status_words(row)}"
        + (f" ({row['reason']})" if row["reason"] else "")
        for row in estimates
        if row["status"] in {"not_run", "failed", "impossible", "suppressed"}
    ]
    told += [
        f"Hypothesis {name} ({meaning}): not run"
        for name, meaning in HYPOTHESES.items()
        if name not in {row["hypothesis"] for row in estimates}
    ]
    told += [
        f"{words.domain_name(row['domain'])}, "
        f"{words.spelled(row['term'] or row['model']).lower()}: {row['reason']}"
        for row in shelf.rows("trajectory_gaps")
    ]
    return list(dict.fromkeys(told))
