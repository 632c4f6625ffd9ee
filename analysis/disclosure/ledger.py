"""What earlier releases showed, and when a cell may change.

Two releases could be subtracted: a count that moved by three between them is a figure about three
people. So the gate remembers. A count that was shown keeps its released value until the true one
has moved by at least the smallest count that may be shown, from the count at which the value was
set; at the end of a quarter it is set anew already where its rounded value has moved by two steps.
A smaller change than that would show, between two quarters, as "0 to 4" or "1 to 9". A count that
was hidden stays hidden until it has moved as far, or the quarter has ended. What is small now is
hidden at once. Statistics are kept as long as every count of theirs is.

A quarter is one of the data, not of the clock: it ends when the newest month of the records lies in
a later one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.release import ReleasedTable, status_column
from analysis.contracts.results import RESULT_TABLES
from analysis.disclosure.attacker import UNBOUNDED, Flags, Floats, Ints, Ranges, Steps
from analysis.disclosure.board import Board, row_names
from analysis.disclosure.relations import key_of
from analysis.disclosure.rules import TABLE_RULES
from analysis.disclosure.sheet import Limits, Sheet

REMEMBERED_RELEASES: Final = 8
# A count that is shown is set anew at a quarter's end when its rounded value moved by so many steps
STEPS_AT_QUARTER_END: Final = 2
# What is kept of a count beside what was released: its truth, the truth at which it was last
# decided, the value decided then, the range that tells of it, and whether it was kept.
TRUTH, SET_AT, VALUE, LOW, HIGH, KEPT = "truth", "set_at", "value", "low", "high", "kept"
KEPT_OF_COUNTS: Final = (TRUTH, SET_AT, VALUE, LOW, HIGH, KEPT)


def memory_column(count: str, what: str) -> str:
    """Return the name of the column in which the ledger keeps something of a count."""
    return f"{count}__{what}"


@dataclass(frozen=True)
class Remembered:
    """One release as the ledger keeps it; holds true counts and never leaves the registry.

    `quarter` is that of its data (YYYY-Qn, None without records). `tables` holds the released rows
    by table, each count with what the ledger keeps of it.
    """

    quarter: str | None
    tables: Mapping[str, pl.DataFrame]

    def released(self) -> dict[str, ReleasedTable]:
        """Return the tables as they were released."""
        return {
            name: ReleasedTable(name, rows.select(_released_columns(name, rows)))
            for name, rows in self.tables.items()
        }


@dataclass(frozen=True)
class Decided:
    """What was decided about every count of one release; all arrays go by cell.

    value, low, high : what is released where it is shown, and what that tells of the truth
    set_at : the true count at which the cell was last decided
    kept : whether it was kept as the release before had it
    """

    value: Floats
    low: Floats
    high: Floats
    set_at: Floats
    kept: Flags


def quarter_of(month: str | None) -> str | None:
    """Return the calendar quarter (YYYY-Qn) of a month written YYYY-MM."""
    if month is None:
        return None
    year, number = month.split("-")[:2]
    return f"{year}-Q{(int(number) + 2) // 3}"


def has_ended(former: str | None, now: str | None) -> bool:
    """Say whether the former release's quarter has ended: whether the data lie in a later one."""
    return now is not None and (former is None or now > former)


def sheet_of(name: str, kept: pl.DataFrame) -> Sheet:
    """Return a remembered table as the gate had it on its desk: true counts and their status."""
    rule = TABLE_RULES[name]
    truth = kept.select(
        *rule.identifiers,
        *(
            pl.col(memory_column(count.name, TRUTH)).cast(pl.Float64).alias(count.name)
            for count in rule.counts
        ),
    )
    sheet = Sheet(name, rule, truth, truth.to_dict(as_series=False), kept.height)
    for count in rule.counts:
        sheet.status[count.name] = kept[status_column(count.name)].to_list()
    return sheet


def readable_tables(kept: Remembered) -> list[str]:
    """Return the remembered tables that still have a rule and every column of it.

    A table of older code, whose columns were others, is not compared with.
    """
    return [
        name
        for name, rows in kept.tables.items()
        if name in TABLE_RULES and _has_all_columns(name, rows.columns)
    ]


def _has_all_columns(name: str, columns: Sequence[str]) -> bool:
    rule = TABLE_RULES[name]
    needed = {*rule.identifiers}
    for count in rule.counts:
        needed |= {count.name, status_column(count.name)}
        needed |= {memory_column(count.name, what) for what in KEPT_OF_COUNTS}
    return needed <= set(columns)


def decided_before(board: Board, kept: Remembered) -> Decided:
    """Return what was decided in a remembered release; the board is made of its sheets."""
    arrays: dict[str, Floats] = {what: np.zeros(board.size) for what in KEPT_OF_COUNTS}
    for table, column in board.columns():
        cells = board.cells(table, column)
        for what in KEPT_OF_COUNTS:
            stored = kept.tables[table][memory_column(column, what)]
            arrays[what][cells] = stored.cast(pl.Float64).fill_null(0.0).to_numpy()
    return Decided(
        arrays[VALUE], arrays[LOW], arrays[HIGH], arrays[SET_AT], arrays[KEPT].astype(bool)
    )


def cells_before(former: Board, board: Board) -> Ints:
    """Return for every cell the number it had in the former release, -1 where it had none."""
    before: Ints = np.full(board.size, -1, dtype=np.int64)
    rows: dict[str, Ints] = {}
    for table, column in board.columns():
        if (table, column) not in former.first:
            continue
        if table not in rows:
            rows[table] = _rows_before(former.sheets[table], board.sheets[table])
        found = rows[table] >= 0
        cells = board.cells(table, column)
        before[cells[found]] = former.first[(table, column)] + rows[table][found]
    return before


def _rows_before(former: Sheet, now: Sheet) -> Ints:
    names = pl.DataFrame({"name": keys_of(now.name, now.rows)})
    known = pl.DataFrame({"name": keys_of(former.name, former.rows)}).with_row_index("before")
    found = names.join(known, on="name", how="left", maintain_order="left")["before"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int64)


def keys_of(table: str, rows: pl.DataFrame) -> pl.Series:
    """Return the name of every row, no two alike: rows that share their key are numbered."""
    names = pl.DataFrame({"name": row_names(rows, key_of(table))})
    again = pl.int_range(pl.len()).over("name")
    return names.select(
        pl.when(again == 0)
        .then(pl.col("name"))
        .otherwise(pl.format("{}\x1f#{}", pl.col("name"), again))
        .alias("name")
    )["name"]


def decide_anew(board: Board, limits: Limits) -> Decided:
    """Return what is released of every count that is shown, where nothing is remembered."""
    base = limits.rounding_base
    value = base * np.floor(board.truth / base + 0.5)
    low = np.maximum(value - base // 2, limits.largest_hidden + 1.0)
    high = value + (base - 1) // 2
    is_zero = board.truth == 0
    return Decided(
        np.where(is_zero, 0.0, value),
        np.where(is_zero, 0.0, low),
        np.where(is_zero, 0.0, high),
        board.truth.copy(),
        np.zeros(board.size, dtype=bool),
    )


@dataclass(frozen=True)
class Past:
    """The release before: its board, its decisions, and where each cell of now stood in it."""

    board: Board
    decided: Decided
    before: Ints
    quarter_ended: bool

    @property
    def known(self) -> Ints:
        """Return the cells of now that the former release had too, with a count in both."""
        return np.flatnonzero(self.before >= 0)


def stays_hidden(board: Board, past: Past, limits: Limits) -> Flags:
    """Say for every cell whether it was hidden before and has not moved enough since."""
    flags = np.zeros(board.size, dtype=bool)
    if past.quarter_ended:
        return flags
    now = past.known
    before = past.before[now]
    near = np.abs(board.truth[now] - past.decided.set_at[before]) < limits.moved_enough
    flags[now] = past.board.hidden[before] & near & ~board.is_absent[now]
    return flags


def decide_again(board: Board, past: Past, limits: Limits) -> Decided:
    """Return what is released of every count if it is shown, given the release before."""
    fresh = decide_anew(board, limits)
    now = past.known
    before = past.before[now]
    keeps = past.board.shown()[before] & _may_be_kept(board, past, limits)
    now, before = now[keeps], before[keeps]
    half = limits.rounding_base // 2
    width = half + limits.moved_enough - 1
    if past.quarter_ended:
        width = min(width, half + (STEPS_AT_QUARTER_END - 1) * limits.rounding_base)
    kept_value = past.decided.value[before]
    fresh.value[now] = kept_value
    is_zero = kept_value == 0
    least = limits.largest_hidden + 1.0
    fresh.low[now] = np.where(is_zero, 0.0, np.maximum(kept_value - width, least))
    fresh.high[now] = np.where(is_zero, 0.0, kept_value + width)
    fresh.set_at[now] = past.decided.set_at[before]
    fresh.kept[now] = True
    return fresh


def _may_be_kept(board: Board, past: Past, limits: Limits) -> Flags:
    """Say for the known cells whether a value that was shown before may be shown again."""
    now, base = past.known, limits.rounding_base
    truth, before = board.truth[now], past.before[now]
    value, set_at = past.decided.value[before], past.decided.set_at[before]
    near = np.abs(truth - set_at) < limits.moved_enough
    allowed = (value % base == 0) & ((value == 0) | (value > limits.largest_hidden))
    allowed &= (value == 0) == (truth == 0)
    if past.quarter_ended:
        rounded = base * np.floor(truth / base + 0.5)
        near &= np.abs(rounded - value) < STEPS_AT_QUARTER_END * base
    flags: Flags = near & allowed
    return flags


def settle(board: Board, decided: Decided, past: Past | None, limits: Limits) -> Decided:
    """Return the decisions as they are to be remembered, now that it is known what is hidden."""
    set_at = np.where(board.hidden, board.truth, decided.set_at)
    kept = decided.kept & ~board.hidden
    if past is not None:
        stays = stays_hidden(board, past, limits) & board.hidden
        set_at[stays] = past.decided.set_at[past.before[stays]]
        kept |= stays
    return Decided(decided.value, decided.low, decided.high, set_at, kept)


def growth(board: Board, past: Past, offset_before: int, offset: int) -> Steps:
    """Return that growing counts have grown; a count that was corrected downwards tells nothing."""
    now = past.known
    before = past.before[now]
    grew = board.growing()[now] & (board.truth[now] >= past.board.truth[before])
    grew &= ~(board.is_absent[now] | past.board.is_absent[before])
    earlier, later = before[grew] + offset_before, now[grew] + offset
    return _steps(earlier, later, 0.0, UNBOUNDED)


def changes(
    board: Board, decided: Decided, past: Past, anchors: Ints, offset: int, *, limits: Limits
) -> Steps:
    """Return what a shown count tells by being kept, or by having changed within a quarter.

    `anchors` are the cells in which the counts of the former release were last decided, by their
    number among the cells of all releases.
    """
    now = past.known
    before = past.before[now]
    present = ~(board.is_absent[now] | past.board.is_absent[before])
    least = float(limits.moved_enough)
    kept = present & decided.kept[now] & past.board.shown()[before]
    parts = [_steps(anchors[before[kept]], now[kept] + offset, 1.0 - least, least - 1.0)]
    if not past.quarter_ended:
        moved = board.truth[now] - past.decided.set_at[before]
        changed = present & ~decided.kept[now]
        for is_so, low, high in (
            (moved >= least, least, UNBOUNDED),
            (moved <= -least, -UNBOUNDED, -least),
        ):
            chosen = changed & is_so
            parts.append(_steps(anchors[before[chosen]], now[chosen] + offset, low, high))
    return joined(parts)


def _steps(earlier: Ints, later: Ints, low: float, high: float) -> Steps:
    return Steps(earlier, later, np.full(earlier.size, low), np.full(earlier.size, high))


def joined(parts: Sequence[Steps]) -> Steps:
    """Return all steps as one."""
    return Steps(
        np.concatenate([np.zeros(0, np.int64), *(part.earlier for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.later for part in parts)]),
        np.concatenate([np.zeros(0), *(part.low for part in parts)]),
        np.concatenate([np.zeros(0), *(part.high for part in parts)]),
    )


def ranges_of(board: Board, decided: Decided, hidden: Ranges) -> Ranges:
    """Return what is known of every cell before any adding up."""
    shown = board.shown()
    return Ranges(
        np.where(shown, decided.low, hidden.low), np.where(shown, decided.high, hidden.high)
    )


def remembered_rows(table: ReleasedTable, board: Board, decided: Decided) -> pl.DataFrame:
    """Return the released rows with what the ledger keeps of every count."""
    columns = []
    for count in TABLE_RULES[table.name].counts:
        cells = board.cells(table.name, count.name)
        arrays = {
            TRUTH: np.where(board.is_absent[cells], np.nan, board.truth[cells]),
            SET_AT: decided.set_at[cells],
            VALUE: decided.value[cells],
            LOW: decided.low[cells],
            HIGH: decided.high[cells],
            KEPT: decided.kept[cells],
        }
        columns += [
            pl.Series(memory_column(count.name, what), values) for what, values in arrays.items()
        ]
    return table.rows.with_columns(columns)


def _released_columns(name: str, rows: pl.DataFrame) -> list[str]:
    known = set(RESULT_TABLES.get(name, {}))
    known |= {status_column(column) for column in known}
    return [column for column in rows.columns if column in known]
