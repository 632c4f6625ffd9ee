"""Where a domain was measured, and how many of its values lie at the ends of its scale."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from analysis.contracts.release import SUPPRESSED
from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.diagnostics import HeatCell, HeatMap
from analysis.figures.multiples import DOMAINS
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import why_no_line
from analysis.figures.words import Row, shows

FRAME: Final = Frame(panel_height=120, below=48)
SMALLEST_TOP: Final = 5.0
# Shares of sessions at which a domain was not measured, from which a cell is one step darker.
SHADES: Final = (0.05, 0.2, 0.4, 0.6, 0.8)


class End(NamedTuple):
    """An end of a scale: its column, words, colour and hatching, and where its bar stands."""

    column: str
    meaning: str
    role: str
    shape: str
    place: float


ENDS: Final = (
    End("share_at_worst", "worst end", "network", "/", -0.2),
    End("share_at_best", "best end", "own", "", 0.2),
)


def bounds_chart(rows: Sequence[Row], domains: Sequence[str] = DOMAINS) -> Chart:
    """Return the shares of values at the worst and the best end of each domain's scale, by stage.

    Rows are released rows of results.measure_bounds.
    """
    drawn = [row for row in rows if any(shows(row, end.column) for end in ENDS)]
    panels = [
        _panel(domain, [row for row in rows if row["domain"] == domain]) for domain in domains
    ]
    return Chart(
        key="measure-bounds",
        title=_title(drawn),
        note=(
            "Share of values at the ends of the scale, in %, by stage. Who is at an end cannot be "
            "seen to move further, so slopes are flatter there than the people are. n: values."
        ),
        twin=_twin(rows),
        spec=panels_spec(panels, FRAME) if drawn else None,
        missing="" if drawn else _missing(rows),
        legend=(
            LegendEntry("bar-hatched", "at the worst end"),
            LegendEntry("bar-own", "at the best end"),
        ),
        source="results/measure_bounds",
    )


def _missing(rows: Sequence[Row]) -> str:
    if rows:
        return "Values at the ends of the scales rest on too few patients to be shown."
    return "Values at the ends of the scales were not counted."


def _title(drawn: Sequence[Row]) -> str:
    known = [row for row in drawn if shows(row, "share_at_best")]
    if not known:
        return "Values at the ends of their scales"
    most = max(known, key=lambda row: float(row["share_at_best"]))
    return (
        f"At most {words.percent(most['share_at_best'])} of values lie at the best end "
        f"({most['domain']}, stage {most['stage']})"
    )


def _panel(domain: str, rows: Sequence[Row]) -> Panel:
    at = {row["stage"]: row for row in rows}
    bars = [_bars(rows, end) for end in ENDS]
    return Panel(
        title=words.domain_name(domain),
        traces=[bar for bar in bars if bar["x"]],
        xaxis=style.axis(
            tickvals=list(words.STAGES),
            ticktext=[_tick(stage, at.get(stage)) for stage in words.STAGES],
            range=[0.4, 5.6],
            showgrid=False,
            tickangle=0,
            tickfont={"size": 10, "color": style.colour("soft-ink")},
        ),
        yaxis=style.axis(range=[0, _top(bars)], ticksuffix="%", nticks=4),
        notes=_hidden(rows) if any(bar["x"] for bar in bars) else [why_no_line(rows)],
    )


def _top(bars: Sequence[Mapping[str, Any]]) -> float:
    """Return where the scale ends: not so low that hardly any values would look like many."""
    shares = [float(share) for bar in bars for share in bar["y"]]
    return round(1.1 * max([SMALLEST_TOP, *shares]), 1)


def _hidden(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the word for every bar that is hidden, where it would stand."""
    font = {"size": style.TEXT_SIZE - 3, "color": style.colour("soft-ink")}
    return [
        style.label(
            row["stage"] + end.place, 0, "hidden", textangle=-90, yanchor="bottom", font=font
        )
        for row in rows
        for end in ENDS
        if words.status(row, end.column) == SUPPRESSED
    ]


def _bars(rows: Sequence[Row], end: End) -> dict[str, Any]:
    drawn = [row for row in rows if shows(row, end.column)]
    return {
        "type": "bar",
        "x": [row["stage"] + end.place for row in drawn],
        "y": [round(100 * row[end.column], 1) for row in drawn],
        "width": 0.36,
        "hoverinfo": "text",
        "hovertext": [
            f"stage {row['stage']}, at the {end.meaning}: {words.percent(row[end.column])}"
            for row in drawn
        ],
        "marker": {
            "color": style.colour(end.role),
            "pattern": {
                "shape": end.shape,
                "bgcolor": style.colour("faint"),
                "fgcolor": style.colour(end.role),
                "size": 6,
                "solidity": 0.3,
            },
            "line": {"color": style.colour(end.role), "width": 1},
        },
    }


def _tick(stage: int, row: Row | None) -> str:
    return f"{stage}<br>n {words.cell(row, 'values_count').text if row is not None else 'none'}"


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(f"{words.domain_name(row['domain'])}, stage {row['stage']}"),
            words.cell(row, "patients"),
            words.cell(row, "values_count"),
            words.cell(row, "share_at_worst", words.percent),
            words.cell(row, "share_at_best", words.percent),
        ]
        for row in words.by_domain(rows)
    ]
    return twin(
        ("Domain and stage", "Patients", "Values", "At the worst end", "At the best end"), cells
    )


def missingness_map(rows: Sequence[Row]) -> HeatMap:
    """Return released rows of results.missingness as a map of domain by stage.

    A cell tells the share of the stage's sessions at which the domain was measured; the darker,
    the more are missing.
    """
    at = {(row["domain"], row["stage"]): row for row in rows}
    stages = [stage for stage in words.STAGES if any(row["stage"] == stage for row in rows)]
    domains = list(dict.fromkeys(row["domain"] for row in words.by_domain(rows)))
    return HeatMap(
        corner="Domain",
        columns=tuple(f"{stage} {words.SHORT_STAGE_NAMES[stage]}" for stage in stages),
        rows=tuple(
            (
                words.domain_name(domain),
                tuple(_heat_cell(at.get((domain, stage))) for stage in stages),
            )
            for domain in domains
        ),
    )


def _heat_cell(row: Row | None) -> HeatCell | None:
    if row is None:
        return None
    missing = 1 - row["share_measured"] if shows(row, "share_measured") else None
    return HeatCell(
        share=words.cell(row, "share_measured", words.percent),
        shade=None if missing is None else sum(missing >= step for step in SHADES),
        size=words.cell(row, "sessions"),
    )
