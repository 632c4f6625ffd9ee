"""The agenda of one month's quality meeting as a page to print and as a list for a spreadsheet."""

import base64
import csv
import hashlib
import io
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from analysis.contracts.release import ReleasedTable, ReleaseFacts
from analysis.contracts.results import NETWORK
from analysis.figures.control import indicator_name
from analysis.figures.words import Row
from analysis.pages.meeting import MONTHS_LISTED, Signal, month_numbers, signals
from analysis.pages.shelf import fill
from analysis.pages.templating import template_environment

if TYPE_CHECKING:
    from markupsafe import Markup

# What a meeting writes beside every signal.
TO_FILL_IN: Final = ("what_we_found", "what_we_do", "who", "by_when")
# With one of these a spreadsheet would begin to reckon.
BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Rebased:
    """A chart that was re-based: from when on, why, and who decided when."""

    indicator: str
    unit: str
    period: str
    reason: str
    date: str
    reviewer: str


@dataclass(frozen=True)
class Agenda:
    """What a meeting about a month talks about: signals of the twelve months up to it.

    With a `clinic` only what is about that clinic is on it.
    """

    month: str
    first_listed: str
    clinic: str | None
    signals: Sequence[Signal]
    rebases: Sequence[Rebased]


def agenda_of(
    released: Mapping[str, ReleasedTable],
    facts: ReleaseFacts,
    month: str,
    clinic: str | None = None,
) -> Agenda:
    """Return the agenda of the month (YYYY-MM), from released tables only."""
    shelf = fill(released)
    rebased = released["rebases"].rows.to_dicts() if "rebases" in released else []

    def is_asked(kind: str, name: str) -> bool:
        return clinic is None or (kind != NETWORK and name == clinic)

    return Agenda(
        month=month,
        first_listed=_month_text(month_numbers(month)[1] - MONTHS_LISTED + 1),
        clinic=clinic,
        signals=[
            each
            for each in signals(shelf, facts, month)
            if is_asked(each.unit_kind, each.unit_name)
        ],
        rebases=[_rebased(row) for row in rebased if is_asked(row["unit_kind"], row["unit_name"])],
    )


def clinics_of(released: Mapping[str, ReleasedTable]) -> list[str]:
    """Return the names of the clinics that the released tables know."""
    return fill(released).clinics()


def agenda_page(agenda: Agenda, facts: ReleaseFacts) -> bytes:
    """Return the agenda as one page that needs no other file, to be printed on A4."""
    style = pkgutil.get_data("analysis.pages", "assets/agenda.css") or b""
    policy = (
        f"default-src 'none'; style-src '{_hash_of(style)}'; base-uri 'none'; form-action 'none'"
    )
    shown = {"agenda": agenda, "facts": facts, "policy": policy, "style": _as_written(style)}
    return template_environment().get_template("agenda.html.j2").render(**shown).encode()


def agenda_csv(agenda: Agenda) -> bytes:
    """Return the agenda's signals as CSV, with empty columns for what the meeting finds."""
    columns = [entry.name for entry in fields(Signal)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *TO_FILL_IN])
    for each in agenda.signals:
        cells = [_inert(getattr(each, name)) for name in columns]
        writer.writerow([*cells, *("" for _ in TO_FILL_IN)])
    return text.getvalue().encode()


def _rebased(row: Row) -> Rebased:
    is_network = row["unit_kind"] == NETWORK
    return Rebased(
        indicator=indicator_name(row["chart"]),
        unit="All clinics together" if is_network else f"Clinic {row['unit_name']}",
        period=row["period"],
        reason=row["reason"],
        date=row["date"],
        reviewer=row["reviewer"],
    )


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(BEGINS_A_FORMULA) else text


def _month_text(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _hash_of(style: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}"


def _as_written(style: bytes) -> "Markup":
    from markupsafe import Markup

    return Markup(style.decode())  # noqa: S704 - the package's own file
