"""Small multiples: several panels in one picture, fewer beside one another on a narrow screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analysis.figures import style

PANEL_HEIGHT: Final = 190
TITLE_LINE: Final = 16
LEFT: Final = 44
RIGHT: Final = 10
# Of the whole width, what lies between two panels: the numbers of the right one's axis.
GAP: Final = 0.07
Drawn = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """One drawing of several, in coordinates of its own.

    `shapes` and `notes` are addressed to `x` and `y` (or `x domain`, `y domain`), as in a drawing
    that is alone; `subtitle` may have several lines, broken by `<br>`.
    """

    title: str
    traces: Sequence[Drawn]
    xaxis: Drawn
    yaxis: Drawn
    subtitle: str = ""
    shapes: Sequence[Drawn] = field(default=())
    notes: Sequence[Drawn] = field(default=())


@dataclass(frozen=True)
class Frame:
    """How panels are set: so many in a row, on a narrow screen so many; below each, so much room.

    `below` is in px, for what stands under an axis; `left` for what stands beside the first one.
    """

    columns: int = 2
    narrow_columns: int = 1
    panel_height: int = PANEL_HEIGHT
    below: int = 56
    left: int = LEFT
    gap: float = GAP
    narrow_gap: float = 0.14


def panels_spec(panels: Sequence[Panel], frame: Frame) -> dict[str, Any]:
    """Return the panels as one spec; its `narrow` part replaces the layout on a narrow screen."""
    above = TITLE_LINE * (1 + max(_lines(panel.subtitle) for panel in panels)) + 12
    wide = _places(len(panels), frame, frame.columns, above)
    narrow = _places(len(panels), frame, frame.narrow_columns, above)
    layout: dict[str, Any] = {
        "margin": {"l": frame.left, "r": RIGHT, "t": 0, "b": 0},
        "annotations": [],
        "shapes": [],
    }
    traces = []
    for number, panel in enumerate(panels, start=1):
        layout |= _axes(panel, number, wide.domains[number - 1])
        layout["annotations"] += _titles(panel, number)
        layout["annotations"] += [_addressed(note, number) for note in panel.notes]
        layout["shapes"] += [_addressed(shape, number) for shape in panel.shapes]
        traces += [
            {**trace, "xaxis": _name("x", number), "yaxis": _name("y", number)}
            for trace in panel.traces
        ]
    return {**style.figure(traces, layout, wide.height), "narrow": _narrow(narrow)}


@dataclass(frozen=True)
class _Places:
    height: int
    domains: tuple[tuple[list[float], list[float]], ...]


def _places(count: int, frame: Frame, columns: int, above: int) -> _Places:
    """Return the height in px, and of every panel its part of the width and of the height."""
    columns = min(columns, count)
    rows = -(-count // columns)
    one = above + frame.panel_height + frame.below
    height = rows * one
    gap = frame.gap if columns == frame.columns else frame.narrow_gap
    width = (1 - gap * (columns - 1)) / columns
    domains = []
    for place in range(count):
        row, column = divmod(place, columns)
        left = column * (width + gap)
        top = 1 - (row * one + above) / height
        domains.append(
            (
                [round(left, 4), round(left + width, 4)],
                [round(top - frame.panel_height / height, 4), round(top, 4)],
            )
        )
    return _Places(height, tuple(domains))


def _axes(panel: Panel, number: int, place: tuple[list[float], list[float]]) -> dict[str, Any]:
    x, y = _name("x", number), _name("y", number)
    still = {"automargin": False}
    return {
        _long(x): {**panel.xaxis, **still, "domain": place[0], "anchor": y},
        _long(y): {**panel.yaxis, **still, "domain": place[1], "anchor": x},
    }


def _narrow(places: _Places) -> dict[str, Any]:
    layout: dict[str, Any] = {"height": places.height}
    for number, (across, upward) in enumerate(places.domains, start=1):
        layout[_long(_name("x", number))] = {"domain": across}
        layout[_long(_name("y", number))] = {"domain": upward}
    return layout


def _lines(text: str) -> int:
    return text.count("<br>") + 1 if text else 0


def _titles(panel: Panel, number: int) -> list[dict[str, Any]]:
    place = {
        "xref": f"{_name('x', number)} domain",
        "yref": f"{_name('y', number)} domain",
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
    }
    below = TITLE_LINE * _lines(panel.subtitle)
    # Weight is set by script: the pages' policy forbids the style that bold markup would bring.
    font = {"size": style.TEXT_SIZE + 1, "color": style.colour("ink"), "weight": 600}
    titles = [style.label(0, 1, panel.title, **place, yshift=4 + below, font=font)]
    if panel.subtitle:
        small = {"size": style.TEXT_SIZE - 1, "color": style.colour("soft-ink")}
        titles.append(style.label(0, 1, panel.subtitle, **place, yshift=4, font=small))
    return titles


def _addressed(drawn: Drawn, number: int) -> dict[str, Any]:
    """Return a shape or note that refers to the axes of its panel."""
    own = dict(drawn)
    for side in ("x", "y"):
        given = str(own.get(f"{side}ref", side))
        own[f"{side}ref"] = given.replace(side, _name(side, number), 1)
    return own


def _name(side: str, number: int) -> str:
    return side if number == 1 else f"{side}{number}"


def _long(name: str) -> str:
    return f"{name[0]}axis{name[1:]}"
