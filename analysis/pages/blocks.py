"""What a section of the research page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis.figures.chart import Cell, Chart, Twin
from analysis.figures.diagnostics import HeatMap
from analysis.reporting import ChecklistItem, Component, Passage, Reference


@dataclass(frozen=True)
class Words:
    """Sentences; `mark` (sealed, hidden, not run) sets them apart as told in place of numbers."""

    texts: tuple[str, ...]
    mark: str = ""
    kind: str = field(default="words", init=False)


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    texts: tuple[str, ...]
    kind: str = field(default="points", init=False)


@dataclass(frozen=True)
class Table:
    """A table of its own, with a caption and the released table that it shows."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    source: str = ""
    is_folded: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Charts:
    """Charts side by side; one alone takes the whole width."""

    charts: tuple[Chart, ...]
    kind: str = field(default="charts", init=False)


@dataclass(frozen=True)
class Flow:
    """Steps of a selection with how many are left after each (width: 0 to 100, of the most)."""

    steps: tuple[tuple[str, Cell, float], ...]
    source: str
    kind: str = field(default="flow", init=False)


@dataclass(frozen=True)
class Heat:
    """A shaded table."""

    caption: str
    note: str
    map: HeatMap
    source: str
    kind: str = field(default="heat", init=False)


@dataclass(frozen=True)
class Trial:
    """The target trial beside its emulation."""

    components: tuple[Component, ...]
    kind: str = field(default="trial", init=False)


@dataclass(frozen=True)
class Text:
    """The methods text with its references."""

    passages: tuple[Passage, ...]
    references: tuple[Reference, ...]
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Checklists:
    """The items of the reporting statements, by statement."""

    items: tuple[tuple[str, tuple[ChecklistItem, ...]], ...]
    kind: str = field(default="checklists", init=False)


Block = Words | Points | Table | Charts | Flow | Heat | Trial | Text | Checklists
NOT_SHOWN: Final = "not shown"


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its title, a sentence that leads in, and its blocks."""

    key: str
    title: str
    lead: str
    blocks: tuple[Block, ...]


def table(caption: str, twin: Twin, source: str, *, is_folded: bool = False) -> Table:
    """Return a table block from a twin."""
    return Table(caption, twin.header, twin.rows, source, is_folded=is_folded)


def missing(text: str) -> Words:
    """Return a sentence in place of numbers."""
    return Words((text,), NOT_SHOWN)
