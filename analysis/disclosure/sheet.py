"""A results table on the gate's desk: true counts, and what has been decided about each cell."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from analysis.contracts.release import ABSENT, RELEASED, SUPPRESSED
from analysis.disclosure.rounding import is_small, largest_small_count, round_count
from analysis.disclosure.rules import TABLE_RULES, TableRule

Unit = tuple[str, str]
NETWORK_KIND: Final = "network"


@dataclass(frozen=True)
class Limits:
    """The smallest number that may be shown and the base of rounding, floors already applied."""

    smallest_count: int
    rounding_base: int

    def hides(self, count: float) -> bool:
        """Say whether a count is too small to be shown."""
        return is_small(count, self.smallest_count, self.rounding_base)

    def rounded(self, count: float) -> int:
        """Return the count as it is shown."""
        return round_count(count, self.rounding_base)

    @property
    def moved_enough(self) -> int:
        """Return by how many a count must have moved before it is shown anew.

        More than the largest hidden count by a step of rounding: of a count that has moved by up
        to ten and was kept, a reader who knows the rule cannot tell from above by how much.
        """
        return self.smallest_count + self.rounding_base

    @property
    def largest_hidden(self) -> int:
        """Return the largest number that is hidden for being small."""
        return largest_small_count(self.smallest_count, self.rounding_base)


@dataclass
class Sheet:
    """One table while the gate decides.

    `rows` are the true ones, `columns` the same by column; `status` holds the decision for every
    count and row, and `shown` the count as it is released (None where it is not).
    """

    name: str
    rule: TableRule
    rows: pl.DataFrame
    columns: dict[str, list[Any]]
    height: int
    status: dict[str, list[str]] = field(default_factory=dict)
    shown: dict[str, list[int | None]] = field(default_factory=dict)

    def unit(self, row: int) -> Unit | None:
        """Return kind and name of the row's unit; None for tables without units."""
        if "unit_kind" not in self.columns:
            return None
        return (self.columns["unit_kind"][row], self.columns["unit_name"][row])

    def hide(self, column: str, row: int) -> bool:
        """Suppress a count that exists; say whether that changed anything."""
        if self.status[column][row] != RELEASED:
            return False
        self.status[column][row] = SUPPRESSED
        return True

    def counts(self) -> Iterator[tuple[str, int]]:
        """Walk over column and row of every count."""
        for count in self.rule.counts:
            for row in range(self.height):
                yield count.name, row


def lay_out(name: str, rows: pl.DataFrame) -> Sheet:
    """Return the table with every known count provisionally released."""
    rule = TABLE_RULES[name]
    columns = rows.to_dict(as_series=False)
    sheet = Sheet(name, rule, rows, columns, rows.height)
    for count in rule.counts:
        sheet.status[count.name] = [_known(value) for value in columns[count.name]]
    return sheet


def _known(value: float | None) -> str:
    return ABSENT if value is None or not math.isfinite(value) else RELEASED


def hide_small(sheet: Sheet, limits: Limits, small_units: set[Unit]) -> None:
    """Suppress small counts, whole rows about few people, and zeros of small groups."""
    for column, row in sheet.counts():
        if sheet.status[column][row] == RELEASED and limits.hides(sheet.columns[column][row]):
            sheet.status[column][row] = SUPPRESSED
    for row in range(sheet.height):
        if sheet.unit(row) in small_units or _is_about_few(sheet, row, limits):
            for count in sheet.rule.counts:
                sheet.hide(count.name, row)
    _hide_unsafe_zeros(sheet)


def _is_about_few(sheet: Sheet, row: int, limits: Limits) -> bool:
    people = sheet.rule.people
    if people is None:
        return False
    number = sheet.columns[people][row]
    return number is None or limits.hides(number)


def _hide_unsafe_zeros(sheet: Sheet) -> None:
    for count in sheet.rule.counts:
        if count.within is None:
            continue
        for row in range(sheet.height):
            is_zero = sheet.columns[count.name][row] == 0
            if is_zero and sheet.status[count.within][row] != RELEASED:
                sheet.hide(count.name, row)
