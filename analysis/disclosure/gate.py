"""The one release gate: everything that leaves the registry passes `release_tables`.

The rule, in the order it is applied:

1. Counts of 1 to 10 are suppressed, and so are 11 and 12, which rounding to 5 would show as 10.
   A row about that few patients is suppressed as a whole, and so is all of a unit that small.
2. Every other count is rounded to the nearest 5. Where all parts of a row are shown, their whole
   is shown as the sum of the rounded parts, so that the row adds up; it tells nothing that the
   parts do not. One count may therefore be shown as two numbers a few apart. A zero stays zero
   where the group it is part of is shown; otherwise it is suppressed.
3. Where a suppressed count could still be narrowed to fewer than eight values by subtracting what
   is shown (parts from a total, clinics from the network, groups from a clinic, this release from
   an earlier one), a second cell is suppressed, in every table that shows the same count.
4. What earlier releases showed is remembered (`ledger`): a count keeps its released value until it
   has moved by at least eleven people, and what was hidden stays hidden as long.
5. A statistic is suppressed with any count it rests on. Shares are computed again from rounded
   counts; other statistics are rounded so coarsely that a count of the denominator cannot be
   computed back, and kept as long as the counts are.
6. What the study has sealed stays sealed; a sealed row that holds a number refuses the release.

A difference of two shown counts that is no cell of its own (say, episodes without known status)
is protected by rounding: it is never known more closely than "0 to 4" or "1 to 9".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.protocol import ROUNDING_BASE_FLOOR, SMALLEST_COUNT_FLOOR, Disclosure
from analysis.contracts.release import RELEASED, SEALED, SUPPRESSED, ReleasedTable, status_column
from analysis.contracts.results import RESULT_TABLES, VERDICTS, SchemaError, conform
from analysis.disclosure.board import Board, board_of
from analysis.disclosure.complements import Reader, hide_complements, read_all
from analysis.disclosure.keeping import keep_rows
from analysis.disclosure.ledger import (
    REMEMBERED_RELEASES,
    Decided,
    Remembered,
    has_ended,
    remembered_rows,
    settle,
)
from analysis.disclosure.relations import FOLLOWING, JUDGED
from analysis.disclosure.rounding import scrub
from analysis.disclosure.rules import TABLE_RULES, UNIT_KINDS, Count, Statistic
from analysis.disclosure.sheet import Limits, Sheet, Unit, hide_small, lay_out
from analysis.disclosure.statistics import Cohort, release_statistic

# In words about fewer episodes than these, two significant digits are all that rounding leaves.
FINE_WORDS_EPISODES: Final = 2000
TOO_FEW: Final = "rests on too few patients to be shown"
# How strategies that hold strictly to a named order begin.
STRICT: Final = "strict_"
# Analyses that gates of their own keep, and the negative controls, which tell nothing of re-injury.
WITH_GATES: Final = ("order", "endurance", "specificity", "early_loading")
CONTROL: Final = "negative_control_"
# Arguments about the design that rest on no estimate of the effect.
METHODS_WITHOUT_THE_EFFECT: Final = (
    "empirical_null",
    "empirical_null_exposures",
    "positive_control",
)
NOT_PASSED: Final = ("failed", "not_evaluated")


@dataclass(frozen=True)
class Release:
    """Tables as they may leave the registry, and what the ledger is to remember of them."""

    tables: Mapping[str, ReleasedTable]
    remembered: Remembered


def release_tables(
    results: Mapping[str, pl.DataFrame], disclosure: Disclosure
) -> dict[str, ReleasedTable]:
    """Return the tables of a first release, each number with its status column.

    `results` holds frames of the contract's results tables by name; all or some of them. Raises
    `ReleaseRefusedError` for a table or column without a rule, a unit that is neither network
    nor clinic, or a number in a place that the study has sealed.
    """
    return dict(release_again(results, disclosure).tables)


def release_again(
    results: Mapping[str, pl.DataFrame],
    disclosure: Disclosure,
    memory: Sequence[Remembered] = (),
    quarter: str | None = None,
) -> Release:
    """Return the tables as they may leave after earlier releases, and what to remember of them.

    `memory` holds earlier releases, the oldest first; those before the last eight are forgotten.
    `quarter` (YYYY-Qn) is that of the newest records. Raises as `release_tables` does.
    """
    limits = limits_of(disclosure)
    frames = {name: _declared(name, rows) for name, rows in results.items()}
    _refuse_broken_seals(frames)
    sheets = {name: lay_out(name, rows) for name, rows in frames.items()}
    memory = memory[-REMEMBERED_RELEASES:]
    board, decided = _decide(sheets, limits, memory, quarter)
    cohort = _cohort(sheets, limits)
    shows_designed = _has_designed_estimate(frames)
    tables = {
        name: _released_rows(sheet, cohort, limits, shows_designed)
        for name, sheet in sheets.items()
    }
    if memory and not has_ended(memory[-1].quarter, quarter):
        tables = keep_rows(tables, board, decided, memory[-1])
    released = {name: ReleasedTable(name, rows) for name, rows in tables.items()}
    rows = {name: remembered_rows(table, board, decided) for name, table in released.items()}
    return Release(released, Remembered(quarter, rows))


def _decide(
    sheets: Mapping[str, Sheet],
    limits: Limits,
    memory: Sequence[Remembered],
    quarter: str | None,
) -> tuple[Board, Decided]:
    """Settle for every count of every table whether it is shown, and as what."""
    reader = decide(sheets, limits, memory, quarter)
    board = reader.board
    decided = settle(board, reader.decided, reader.past, limits)
    for table, column in board.columns():
        cells, sheet = board.cells(table, column), sheets[table]
        sheet.shown[column] = [
            int(value) if kind == RELEASED else None
            for value, kind in zip(decided.value[cells].tolist(), sheet.status[column], strict=True)
        ]
    for sheet in sheets.values():
        _add_up(sheet)
    return board, decided


def _add_up(sheet: Sheet) -> None:
    """Show the sum of the shown parts where a row's parts are all shown."""
    for whole, names in sheet.rule.sums:
        for row in range(sheet.height):
            parts = [sheet.shown[name][row] for name in names]
            true = [sheet.columns[name][row] for name in names]
            if sheet.shown[whole][row] is None or None in parts:
                continue
            if sum(true) == sheet.columns[whole][row]:
                sheet.shown[whole][row] = sum(part for part in parts if part is not None)


def limits_of(disclosure: Disclosure) -> Limits:
    """Return the protocol's limits, never below the floors."""
    return Limits(
        max(disclosure.smallest_count, SMALLEST_COUNT_FLOOR),
        max(disclosure.rounding_base, ROUNDING_BASE_FLOOR),
    )


def decide(
    sheets: Mapping[str, Sheet],
    limits: Limits,
    memory: Sequence[Remembered] = (),
    quarter: str | None = None,
) -> Reader:
    """Settle the status of every count of every table; return what a reader then knows."""
    small_units = _small_units(sheets.get("unit_summaries"), limits)
    for sheet in sheets.values():
        hide_small(sheet, limits, small_units)
    reader = read_all(board_of(sheets, limits), memory, quarter, limits)
    hide_complements(reader)
    reader.board.write_back()
    return reader


def _declared(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    if name not in TABLE_RULES or name not in RESULT_TABLES:
        raise ReleaseRefusedError(
            f"The table {name!r} has no release rule, so it does not leave the registry. "
            "Describe it in analysis/disclosure/rules.py."
        )
    try:
        typed = conform(name, rows)
    except SchemaError as fault:
        raise ReleaseRefusedError(f"Nothing of results.{name} is released: {fault}") from None
    _refuse_columns_without_rule(name, typed)
    _refuse_other_units(name, typed)
    return typed


def _refuse_columns_without_rule(name: str, rows: pl.DataFrame) -> None:
    rule = TABLE_RULES[name]
    ruled = {*rule.identifiers, *rule.words}
    ruled |= {column.name for column in rule.numbers()}
    without = [column for column in rows.columns if column not in ruled]
    if without:
        raise ReleaseRefusedError(
            f"The columns {without} of results.{name} have no release rule. "
            "Describe them in analysis/disclosure/rules.py."
        )


def _refuse_other_units(name: str, rows: pl.DataFrame) -> None:
    if "unit_kind" in rows.columns and not _are_units(rows["unit_kind"]):
        raise ReleaseRefusedError(
            f"results.{name} holds units that are neither the network nor a clinic; "
            "figures about other units are not released."
        )


def _are_units(kinds: pl.Series) -> bool:
    return bool(kinds.is_in(UNIT_KINDS).fill_null(value=False).all())


def _refuse_broken_seals(frames: Mapping[str, pl.DataFrame]) -> None:
    if "verdicts" in frames and not frames["verdicts"]["verdict"].is_in(VERDICTS).all():
        raise ReleaseRefusedError("results.verdicts holds a verdict that is none of the four.")
    if "estimates" in frames:
        _refuse_numbers_under_seal(frames["estimates"])
    if "gates" in frames:
        _refuse_results_behind_failed_gates(frames)
        _refuse_what_tells_of_a_sealed_primary(frames)


def _refuse_numbers_under_seal(estimates: pl.DataFrame) -> None:
    numbers = ("value", "low", "high", "standard_error")
    holds_number = pl.any_horizontal(pl.col(name).is_not_null() for name in numbers)
    if estimates.filter((pl.col("status") != "estimated") & holds_number).height:
        raise ReleaseRefusedError(
            "results.estimates holds a number in a row that is sealed or was not estimated."
        )


def _refuse_results_behind_failed_gates(frames: Mapping[str, pl.DataFrame]) -> None:
    shown, named = _shown_strategies(frames)
    gates = frames["gates"].filter(pl.col("status").is_in(NOT_PASSED))
    for analysis, gate in gates.select("analysis", "gate").rows():
        closed = {name for of, name in named if of == analysis and _is_about(gate, name)}
        for of, *strategies in shown:
            if of == analysis and (not closed or closed.intersection(strategies)):
                raise ReleaseRefusedError(
                    "An analysis holds results although one of its gates failed."
                )


def _refuse_what_tells_of_a_sealed_primary(frames: Mapping[str, pl.DataFrame]) -> None:
    """Refuse numbers from which the primary effect could be read, where one of its gates failed."""
    gates = frames["gates"].filter(pl.col("status").is_in(NOT_PASSED))
    if "primary" not in set(gates["analysis"]):
        return
    is_open = pl.col("analysis").is_in(WITH_GATES) | pl.col("analysis").str.starts_with(CONTROL)
    told = {
        "estimates": ~is_open,
        "sensitivity": ~pl.col("method").is_in(METHODS_WITHOUT_THE_EFFECT),
        "specification_curve": pl.lit(value=True),
    }
    has_number = pl.col("value").is_not_null()
    for name, of_primary in told.items():
        if name in frames and frames[name].filter(of_primary & has_number).height:
            raise ReleaseRefusedError(
                f"results.{name} holds numbers that tell the primary effect, although one of its "
                "gates failed."
            )


def _shown_strategies(
    frames: Mapping[str, pl.DataFrame],
) -> tuple[set[tuple[Any, ...]], set[tuple[str, str]]]:
    """Return analysis and strategies of every designed result, and every strategy named at all."""
    shown: set[tuple[Any, ...]] = set()
    named: set[tuple[str, str]] = set()
    if "estimates" in frames:
        rows = frames["estimates"].select("analysis", "strategy", "comparator")
        named |= {(of, name) for of, *names in rows.unique().rows() for name in names if name}
        is_designed = ~pl.col("is_biased_comparison").fill_null(value=False)
        estimated = frames["estimates"].filter((pl.col("status") == "estimated") & is_designed)
        shown |= set(estimated.select("analysis", "strategy", "comparator").rows())
    if "risk_curves" in frames:
        curves = frames["risk_curves"].filter(pl.col("risk").is_not_null())
        shown |= set(curves.select("analysis", "strategy").unique().rows())
    return shown, named


def _is_about(gate: str, strategy: str) -> bool:
    """Say whether a gate is about one strict strategy alone: `balance_alt23` of `strict_alt23`."""
    order_name = strategy.removeprefix(STRICT)
    return order_name != strategy and gate.endswith(f"_{order_name}")


def _has_designed_estimate(frames: Mapping[str, pl.DataFrame]) -> bool:
    if "estimates" not in frames:
        return False
    return not (
        frames["estimates"]
        .filter(
            (pl.col("analysis") == "primary")
            & (pl.col("status") == "estimated")
            & pl.col("comparator").is_not_null()
            & ~pl.col("is_biased_comparison").fill_null(value=False)
        )
        .is_empty()
    )


def _small_units(summaries: Sheet | None, limits: Limits) -> set[Unit]:
    if summaries is None:
        return set()
    patients = summaries.columns["patients"]
    return {
        unit
        for row in range(summaries.height)
        if (unit := summaries.unit(row)) and (patients[row] is None or limits.hides(patients[row]))
    }


def _cohort(sheets: Mapping[str, Sheet], limits: Limits) -> Cohort:
    """Return how many episodes the whole study rests on, as far as the tables tell."""
    known = [
        episodes
        for name in ("unit_summaries", "estimates")
        if name in sheets
        for episodes in sheets[name].columns["episodes"]
        if episodes is not None
    ]
    largest = max(known, default=None)
    is_small = largest is not None and limits.hides(largest)
    return Cohort(None if is_small else largest, is_small=is_small)


def _released_rows(
    sheet: Sheet, cohort: Cohort, limits: Limits, shows_designed: bool
) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    rule = {column.name: column for column in sheet.rule.numbers()}
    for name, dtype in RESULT_TABLES[sheet.name].items():
        if name not in rule:
            values = sheet.columns[name]
            if name in sheet.rule.words:
                values = _words(values, cohort)
            columns[name] = pl.Series(name, values, dtype=dtype)
            continue
        values, statuses = _cells(sheet, rule[name], cohort, limits)
        if sheet.name == "estimates" and not shows_designed:
            _seal_biased(sheet, values, statuses)
        columns[name] = pl.Series(name, values, dtype=dtype)
        columns[status_column(name)] = pl.Series(status_column(name), statuses, dtype=pl.String)
    released = _without_hidden_judgements(sheet.name, pl.DataFrame(columns))
    return _with_suppressed_estimates(released) if sheet.name == "estimates" else released


def _without_hidden_judgements(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Take away what was found of a hidden number: a signal is a figure about people too."""
    if table not in JUDGED:
        return rows
    is_hidden = pl.col(status_column(JUDGED[table])) == SUPPRESSED
    found = [name for name in FOLLOWING if name in rows.columns]
    return rows.with_columns(pl.when(~is_hidden).then(pl.col(*found)))


def _cells(
    sheet: Sheet, column: Count | Statistic, cohort: Cohort, limits: Limits
) -> tuple[list[Any], list[str]]:
    if isinstance(column, Statistic):
        return release_statistic(sheet, column, cohort, limits)
    return list(sheet.shown[column.name]), list(sheet.status[column.name])


def _words(texts: list[str | None], cohort: Cohort) -> list[str | None]:
    """Return reasons without numbers from which a count of a small study could be computed."""
    if cohort.is_small:
        return [None if text is None else TOO_FEW for text in texts]
    is_fine = cohort.episodes is None or cohort.episodes >= FINE_WORDS_EPISODES
    return [None if text is None else scrub(text, 3 if is_fine else 2) for text in texts]


def _seal_biased(sheet: Sheet, values: list[Any], statuses: list[str]) -> None:
    """Take the raw comparisons away where the designed estimate does not stand beside them."""
    for row, is_biased in enumerate(sheet.columns["is_biased_comparison"]):
        if is_biased:
            values[row], statuses[row] = None, SEALED


def _with_suppressed_estimates(estimates: pl.DataFrame) -> pl.DataFrame:
    """Let the row's own status say what the gate did to its value."""
    was_estimated = pl.col("status") == "estimated"
    taken = was_estimated & pl.col("value_status").is_in([SEALED, SUPPRESSED])
    reason = (
        pl.when(pl.col("value_status") == SEALED)
        .then(pl.lit("not shown without the designed estimate beside it"))
        .otherwise(pl.lit(TOO_FEW))
    )
    return estimates.with_columns(
        status=pl.when(taken).then(pl.col("value_status")).otherwise(pl.col("status")),
        reason=pl.when(taken).then(reason).otherwise(pl.col("reason")),
    )
