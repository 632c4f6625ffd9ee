"""The page about therapists, which is made only where the protocol opens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.protocol import Protocol
from analysis.figures import words
from analysis.figures.chart import Twin, twin
from analysis.figures.words import Row
from analysis.pages.shelf import Shelf

HEADER: Final = (
    "Therapist",
    "Share",
    "Number",
    "Of (n)",
    "Patients",
    "Clinic's share",
    "Limits",
    "Note",
)
BEYOND: Final = "outside the limits: worth asking why"


@dataclass(frozen=True)
class TherapistsPage:
    """By clinic, in the order of names, a table for each indicator (caption and rows)."""

    clinics: Sequence[tuple[str, Sequence[tuple[str, Twin]]]]


def therapists_page(shelf: Shelf, protocol: Protocol) -> TherapistsPage | None:
    """Return the page, or None where the protocol has not opened it or there is nothing in it."""
    rows = shelf.rows("therapist_reviews")
    if not protocol.review.therapists or not rows:
        return None
    clinics = sorted({row["unit_name"] for row in rows})
    return TherapistsPage([(name, _tables(_of(rows, "unit_name", name))) for name in clinics])


def _of(rows: Sequence[Row], column: str, value: str) -> list[Row]:
    return [row for row in rows if row[column] == value]


def _tables(rows: Sequence[Row]) -> list[tuple[str, Twin]]:
    indicators = dict.fromkeys(row["indicator"] for row in rows)
    return [(indicator_title(key), _table(_of(rows, "indicator", key))) for key in indicators]


def indicator_title(indicator: str) -> str:
    """Return what is counted of a therapist's sessions, as words."""
    return TITLES.get(indicator, words.spelled(indicator))


TITLES: Final = {
    "premature_sessions": "Sessions that worked a stage too early",
    "pain_measured": "Sessions with pain recorded before treatment",
    "measured_exits": "Exits met that were measured",
}


def _table(rows: Sequence[Row]) -> Twin:
    """Return one indicator's rows in the order of names: nothing here is a rank."""
    cells = [
        [
            words.text(row["therapist"]),
            words.cell(row, "share", words.percent),
            words.cell(row, "numerator"),
            words.cell(row, "denominator"),
            words.cell(row, "patients"),
            words.cell(row, "center", words.percent),
            words.interval_cell(row, "lower", "upper", words.percent),
            words.text(BEYOND if row["is_beyond"] else ""),
        ]
        for row in sorted(rows, key=lambda row: str(row["therapist"]))
    ]
    return twin(HEADER, cells)
