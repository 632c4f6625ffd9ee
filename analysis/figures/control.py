"""Control charts: an indicator over time, with its centre, limits and signals."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

INDICATORS: Final = {
    "premature_advance": "Episodes that moved on before a stage was completed",
    "exit_evidence": "Stage changes with measured or attested exit",
    "missed_sessions": "Booked sessions missed or cancelled late",
    "reinjury_90_days": "Re-injured within 90 days",
    "follow_up_capture": "Episodes with known status after a year",
}
# Fewer shown points than this make no course to look at.
FEWEST_POINTS: Final = 3


def indicator_name(chart: str) -> str:
    """Return an indicator as words."""
    return INDICATORS.get(chart, words.spelled(chart))


def control_chart(chart: str, rows: Sequence[Row]) -> Chart:
    """Return one indicator of one unit over its periods.

    Rows are released rows of results.quality_points of one chart and unit.
    """
    ordered = sorted(rows, key=lambda row: str(row["period"]))
    drawn = [row for row in ordered if shows(row, "value")]
    is_drawn = len(drawn) >= FEWEST_POINTS
    return Chart(
        key=f"control-{chart.replace('_', '-')}",
        title=indicator_name(chart),
        note=(
            f"{_signal_words(drawn)} By month of start, from rounded counts, so a point may lie a "
            "little off; signals were looked for in the exact numbers. Grey: not yet followed long "
            "enough. Gaps: too few patients to be shown."
        ),
        twin=_twin(ordered),
        spec=_spec(drawn) if is_drawn else None,
        missing="" if is_drawn else "Too few months with enough patients to be shown.",
        height="short",
        legend=(
            LegendEntry("dot-own", "month"),
            LegendEntry("diamond-signal", "signal"),
            LegendEntry("line-network", "centre"),
            LegendEntry("dash-network", "limits"),
        ),
    )


def _signal_words(drawn: Sequence[Row]) -> str:
    signals = sum(1 for row in drawn if row["signal"])
    if not signals:
        return "No signal in the months shown."
    return "1 month with a signal." if signals == 1 else f"{signals} months with a signal."


def _spec(drawn: Sequence[Row]) -> dict[str, Any]:
    traces = [
        *_guides(drawn),
        _course(drawn),
        _marks([row for row in drawn if _is_open(row)], "soft-ink", "circle-open", 8),
        _marks(
            [row for row in drawn if not _is_open(row) and not row["signal"]], "own", "circle", 8
        ),
        _marks([row for row in drawn if row["signal"]], "signal", "diamond", 11),
    ]
    layout = {
        "xaxis": style.axis(type="category", nticks=6, showgrid=False, tickangle=0),
        "yaxis": style.axis(ticksuffix="%", rangemode="tozero"),
        "margin": {"l": 44, "r": 12, "t": 8, "b": 32},
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["short"]))


def _is_open(row: Row) -> bool:
    return row["is_complete"] is False and not row["signal"]


def _guides(drawn: Sequence[Row]) -> list[dict[str, Any]]:
    guides = []
    for column, dash in (("center", "solid"), ("lower", "dash"), ("upper", "dash")):
        known = [row for row in drawn if shows(row, column)]
        values = [round(100 * row[column], 2) for row in known]
        guides.append(
            style.line(
                [row["period"] for row in known],
                values,
                "network",
                width=1.4,
                dash=dash,
                line={"shape": "hvh"},
            )
        )
    return guides


def _course(drawn: Sequence[Row]) -> dict[str, Any]:
    return style.line(
        [row["period"] for row in drawn], [_percent(row) for row in drawn], "own", width=1.2
    )


def _percent(row: Row) -> float:
    return round(100 * float(row["value"]), 1)


def _marks(rows: Sequence[Row], role: str, symbol: str, size: int) -> dict[str, Any]:
    hover = [f"{row['period']}: {words.percent(row['value'])}{_of(row)}" for row in rows]
    return style.markers(
        [row["period"] for row in rows],
        [_percent(row) for row in rows],
        hover,
        role,
        symbol=symbol,
        size=size,
    )


def _of(row: Row) -> str:
    return f" of {words.count(row['denominator'])}" if shows(row, "denominator") else ""


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(row["period"]),
            words.cell(row, "numerator"),
            words.cell(row, "denominator"),
            words.cell(row, "value", words.percent),
            words.cell(row, "center", words.percent),
            words.interval_cell(row, "lower", "upper", words.percent),
            words.text(signal_name(row["signal"])),
        ]
        for row in rows
    ]
    header = ("Month", "Numerator", "Denominator", "Share", "Centre", "Limits", "Signal")
    return twin(header, cells)


SIGNAL_NAMES: Final = {
    "beyond_limits": "outside the limits",
    "shift": "part of a long run on one side of the centre",
    "few_crossings": "the centre is crossed too seldom",
}


def signal_name(signal: str | None) -> str:
    """Return the rules that fired, as words."""
    if not signal:
        return "none"
    return ", ".join(
        SIGNAL_NAMES.get(rule, words.spelled(rule).lower()) for rule in signal.split(";")
    )
