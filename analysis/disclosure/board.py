"""All counts of one release in one line: their truth, what is hidden, and the sums among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.contracts.release import ABSENT, RELEASED, SUPPRESSED
from analysis.disclosure.attacker import UNBOUNDED, Flags, Floats, Ints, Ranges, Sums
from analysis.disclosure.relations import (
    CHART_SUMS,
    COMMON_NAMES,
    GROWING,
    SAME_COUNTS,
    TOTALS,
    Place,
    SameCount,
    Total,
    key_of,
)
from analysis.disclosure.rules import UNIT
from analysis.disclosure.sheet import NETWORK_KIND, Limits, Sheet

SEPARATOR: Final = "\x1f"
PERIOD: Final = "period"
# The quarter of a month; any other period stands for itself.
QUARTER_OF_PERIOD: Final = (
    pl.when(pl.col(PERIOD).str.contains(r"^\d{4}-\d{2}$"))
    .then(
        pl.format(
            "{}-Q{}",
            pl.col(PERIOD).str.slice(0, 4),
            (pl.col(PERIOD).str.slice(5).cast(pl.Int32, strict=False) + 2) // 3,
        )
    )
    .otherwise(pl.col(PERIOD))
    .alias(PERIOD)
)


@dataclass(frozen=True)
class Board:
    """The counts of one release, numbered column by column; all arrays go by cell.

    `first` is the number of a column's first row, by table and column. `is_small` says whether the
    count is hidden for itself, `is_absent` whether there is none; `hidden` is changed in place.
    """

    sheets: Mapping[str, Sheet]
    first: Mapping[Place, int]
    truth: Floats
    is_small: Flags
    is_absent: Flags
    hidden: Flags

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return self.truth.size

    def cells(self, table: str, column: str) -> Ints:
        """Return the numbers of a column's cells, row by row."""
        start = self.first[(table, column)]
        return np.arange(start, start + self.sheets[table].height, dtype=np.int64)

    def columns(self) -> Iterator[Place]:
        """Walk over table and name of every column of counts."""
        yield from self.first

    def growing(self) -> Flags:
        """Say for every cell whether no new delivery makes it smaller."""
        grows = np.zeros(self.size, dtype=bool)
        for table, column in self.columns():
            grows[self.cells(table, column)] = column in GROWING.get(table, ())
        return grows

    def shown(self) -> Flags:
        """Say for every cell whether its count is shown."""
        flags: Flags = ~(self.hidden | self.is_absent)
        return flags

    def write_back(self) -> None:
        """Tell the sheets what has been hidden."""
        for table, column in self.columns():
            cells = self.cells(table, column)
            kinds = np.where(self.hidden[cells], SUPPRESSED, RELEASED)
            self.sheets[table].status[column] = np.where(
                self.is_absent[cells], ABSENT, kinds
            ).tolist()


def board_of(sheets: Mapping[str, Sheet], limits: Limits) -> Board:
    """Return the counts of the sheets with what was decided about them so far."""
    first: dict[Place, int] = {}
    truth, status, size = [np.zeros(0)], [np.zeros(0, dtype=np.str_)], 0
    for name, sheet in sheets.items():
        for count in sheet.rule.counts:
            first[(name, count.name)] = size
            truth.append(np.array(sheet.columns[count.name], dtype=float))
            status.append(np.array(sheet.status[count.name], dtype=np.str_))
            size += sheet.height
    known, kinds = np.concatenate(truth), np.concatenate(status)
    is_absent = kinds == ABSENT
    known = np.where(is_absent, 0.0, known)
    largest = limits.largest_hidden
    is_small = ~is_absent & (np.abs(known) <= largest) & (known != 0)
    return Board(sheets, first, known, is_small, is_absent, kinds == SUPPRESSED)


def prior_of_hidden(board: Board, limits: Limits, *, is_told: bool) -> Ranges:
    """Return what is known of every cell when it is hidden, by who is told what is small or not."""
    is_known = board.is_small & is_told
    low = np.where(is_known, 1.0, 0.0)
    high = np.where(is_known, float(limits.largest_hidden), UNBOUNDED)
    return Ranges(low, high)


def sums_of(board: Board) -> Sums:
    """Return every way to add the counts of the release up."""
    entries = _Entries()
    for name, sheet in board.sheets.items():
        for whole, parts in sheet.rule.sums:
            _add_rows(entries, board, name, whole, parts)
        if sheet.rule.over_clinics and sheet.height:
            _add_clinics(entries, board, sheet)
        if name == "quality_points":
            _add_charts(entries, board, sheet)
    for total in TOTALS:
        _add_total(entries, board, total)
    return entries.sums(board)


def same_counts(board: Board) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs of cells, in two arrays of one length, that are the same number twice."""
    for same in SAME_COUNTS:
        yield from _pairs(board, same)


def groups_of_equals(board: Board, limits: Limits) -> Ints:
    """Return a number for every cell that equal counts of the same unit and name have in common.

    -1 where a count is compared with none: a zero, a small one, or one of a table without units.
    """
    groups: Ints = np.full(board.size, -1, dtype=np.int64)
    numbers: dict[tuple[Any, ...], int] = {}
    largest = limits.largest_hidden
    for table, column in board.columns():
        sheet = board.sheets[table]
        if "unit_kind" not in sheet.columns:
            continue
        name = COMMON_NAMES.get(column, column)
        kinds, units = (sheet.columns[each] for each in UNIT)
        cells = board.cells(table, column)
        for cell, kind, unit, truth in zip(
            cells.tolist(), kinds, units, board.truth[cells].tolist(), strict=True
        ):
            if abs(truth) > largest:
                key = (kind, unit, name, truth)
                groups[cell] = numbers.setdefault(key, len(numbers))
    groups[board.is_absent] = -1
    return groups


def row_names(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """Return one text for every row, made of these columns."""
    if not columns:
        return pl.Series("name", [""] * rows.height, dtype=pl.String)
    texts = [pl.col(name).cast(pl.String).fill_null("\x00") for name in columns]
    return rows.select(pl.concat_str(texts, separator=SEPARATOR).alias("name"))["name"]


@dataclass
class _Entries:
    """Sums while they are collected: their entries in pieces, each with numbers of its own."""

    number: list[Ints] = field(default_factory=list)
    cell: list[Ints] = field(default_factory=list)
    sign: list[Floats] = field(default_factory=list)
    count: int = 0
    open_ended: list[range] = field(default_factory=list)

    def add(self, groups: Ints, cell: Ints, is_whole: Flags | bool) -> None:
        """Add entries whose sums are numbered by `groups` beside those that are there already."""
        self.number.append(groups + self.count)
        self.cell.append(cell)
        sign = np.where(is_whole, 1.0, -1.0)
        self.sign.append(np.broadcast_to(sign, cell.shape).astype(float))

    def close(self, groups_count: int, *, is_open: bool = False) -> None:
        """Let what is added from now on have later numbers; an open sum leaves an unknown rest."""
        if is_open:
            self.open_ended.append(range(self.count, self.count + groups_count))
        self.count += groups_count

    def sums(self, board: Board) -> Sums:
        """Return the sums in which no count is absent, with what their true counts differ by."""
        number = np.concatenate([np.zeros(0, np.int64), *self.number])
        cell = np.concatenate([np.zeros(0, np.int64), *self.cell])
        sign = np.concatenate([np.zeros(0), *self.sign])
        has_absent = np.bincount(number, board.is_absent[cell], minlength=self.count) > 0
        kept = ~has_absent[number]
        numbers, number = np.unique(number[kept], return_inverse=True)
        cell, sign = cell[kept], sign[kept]
        excess = np.round(np.bincount(number, sign * board.truth[cell], minlength=numbers.size))
        is_open = np.zeros(self.count, dtype=bool)
        for each in self.open_ended:
            is_open[each.start : each.stop] = True
        # Where nobody is left over, a reader may take it so.
        is_open = is_open[numbers] & (excess > 0)
        return Sums(
            number.astype(np.int64),
            cell,
            sign,
            np.where(is_open, 0.0, excess),
            np.where(is_open, UNBOUNDED, excess),
        )


def _add_rows(
    entries: _Entries, board: Board, table: str, whole: str, parts: tuple[str, ...]
) -> None:
    height = board.sheets[table].height
    rows = np.arange(height, dtype=np.int64)
    for column in (whole, *parts):
        entries.add(rows, board.cells(table, column), column == whole)
    entries.close(height)


def _add_clinics(entries: _Entries, board: Board, sheet: Sheet) -> None:
    key = tuple(name for name in key_of(sheet.name) if name not in UNIT)
    is_network = (sheet.rows["unit_kind"] == NETWORK_KIND).to_numpy()
    for each in sheet.rule.counts:
        cells = board.cells(sheet.name, each.name)
        _add_by_period(entries, sheet.rows, key, cells, is_network)


def _add_charts(entries: _Entries, board: Board, sheet: Sheet) -> None:
    """Add the sums over charts of a unit."""
    charts = sheet.rows["chart"].to_numpy()
    for places in CHART_SUMS:
        rows = [np.flatnonzero(charts == chart) for chart, _ in places]
        cells = [
            board.cells(sheet.name, column)[own]
            for own, (_, column) in zip(rows, places, strict=True)
        ]
        is_whole = np.arange(sum(map(len, rows))) < len(rows[0])
        beside = sheet.rows[np.concatenate(rows)]
        _add_by_period(entries, beside, (*UNIT, PERIOD), np.concatenate(cells), is_whole)


def _add_by_period(
    entries: _Entries, rows: pl.DataFrame, key: tuple[str, ...], cells: Ints, is_whole: Flags
) -> None:
    """Add the sums of the rows that agree in `key`: wholes are as much as the other rows.

    Where some go by month and some by quarter, the sum holds by quarter; of a month it leaves a
    rest that nobody knows.
    """
    names = row_names(rows, key).to_numpy()
    if PERIOD not in key:
        _add_named(entries, names, cells, is_whole)
        return
    quarters = row_names(rows.with_columns(QUARTER_OF_PERIOD), key).to_numpy()
    is_mixed = _have_both(quarters, rows[PERIOD].str.contains("Q").to_numpy())
    _add_named(entries, names[~is_mixed], cells[~is_mixed], is_whole[~is_mixed])
    mixed = cells[is_mixed], is_whole[is_mixed]
    _add_named(entries, names[is_mixed], *mixed, is_open=True)
    _add_named(entries, quarters[is_mixed], *mixed)


def _have_both(names: npt.NDArray[Any], flags: Flags) -> Flags:
    """Say of each row whether rows of its name have the flag and others have it not."""
    _, groups = np.unique(names, return_inverse=True)
    flagged, rows = np.bincount(groups, flags), np.bincount(groups)
    is_mixed: Flags = ((flagged > 0) & (flagged < rows))[groups]
    return is_mixed


def _add_named(
    entries: _Entries,
    names: npt.NDArray[Any],
    cells: Ints,
    is_whole: Flags,
    *,
    is_open: bool = False,
) -> None:
    """Add one sum for every name that has both a whole and a part."""
    _, groups = np.unique(names, return_inverse=True)
    count = int(groups.max(initial=-1)) + 1
    has_whole = np.bincount(groups[is_whole], minlength=count) > 0
    has_part = np.bincount(groups[~is_whole], minlength=count) > 0
    used = (has_whole & has_part)[groups]
    entries.add(groups[used].astype(np.int64), cells[used], is_whole[used])
    entries.close(count, is_open=is_open)


def _add_total(entries: _Entries, board: Board, total: Total) -> None:
    if any(place not in board.first for place in (total.whole, *total.parts)):
        return
    wholes = _rows_by_name(board.sheets[total.whole[0]], total.shared, total.only)
    sums: dict[str, int] = {}
    *once, last = total.parts
    sheet = board.sheets[last[0]]
    names = row_names(sheet.rows, total.shared)
    of_each = row_names(sheet.rows, (*total.shared, *total.each))
    first = board.first[last]
    parts: list[tuple[int, int]] = []
    wholes_of: dict[int, str] = {}
    for row, (name, own) in enumerate(zip(names, of_each, strict=True)):
        if name in wholes:
            number = sums.setdefault(own, len(sums))
            wholes_of[number] = name
            parts.append((number, first + row))
    _add_pairs(entries, parts, is_whole=False)
    _add_pairs(entries, _single(board, total.whole, wholes, wholes_of), is_whole=True)
    for place in once:
        rows = _rows_by_name(board.sheets[place[0]], total.shared, {})
        _add_pairs(entries, _single(board, place, rows, wholes_of), is_whole=False)
    entries.close(len(sums), is_open=total.leaves_some)


def _single(
    board: Board, place: Place, rows: Mapping[str, int], wholes_of: Mapping[int, str]
) -> list[tuple[int, int]]:
    first = board.first[place]
    return [(number, first + rows[name]) for number, name in wholes_of.items() if name in rows]


def _add_pairs(entries: _Entries, pairs: list[tuple[int, int]], *, is_whole: bool) -> None:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    entries.add(table[:, 0], table[:, 1], is_whole)


def _rows_by_name(sheet: Sheet, shared: tuple[str, ...], only: Mapping[str, str]) -> dict[str, int]:
    names = row_names(sheet.rows, shared)
    return {
        name: row
        for row, name in enumerate(names)
        if all(sheet.columns[column][row] == value for column, value in only.items())
    }


def _pairs(board: Board, same: SameCount) -> Iterator[tuple[Ints, Ints]]:
    """Yield the first cell that holds the count, and every other one that holds it again."""
    firsts: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for place in same.places:
        if place not in board.first:
            continue
        names = row_names(board.sheets[place[0]].rows, same.shared)
        for name, cell in zip(names, board.cells(*place).tolist(), strict=True):
            one = firsts.setdefault(name, cell)
            if one != cell and board.truth[one] == board.truth[cell]:
                pairs.append((one, cell))
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    is_known = ~(board.is_absent[table[:, 0]] | board.is_absent[table[:, 1]])
    yield table[is_known, 0], table[is_known, 1]
