"""How the parts of a unit's patients fare, by condition or by region."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

KINDS: Final = ("condition", "region")
ROW_ROOM: Final = 40
LABEL_WIDTH: Final = 20
LABEL_MARGIN: Final = 146
NOT_A_COMPARISON: Final = (
    "Groups differ in who their patients are; this is a description, not a comparison of care."
)


@dataclass(frozen=True)
class Figure:
    """What is drawn of each group: a column, its interval if there is one, and its words."""

    key: str
    column: str
    low: str | None
    high: str | None
    what: str
    of: str


REINJURY: Final = Figure(
    "groups-reinjury",
    "reinjury_risk",
    "reinjury_risk_low",
    "reinjury_risk_high",
    "re-injured within a year",
    "Risk within a year in %, with 95% interval; who was lost to follow-up counts up to the last "
    "day anything is known of them. n: episodes.",
)
IMPROVED: Final = Figure(
    "groups-improved",
    "share_improved",
    None,
    None,
    "improved in pain by an important change",
    "Share of all episodes in %; people without a last measure stay in the denominator. n: "
    "episodes.",
)


def group_reinjury_chart(kind: str, rows: Sequence[Row], unit: str = "this clinic") -> Chart:
    """Return the risk of re-injury of every condition or region, with its interval.

    Rows are released rows of results.group_summaries of one unit; `kind` is one of KINDS.
    """
    return _chart(REINJURY, kind, rows, unit)


def group_improved_chart(kind: str, rows: Sequence[Row], unit: str = "this clinic") -> Chart:
    """Return the share of every condition or region that improved in pain.

    Rows are released rows of results.group_summaries of one unit; `kind` is one of KINDS.
    """
    return _chart(IMPROVED, kind, rows, unit)


def _chart(figure: Figure, kind: str, rows: Sequence[Row], unit: str) -> Chart:
    groups = _by_size([row for row in rows if row["subgroup_kind"] == kind])
    listed = [row for row in groups if shows(row, "episodes")]
    drawn = [row for row in listed if _is_drawn(figure, row)]
    return Chart(
        key=f"{figure.key}-{kind}",
        title=_title(figure, kind, drawn, unit),
        note=f"{figure.of}{_hidden_words(len(groups) - len(listed), kind)} {NOT_A_COMPARISON}",
        twin=_twin(groups, kind),
        spec=_spec(figure, listed, drawn) if drawn else None,
        missing="" if drawn else _missing(groups, kind),
        legend=_legend(figure),
        source="results/group_summaries",
    )


def _legend(figure: Figure) -> tuple[LegendEntry, ...]:
    with_interval = ", with 95% interval" if figure.low else ""
    return (LegendEntry("dot-own", f"{figure.what}{with_interval}"),)


def _by_size(rows: Sequence[Row]) -> list[Row]:
    """Return the groups by their number of episodes, hidden ones last, then by name."""
    return sorted(
        rows,
        key=lambda row: (row["episodes"] is None, -(row["episodes"] or 0), str(row["subgroup"])),
    )


def _is_drawn(figure: Figure, row: Row) -> bool:
    ends = (figure.low, figure.high) if figure.low and figure.high else ()
    return shows(row, figure.column, *ends)


def _missing(groups: Sequence[Row], kind: str) -> str:
    if not groups:
        return f"No {kind} is recorded."
    return f"Every {kind} has too few patients to be shown."


def _hidden_words(hidden: int, kind: str) -> str:
    if not hidden:
        return ""
    named = f"1 {kind} is" if hidden == 1 else f"{hidden} {kind}s are"
    return f" {named} hidden: too few patients."


def _title(figure: Figure, kind: str, drawn: Sequence[Row], unit: str) -> str:
    if not drawn:
        return f"{words.spelled(figure.what)}, by {kind}, {unit}"
    shares = [row[figure.column] for row in drawn]
    low, high = words.percent(min(shares)), words.percent(max(shares))
    if low == high:
        return f"{low} {figure.what} in the {kind} shown, {unit}"
    return f"{low} to {high} {figure.what}, by {kind}, {unit}"


def _spec(figure: Figure, listed: Sequence[Row], drawn: Sequence[Row]) -> dict[str, Any]:
    places = {row["subgroup"]: place for place, row in enumerate(listed)}
    layout = {
        "xaxis": style.axis(ticksuffix="%", rangemode="tozero", nticks=6),
        "yaxis": style.listed_axis([_label(row) for row in listed]),
        "annotations": [
            style.label(0, places[row["subgroup"]], _why(figure, row), "soft-ink", xanchor="left")
            for row in listed
            if row not in drawn
        ],
        "margin": {"l": LABEL_MARGIN, "r": 16, "t": 6, "b": 34},
    }
    values = [round(100 * row[figure.column], 1) for row in drawn]
    hover = [_hover(figure, row) for row in drawn]
    marks = style.markers(values, [places[row["subgroup"]] for row in drawn], hover, "own", size=10)
    if figure.low and figure.high:
        low = [100 * row[figure.low] for row in drawn]
        high = [100 * row[figure.high] for row in drawn]
        marks["error_x"] = style.error_bars(values, low, high, "own")
    return dict(style.figure([marks], layout, 46 + ROW_ROOM * len(listed)))


def _label(row: Row) -> str:
    named = words.wrapped(words.spelled(row["subgroup"]), LABEL_WIDTH)
    return f"{named}<br>n {words.count(row['episodes'])}"


def _why(figure: Figure, row: Row) -> str:
    if words.status(row, figure.column) == "absent":
        return "not known"
    return "hidden: too few"


def _hover(figure: Figure, row: Row) -> str:
    told = f"{words.spelled(row['subgroup'])}: {words.percent(row[figure.column])} {figure.what}"
    if figure.low and figure.high:
        told += f" ({words.span(row[figure.low], row[figure.high], words.percent)})"
    return f"{words.escaped(told)}, n {words.count(row['episodes'])}"


def _twin(groups: Sequence[Row], kind: str) -> Twin:
    cells: list[list[Cell]] = [
        [
            words.text(words.spelled(row["subgroup"])),
            words.cell(row, "patients"),
            words.cell(row, "episodes"),
            words.cell(row, "improved"),
            words.cell(row, "share_improved", words.percent),
            words.cell(row, "episodes_completed_all"),
            words.cell(row, "status_known"),
            words.cell(row, "reinjuries"),
            words.cell(row, "reinjury_risk", words.percent),
            words.interval_cell(row, "reinjury_risk_low", "reinjury_risk_high", words.percent),
        ]
        for row in groups
    ]
    header = (
        words.spelled(kind),
        "Patients",
        "Episodes",
        "Improved in pain",
        "Share improved",
        "Completed all stages",
        "Status known after a year",
        "Re-injuries",
        "Risk of re-injury",
        "95% interval",
    )
    return twin(header, cells)
