"""The calibration certificate: how the estimator did where the truth is known."""

import math
from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row

Z_95: Final = 1.959964
SCENARIO_NAMES: Final = {
    "null": "no difference",
    "protective": "lower risk",
    "harmful": "higher risk",
    "hidden_confounder": "hidden confounder",
    "unequal_followup": "unequal follow-up",
    "no_overlap": "no overlap",
    "all": "all planted truths",
}
STATUS_NAMES: Final = {
    "unclear": "unclear, within the simulation's own error or of too few registries",
    "no_goal": "no goal was set",
    "not_run": "not run",
}
SHARES: Final = ("coverage", "power", "sealed", "answered", "type_one")
NOT_RUN: Final = (
    "No certificate was made for these records: the estimator was not run on simulated "
    "registries. The command nmt calibrate makes one."
)


def scenario_name(scenario: str | None) -> str:
    """Return a planted truth as words."""
    return SCENARIO_NAMES.get(scenario or "", words.spelled(scenario).lower())


def status_name(status: str | None) -> str:
    """Return whether a goal was reached, as words."""
    return STATUS_NAMES.get(status or "", words.spelled(status).lower() or "not judged")


def is_share(measure: str | None) -> bool:
    """Say whether a measure of the certificate is a share of the registries."""
    return any(part in (measure or "") for part in SHARES)


def certificate_chart(rows: Sequence[Row], measure: str, goal: tuple[float, ...] = ()) -> Chart:
    """Return one measure of the certificate by scenario, with its Monte Carlo error.

    Rows are released rows of results.certificate; `goal` are limits drawn as dotted lines.
    """
    kept = [row for row in rows if row["measure"] == measure]
    drawn = [row for row in kept if row["value"] is not None]
    name = words.spelled(measure)
    return Chart(
        key=f"certificate-{measure.replace('_', '-')}",
        title=_title(name, drawn, is_share=is_share(measure)),
        note=(
            f"{_unit(measure)}, by the truth that was planted, with intervals of 1.96 Monte Carlo "
            f"errors. {_size(drawn)}"
        ).strip(),
        twin=certificate_table(kept),
        spec=_spec(drawn, measure, goal) if drawn else None,
        missing="" if drawn else NOT_RUN,
        height="short",
        legend=(LegendEntry("dot-own", "simulated registries"),),
        source="results/certificate",
    )


def _unit(measure: str) -> str:
    if is_share(measure):
        return "Share of simulated registries, in %"
    return "On the scale of the risk difference, percentage points"


def _size(drawn: Sequence[Row]) -> str:
    known = [row for row in drawn if row["registries"] and row["episodes"]]
    if not known:
        return ""
    registries = sorted({row["registries"] for row in known})
    episodes = sorted({row["episodes"] for row in known})
    return (
        f"n: {_range(registries)} simulated registries a scenario of {_range(episodes)} episodes. "
        "Nobody in them exists."
    )


def _range(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return words.count(numbers[0])
    return f"{words.count(numbers[0])} to {words.count(numbers[-1])}"


def _title(name: str, drawn: Sequence[Row], *, is_share: bool) -> str:
    if not drawn:
        return name
    write = words.percent if is_share else words.points
    values = [row["value"] for row in drawn]
    if len(values) == 1:
        return f"{name}: {write(values[0])}"
    return (
        f"{name}: from {words.span(min(values), max(values), write)} over {len(values)} scenarios"
    )


def _spec(drawn: Sequence[Row], measure: str, goal: tuple[float, ...]) -> dict[str, Any]:
    values = [round(100 * row["value"], 3) for row in drawn]
    half = [round(100 * Z_95 * (row["monte_carlo_error"] or 0.0), 3) for row in drawn]
    write = words.percent if is_share(measure) else words.points
    low, high = (0.0, 100.0) if is_share(measure) else (-math.inf, math.inf)
    hover = [f"{scenario_name(row['scenario'])}: {write(row['value'])}" for row in drawn]
    mark = style.markers(values, list(range(len(drawn))), hover, "own", size=11)
    mark["error_x"] = style.error_bars(
        values,
        [max(value - width, low) for value, width in zip(values, half, strict=True)],
        [min(value + width, high) for value, width in zip(values, half, strict=True)],
        "own",
    )
    limits = [100 * limit for limit in goal] if goal else ([] if is_share(measure) else [0.0])
    layout = {
        "xaxis": style.axis(
            title=style.axis_title("% of registries" if is_share(measure) else "points"), nticks=6
        ),
        "yaxis": style.axis(
            tickvals=list(range(len(drawn))),
            ticktext=[words.wrapped(scenario_name(row["scenario"]), 17) for row in drawn],
            range=[len(drawn) - 0.5, -0.5],
            showgrid=False,
            zeroline=False,
            automargin=False,
        ),
        "shapes": [style.upright(limit) for limit in limits],
        "margin": {"l": 120, "r": 14, "t": 8, "b": 48},
    }
    return dict(style.figure([mark], layout, 90 + 34 * len(drawn)))


def certificate_table(rows: Sequence[Row]) -> Twin:
    """Return released rows of results.certificate as a table."""
    cells = [
        [
            words.text(f"{scenario_name(row['scenario'])}"),
            words.text(words.spelled(row["measure"])),
            _number(row["value"]),
            _number(row["monte_carlo_error"]),
            _count(row["registries"]),
            _count(row["episodes"]),
            words.text(row["goal"] or "none set"),
            words.text(status_name(row["status"])),
        ]
        for row in rows
    ]
    header = (
        "Planted truth",
        "Measure",
        "Value",
        "Monte Carlo error",
        "Registries",
        "Episodes each",
        "Goal",
        "Status",
    )
    return twin(header, cells)


def _number(value: float | None) -> Cell:
    return Cell("none", "absent") if value is None else Cell(words.signed(f"{value:.4g}"))


def _count(value: int | None) -> Cell:
    return Cell(words.count(value)) if value else Cell("none", "absent")
