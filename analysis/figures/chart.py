"""A chart as data: what it shows, how it is drawn, and the same content as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Spec = Mapping[str, Any]
Height = Literal["short", "medium", "tall"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table for readers; `kind` is text, number, or a status that hides a number."""

    text: str
    kind: str = "number"


@dataclass(frozen=True)
class Twin:
    """A chart's content as a table: column titles, and rows whose first cell names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Chart:
    """A picture with its words.

    `title` says what is seen, `note` units and how to read it, `spec` is Plotly's data and layout
    (None when nothing can be drawn, and `missing` says why), `twin` holds the same numbers, with
    `further` tables (caption and rows) where one does not hold them; `source` names the released
    table that they are from.
    """

    key: str
    title: str
    note: str
    twin: Twin
    spec: Spec | None = None
    missing: str = ""
    height: Height = "medium"
    legend: tuple["LegendEntry", ...] = field(default=())
    source: str = ""
    further: tuple[tuple[str, Twin], ...] = field(default=())


@dataclass(frozen=True)
class LegendEntry:
    """A mark of the drawing and its meaning; `mark` names a class of the style sheet."""

    mark: str
    words: str


def twin(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Twin:
    """Return a table from a title for each column and its rows."""
    return Twin(tuple(header), tuple(tuple(row) for row in rows))
