"""What changed since the release before, and why: both as they were released, nothing more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.release import FormerRelease, ReleaseFacts, status_column
from analysis.figures import words
from analysis.figures.chart import Cell
from analysis.figures.words import Row
from analysis.pages.shelf import Shelf, fill

HELD: Final = (
    "A figure moves only when at least {smallest} more people make a difference to it, or when the "
    "quarter ends; so a figure can be the former one although records came in."
)


@dataclass(frozen=True)
class Figure:
    """A figure that two releases are compared by; `matches` finds its row in a unit's rows."""

    name: str
    table: str
    column: str
    write: Callable[[float], str]
    matches: Callable[[Row], bool] = lambda _: True


def _is_pain(row: Row) -> bool:
    return bool(row["domain"] == "pain" and row["change"] == "important")


FIGURES: Final = (
    Figure("Patients", "unit_summaries", "patients", words.count),
    Figure("Episodes", "unit_summaries", "episodes", words.count),
    Figure("Clearly less pain", "responders", "share_improved", words.percent, _is_pain),
    Figure("Injured again within a year", "unit_summaries", "reinjury_risk", words.percent),
    Figure("Completed all five stages", "unit_summaries", "episodes_completed_all", words.count),
    Figure("Moved on early", "unit_summaries", "episodes_ever_violated", words.count),
    Figure("Status known after a year", "unit_summaries", "status_known", words.count),
)


@dataclass(frozen=True)
class Change:
    """One figure in the release before and in this one; the same where `is_same`."""

    name: str
    before: Cell
    now: Cell
    is_same: bool


@dataclass(frozen=True)
class Changes:
    """What changed since a release: its id, the reasons, and the figures."""

    since: str
    reasons: Sequence[str]
    figures: Sequence[Change]

    @property
    def header(self) -> tuple[str, ...]:
        """Return the titles of the table's columns."""
        return ("Figure", "Before", "Now")

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """Return the figures as the rows of a table."""
        return [(words.text(one.name), one.before, one.now) for one in self.figures]

    @property
    def told(self) -> str:
        """Return how many figures changed, as a sentence."""
        moved = sum(not one.is_same for one in self.figures)
        if not moved:
            return "None of these figures changed."
        return f"{moved} of these {len(self.figures)} figures changed."


@dataclass(frozen=True)
class Before:
    """The former release, with its tables as rows by unit."""

    release: FormerRelease
    shelf: Shelf


def before(former: FormerRelease | None) -> Before | None:
    """Return the former release as pages read it."""
    return None if former is None else Before(former, fill(former.tables))


def changes(
    former: Before | None, shelf: Shelf, facts: ReleaseFacts, kind: str, name: str | None
) -> Changes | None:
    """Return what changed for one unit since the former release; None when this is the first.

    `kind` is network or clinic; `name` the clinic's.
    """
    if former is None:
        return None
    figures = [
        _change(figure, *(_row(tables, figure, kind, name) for tables in (former.shelf, shelf)))
        for figure in FIGURES
    ]
    return Changes(former.release.release_id, _reasons(former.release, facts), figures)


def _row(shelf: Shelf, figure: Figure, kind: str, name: str | None) -> Row | None:
    return next(filter(figure.matches, shelf.of_unit(figure.table, kind, name)), None)


def _change(figure: Figure, before: Row | None, now: Row | None) -> Change:
    cells = [_cell(figure, row) for row in (before, now)]
    return Change(figure.name, cells[0], cells[1], is_same=cells[0] == cells[1])


def _cell(figure: Figure, row: Row | None) -> Cell:
    if row is None or status_column(figure.column) not in row:
        return Cell("none", "absent")
    return words.cell(row, figure.column, figure.write)


def _reasons(former: FormerRelease, facts: ReleaseFacts) -> list[str]:
    """Return what is different between the releases, and the rule by which figures move."""
    more = facts.deliveries - former.deliveries
    quarter = quarter_of(facts.last_month)
    found = [
        (more > 0, f"{more} more {'delivery' if more == 1 else 'deliveries'} came in."),
        (more < 0, "Fewer deliveries are counted than before."),
        (facts.protocol_hash != former.protocol_hash, "The study protocol is another one."),
        (
            facts.code_version != former.code_version,
            "The software is another version, so that figures may be worked out in another way.",
        ),
        (
            quarter is not None and former.quarter is not None and quarter != former.quarter,
            f"The records now reach into another quarter ({quarter}).",
        ),
    ]
    told = [words for holds, words in found if holds]
    return [
        *(told or ["Deliveries, protocol and software are the same as before."]),
        HELD.format(smallest=facts.smallest_count + facts.rounding_base),
    ]


def quarter_of(month: str | None) -> str | None:
    """Return the calendar quarter (YYYY-Qn) of a month (YYYY-MM)."""
    if month is None:
        return None
    year, number = month.split("-")
    return f"{year}-Q{(int(number) + 2) // 3}"
