"""A second look at what is about to leave, by another road than the gate's own decisions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.contracts.protocol import Disclosure
from analysis.contracts.release import RELEASED, SUPPRESSED, ReleasedTable, status_column
from analysis.contracts.results import conform
from analysis.disclosure.board import board_of
from analysis.disclosure.complements import read_all
from analysis.disclosure.gate import limits_of
from analysis.disclosure.ledger import Remembered
from analysis.disclosure.rules import TABLE_RULES
from analysis.disclosure.sheet import Limits, Sheet, lay_out


@dataclass(frozen=True)
class Leak:
    """A released cell that says too much; never holds the number itself."""

    table: str
    column: str
    row: int
    fault: str


def leaks(
    released: Mapping[str, ReleasedTable],
    results: Mapping[str, pl.DataFrame],
    disclosure: Disclosure,
    memory: Sequence[Remembered] = (),
    quarter: str | None = None,
) -> list[Leak]:
    """Return every fault that a look at the released tables beside the true ones finds.

    Both mappings go by table name and their rows stand in the same order; `memory` and `quarter`
    are those that the release was made with.
    """
    limits = limits_of(disclosure)
    found: list[Leak] = []
    sheets = {
        name: _as_released(name, conform(name, results[name]), table)
        for name, table in released.items()
    }
    for name, table in released.items():
        found.extend(_shown_small_counts(sheets[name], table, limits))
        found.extend(_numbers_without_status(table))
        found.extend(_statistics_of_hidden_counts(name, table))
    found.extend(_given_away(sheets, limits, memory, quarter))
    return found


def _as_released(name: str, truth: pl.DataFrame, table: ReleasedTable) -> Sheet:
    sheet = lay_out(name, truth)
    for count in sheet.rule.counts:
        sheet.status[count.name] = table.rows[status_column(count.name)].to_list()
    return sheet


def _shown_small_counts(sheet: Sheet, table: ReleasedTable, limits: Limits) -> Iterator[Leak]:
    for column, row in sheet.counts():
        shown, true = table.rows[column][row], sheet.columns[column][row]
        if shown is None:
            continue
        if limits.hides(true) or limits.hides(shown):
            yield Leak(sheet.name, column, row, "a small count is shown")
        if shown % limits.rounding_base:
            yield Leak(sheet.name, column, row, "a count is not rounded")


def _numbers_without_status(table: ReleasedTable) -> Iterator[Leak]:
    for name in _numbers(table.name):
        values, kinds = table.rows[name], table.rows[status_column(name)]
        for row, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            if (value is not None) != (kind == RELEASED):
                yield Leak(table.name, name, row, "value and status disagree")


def _numbers(table: str) -> list[str]:
    rule = TABLE_RULES[table]
    return [column.name for column in rule.numbers()]


def _statistics_of_hidden_counts(name: str, table: ReleasedTable) -> Iterator[Leak]:
    for statistic in TABLE_RULES[name].statistics:
        shown = table.rows[status_column(statistic.name)].to_list()
        for count in statistic.rests_on:
            hidden = table.rows[status_column(count)].to_list()
            for row, (kind, rests) in enumerate(zip(shown, hidden, strict=True)):
                if kind == RELEASED and rests == SUPPRESSED:
                    yield Leak(name, statistic.name, row, f"rests on the hidden {count}")


def _given_away(
    sheets: Mapping[str, Sheet],
    limits: Limits,
    memory: Sequence[Remembered],
    quarter: str | None,
) -> Iterator[Leak]:
    """Yield what can be worked out over all tables, and would not be if they showed nothing."""
    board = board_of(sheets, limits)
    reader = read_all(board, memory, quarter, limits)
    readers = (reader, reader.stranger)
    told = np.any([each.given_away(each.deduced()) for each in readers], axis=0)
    fault = "can be worked out by subtraction"
    if told[: reader.offset].any():
        yield Leak("", "", -1, f"a count of an earlier release {fault}")
    now = told[reader.offset :]
    for table, column in board.columns():
        for row in np.flatnonzero(now[board.cells(table, column)]):
            yield Leak(table, column, int(row), fault)
