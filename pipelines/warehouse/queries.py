"""Answers a person's own query on a version of the registry, and lets it do nothing else."""

from typing import TYPE_CHECKING, Final

import duckdb

from analysis.contracts.errors import UsageError
from pipelines.warehouse.connection import Connection, frame_of, quoted, translated_errors

if TYPE_CHECKING:
    import polars as pl

READING: Final = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
# Faults of the query's own text; all others may quote a record.
FAULTS_OF_TEXT: Final = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
FAULTS_OF_VALUES: Final = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.TypeMismatchException,
)
# Types that have no counterpart in a frame and are answered as text.
AS_TEXT: Final = ("INTERVAL", "UNION", "BIT", "BIGNUM", "TIME WITH TIME ZONE", "TIMETZ", "VARIANT")
AS_WHOLE_NUMBER: Final = ("HUGEINT", "UHUGEINT", "INT128", "UINT128")


def run_query(version: Connection, query: str) -> "pl.DataFrame":
    """Return the rows that the query reads; columns of one name are told apart by a number.

    `version` is opened to read only. Raises `UsageError` for anything but one query, for a query
    that cannot be understood, and for one that asks for a file or a setting.
    """
    _require_one_query(version, query)
    try:
        relation = version.sql(query)
        rows = frame_of(relation.project(", ".join(_columns(relation))))
    except FAULTS_OF_TEXT as fault:
        raise UsageError(f"The query cannot be answered: {_first_line(fault)}") from None
    except duckdb.PermissionException:
        raise UsageError("The query asks for something outside the registry.") from None
    except FAULTS_OF_VALUES as fault:
        raise UsageError(
            "The query fails on a value of the registry "
            f"({type(fault).__name__}); try_cast may help."
        ) from None
    except duckdb.Error:
        with translated_errors():
            raise
    return rows.with_columns(
        rows[name].cast(_int64(), strict=False)
        for name, kind in zip(rows.columns, relation.types, strict=True)
        if str(kind) in AS_WHOLE_NUMBER and _fits(rows[name])
    )


def _require_one_query(version: Connection, query: str) -> None:
    try:
        statements = version.extract_statements(query)
    except duckdb.Error as fault:
        raise UsageError(f"The query cannot be understood: {_first_line(fault)}") from None
    if len(statements) != 1:
        raise UsageError("Give exactly one query.")
    if statements[0].type not in READING:
        raise UsageError(
            "Only queries that read are answered: SELECT, WITH, FROM, DESCRIBE, SUMMARIZE, EXPLAIN."
        )


def _columns(relation: duckdb.DuckDBPyRelation) -> list[str]:
    taken: set[str] = set()
    columns = []
    for number, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        value = f"#{number}"
        if str(kind).startswith(AS_TEXT):
            value = f"CAST({value} AS VARCHAR)"
        columns.append(f"{value} AS {quoted(_free(name, taken))}")
    return columns


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _int64() -> "type[pl.Int64]":
    import polars as pl

    return pl.Int64


def _fits(values: "pl.Series") -> bool:
    return values.cast(_int64(), strict=False).null_count() == values.null_count()


def _first_line(fault: duckdb.Error) -> str:
    return str(fault).splitlines()[0].partition(": ")[2] or type(fault).__name__
