"""Builds the tables of `sql/` on a connection that holds the records, in the order they need.

A file's path is its table: `sql/marts/episode_adherence.sql` is `marts.episode_adherence`. Each
file holds one query under a header of comments, and refers to other tables as `schema.table`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from analysis.contracts.protocol import Protocol
from pipelines.progress import ignore
from pipelines.warehouse.connection import (
    Connection,
    WarehouseError,
    connect,
    translated_errors,
    write_frame,
)
from pipelines.warehouse.core_tables import core_tables, no_rejections
from pipelines.warehouse.protocol_tables import protocol_tables
from pipelines.warehouse.templates import sql_folder

if TYPE_CHECKING:
    import polars as pl

# Schemas that are built from SQL files, and those that must stand before.
BUILT_SCHEMAS: Final = ("staging", "concepts", "marts")
GIVEN_SCHEMAS: Final = ("core", "quarantine", "protocol")
REFERENCE: Final = re.compile(
    rf"\b((?:{'|'.join(BUILT_SCHEMAS + GIVEN_SCHEMAS)})\.[a-z][a-z0-9_]*)"
)
HEADER_LINE: Final = re.compile(r"--\s?(?:(?P<key>[A-Z][a-z]+):)?\s*(?P<text>.*)")


@dataclass(frozen=True)
class SqlTable:
    """One SQL file: the table it makes, what its header says, and its query."""

    name: str
    kind: Literal["table", "view"]
    title: str
    meaning: str
    grain: str
    reads: frozenset[str]
    source: str
    query: str

    @property
    def references(self) -> frozenset[str]:
        """The tables that the query refers to, read off its text."""
        return frozenset(REFERENCE.findall(re.sub(r"--.*", "", self.query)))


def ordered_sql_files() -> list[SqlTable]:
    """Return the tables of `sql/`, each after those it refers to.

    Raises `WarehouseError` for a reference that no file makes, and for tables in a circle.
    """
    tables = {
        table.name: table
        for schema in BUILT_SCHEMAS
        for table in map(read_sql_file, sorted((sql_folder() / schema).glob("*.sql")))
    }
    return in_order_of_references(tables)


def in_order_of_references(tables: Mapping[str, SqlTable]) -> list[SqlTable]:
    """Return the tables, each after those it refers to."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, table in tables.items():
        built = {each for each in table.references if each.split(".")[0] in BUILT_SCHEMAS}
        for missing in sorted(built - tables.keys()):
            raise WarehouseError(f"{name} refers to {missing}, which no SQL file makes.")
        sorter.add(name, *sorted(built))
    try:
        return [tables[name] for name in sorter.static_order()]
    except CycleError as fault:
        raise WarehouseError(
            f"Tables refer to one another: {' <- '.join(fault.args[1])}."
        ) from None


def read_sql_file(path: Path) -> SqlTable:
    """Return the table that the file makes; raise `WarehouseError` where its header is wrong."""
    text = path.read_text(encoding="utf-8")
    header = _header(text)
    name = f"{path.parent.name}.{path.stem}"
    missing = {"Title", "Meaning", "Grain", "Reads", "Source"} - header.keys()
    if missing:
        raise WarehouseError(f"The header of {name} lacks {', '.join(sorted(missing))}.")
    kind = header.get("Kind", "table")
    if kind not in ("table", "view"):
        raise WarehouseError(f"The header of {name} must say Kind: table or Kind: view.")
    return SqlTable(
        name=name,
        kind="view" if kind == "view" else "table",
        title=header["Title"],
        meaning=header["Meaning"],
        grain=header["Grain"],
        reads=frozenset(header["Reads"].split(", ")),
        source=header["Source"],
        query=text,
    )


def build_tables(
    connection: Connection, protocol: Protocol, progress: Callable[[str], None] = ignore
) -> None:
    """Build every table of `sql/` on a connection that holds core.* and quarantine.rejections."""
    prepare_schemas(connection, protocol)
    for table in ordered_sql_files():
        progress(f"Building {table.name}")
        build_table(connection, table)


def prepare_schemas(connection: Connection, protocol: Protocol) -> None:
    """Write the tables of the protocol, and make the schemas that are built from SQL files."""
    for name, rows in protocol_tables(protocol).items():
        write_frame(connection, f"protocol.{name}", rows)
    for schema in BUILT_SCHEMAS:
        with translated_errors():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")


def build_table(connection: Connection, table: SqlTable) -> None:
    """Build one table or view; those that it refers to must stand."""
    with translated_errors():
        connection.execute(f"CREATE OR REPLACE {table.kind} {table.name} AS\n{table.query}")


def registry_in_memory(
    tables: Mapping[str, "pl.DataFrame"],
    protocol: Protocol,
    progress: Callable[[str], None] = ignore,
    *,
    threads: int | None = None,
) -> Connection:
    """Return a connection on which everything is built from frames of records.

    The frames are named and shaped as the contract says, and are trusted to keep to it; optional
    columns and tables may be absent. `threads` None lets DuckDB use every core.
    """
    connection = connect(threads=threads)
    try:
        for name, rows in core_tables(tables).items():
            write_frame(connection, f"core.{name}", rows)
        write_frame(connection, "quarantine.rejections", no_rejections())
        build_tables(connection, protocol, progress)
    except BaseException:
        connection.close()
        raise
    return connection


def _header(text: str) -> dict[str, str]:
    entries: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        matched = HEADER_LINE.fullmatch(line)
        if matched is None:
            break
        key = matched["key"] or key
        entries.setdefault(key, []).append(matched["text"].strip())
    return {name: " ".join(words).strip() for name, words in entries.items()}
