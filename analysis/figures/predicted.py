"""The course that a model predicts for an episode with the usual time in every stage."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.multiples import panel_title
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.words import Row, shows

POPULATION: Final = "population"
NUMBERS: Final = ("value", "low", "high")
FRAME: Final = Frame(panel_height=190, below=50)


def predicted_chart(rows: Sequence[Row], domains: Sequence[str]) -> Chart:
    """Return the predicted course of each domain with its 95% band, stage after stage.

    Rows are released rows of results.trajectory_courses; those of subgroups are left out.
    """
    kept = [row for row in rows if row["model"] == POPULATION and not row["subgroup"]]
    panels = [
        _panel(domain, [row for row in kept if row["domain"] == domain]) for domain in domains
    ]
    drawn = any(panel.traces for panel in panels)
    return Chart(
        key="trajectory-courses",
        title="The course that the model of all episodes predicts",
        note=(
            "For an episode that spends the usual (median) time in every stage, one stage after "
            "the other, with 95% band. Broken lines: the next stage is entered. n: patients that "
            f"tell about the stage. {words.DESCRIPTIVE}"
        ),
        twin=_twin(kept),
        spec=panels_spec(panels, FRAME) if drawn else None,
        missing="" if drawn else _missing(kept),
        height="tall",
        legend=(LegendEntry("line-own", "predicted course"),),
        source="results/trajectory_courses",
    )


def _missing(rows: Sequence[Row]) -> str:
    if rows:
        return "No predicted course is shown: they rest on too few patients."
    return "No course was predicted: no model of a domain was estimated."


def _panel(domain: str, rows: Sequence[Row]) -> Panel:
    drawn = [row for row in rows if shows(row, *NUMBERS)]
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    knots = _knots(drawn)
    middles = [(start + end) / 2 for _, start, end, _ in knots]
    return Panel(
        title=panel_title(domain, unit),
        subtitle=_usual_weeks(knots),
        traces=_band(drawn) if drawn else (),
        xaxis=style.axis(
            tickvals=[round(middle, 2) for middle in middles],
            ticktext=[_tick(knot, _whole(knots)) for knot in knots],
            range=[0, round(_whole(knots), 2)],
            showgrid=False,
            zeroline=False,
            ticks="",
            tickangle=0,
            tickfont={"size": 10, "color": style.colour("soft-ink")},
        ),
        yaxis=style.axis(nticks=5, showticklabels=bool(drawn)),
        shapes=[_entry_line(end) for _, _, end, _ in knots[:-1]],
        notes=() if drawn else [why_no_line(rows)],
    )


def why_no_line(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the words of a panel without anything drawn."""
    told = "hidden: too few patients" if rows else "not estimated"
    own = {"xref": "x domain", "yref": "y domain", "xanchor": "center"}
    return style.label(0.5, 0.5, told, "soft-ink", **own)


Knot = tuple[int, float, float, Row]


def _knots(drawn: Sequence[Row]) -> list[Knot]:
    """Return each stage's number, first and last week, and the row where it ends."""
    knots: list[Knot] = []
    start = 0.0
    for stage in words.STAGES:
        own = [row for row in drawn if row["stage"] == stage]
        if own:
            last = max(own, key=lambda row: float(row["week"]))
            knots.append((stage, start, float(last["week"]), last))
            start = float(last["week"])
    return knots


def _whole(knots: Sequence[Knot]) -> float:
    return knots[-1][2] if knots else 1.0


def _usual_weeks(knots: Sequence[Knot]) -> str:
    told = ", ".join(f"{end - start:.1f}".removesuffix(".0") for _, start, end, _ in knots)
    return f"usual weeks in the stages: {told}" if told else ""


def _tick(knot: Knot, whole: float) -> str:
    """Return stage and n; a stage too short for its n tells it in the table alone."""
    stage, start, end, row = knot
    if (end - start) / whole < 0.11:
        return str(stage)
    return f"{stage}<br>n {words.cell(row, 'patients').text}"


def _entry_line(week: float) -> dict[str, Any]:
    return {**style.upright(round(week, 2), dash="dot"), "xref": "x", "yref": "y domain"}


def _band(drawn: Sequence[Row]) -> list[dict[str, Any]]:
    ordered = sorted(drawn, key=lambda row: (float(row["week"]), int(row["stage"])))
    weeks = [round(row["week"], 2) for row in ordered]
    high = style.line(weeks, [row["high"] for row in ordered], "own", width=0)
    low = style.line(weeks, [row["low"] for row in ordered], "own", width=0)
    low |= {"fill": "tonexty", "fillcolor": style.colour("own-soft")}
    # Straight within a stage by the model: drawn through its knots, not through rounded points.
    knots = [ordered[0], *(row for *_, row in _knots(ordered))]
    at = [round(row["week"], 2) for row in knots]
    course = style.line(at, [row["value"] for row in knots], "own")
    course |= {"hoverinfo": "all", "hovertemplate": "week %{x:.1f}: %{y}<extra></extra>"}
    return [high, low, course]


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(f"{words.domain_name(row['domain'])}, {_place(row, rows)}"),
            words.text(f"{row['week']:.1f}"),
            words.cell(row, "value", words.plain),
            words.interval_cell(row, "low", "high", words.plain),
            words.cell(row, "patients"),
        ]
        for row in _told(rows)
    ]
    return twin(("Domain and point", "Week", "Predicted", "95% interval", "Patients"), cells)


def _told(rows: Sequence[Row]) -> list[Row]:
    """Return the first point and the last of every stage, by domain."""
    by_end: dict[tuple[str, int], Row] = {}
    first: dict[str, Row] = {}
    for row in sorted(words.by_domain(rows), key=lambda row: float(row["week"])):
        first.setdefault(row["domain"], row)
        by_end[(row["domain"], row["stage"])] = row
    firsts = [first[domain] for domain in first]
    return words.by_domain(sorted([*firsts, *by_end.values()], key=lambda row: float(row["week"])))


def _place(row: Row, rows: Sequence[Row]) -> str:
    start = min(float(other["week"]) for other in rows if other["domain"] == row["domain"])
    return "at the start" if float(row["week"]) == start else f"end of stage {row['stage']}"


def subgroup_courses(rows: Sequence[Row]) -> Twin:
    """Return what is predicted at the start and at each stage's end, by part of the population.

    Rows are released rows of results.trajectory_courses.
    """
    parts: dict[tuple[str, str, str], list[Row]] = {}
    for row in words.by_domain(rows):
        if row["subgroup"]:
            key = (row["domain"], row["subgroup_kind"], row["subgroup"])
            parts.setdefault(key, []).append(row)
    cells = [
        [
            words.text(f"{words.domain_name(domain)}: {words.spelled(part).lower()}"),
            words.text(words.spelled(kind).lower()),
            *_ends(own),
        ]
        for (domain, kind, part), own in parts.items()
    ]
    ends = tuple(f"End of stage {stage}" for stage in words.STAGES)
    return twin(("Domain and part", "By", "Start", *ends), cells)


def _ends(own: Sequence[Row]) -> list[Cell]:
    ordered = sorted(own, key=lambda row: float(row["week"]))
    last = {row["stage"]: row for row in ordered}
    return [
        value_cell(row) if row is not None else Cell("none", "absent")
        for row in (ordered[0], *(last.get(stage) for stage in words.STAGES))
    ]


def value_cell(row: Row, write: Any = words.plain) -> Cell:
    """Return a value with its interval as one cell."""
    if not shows(row, *NUMBERS):
        return words.cell(row, "value", write)
    return Cell(f"{write(row['value'])} ({words.span(row['low'], row['high'], write)})")
