"""The reporting checklists, filled as far as software can, the rest marked for a person."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import ReleaseFacts
from analysis.reporting.answers import answers
from analysis.reporting.facts import StudyFacts
from analysis.reporting.items import ITEMS, RECORD, STROBE, TARGET

CHECKLISTS: Final = (STROBE, RECORD, TARGET)
FILLED: Final = "filled by the software"
IN_PART: Final = "filled in part; a person must add to it"
FOR_A_PERSON: Final = "a person must write this"
# A cell that begins with one of these would be run as a formula by a spreadsheet.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ChecklistItem:
    """One item: what the statement asks for, who fills it, and the text (empty if a person)."""

    statement: str
    number: str
    section: str
    asks: str
    status: str
    text: str


def checklist(
    protocol: Protocol, release: ReleaseFacts, found: StudyFacts
) -> tuple[ChecklistItem, ...]:
    """Return the items of all statements in their order."""
    texts = answers(protocol, release, found)
    items = []
    for item in ITEMS:
        text = texts[item.answer] if item.answer is not None else ""
        items.append(
            ChecklistItem(item.statement, item.number, item.section, item.asks, _status(text), text)
        )
    return tuple(items)


def _status(text: str) -> str:
    if not text:
        return FOR_A_PERSON
    return IN_PART if "a person must add" in text.lower() else FILLED


def checklists_csv(items: Sequence[ChecklistItem]) -> str:
    """Return the items as CSV text that a spreadsheet opens without running anything."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("statement", "item", "section", "asks", "status", "text"))
    for item in items:
        row = (item.statement, item.number, item.section, item.asks, item.status, item.text)
        writer.writerow([_harmless(cell) for cell in row])
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
