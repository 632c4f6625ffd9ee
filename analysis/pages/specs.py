"""How a chart's spec stands in a page: what all charts share is written once for all of them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from analysis.figures import style
from analysis.figures.chart import Cell, Chart

if TYPE_CHECKING:
    from markupsafe import Markup

AXIS: Final = re.compile(r"[xy]axis\d*")


def base_json() -> "Markup":
    """Return what every drawing begins with, as JSON: layout, axes, and Plotly's settings."""
    base = {"layout": style.base_layout(), "axis": style.axis(), "config": style.CONFIG}
    return _json(base)


def spec_json(chart: Chart) -> "Markup":
    """Return a chart's spec as JSON that is safe inside a script element, less what all share."""
    spec = dict(chart.spec or {})
    layout = _less(spec["layout"], style.base_layout())
    axes = {
        name: _less(axis, style.axis()) for name, axis in layout.items() if AXIS.fullmatch(name)
    }
    own = {name: value for name, value in spec.items() if name != "config"}
    return _json(own | {"layout": layout | axes, "data": _said_once(spec.get("data", ()))})


def _said_once(traces: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the traces with the number of an earlier one in place of places that are its own."""
    said: list[dict[str, Any]] = []
    for trace in traces:
        places = {
            axis: at
            for axis in ("x", "y")
            for at, earlier in reversed(list(enumerate(said)))
            if isinstance(earlier.get(axis), list) and earlier[axis] == trace.get(axis)
        }
        said.append({**trace, **places})
    return said


def _less(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in own.items() if name not in shared or value != shared[name]
    }


def _json(content: Mapping[str, Any]) -> "Markup":
    from markupsafe import Markup

    text = json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - escaped above


def merged(row: Sequence[Cell]) -> list[tuple[Cell, int]]:
    """Return a row's cells with the columns each takes: neighbours hidden alike are one."""
    cells: list[tuple[Cell, int]] = []
    for cell in row:
        if cells and cells[-1][0] == cell and cell.kind not in {"number", "text"}:
            cells[-1] = (cell, cells[-1][1] + 1)
        else:
            cells.append((cell, 1))
    return cells
