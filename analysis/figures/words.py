"""How numbers, stages, domains and indicators are written for readers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from analysis.contracts.release import ABSENT, RELEASED, SEALED, SUPPRESSED, status_column
from analysis.figures.chart import Cell

Row = Mapping[str, Any]
MINUS: Final = "\N{MINUS SIGN}"
DASH: Final = "\N{EN DASH}"

STAGES: Final = (1, 2, 3, 4, 5)
STAGE_NAMES: Final = {
    1: "Pain elimination",
    2: "Structural correction",
    3: "Flexibility and re-education",
    4: "Strength",
    5: "Endurance",
}
SHORT_STAGE_NAMES: Final = {
    1: "Pain",
    2: "Structure",
    3: "Flexibility",
    4: "Strength",
    5: "Endurance",
}
DOMAIN_NAMES: Final = {
    "pain": "Pain",
    "flexibility": "Flexibility",
    "strength": "Strength",
    "endurance": "Endurance",
    "alignment": "Alignment",
}
LOWER_IS_BETTER: Final = ("pain", "alignment")
UNIT_WORDS: Final = {
    "{score}": "points on the 0 to 10 scale",
    "%": "% of target or of the other side",
    "deg": "degrees from the planes",
}
SHORT_UNITS: Final = {"{score}": "points", "%": "%", "deg": "\N{DEGREE SIGN}"}
CHANGE_NAMES: Final = {"important": "an important change", "substantial": "a substantial change"}
HIDDEN_WORDS: Final = {SUPPRESSED: "hidden", SEALED: "sealed", ABSENT: "none"}


def spelled(name: str | None) -> str:
    """Return an identifier as words."""
    words = (name or "").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def domain_name(domain: str) -> str:
    """Return the name of an outcome domain."""
    return DOMAIN_NAMES.get(domain, spelled(domain))


def by_domain(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in the order in which domains are shown everywhere."""
    places = {domain: place for place, domain in enumerate(DOMAIN_NAMES)}
    return sorted(rows, key=lambda row: (places.get(row["domain"], len(places)), row["domain"]))


def count(number: float) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(share: float) -> str:
    """Return a share (0 to 1) as per cent; a decimal only where rounding kept one."""
    hundredfold = round(share * 100, 1)
    shown = (
        f"{hundredfold:.0f}"
        if abs(share) >= 0.1 or hundredfold == int(hundredfold)
        else f"{hundredfold:.1f}"
    )
    return signed(shown) + "%"


def points(share: float) -> str:
    """Return a difference of shares as percentage points, with its sign."""
    text = f"{share * 100:+.1f}".replace(".0", "")
    return signed(text) + " points"


def decimal(number: float) -> str:
    """Return a number without needless zeros."""
    return signed(f"{number:.3f}".rstrip("0").rstrip(".") or "0")


def plain(number: float) -> str:
    """Return a mean with one decimal."""
    return signed(f"{number:.1f}")


def signed(text: str) -> str:
    """Return the text with a real minus sign."""
    return text.replace("-", MINUS)


def in_ten(share: float) -> str:
    """Return a share as so many in ten."""
    tenths = math.floor(share * 10 + 0.5)
    if tenths == 0:
        return "Fewer than 1 in 20"
    named = {5: "About half", 10: "Nearly all"}
    return named.get(tenths, f"About {tenths} in 10")


def status(row: Row, column: str) -> str:
    """Return what kind of cell a released row holds."""
    return str(row[status_column(column)])


def shows(row: Row | None, *columns: str) -> bool:
    """Say whether every column of the row holds a released number."""
    return row is not None and all(status(row, column) == RELEASED for column in columns)


def cell(row: Row, column: str, write: Callable[[float], str] = count) -> Cell:
    """Return a released cell for a table; a hidden one says of which kind it is."""
    kind = status(row, column)
    if kind == RELEASED:
        return Cell(write(row[column]))
    return Cell(HIDDEN_WORDS[kind], kind)


def interval_cell(row: Row, low: str, high: str, write: Callable[[float], str]) -> Cell:
    """Return an interval for a table."""
    if shows(row, low, high):
        return Cell(f"{write(row[low])} to {write(row[high])}")
    kind = status(row, low)
    return Cell(HIDDEN_WORDS.get(kind, "none"), kind)


def text(words: object) -> Cell:
    """Return a cell that holds words."""
    return Cell("" if words is None else str(words), "text")
