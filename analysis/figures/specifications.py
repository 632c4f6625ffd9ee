"""The specification curve: sorted estimates above, the choices behind each beneath."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.forest import status_cell
from analysis.figures.gaps import why_empty
from analysis.figures.words import Row, shows

REGISTERED: Final = "registered beforehand"
OWN: Final = "of the protocol"
# The choices in the order in which the matrix tells them, and their names.
CHOICES: Final = {
    "definition": "definition",
    "order_name": "order",
    "horizon_days": "horizon",
    "adjustment": "adjusted for",
    "follow_up": "follow-up",
    "truncation": "weights cut",
}
ROW_HEIGHT: Final = 17
CURVE_HEIGHT: Final = 230
BELOW: Final = 44
# The place of a choice's own name among its options.
HEADING: Final = ""


def specification_chart(rows: Sequence[Row], own_name: str = OWN) -> Chart:
    """Return the curve of released rows of results.specification_curve.

    `own_name` is what the protocol's own specification is called.
    """
    drawn = sorted(
        (row for row in rows if shows(row, "value")),
        key=lambda row: (float(row["value"]), int(row["specification"])),
    )
    return Chart(
        key="specification-curve",
        title=_title(drawn),
        note=(
            "Risk difference, percentage points, strict against natural, sorted, with 95% "
            "intervals; beneath, a dot for every choice behind an estimate. The diamond is the "
            f"specification {own_name}. The estimates share people and are not independent; ends "
            f"of intervals are rounded outward. {_size(rows, drawn)}"
        ).strip(),
        twin=_twin(rows, own_name),
        spec=_spec(drawn) if drawn else None,
        missing="" if drawn else why_empty("The specification curve", rows),
        height="tall",
        legend=(
            LegendEntry("dot-network", "specification"),
            LegendEntry("diamond-own", own_name),
        ),
        source="results/specification_curve",
    )


def _size(rows: Sequence[Row], drawn: Sequence[Row]) -> str:
    if not rows:
        return ""
    told = f"{len(drawn)} of {len(rows)} specifications have a released estimate."
    known = [row["episodes"] for row in drawn if shows(row, "episodes")]
    return f"{told} n: up to {words.count(max(known))} episodes." if known else told


def _title(drawn: Sequence[Row]) -> str:
    if not drawn:
        return "Specification curve"
    with_ends = [row for row in drawn if shows(row, "low", "high")]
    below = sum(row["high"] < 0 for row in with_ends)
    above = sum(row["low"] > 0 for row in with_ends)
    middle = drawn[len(drawn) // 2]["value"]
    return (
        f"Of {len(drawn)} specifications {below} lie below no difference, {above} above; the "
        f"middle one is {words.points(middle)}"
    )


def _choice(row: Row, name: str) -> str:
    value = row[name]
    if name == "horizon_days":
        return f"{value} days"
    return words.spelled(str(value)).lower() if value is not None else "none"


def _options(drawn: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the lines of the matrix: a heading for every choice, then each of its options."""
    lines = []
    for name in CHOICES:
        options = {_choice(row, name): row[name] for row in drawn}
        ordered = sorted(options, key=lambda told: (_number(options[told]), told))
        lines += [(name, HEADING), *((name, told) for told in ordered)]
    return lines


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _spec(drawn: Sequence[Row]) -> dict[str, Any]:
    lines = _options(drawn)
    matrix = ROW_HEIGHT * len(lines) + 10
    height = CURVE_HEIGHT + matrix + BELOW
    share = round(matrix / (CURVE_HEIGHT + matrix), 3)
    layout = {
        "xaxis": style.axis(
            title=style.axis_title("sorted by estimate"),
            showgrid=False, zeroline=False, showticklabels=False,
            range=[-1, len(drawn)], anchor="y2",
        ),
        "yaxis": style.axis(
            title=style.axis_title("risk difference, points"), domain=[round(share + 0.03, 3), 1],
        ),
        "yaxis2": style.axis(
            domain=[0, share], range=[len(lines) - 0.5, -0.5], showgrid=False, zeroline=False,
            tickvals=list(range(len(lines))),
            ticktext=[_line_label(name, told) for name, told in lines],
            automargin=False,
        ),
        "shapes": [
            {**style.level_line(0.0), "yref": "y"},
            *_group_bands(lines),
        ],
        "margin": {"l": 128, "r": 10, "t": 8, "b": BELOW},
    }  # fmt: skip
    traces = [*_intervals(drawn), *_estimates(drawn), *_dots(drawn, lines)]
    return dict(style.figure(traces, layout, height))


def _line_label(name: str, told: str) -> str:
    """Return the label of a line: a choice's name in capitals, or one of its options.

    Bold type would need an inline style, which the pages' policy rightly refuses.
    """
    if told == HEADING:
        return CHOICES[name].upper()
    short = words.escaped(told)
    return f"{short[:18]}\N{HORIZONTAL ELLIPSIS}" if len(short) > 19 else short


def _group_bands(lines: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a light band behind every second choice, so that options keep together."""
    bands = []
    for place, name in enumerate(CHOICES):
        places = [at for at, line in enumerate(lines) if line[0] == name]
        if place % 2 == 0 and places:
            bands.append(
                {
                    "type": "rect",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "yref": "y2",
                    "y0": places[0] - 0.5,
                    "y1": places[-1] + 0.5,
                    "fillcolor": style.colour("faint"),
                    "line": {"width": 0},
                    "layer": "below",
                }
            )
    return bands


def _intervals(drawn: Sequence[Row]) -> list[dict[str, Any]]:
    """Return all intervals as one line with gaps, which a browser draws at once."""
    x: list[int | None] = []
    y: list[float | None] = []
    for place, row in enumerate(drawn):
        if shows(row, "low", "high"):
            x += [place, place, None]
            y += [round(100 * row["low"], 2), round(100 * row["high"], 2), None]
    return [style.line(x, y, "muted", width=1.4)]


def _estimates(drawn: Sequence[Row]) -> list[dict[str, Any]]:
    traces = []
    for is_registered, role, symbol, size in (
        (False, "network", "circle", 4),
        (True, "own", "diamond", 12),
    ):
        places = [
            place for place, row in enumerate(drawn) if bool(row["is_registered"]) == is_registered
        ]
        values = [round(100 * drawn[place]["value"], 2) for place in places]
        hover = [_hover(drawn[place]) for place in places]
        traces.append(style.markers(places, values, hover, role, symbol=symbol, size=size))
    return traces


def _hover(row: Row) -> str:
    choices = ", ".join(f"{CHOICES[name]} {words.escaped(_choice(row, name))}" for name in CHOICES)
    return f"{words.points(row['value'])}<br>{words.wrapped(choices, 40)}"


def _dots(drawn: Sequence[Row], lines: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    at = {line: place for place, line in enumerate(lines)}
    traces = []
    for is_registered, role, size in ((False, "network", 3), (True, "own", 8)):
        x, y = [], []
        for place, row in enumerate(drawn):
            if bool(row["is_registered"]) == is_registered:
                for name in CHOICES:
                    x.append(place)
                    y.append(at[(name, _choice(row, name))])
        dots = style.markers(x, y, [], role, size=size, yaxis="y2")
        traces.append(dots | {"hoverinfo": "skip"})
    return traces


def _twin(rows: Sequence[Row], own_name: str) -> Twin:
    ordered = sorted(
        rows, key=lambda row: (not shows(row, "value"), row["value"] or 0.0, row["specification"])
    )
    cells = [
        [
            words.text(
                f"{row['specification']}, {own_name}"
                if row["is_registered"]
                else row["specification"]
            ),
            *(words.text(_choice(row, name)) for name in CHOICES),
            words.cell(row, "value", words.points),
            words.interval_cell(row, "low", "high", words.points),
            words.cell(row, "episodes"),
            words.cell(row, "events"),
            status_cell(row),
        ]
        for row in ordered
    ]
    header = (
        "Specification",
        *(name.capitalize() for name in CHOICES.values()),
        "Risk difference",
        "95% interval",
        "Episodes",
        "Events",
        "Status",
    )
    return twin(header, cells)
