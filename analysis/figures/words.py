"""How numbers, stages, domains and indicators are written for readers."""

import textwrap
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
CHANGE_NAMES: Final = {
    "important": "an important change",
    "substantial": "a substantial change",
    "detectable": "an important change that measuring can tell from none",
}
# Stands in the caption of every chart that shows change while people were in a stage.
DESCRIPTIVE: Final = "Change while in a stage is descriptive: it does not show what the stage did."
DESCRIPTIVE_CARE: Final = "Change during care is descriptive: it does not show what care did."
HIDDEN_WORDS: Final = {SUPPRESSED: "hidden", SEALED: "sealed", ABSENT: "none"}
# What a row's own status says of a number that is not there.
STATUS_WORDS: Final = {
    "estimated": "estimated",
    "sealed": "sealed by the gates",
    "not_run": "not run",
    "failed": "failed",
    "suppressed": "hidden: too few patients",
    "impossible": "impossible with these data",
}
SHORT_STATUS_WORDS: Final = {
    "sealed": "sealed",
    "not_run": "not run",
    "failed": "failed",
    "suppressed": "hidden",
    "impossible": "impossible",
}


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
    return f"{with_sign(share * 100)} points"


def with_sign(number: float) -> str:
    """Return a difference with its sign and at most one decimal; nothing stands before a 0."""
    text = f"{number:+.1f}".removesuffix(".0")
    return "0" if text in {"+0", "-0"} else signed(text)


def decimal(number: float) -> str:
    """Return a number without needless zeros."""
    return signed(f"{number:.3f}".rstrip("0").rstrip(".") or "0")


def hundredths(number: float) -> str:
    """Return a slope or a difference with the two decimals of its release."""
    return signed(f"{number:.2f}")


def plain(number: float) -> str:
    """Return a mean with one decimal."""
    return signed(f"{number:.1f}")


def signed(text: str) -> str:
    """Return the text with a real minus sign."""
    return text.replace("-", MINUS)


def status(row: Row, column: str) -> str:
    """Return what kind of cell a released row holds."""
    return str(row[status_column(column)])


def shows(row: Row | None, *columns: str) -> bool:
    """Say whether every column of the row holds a released number."""
    return row is not None and all(status(row, column) == RELEASED for column in columns)


def cell(row: Row, column: str, write: Callable[[float], str] = count) -> Cell:
    """Return a released cell for a table; a hidden one says of which kind it is."""
    if status(row, column) == RELEASED:
        return Cell(write(row[column]))
    return _hidden_cell(row, column)


def _hidden_cell(row: Row, column: str) -> Cell:
    """Return why a number is not there; where it is absent, the row's own status says why."""
    kind = status(row, column)
    if kind == ABSENT and row.get("status") in SHORT_STATUS_WORDS:
        told = SHORT_STATUS_WORDS[row["status"]]
        return Cell(told, {"sealed": SEALED, "hidden": SUPPRESSED}.get(told, ABSENT))
    return Cell(HIDDEN_WORDS[kind], kind)


def interval_cell(row: Row, low: str, high: str, write: Callable[[float], str]) -> Cell:
    """Return an interval for a table."""
    if shows(row, low, high):
        return Cell(span(row[low], row[high], write))
    return _hidden_cell(row, high if shows(row, low) else low)


def span(low: float, high: float, write: Callable[[float], str]) -> str:
    """Return an interval with its unit told once."""
    first, last = write(low), write(high)
    number, _, unit = first.partition(" ")
    if unit and last.endswith(f" {unit}"):
        first = number
    return f"{first} to {last}"


def status_words(row: Row) -> str:
    """Return a row's own status as words."""
    return STATUS_WORDS.get(row["status"], spelled(row["status"]))


def wrapped(words: str, width: int = 20) -> str:
    """Return a label broken into lines for a drawing."""
    return "<br>".join(textwrap.wrap(escaped(words), width, break_long_words=True))


def escaped(words: str) -> str:
    """Return words without anything that Plotly would read as markup."""
    return words.replace("&", "and").replace("<", "(").replace(">", ")")


def text(words: object) -> Cell:
    """Return a cell that holds words."""
    return Cell("" if words is None else str(words), "text")
