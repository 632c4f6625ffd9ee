"""A results table on the gate's desk: true counts, and what has been decided about each cell."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from analysis.contracts.release import ABSENT, RELEASED, SUPPRESSED
from analysis.disclosure.attacker import UNBOUNDED, Cell, Identity, Range, deduce, exposed
from analysis.disclosure.rounding import is_small, largest_small_count, round_count
from analysis.disclosure.rules import TABLE_RULES, TableRule

Unit = tuple[str, str]
NETWORK_KIND: Final = "network"
# What names a row beside its unit: clinics add up to the network within each of these.
ADDED_UP_WITHIN: Final = (
    "domain",
    "stage",
    "change",
    "chart",
    "period",
    "reason",
    "outcome",
    "requirement",
    "subgroup_kind",
    "subgroup",
)
# Counts that go by another name in another table: who completed a stage has met its exit.
SAME_COUNTS: Final = {"episodes_completed": "exited"}


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

    def shown_range(self, count: float) -> Range:
        """Return the whole numbers that a reader must hold possible for a shown count."""
        if count == 0:
            return (0, 0)
        middle, half = self.rounded(count), self.rounding_base // 2
        return (max(middle - half, self.hidden_range()[1] + 1), middle + half)

    def hidden_range(self) -> Range:
        """Return the numbers that are hidden for being small."""
        return (1, largest_small_count(self.smallest_count, self.rounding_base))


@dataclass
class Sheet:
    """One table while the gate decides.

    `columns` holds the true values by column; `status` the decision for every count and row.
    """

    name: str
    rule: TableRule
    columns: dict[str, list[Any]]
    height: int
    status: dict[str, list[str]] = field(default_factory=dict)

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
    sheet = Sheet(name, rule, columns, rows.height)
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


def identities(sheet: Sheet) -> list[Identity]:
    """Return every way to add the counts of this table up."""
    return [*_sums_of_rows(sheet), *_sums_over_clinics(sheet)]


def _sums_of_rows(sheet: Sheet) -> Iterator[Identity]:
    for whole, parts in sheet.rule.sums:
        for row in range(sheet.height):
            yield from _identity(sheet, (whole, row), [(part, row) for part in parts])


def _sums_over_clinics(sheet: Sheet) -> Iterator[Identity]:
    if not sheet.rule.over_clinics:
        return
    for network, clinics in _rows_of_networks(sheet):
        for count in sheet.rule.counts:
            parts = [(count.name, row) for row in clinics]
            yield from _identity(sheet, (count.name, network), parts)


def _rows_of_networks(sheet: Sheet) -> Iterator[tuple[int, list[int]]]:
    keys = [name for name in ADDED_UP_WITHIN if name in sheet.rule.identifiers]
    networks: dict[tuple[Any, ...], int] = {}
    clinics: dict[tuple[Any, ...], list[int]] = {}
    for row in range(sheet.height):
        key = tuple(sheet.columns[name][row] for name in keys)
        if sheet.columns["unit_kind"][row] == NETWORK_KIND:
            networks[key] = row
        else:
            clinics.setdefault(key, []).append(row)
    for key, network in networks.items():
        if key in clinics:
            yield network, clinics[key]


def _identity(
    sheet: Sheet, whole: tuple[str, int], parts: Sequence[tuple[str, int]]
) -> Iterator[Identity]:
    cells = [whole, *parts]
    if any(sheet.status[column][row] == ABSENT for column, row in cells):
        return
    if all(sheet.status[column][row] == RELEASED for column, row in cells):
        return
    true = [_whole_number(sheet.columns[column][row]) for column, row in cells]
    yield Identity(whole, tuple(parts), excess=true[0] - sum(true[1:]))


def _whole_number(count: float) -> int:
    return round(count)


def what_is_known(sheet: Sheet, cells: Sequence[Cell], limits: Limits) -> dict[Cell, Range]:
    """Return the range of each cell before any adding up; the attacker is told what is small."""
    return {cell: _known_range(sheet, cell, limits) for cell in cells}


def _known_range(sheet: Sheet, cell: Any, limits: Limits) -> Range:
    column, row = cell
    count = sheet.columns[column][row]
    if sheet.status[column][row] == RELEASED:
        return limits.shown_range(count)
    return limits.hidden_range() if limits.hides(count) else (0, UNBOUNDED)


def hide_complements(sheet: Sheet, limits: Limits) -> bool:
    """Suppress further counts until no small one can be worked out; say whether any was."""
    changed = False
    while _hide_some_complements(sheet, limits):
        changed = True
    return changed


def _hide_some_complements(sheet: Sheet, limits: Limits) -> bool:
    sums = identities(sheet)
    cells = {cell for identity in sums for cell in identity.cells()}
    ranges = deduce(what_is_known(sheet, [*cells], limits), sums)
    given_away = set(
        exposed(ranges, [cell for cell in cells if _is_hidden_small(sheet, cell, limits)])
    )
    return _hide_around(sheet, sums, given_away)


def _hide_around(sheet: Sheet, sums: Sequence[Identity], given_away: set[Cell]) -> bool:
    """Suppress one more in each sum with a cell that is given away; say whether there was any.

    Where nothing is shown in these sums any more, the sums that tell of their cells are next, and
    so on: what is known of a hidden cell may come from afar.
    """
    reached, left = set(given_away), list(sums)
    while True:
        near = [identity for identity in left if reached.intersection(identity.cells())]
        if not near:
            return False
        if sum(_hide_one_more(sheet, identity) for identity in near):
            return True
        reached.update(cell for identity in near for cell in identity.cells())
        left = [identity for identity in left if identity not in near]


def _is_hidden_small(sheet: Sheet, cell: Any, limits: Limits) -> bool:
    column, row = cell
    return sheet.status[column][row] == SUPPRESSED and limits.hides(sheet.columns[column][row])


def _hide_one_more(sheet: Sheet, identity: Identity) -> bool:
    """Suppress the smallest shown part, or the whole when no part is left to suppress."""
    shown = [cell for cell in identity.parts if _is_shown(sheet, cell)]
    shown.sort(key=lambda cell: _cost(sheet, cell))
    for cell in [*shown, identity.whole]:
        column, row = _named(cell)
        if sheet.hide(column, row):
            return True
    return False


def _is_shown(sheet: Sheet, cell: Cell) -> bool:
    column, row = _named(cell)
    return sheet.status[column][row] == RELEASED


def _cost(sheet: Sheet, cell: Cell) -> tuple[bool, float, str, int]:
    column, row = _named(cell)
    count = float(sheet.columns[column][row])
    return (count == 0, count, column, row)


def _named(cell: Any) -> tuple[str, int]:
    column, row = cell
    return str(column), int(row)


def spread_to_same_counts(sheets: Mapping[str, Sheet], limits: Limits) -> bool:
    """Suppress, in every other table, the same count of the same unit as a suppressed one.

    A complement hidden in one table would come back from another that shows the same number.
    """
    hidden = {
        key
        for sheet in sheets.values()
        for column, row in sheet.counts()
        if (key := _spread_key(sheet, column, row, limits))
        and sheet.status[column][row] == SUPPRESSED
    }
    changed = False
    for sheet in sheets.values():
        for column, row in sheet.counts():
            if _spread_key(sheet, column, row, limits) in hidden:
                changed = sheet.hide(column, row) or changed
    return changed


def _spread_key(sheet: Sheet, column: str, row: int, limits: Limits) -> tuple[Any, ...] | None:
    unit, count = sheet.unit(row), sheet.columns[column][row]
    if unit is None or not count or sheet.status[column][row] == ABSENT or limits.hides(count):
        return None
    return (*unit, SAME_COUNTS.get(column, column), count)
