"""Opens databases that can reach no other file, and moves frames in and out of them."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from analysis.contracts.errors import (
    EnvironmentFaultError,
    IntegrityError,
    NmtError,
    RegistryBusyError,
)
from pipelines.warehouse.streams import Stream

if TYPE_CHECKING:
    import polars as pl

Connection = duckdb.DuckDBPyConnection

DEFAULT_MEMORY_LIMIT: Final = "4GB"
# Set after the paths: none of them can be changed on a connection once it is handed out.
HARDENING: Final = (
    ("python_enable_replacements", "false"),
    ("autoload_known_extensions", "false"),
    ("autoinstall_known_extensions", "false"),
    ("enable_external_access", "false"),
    ("lock_configuration", "true"),
)
DAMAGED: Final = "A registry file is not what was written: it is damaged or cut off."
# Which of DuckDB's errors is which of ours, by its kind and words in its first line.
KNOWN_FAULTS: Final[Sequence[tuple[type[duckdb.Error], str, type[NmtError], str]]] = (
    (duckdb.IOException, "lock", RegistryBusyError, "Another process writes this registry file."),
    (duckdb.IOException, "No space left", EnvironmentFaultError, "The disk is full; make room."),
    (duckdb.IOException, "not a valid DuckDB", IntegrityError, DAMAGED),
    (duckdb.IOException, "not read enough", IntegrityError, DAMAGED),
    (duckdb.SerializationException, "", IntegrityError, DAMAGED),
    (duckdb.Error, "orrupt", IntegrityError, DAMAGED),
    (
        duckdb.IOException,
        "",
        EnvironmentFaultError,
        "A registry file cannot be read or written here; look at its rights and the disk.",
    ),
    (
        duckdb.OutOfMemoryException,
        "",
        EnvironmentFaultError,
        "Memory and temporary disk space are too small for this registry.",
    ),
)
TABLE_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+")


class WarehouseError(NmtError):
    """A statement of the product failed in DuckDB for a reason that is no one else's fault."""


def connect(
    database: Path | None = None,
    *,
    read_only: bool = False,
    create: bool = False,
    allowed: Sequence[Path] = (),
    temp_directory: Path | None = None,
    memory_limit: str = DEFAULT_MEMORY_LIMIT,
    threads: int | None = None,
) -> Connection:
    """Open a database that reads and writes no other file than those in `allowed` folders.

    `database` None opens one in memory. A file that does not exist is created only with
    `create`. Larger-than-memory steps spill into `temp_directory` (default: beside the file).
    Raises `IntegrityError` for a missing or corrupt file, `RegistryBusyError` when another
    process writes it, `EnvironmentFaultError` where the disk or rights do not allow it. Where this
    process has the file open already, the settings of the first connection hold for both.
    """
    if database is not None and not create and not database.is_file():
        raise IntegrityError(f"The registry file {database.name} is missing.")
    with translated_errors():
        connection = duckdb.connect(str(database or ":memory:"), read_only=read_only)
        try:
            if not _is_hardened(connection):
                _harden(connection, allowed, temp_directory, memory_limit, threads)
        except BaseException:
            connection.close()
            raise
    return connection


def read_frame(
    connection: Connection, table: str, columns: Sequence[str] | None = None
) -> "pl.DataFrame":
    """Return a table such as `marts.episode_outcomes`, or some of its columns, as a frame.

    The rows of a table keep the order in which they were written; those of a view, which has
    none, are sorted, so that they too are the same every time. Enumerations come back as text.
    """
    selected = "*" if columns is None else ", ".join(quoted(column) for column in columns)
    with translated_errors():
        if _is_view(connection, checked(table)):
            return frame_of(connection.sql(f"SELECT {selected} FROM {table} ORDER BY ALL"))  # noqa: S608
        return frame_of(connection.sql(f"SELECT {selected} FROM {checked(table)}"))  # noqa: S608


def write_frame(connection: Connection, table: str, rows: "pl.DataFrame") -> None:
    """Create or replace a table such as `results.estimates` with the rows of the frame.

    Enumerations are stored as text, and so are columns that hold nothing and say no type.
    """
    import polars as pl

    schema = checked(table).rpartition(".")[0]
    plain = rows.with_columns(pl.col(pl.Categorical, pl.Enum, pl.Null).cast(pl.String))
    with translated_errors():
        connection.register("incoming_rows", Stream(plain))
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS FROM incoming_rows")
        finally:
            connection.unregister("incoming_rows")


def _is_view(connection: Connection, name: str) -> bool:
    found = connection.execute(
        "FROM duckdb_views() SELECT count(*) WHERE schema_name || '.' || view_name = ?", [name]
    ).fetchall()
    return bool(found[0][0])


def frame_of(relation: duckdb.DuckDBPyRelation) -> "pl.DataFrame":
    """Return the rows of a relation as a frame, enumerations as text."""
    import polars as pl

    rows = pl.DataFrame(Stream(relation))
    return rows.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def list_tables(connection: Connection, schema: str) -> list[str]:
    """Return the names of the tables of a schema, sorted."""
    with translated_errors():
        found = connection.execute(
            "FROM duckdb_tables() SELECT table_name WHERE schema_name = ? ORDER BY table_name",
            [schema],
        ).fetchall()
    return [name for (name,) in found]


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn DuckDB's errors, whose texts may hold records, into the product's own."""
    try:
        yield
    except duckdb.Error as fault:
        raise _translated(fault) from None


def quoted(name: str) -> str:
    """Return a name or path as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def checked(table: str) -> str:
    """Return the table's name if it is a plain `schema.table`, else raise `WarehouseError`."""
    if not TABLE_NAME.fullmatch(table):
        raise WarehouseError("A table's name must look like schema.table.")
    return table


def _is_hardened(connection: Connection) -> bool:
    locked = connection.execute("VALUES (current_setting('lock_configuration'))").fetchall()
    return bool(locked[0][0])


def _harden(
    connection: Connection,
    allowed: Sequence[Path],
    temp_directory: Path | None,
    memory_limit: str,
    threads: int | None,
) -> None:
    settings = [
        ("threads", str(threads or len(os.sched_getaffinity(0)))),
        ("memory_limit", literal(memory_limit)),
        ("preserve_insertion_order", "true"),
        ("enable_progress_bar", "false"),
    ]
    if temp_directory is not None:
        settings.append(("temp_directory", literal(str(temp_directory))))
    if allowed:
        folders = ", ".join(literal(f"{folder.resolve()}/") for folder in allowed)
        settings.append(("allowed_directories", f"[{folders}]"))
    for name, value in [*settings, *HARDENING]:
        connection.execute(f"SET {name} = {value}")


def _translated(fault: duckdb.Error) -> NmtError:
    text = str(fault)
    for kind, words, error, message in KNOWN_FAULTS:
        if isinstance(fault, kind) and words in text[:200]:
            return error(message)
    return WarehouseError(f"A statement failed in DuckDB ({type(fault).__name__}).")
