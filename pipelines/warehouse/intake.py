"""Holds one delivery's rows to the contract inside DuckDB, and lets those that pass into the store.

The steps are the templates under `sql/ingestion`; this module says when each runs. Nothing it
raises or returns holds a value of a record: DuckDB's own messages, which do, stay inside.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import duckdb

from analysis.contracts.errors import IntegrityError, NmtError
from analysis.contracts.records import CONTRACT, Table
from pipelines.warehouse.connection import (
    Connection,
    connect,
    frame_of,
    literal,
    translated_errors,
)
from pipelines.warehouse.streams import Stream
from pipelines.warehouse.templates import render

if TYPE_CHECKING:
    import polars as pl

BENEATH: Final = "beneath"
CHECK_MEMORY_LIMIT: Final = "2GB"
COUNT_ALL: Final = "SELECT count(*) FROM all_"
FORGET_FORMER_REJECTIONS: Final = (
    "DELETE FROM quarantine.rejections WHERE delivery_id IN "
    "(SELECT delivery_id FROM ledger.deliveries WHERE content_hash = ?)"
)
# After an insert of no rows, DuckDB 2.0.0 loses sight of rows that the same transaction inserts in
# great number, which is when they fill a group of 122,880.
MOST_ROWS_AFTER_NONE: Final = 100_000
# Errors of a reader about the bytes it reads, apart from those about disk and memory.
READING_FAULTS: Final = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.SerializationException,
    # Endless empty lines, which its threads cannot part among them.
    duckdb.NotImplementedException,
)


@dataclass(frozen=True)
class Keys:
    """The integer keys of a table: its own, which others refer to, and its parent's."""

    own: str | None
    parent: str | None

    @property
    def all(self) -> tuple[str, ...]:
        """The keys, its own first."""
        return tuple(key for key in (self.own, self.parent) if key)


def keys_of(table: Table) -> Keys:
    """Return the integer keys that the registry gives the records of a table."""
    referred = {reference.table for other in CONTRACT.tables for reference in other.references}
    own = _key_name(table) if table.name in referred else None
    parent = _key_name(CONTRACT.table(table.references[0].table)) if table.references else None
    return Keys(own, parent)


def _key_name(table: Table) -> str:
    return table.primary_key[0].removesuffix("_id") + "_key"


ALL_KEYS: Final = {table.name: keys_of(table).all for table in CONTRACT.tables}


@dataclass(frozen=True)
class Source:
    """Where the rows of one file are read from.

    `columns` are the file's columns in its order, `types` (Parquet only) the type of each. A
    rewritten file has the line of each row in front and no header.
    """

    kind: Literal["csv", "rewritten", "parquet"]
    path: Path
    columns: tuple[str, ...]
    has_quotes: bool = False
    compression: Literal["none", "gzip"] = "none"
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows of one file; `superseded` counts registered records replaced."""

    accepted: int
    rejected: int
    already_known: int
    superseded: int


class RowFaults:
    """Faults of whole lines, found before their cells could be told apart; there may be many."""

    def __init__(self) -> None:
        self._lines = array("q")
        self._rules: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: int, rule: str) -> None:
        """Note that the row that starts at this physical line breaks a rule of whole rows."""
        self._lines.append(line)
        self._rules.append(rule)

    def as_frame(self) -> "pl.DataFrame":
        """Return the columns line and rule."""
        import polars as pl

        return pl.DataFrame({"line": pl.Series(self._lines, dtype=pl.Int64), "rule": self._rules})


@dataclass(frozen=True)
class LedgerFile:
    """One file that came in before."""

    rows_in: int
    rejected: int


@dataclass(frozen=True)
class FileEntry:
    """What the ledger keeps of one file."""

    file: str
    table: str
    sha256: str
    size_bytes: int
    rows_in: int
    counts: RowCounts


@dataclass(frozen=True)
class DeliveryEntry:
    """What the ledger keeps of one delivery."""

    delivery_id: str
    name: str
    content_hash: str
    ingested_at: datetime | None
    files: tuple[FileEntry, ...]


class BeginAgainError(NmtError):
    """The delivery has to be begun again, with the file of `table` taken in another way."""

    def __init__(self, table: str) -> None:
        super().__init__(f"The file of {table} has to be taken in another way.")
        self.table = table


class UnevenRowsError(BeginAgainError):
    """The rows of the file cannot be told apart as they stand; it has to be rewritten."""


class NothingPlainError(BeginAgainError):
    """None of the file's many rows is plainly right; all need the second look at once."""


def open_intake(store: Path, allowed: Sequence[Path]) -> "Intake":
    """Open the store for a writer, creating it when it is not there.

    `allowed` are the folders of the deliveries and of rewritten files.
    """
    if not store.exists():
        _found(store)
    return Intake(connect(store, allowed=allowed))


def _found(store: Path) -> None:
    """Make the store whole before it has its name, so that nobody finds one without tables."""
    aside = store.with_name(f"{store.name}.founding")
    for remains in (aside, aside.with_name(f"{aside.name}.wal")):
        remains.unlink(missing_ok=True)
    Intake(connect(aside, create=True)).close()
    aside.replace(store)


def open_check(registry: Path | None, allowed: Sequence[Path]) -> "Intake":
    """Open an intake into memory that sees the records of a registry, if any, beneath its own."""
    folders = [*allowed, registry.parent] if registry else list(allowed)
    connection = connect(None, allowed=folders, memory_limit=CHECK_MEMORY_LIMIT)
    if registry is not None:
        with translated_errors():
            connection.execute(f"ATTACH {literal(str(registry))} AS {BENEATH} (READ_ONLY)")
    return Intake(connection, has_registry_beneath=registry is not None)


class Intake:
    """Takes deliveries in, one at a time: begin, load each table, apply the rules, admit."""

    def __init__(self, connection: Connection, *, has_registry_beneath: bool = False) -> None:
        self._connection = connection
        self._beneath = BENEATH if has_registry_beneath else None
        self._direct: frozenset[str] = frozenset()
        self._delivery_id = ""
        self._run("store", keys=ALL_KEYS, beneath=self._beneath)

    def close(self) -> None:
        """Close the databases."""
        self._connection.close()

    def is_empty(self) -> bool:
        """Return whether the registry holds no delivery."""
        return self._number("SELECT count(*) FROM all_deliveries") == 0

    def times_taken(self, content_hash: str) -> int:
        """Return how often these very bytes came in before."""
        query = "SELECT count(*) FROM all_deliveries WHERE content_hash = ?"
        return self._number(query, content_hash)

    def has_rejected(self, content_hash: str) -> bool:
        """Return whether rows of these very bytes were rejected when they came in last."""
        return bool(self._number(self._sql("has_rejected", content_hash=content_hash)))

    def find_file(self, table: str, sha256: str) -> LedgerFile | None:
        """Return the file of these bytes that came in first, if any did."""
        found = self._rows(
            "SELECT rows_in, rejected FROM all_files "
            "WHERE table_name = ? AND sha256 = ? ORDER BY rejected, rows_in LIMIT 1",
            table,
            sha256,
        )
        return LedgerFile(*found[0]) if found else None

    @contextmanager
    def delivery(self, delivery_id: str) -> Iterator[None]:
        """Take one delivery: whatever is not admitted inside is as if it never was."""
        self._delivery_id = delivery_id
        with translated_errors():
            self._connection.execute("BEGIN TRANSACTION")
        try:
            self._prepare()
            yield
        finally:
            self._roll_back()

    def load(
        self,
        table: Table,
        source: Source,
        rows_in: int,
        row_faults: RowFaults,
        *,
        came_before: bool = False,
        is_plain: bool = True,
    ) -> None:
        """Take the rows of a file that are right, and note the faults of all others.

        `rows_in` is how many rows the file has; with `is_plain` false none of them is expected to
        be right at first sight. Raises `BeginAgainError` when the file has to be taken otherwise.
        """
        first_key = self._first_key(table)
        if is_plain:
            self._read("accept_plain", table, source, first_key=first_key)
        accepted = self._count_incoming(table)
        missing = rows_in - len(row_faults) - accepted
        if is_plain and not accepted and missing > MOST_ROWS_AFTER_NONE:
            raise NothingPlainError(table.name)
        if missing:
            self._look_again(table, source, rows_in - len(row_faults), accepted)
            self._run("accept_cleared", table, first_key=first_key)
        self._note(table, row_faults)
        self._drop_repeated(table)
        self._drop_known(table, source, came_before=came_before)
        self.settle_parents(table)

    def settle_parents(self, table: Table) -> None:
        """Let later tables refer to the records of this one."""
        if keys_of(table).own:
            self._run("parents", table)

    def likely_national(self, table: Table, rows_in: int) -> tuple[str, ...]:
        """Return the identifier columns at least half of which look like national numbers."""
        found = self._rows(self._sql("likely_national", table, rows_in=rows_in))
        return tuple(name for (name,) in found)

    def apply_rules(self) -> None:
        """Hold the records of the delivery to the rules over rows, with those of the registry."""
        self._run("deaths")
        if self._number("SELECT count(*) FROM deaths"):
            self._find_and_withdraw("too_early_deaths")
            self._run("deaths")
            self._find_and_withdraw("after_death")
        if self._find_and_withdraw("ended_episodes"):
            self._find_and_withdraw("orphans", parent=CONTRACT.table("episodes"))
        self._find_and_withdraw("late_sessions")

    def counts(self, table: Table) -> RowCounts:
        """Return what became of the rows of a table's file."""
        has_former = table.name not in self._direct
        return RowCounts(*self._rows(self._sql("count_rows", table, has_former=has_former))[0])

    def faults(self) -> "pl.DataFrame":
        """Return every fault: table_name, line, column_name (null for a whole row), rule."""
        with translated_errors():
            return frame_of(
                self._connection.sql(
                    "SELECT DISTINCT table_name, line, column_name, rule FROM faults "
                    "WHERE line > 0 ORDER BY ALL"
                )
            )

    def admit(self, entry: DeliveryEntry, rejections: "pl.DataFrame") -> None:
        """Make the delivery part of the store, with its faults and its place in the ledger.

        When the same bytes came in before, their rows were judged anew, and the faults found now
        take the place of those found then.
        """
        for table in CONTRACT.tables:
            if table.name not in self._direct and self._count_incoming(table):
                self._run("admit", table)
        with translated_errors():
            self._connection.execute(FORGET_FORMER_REJECTIONS, [entry.content_hash])
            self._write_ledger(entry)
            self._connection.register("rejected_rows", Stream(rejections))
            self._connection.execute("INSERT INTO quarantine.rejections FROM rejected_rows")
            self._connection.unregister("rejected_rows")
            self._connection.execute("COMMIT")

    def describe_parquet(self, path: Path) -> dict[str, str]:
        """Return the columns of a Parquet file and their types, in order."""
        with self._reading_parquet():
            found = self._connection.execute(
                "DESCRIBE FROM read_parquet(?, hive_partitioning = false)", [str(path)]
            ).fetchall()
        return {name: kind for name, kind, *_ in found}

    def count_parquet(self, path: Path) -> int:
        """Return the number of rows of a Parquet file."""
        with self._reading_parquet():
            found = self._connection.execute(
                "SELECT count(*) FROM read_parquet(?, hive_partitioning = false)",
                [str(path)],
            ).fetchall()
        return int(found[0][0])

    def raw_rows(
        self, table: Table, source: Source, lines: frozenset[int]
    ) -> list[tuple[int, str]]:
        """Return the rows of a Parquet file with these numbers as text, in order."""
        with self._reading_parquet():
            return self._connection.execute(
                self._sql("raw_rows", table, source=source, lines=sorted(lines))
            ).fetchall()

    def _prepare(self) -> None:
        self._direct = frozenset(
            table.name for table in CONTRACT.tables if not self._number(COUNT_ALL + table.name)
        )
        self._run("prepare", direct=self._direct, all_keys=ALL_KEYS)
        for table in CONTRACT.tables:
            self.settle_parents(table)

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            return  # Nothing is open any more: the delivery was admitted.

    def _look_again(self, table: Table, source: Source, rows_in: int, accepted: int) -> None:
        self._read("set_aside", table, source, rows_in=rows_in)
        set_aside = self._number(f"SELECT count(*) FROM aside_{table.name}")  # noqa: S608
        if accepted + set_aside != rows_in:
            raise UnevenRowsError(table.name)
        self._run("find_faults", table)

    def _note(self, table: Table, row_faults: RowFaults) -> None:
        import polars as pl

        if not row_faults:
            return
        faults = row_faults.as_frame().select(
            pl.lit(table.name).alias("table_name"),
            "line",
            pl.lit(None, pl.String).alias("column_name"),
            "rule",
        )
        with translated_errors():
            self._connection.register("noted_faults", Stream(faults))
            try:
                self._connection.execute("INSERT INTO faults FROM noted_faults")
            finally:
                self._connection.unregister("noted_faults")

    def _drop_repeated(self, table: Table) -> None:
        if self._has_repeated_keys(table):
            self._run("repeated", table)

    def _has_repeated_keys(self, table: Table) -> bool:
        # Equal keys have equal hashes; sorting those takes a tenth of grouping the texts.
        key = ", ".join(table.primary_key)
        with translated_errors():
            hashes = self._connection.execute(
                f"SELECT hash({key}) AS hash FROM incoming_{table.name}"  # noqa: S608
            ).fetchnumpy()["hash"]
        hashes.sort()
        return bool((hashes[1:] == hashes[:-1]).any())

    def _drop_known(self, table: Table, source: Source, *, came_before: bool) -> None:
        if table.name in self._direct:
            return
        relations = ("former", "replaced") if came_before else ("former",)
        self._run("already_known", table, columns=source.columns, relations=relations)

    def _find_and_withdraw(self, step: str, parent: Table | None = None) -> bool:
        before = self._number("SELECT count(*) FROM faults")
        self._run(step, parent=parent)
        if self._number("SELECT count(*) FROM faults") == before:
            return False
        for table in CONTRACT.tables:
            self._run("withdraw", table)
        return True

    def _write_ledger(self, entry: DeliveryEntry) -> None:
        self._connection.execute(
            "INSERT INTO ledger.deliveries "
            "SELECT coalesce(max(delivery_number), 0) + 1, ?, ?, ?, ? FROM ledger.deliveries",
            [entry.delivery_id, entry.name, entry.content_hash, entry.ingested_at],
        )
        for file in entry.files:
            counts = file.counts
            self._connection.execute(
                "INSERT INTO ledger.files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    entry.delivery_id,
                    file.file,
                    file.table,
                    file.sha256,
                    file.size_bytes,
                    file.rows_in,
                    counts.accepted,
                    counts.rejected,
                    counts.already_known,
                    counts.superseded,
                ],
            )

    @contextmanager
    def _reading_parquet(self) -> Iterator[None]:
        try:
            yield
        except (*READING_FAULTS, duckdb.IOException):
            raise IntegrityError("It is damaged or cut off, or no Parquet file at all.") from None

    def _first_key(self, table: Table) -> int:
        own = keys_of(table).own
        query = f"SELECT coalesce(max({own}), 0) FROM registered_{table.name}"  # noqa: S608
        return self._number(query) if own else 0

    def _count_incoming(self, table: Table) -> int:
        # Counts what a query finds, which is not always what the table says it has.
        query = f"SELECT count(*) FROM incoming_{table.name} WHERE source_line > 0"  # noqa: S608
        return self._number(query)

    def _number(self, query: str, *values: object) -> int:
        return int(self._rows(query, *values)[0][0])

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with translated_errors():
            return self._connection.execute(query, list(values)).fetchall()

    def _run(self, step: str, table: Table | None = None, **values: object) -> None:
        with translated_errors():
            self._connection.execute(self._sql(step, table, **values))

    def _read(self, step: str, table: Table, source: Source, **values: object) -> None:
        try:
            self._connection.execute(self._sql(step, table, source=source, **values))
        except READING_FAULTS:
            if source.kind == "csv":
                raise UnevenRowsError(table.name) from None
            raise IntegrityError(f"{source.path.name} cannot be read to its end.") from None
        except duckdb.Error as fault:
            with translated_errors():
                raise fault from None

    def _sql(self, step: str, table: Table | None = None, **values: object) -> str:
        if table is None:
            return render(step, **values)
        place = "core" if table.name in self._direct else "staged"
        return render(
            step,
            table=table,
            keys=keys_of(table),
            target=f"core.{table.name}" if place == "core" else f"staged_{table.name}",
            delivery_id=self._delivery_id,
            parent_fields=[reference.field for reference in table.references],
            **values,
        )
