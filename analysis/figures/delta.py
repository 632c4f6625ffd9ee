"""What the line of a domain hides, as numbers: leaving, regression to the mean, ends of scales."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.forest import status_cell
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import why_no_line
from analysis.figures.slopes import weekly
from analysis.figures.words import Row, shows

NUMBERS: Final = ("value", "low", "high")
DELTA: Final = "delta"
CHANGE: Final = "change"
# From which delta the mean change is not clear, and from which it is not important, any more.
NOT_CLEAR: Final = "tipping_not_clear"
NOT_IMPORTANT: Final = "tipping_not_important"
DASHES: Final = {NOT_CLEAR: "dash", NOT_IMPORTANT: "dot"}
FRAME: Final = Frame(panel_height=180, below=54)
METHOD_NAMES: Final = {
    "pattern_mixture": "pattern mixture",
    "delta": "delta-adjusted",
    "attendance": "weighted for attendance",
    "tobit": "floor and ceiling",
    "regression_to_the_mean": "regression to the mean",
}


def delta_chart(rows: Sequence[Row], domains: Sequence[str]) -> Chart:
    """Return the mean change by how much worse those who left are taken to have gone on.

    Rows are released rows of results.trajectory_sensitivity; those with method delta are drawn.
    """
    kept = [row for row in rows if row["method"] == DELTA]
    panels = [
        _panel(domain, [row for row in kept if row["domain"] == domain]) for domain in domains
    ]
    drawn = any(panel.traces for panel in panels)
    return Chart(
        key="delta-adjusted",
        title=_title(kept),
        note=(
            "Mean change of all who began, with 95% band, if those who left are by so much as "
            "stands on the axis from what is expected of them; 0: as expected from what was seen. "
            "Broken and dotted lines: from there on the change is not clear, or not important, any "
            f"more. n: patients. {words.DESCRIPTIVE_CARE}"
        ),
        twin=sensitivity_twin(kept),
        spec=panels_spec(panels, FRAME) if drawn else None,
        missing="" if drawn else _missing(kept),
        height="tall",
        legend=(
            LegendEntry("line-own", "mean change"),
            LegendEntry("dash-network", "tipping points"),
        ),
        source="results/trajectory_sensitivity",
    )


def _missing(rows: Sequence[Row]) -> str:
    reasons = [str(row["reason"]).rstrip(".") for row in rows if row["reason"]]
    if reasons:
        return f"No delta-adjusted change is shown: {reasons[0]}."
    return (
        "Delta-adjusted changes rest on too few patients to be shown."
        if rows
        else "The delta-adjusted change was not run."
    )


def _title(rows: Sequence[Row]) -> str:
    known = [row for row in rows if row["measure"] == NOT_CLEAR and shows(row, "value")]
    if not known:
        return "Mean change, if those who left had fared worse than expected"
    told = ", ".join(f"{row['domain']} {_size(row)}" for row in words.by_domain(known))
    return f"By how much worse those who left would have to fare for no clear change: {told}"


def _size(row: Row) -> str:
    """Return a tipping point without its sign: it lies on the worse side."""
    return words.plain(abs(row["value"])).removesuffix(".0")


def _panel(domain: str, rows: Sequence[Row]) -> Panel:
    drawn = sorted(
        (
            row
            for row in rows
            if row["parameter"] is not None
            and row["measure"].startswith(CHANGE)
            and shows(row, *NUMBERS)
        ),
        key=lambda row: float(row["parameter"]),
    )
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    short = words.SHORT_UNITS.get(unit, unit)
    return Panel(
        title=f"{words.domain_name(domain)}, {short}" if short else words.domain_name(domain),
        subtitle=_subtitle(drawn, rows),
        traces=_band(drawn) if drawn else (),
        xaxis=style.axis(title=style.axis_title("assumed difference of those who left"), nticks=7),
        yaxis=style.axis(nticks=5, zeroline=True, showticklabels=bool(drawn)),
        shapes=_tipping_lines(drawn, rows),
        notes=() if drawn else [why_no_line(rows)],
    )


def _tipping(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["measure"] in DASHES and shows(row, "value")]


def _subtitle(drawn: Sequence[Row], rows: Sequence[Row]) -> str:
    if not drawn:
        return ""
    size = {row["measure"]: _size(row) for row in _tipping(rows)}
    told = [f"n {words.cell(drawn[0], 'patients').text}"]
    if NOT_CLEAR in size:
        told.append(f"not clear from {size[NOT_CLEAR]}")
    if NOT_IMPORTANT in size:
        told.append(f"not important from {size[NOT_IMPORTANT]}")
    # Together they are wider than a phone.
    return "<br>".join(["; ".join(told[:2]), *told[2:]])


def _tipping_lines(drawn: Sequence[Row], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the tipping points that lie within the axis."""
    parameters = [row["parameter"] for row in drawn]
    return [
        {
            **style.upright(round(row["value"], 2), "network", DASHES[row["measure"]]),
            "xref": "x",
            "yref": "y domain",
        }
        for row in _tipping(rows)
        if parameters and min(parameters) <= row["value"] <= max(parameters)
    ]


def _band(drawn: Sequence[Row]) -> list[dict[str, Any]]:
    at = [round(row["parameter"], 2) for row in drawn]
    high = style.line(at, [row["high"] for row in drawn], "own", width=0)
    low = style.line(at, [row["low"] for row in drawn], "own", width=0)
    low |= {"fill": "tonexty", "fillcolor": style.colour("own-soft")}
    course = style.line(at, [row["value"] for row in drawn], "own")
    course |= {"hoverinfo": "all", "hovertemplate": "%{x}: %{y}<extra></extra>"}
    return [high, low, course]


def sensitivity_twin(rows: Sequence[Row]) -> Twin:
    """Return released rows of results.trajectory_sensitivity as a table."""
    cells = [
        [
            words.text(f"{words.domain_name(row['domain'])}: {measure_words(row['measure'])}"),
            words.text(METHOD_NAMES.get(row["method"], words.spelled(row["method"]).lower())),
            words.text(_assumed(row["parameter"])),
            words.cell(row, "value", words.hundredths),
            words.interval_cell(row, "low", "high", words.hundredths),
            words.text(weekly(row["unit"] or words.DASH)),
            words.cell(row, "patients"),
            status_cell(row),
        ]
        for row in words.by_domain(rows)
    ]
    header = (
        "Domain and measure",
        "Method",
        "Assumed",
        "Value",
        "95% interval",
        "Unit",
        "Patients",
        "Status",
    )
    return twin(header, cells)


def _assumed(parameter: float | None) -> str:
    return words.DASH if parameter is None else words.hundredths(parameter)


def measure_words(measure: str) -> str:
    """Return a measure of the checks as words."""
    return words.spelled(measure).lower()
