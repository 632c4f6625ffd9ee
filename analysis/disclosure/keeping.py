"""Statistics that stay as they were released, because every count that they rest on has stayed."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.release import status_column
from analysis.disclosure.attacker import Flags
from analysis.disclosure.board import Board, row_names
from analysis.disclosure.ledger import Decided, Remembered, keys_of
from analysis.disclosure.relations import (
    ATTRIBUTES,
    FOLLOWING,
    RENEWED_TOGETHER,
    RenewedTogether,
    renewal_of,
)
from analysis.disclosure.rules import TABLE_RULES

KEY: Final = "__key"
FORMER: Final = "__former"


def keep_rows(
    tables: Mapping[str, pl.DataFrame], board: Board, decided: Decided, former: Remembered
) -> dict[str, pl.DataFrame]:
    """Return the released tables, with the statistics of the former release where they stand.

    The statistics, words and signals of a set of rows are kept when the set has the same rows as
    before, none of its counts was decided anew, and every cell of it is of the same kind; a row
    that is sealed or hidden now is therefore never shown as it was.
    """
    kept = dict(tables)
    for together in _sets(tables):
        present = [name for name in together.tables if name in tables]
        rows = {name: tables[name] for name in present}
        if not all(_is_comparable(name, rows[name], former) for name in present):
            continue
        stands = _standing_sets(rows, board, decided, former, together)
        for name in present:
            kept[name] = _with_former(rows[name], former.tables[name], name, stands[name])
    return kept


def _sets(tables: Mapping[str, pl.DataFrame]) -> Iterator[RenewedTogether]:
    yield from RENEWED_TOGETHER
    grouped = {name for together in RENEWED_TOGETHER for name in together.tables}
    for name in tables:
        if name not in grouped and TABLE_RULES[name].counts:
            yield renewal_of(name)


def _is_comparable(name: str, rows: pl.DataFrame, former: Remembered) -> bool:
    return name in former.tables and set(rows.columns) <= set(former.tables[name].columns)


def _standing_sets(
    rows: Mapping[str, pl.DataFrame],
    board: Board,
    decided: Decided,
    former: Remembered,
    together: RenewedTogether,
) -> dict[str, Flags]:
    """Return by table and row whether its whole set stands as it was."""
    changed: set[str] = set()
    for name, now in rows.items():
        before = former.tables[name]
        stands = _is_as_before(name, now, before) & _counts_stay(name, board, decided)
        changed |= set(row_names(now.filter(pl.Series(~stands)), together.shared))
        gone = ~keys_of(name, before).is_in(keys_of(name, now).implode())
        changed |= set(row_names(before.filter(gone), together.shared))
    return {
        name: ~row_names(now, together.shared).is_in(list(changed)).to_numpy()
        for name, now in rows.items()
    }


def _is_as_before(name: str, now: pl.DataFrame, before: pl.DataFrame) -> Flags:
    """Say for every row whether it was there with the same attributes and kinds of cells."""
    attributes = [each for each in ATTRIBUTES.get(name, ()) if each not in FOLLOWING]
    kinds = [status_column(number.name) for number in TABLE_RULES[name].numbers()]
    compared = [*attributes, *kinds]
    beside = _beside(now, before.select(*_identifiers(name), *kinds), name)
    same = pl.all_horizontal(
        pl.col(FORMER).is_not_null(),
        *(pl.col(each).eq_missing(pl.col(f"{each}{FORMER}")) for each in compared),
    )
    return beside.select(same.alias("same"))["same"].to_numpy()


def _counts_stay(name: str, board: Board, decided: Decided) -> Flags:
    stays = np.ones(board.sheets[name].height, dtype=bool)
    for count in TABLE_RULES[name].counts:
        cells = board.cells(name, count.name)
        stays &= decided.kept[cells] | board.is_absent[cells]
    return stays


def _with_former(now: pl.DataFrame, before: pl.DataFrame, name: str, stands: Flags) -> pl.DataFrame:
    rule = TABLE_RULES[name]
    following = [each for each in ATTRIBUTES.get(name, ()) if each in FOLLOWING]
    copied = [*(statistic.name for statistic in rule.statistics), *rule.words, *following]
    columns = list(dict.fromkeys([*_identifiers(name), *copied]))
    beside = _beside(now, before.select(columns), name).with_columns(__stands=pl.Series(stands))
    return beside.select(
        pl.when("__stands").then(f"{each}{FORMER}").otherwise(each).alias(each)
        if each in copied
        else pl.col(each)
        for each in now.columns
    )


def _beside(now: pl.DataFrame, before: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the rows of now, each with its columns of before under another name."""
    known = before.rename(lambda column: f"{column}{FORMER}").with_columns(
        keys_of(name, before).alias(KEY), pl.lit(value=True).alias(FORMER)
    )
    keyed = now.with_columns(keys_of(name, now).alias(KEY))
    return keyed.join(known, on=KEY, how="left", maintain_order="left")


def _identifiers(name: str) -> tuple[str, ...]:
    return TABLE_RULES[name].identifiers
