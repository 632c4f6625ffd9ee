"""What first values would move by without care: noise that falls back, and pain that heals."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry
from analysis.figures.delta import sensitivity_twin
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import why_no_line
from analysis.figures.words import Row, shows

METHOD: Final = "regression_to_the_mean"
NUMBERS: Final = ("value", "low", "high")
# Measures of the change from the first to the second value, as they stand below one another.
CHANGES: Final = {
    "observed_change": ("everybody, observed", "own", "circle"),
    "observed_change_others": ("all but the worst third", "network", "square-open"),
    "observed_change_worst_third": ("worst third, observed", "own", "circle"),
    "expected_change_worst_third": ("worst third, expected", "other", "diamond"),
}
COHORTS: Final = {"acute": "Acute pain", "persistent": "Persistent pain"}
CHANGE_FRAME: Final = Frame(panel_height=96, below=40, left=132, gap=0.16, narrow_gap=0.14)
COURSE_FRAME: Final = Frame(panel_height=190, below=54)


def of_regression(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of results.trajectory_sensitivity about regression to the mean."""
    return [row for row in rows if row["method"] == METHOD]


def first_change_chart(rows: Sequence[Row], domains: Sequence[str]) -> Chart:
    """Return the change to the second value beside what noise alone would give.

    Rows are released rows of results.trajectory_sensitivity.
    """
    kept = [row for row in of_regression(rows) if row["parameter"] is None]
    shown = [name for name in domains if any(row["domain"] == name for row in kept)]
    panels = [
        _change_panel(domain, [row for row in kept if row["domain"] == domain]) for domain in shown
    ]
    drawn = any(panel.traces for panel in panels)
    return Chart(
        key="first-change",
        title="From the first to the second value: observed, and expected from noise alone",
        note=(
            "Whoever begins among the worst third moves back towards the mean by chance alone; "
            "expected from the reliability of the values (Davis 1976). With 95% intervals. What "
            "lies beyond the expected is not therefore the care's. n: patients with two values. "
            f"{words.DESCRIPTIVE_CARE}"
        ),
        twin=sensitivity_twin(kept),
        spec=panels_spec(panels, CHANGE_FRAME) if drawn else None,
        missing="" if drawn else _missing("The change expected from noise alone", kept),
        legend=(
            LegendEntry("dot-own", "observed"),
            LegendEntry("diamond-other", "expected from noise alone"),
        ),
        source="results/trajectory_sensitivity",
    )


def _missing(what: str, rows: Sequence[Row]) -> str:
    reasons = [str(row["reason"]).rstrip(".") for row in rows if row["reason"]]
    if reasons:
        return f"{what} is not shown: {reasons[0]}."
    return f"{what} rests on too few patients to be shown." if rows else f"{what} was not run."


def _change_panel(domain: str, rows: Sequence[Row]) -> Panel:
    at = {row["measure"]: row for row in rows}
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    traces = [
        _mark(place, at[measure], *look)
        for place, (measure, look) in enumerate(CHANGES.items())
        if shows(at.get(measure), *NUMBERS)
    ]
    short = words.SHORT_UNITS.get(unit, unit)
    known = next((at[name] for name in CHANGES if shows(at.get(name), "patients")), None)
    return Panel(
        title=f"{words.domain_name(domain)}, {short}" if short else words.domain_name(domain),
        subtitle="" if known is None else f"n {words.cell(known, 'patients').text}",
        traces=traces,
        xaxis=style.axis(nticks=5),
        yaxis=style.axis(
            tickvals=list(range(len(CHANGES))),
            ticktext=[look[0] for look in CHANGES.values()],
            range=[len(CHANGES) - 0.5, -0.5],
            tickfont={"size": 10, "color": style.colour("soft-ink")},
            zeroline=False,
        ),
        shapes=[{**style.upright(0.0), "xref": "x", "yref": "y domain"}] if traces else (),
        notes=() if traces else [why_no_line(rows)],
    )


def _mark(place: int, row: Row, name: str, role: str, symbol: str) -> dict[str, Any]:
    value = row["value"]
    hover = f"{name}: {words.hundredths(value)}"
    mark = style.markers([value], [place], [hover], role, symbol=symbol)
    mark["error_x"] = style.error_bars([value], [row["low"]], [row["high"]], role)
    return mark


def untreated_chart(rows: Sequence[Row]) -> Chart:
    """Return observed pain by week beside the course of published cohorts without this care.

    Rows are released rows of results.trajectory_sensitivity.
    """
    kept = [
        row
        for row in of_regression(rows)
        if row["parameter"] is not None and _cohort(row) in COHORTS
    ]
    panels = [
        _course_panel(name, [row for row in kept if _cohort(row) == name]) for name in COHORTS
    ]
    drawn = any(panel.traces for panel in panels)
    return Chart(
        key="untreated-pain",
        title="Pain beside the expected course of published cohorts",
        note=(
            "Mean pain of those still measured, with 95% band, beside the pooled course of "
            "published cohorts of low back pain, who had any care or none (Menezes Costa et al. "
            "2012): other people, other measures. n: patients measured around that week. "
            f"{words.DESCRIPTIVE_CARE}"
        ),
        twin=sensitivity_twin(kept),
        spec=panels_spec(panels, COURSE_FRAME) if drawn else None,
        missing="" if drawn else _missing("The expected course without this care", kept),
        legend=(
            LegendEntry("line-own", "observed"),
            LegendEntry("line-other", "published cohorts"),
        ),
        source="results/trajectory_sensitivity",
    )


def _cohort(row: Row) -> str:
    return str(row["measure"]).rpartition("_")[2]


def _course_panel(name: str, rows: Sequence[Row]) -> Panel:
    observed = _course(rows, "observed")
    published = _course(rows, "untreated")
    traces = [*_band(published, "other", "dash"), *_band(observed, "own", "solid")]
    weeks = sorted({round(row["parameter"], 1) for row in [*observed, *published]})
    return Panel(
        title=f"{COHORTS[name]}, points",
        traces=traces,
        xaxis=style.axis(
            title=style.axis_title(_numbers(observed)),
            tickvals=weeks,
            ticktext=[f"{week:.0f}" for week in weeks],
            tickangle=0,
            showgrid=False,
            zeroline=False,
            range=[-2, 55],
        ),
        yaxis=style.axis(rangemode="tozero", nticks=6),
        notes=() if traces else [why_no_line(rows)],
    )


def _course(rows: Sequence[Row], kind: str) -> list[Row]:
    own = [row for row in rows if row["measure"].startswith(kind) and shows(row, *NUMBERS)]
    return sorted(own, key=lambda row: float(row["parameter"]))


def _numbers(observed: Sequence[Row]) -> str:
    told = ", ".join(words.cell(row, "patients").text for row in observed)
    return f"weeks; n observed: {told}" if told else "weeks; n observed: none"


def _band(course: Sequence[Row], role: str, dash: str) -> list[dict[str, Any]]:
    if not course:
        return []
    weeks = [round(row["parameter"], 1) for row in course]
    high = style.line(weeks, [row["high"] for row in course], role, width=0)
    low = style.line(weeks, [row["low"] for row in course], role, width=0)
    low |= {"fill": "tonexty", "fillcolor": style.colour(f"{role}-soft")}
    line = style.line(weeks, [row["value"] for row in course], role, dash=dash)
    line |= {"hoverinfo": "all", "hovertemplate": "week %{x}: %{y}<extra></extra>"}
    return [high, low, line]
