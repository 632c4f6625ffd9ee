"""The observed course of each domain apart for those who left care when (Little 1993)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.multiples import panel_title
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import why_no_line
from analysis.figures.words import Row, shows


class Look(NamedTuple):
    """How a pattern's line looks: words, colour, dash, symbol, its letter and its legend key."""

    words: str
    role: str
    dash: str
    symbol: str
    sign: str


# The signs are the marks of the lines, so that the numbers below can be told apart.
LOOKS: Final[Mapping[str, Look]] = {
    "completed": Look("completed all stages", "own", "solid", "circle", "\N{BLACK CIRCLE}"),
    "in_care": Look("still in care", "network", "solid", "circle-open", "\N{WHITE CIRCLE}"),
    "left_quarter_1": Look(
        "left, first quarter", "other", "solid", "triangle-up", "\N{BLACK UP-POINTING TRIANGLE}"
    ),
    "left_quarter_2": Look("second quarter", "other", "dash", "square", "\N{BLACK SQUARE}"),
    "left_quarter_3": Look("third quarter", "signal", "dashdot", "diamond", "\N{BLACK DIAMOND}"),
    "left_quarter_4": Look(
        "last quarter", "other", "dot", "triangle-up-open", "\N{WHITE UP-POINTING TRIANGLE}"
    ),
}
FRAME: Final = Frame(panel_height=190, below=142)
N_LINE: Final = 14
# The course is told in the table at these weeks, and drawn at all.
TWIN_WEEKS: Final = (0, 4, 12, 26, 52)


def patterns_chart(rows: Sequence[Row], domains: Sequence[str]) -> Chart:
    """Return observed means by week, apart by when people left.

    Rows are released rows of results.dropout_patterns; those by stage of leaving are in the table.
    """
    shown = [row for row in rows if row["pattern"] in LOOKS and shows(row, "mean")]
    panels = [_panel(domain, rows, shown) for domain in domains]
    return Chart(
        key="dropout-patterns",
        title="Courses apart for those who stayed and those who left",
        note=(
            "Observed means of two weeks each since the first session. Who left care before all "
            "stages were completed stands apart by the quarter of the times of leaving, earliest "
            "first. Where the lines lie apart, the mean of whoever still comes is not the course "
            "of those who began. n: episodes in the first and in the last two weeks drawn. "
            f"{words.DESCRIPTIVE_CARE}"
        ),
        twin=_twin(rows),
        spec=panels_spec(panels, FRAME) if shown else None,
        missing="" if shown else _missing(rows),
        height="tall",
        legend=_legend(shown),
        source="results/dropout_patterns",
    )


def _missing(rows: Sequence[Row]) -> str:
    if rows:
        return "Courses by time of leaving rest on too few patients to be shown."
    return "Courses by time of leaving were not computed."


def _legend(shown: Sequence[Row]) -> tuple[LegendEntry, ...]:
    present = {row["pattern"] for row in shown}
    return tuple(
        LegendEntry("", f"{look.sign} {look.words}")
        for pattern, look in LOOKS.items()
        if pattern in present
    )


def _panel(domain: str, rows: Sequence[Row], shown: Sequence[Row]) -> Panel:
    own = [row for row in rows if row["domain"] == domain]
    drawn = {
        pattern: sorted(
            (row for row in shown if row["domain"] == domain and row["pattern"] == pattern),
            key=lambda row: int(row["week"]),
        )
        for pattern in LOOKS
    }
    present = {pattern: course for pattern, course in drawn.items() if course}
    unit = next((row["unit"] for row in own if row["unit"]), "")
    return Panel(
        title=panel_title(domain, unit),
        traces=[_line(pattern, course) for pattern, course in present.items()],
        xaxis=style.axis(title=style.axis_title("weeks since the first session"), nticks=7),
        yaxis=style.axis(nticks=5, showticklabels=bool(present)),
        notes=_numbers(present) if present else [why_no_line(own)],
    )


def _line(pattern: str, course: Sequence[Row]) -> dict[str, Any]:
    look = LOOKS[pattern]
    weeks = [row["week"] for row in course]
    made = style.line(weeks, [row["mean"] for row in course], look.role, dash=look.dash, width=1.8)
    return made | {
        "mode": "lines+markers",
        "marker": {
            "color": style.colour(look.role),
            "symbol": look.symbol,
            "size": 6,
            "line": {"color": style.colour(look.role), "width": 1.5},
        },
        "hoverinfo": "all",
        "hovertemplate": f"{look.words}, week %{{x}}: %{{y}}<extra></extra>",
    }


def _numbers(present: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Return a line of n for each pattern, below the axis."""
    place = {"xref": "x domain", "yref": "y domain", "xanchor": "left", "yanchor": "top"}
    font = {"size": style.TEXT_SIZE - 2, "color": style.colour("soft-ink")}
    return [
        style.label(
            0, 0, _told(pattern, course), "soft-ink", **place, yshift=-42 - N_LINE * number,
            font=font,
        )
        for number, (pattern, course) in enumerate(present.items())
    ]  # fmt: skip


def _told(pattern: str, course: Sequence[Row]) -> str:
    look = LOOKS[pattern]
    first, last = course[0], course[-1]
    told = f"{look.sign} {look.words}: n {words.cell(first, 'episodes').text}"
    if last is first:
        return told
    return f"{told}, week {last['week']}: {words.cell(last, 'episodes').text}"


def pattern_name(pattern: str) -> str:
    """Return a pattern of leaving as words."""
    if pattern.startswith("left_stage_"):
        return f"left, stage {pattern.removeprefix('left_stage_')} the highest worked"
    if pattern.startswith("left_quarter_") and pattern in LOOKS:
        return f"left, {LOOKS[pattern].words.removeprefix('left, ')} of the times of leaving"
    return LOOKS[pattern].words if pattern in LOOKS else words.spelled(pattern).lower()


def _twin(rows: Sequence[Row]) -> Twin:
    at = {(row["domain"], row["pattern"], row["week"]): row for row in rows}
    names = dict.fromkeys((row["domain"], row["pattern"]) for row in words.by_domain(rows))
    cells = [
        [
            words.text(f"{words.domain_name(domain)}: {pattern_name(pattern)}"),
            *(_cell(at.get((domain, pattern, week))) for week in TWIN_WEEKS),
        ]
        for domain, pattern in names
    ]
    return twin(("Domain and who", *(f"Week {week}" for week in TWIN_WEEKS)), cells)


def _cell(row: Row | None) -> Cell:
    """Return mean, interval and n of two weeks as one cell."""
    if row is None or not shows(row, "mean", "low", "high"):
        return Cell("none", "absent") if row is None else words.cell(row, "mean", words.plain)
    interval = words.span(row["low"], row["high"], words.plain)
    return Cell(f"{words.plain(row['mean'])} ({interval}), n {words.cell(row, 'episodes').text}")
