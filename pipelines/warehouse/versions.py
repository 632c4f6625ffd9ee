"""Versions of the registry: one complete file each, built beside the one that readers see.

The writer keeps the records in a private store. A version is a new file with a copy of them,
the tables of `sql/` and the results; it becomes visible when the pointer is moved to it, so a
reader finds the last complete version whatever happens to the next. Everything here but
`open_version` and `is_stale` is called while the registry is held.
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.contracts.errors import (
    EnvironmentFaultError,
    IntegrityError,
    NmtError,
    RegistryBusyError,
    UsageError,
)
from analysis.contracts.protocol import Protocol
from analysis.contracts.results import RESULT_TABLES, SchemaError, conform, empty
from pipelines.progress import ignore
from pipelines.publication.files import write_atomically
from pipelines.warehouse.build import build_tables, ordered_sql_files
from pipelines.warehouse.connection import (
    Connection,
    connect,
    list_tables,
    literal,
    read_frame,
    translated_errors,
    write_frame,
)
from pipelines.warehouse.queries import run_query
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "build_version",
    "is_stale",
    "open_store",
    "open_version",
    "publish_version",
    "run_query",
]

KEPT_VERSIONS: Final = 2
BUILDING: Final = ".building"
VERSION_FILE: Final = re.compile(r"v\d{8}t\d{12}\.duckdb")
COPIED_SCHEMAS: Final = ("core", "superseded", "quarantine", "ledger")
# Where a row stood in its file is the store's own business.
LEFT_IN_STORE: Final = "source_line"
# Sessions are numbered in a version, so that large tables there need not repeat their ids.
SESSIONS: Final = "core.sessions"
SESSION_KEY: Final = "CAST(row_number() OVER () AS INTEGER) AS session_key"
STAMP_TABLE: Final = "ledger.version"


def open_store(
    workspace: Workspace, *, read_only: bool = False, allowed: Sequence[Path] = ()
) -> Connection:
    """Open the private store of the records; it is created when it is written to and absent."""
    return connect(workspace.store_path, read_only=read_only, create=not read_only, allowed=allowed)


def open_version(workspace: Workspace) -> Connection:
    """Open the current version to read; it stays whole while newer ones are published.

    Raises `UsageError` when nothing was ever built, `IntegrityError` when the pointer or the file
    it names is damaged.
    """
    path = current_version(workspace)
    try:
        return connect(path, read_only=True)
    except IntegrityError:
        moved_to = current_version(workspace)
        if moved_to == path:
            raise
        return connect(moved_to, read_only=True)


def current_version(workspace: Workspace) -> Path:
    """Return the file of the current version; raises as `open_version` does."""
    try:
        name = workspace.current_pointer.read_bytes().decode("ascii", errors="replace").strip()
    except FileNotFoundError:
        raise UsageError(
            "There is no registry to read yet. Bring in a delivery first: nmt ingest PATH"
        ) from None
    except OSError as fault:
        raise EnvironmentFaultError(
            f"The pointer {workspace.current_pointer} cannot be read: {fault.strerror}."
        ) from None
    if not VERSION_FILE.fullmatch(name):
        raise IntegrityError(
            f"The pointer {workspace.current_pointer} names no version. "
            "Delete it and run again: nmt run"
        )
    return workspace.versions_dir / name


def is_stale(workspace: Workspace) -> bool:
    """Say whether a version built now would hold other records or tables than the current one.

    It is so, as far as anyone can tell, while another process writes the store.
    """
    if not workspace.store_path.exists():
        return False
    if not workspace.current_pointer.exists():
        return True
    try:
        with open_store(workspace, read_only=True) as store:
            taken_in = _last_delivery(store)
    except RegistryBusyError:
        return True
    with open_version(workspace) as version:
        return _read_stamp(version) != (taken_in, _tables_hash())


def build_version(
    workspace: Workspace,
    protocol: Protocol,
    *,
    now: datetime,
    progress: Callable[[str], None] = ignore,
) -> Path:
    """Build a version from the store, not yet visible to readers, and return its file.

    It holds the records, every table of `sql/`, and the results of the current version (empty
    ones when there are none). What a crashed run left behind is removed first.
    """
    if not workspace.store_path.exists():
        raise UsageError("There are no records yet. Bring in a delivery first: nmt ingest PATH")
    _remove_remains(workspace)
    building = workspace.versions_dir / f"v{now:%Y%m%dt%H%M%S%f}{BUILDING}.duckdb"
    with connect(building, create=True, allowed=[workspace.registry_dir]) as version:
        progress("Copying the records")
        _copy_store(version, workspace.store_path)
        build_tables(version, protocol, progress)
        _write_stamp(version, protocol, now)
        _carry_results(version, workspace)
    return building


def publish_version(workspace: Workspace, building: Path) -> None:
    """Make a built version the one that readers see, and remove all but the last two."""
    complete = building.with_name(building.name.replace(BUILDING, ""))
    _settle(building)
    building.rename(complete)
    _sync(workspace.versions_dir)
    write_atomically(workspace.current_pointer, f"{complete.name}\n".encode())
    _sync(workspace.registry_dir)
    _prune(workspace, complete)


def _copy_store(version: Connection, store: Path) -> None:
    with translated_errors():
        version.execute(f"ATTACH {literal(str(store))} AS store (READ_ONLY)")
        tables = version.execute(
            "FROM duckdb_columns() SELECT schema_name, table_name, bool_or(column_name = ?) "
            "WHERE database_name = 'store' GROUP BY ALL ORDER BY ALL",
            [LEFT_IN_STORE],
        ).fetchall()
        for schema in COPIED_SCHEMAS:
            version.execute(f"CREATE SCHEMA {schema}")
        for schema, table, has_lines in tables:
            if schema in COPIED_SCHEMAS:
                columns = f"* EXCLUDE ({LEFT_IN_STORE})" if has_lines else "*"
                if f"{schema}.{table}" == SESSIONS:
                    columns = f"{columns}, {SESSION_KEY}"
                version.execute(
                    f"CREATE TABLE {schema}.{table} AS FROM store.{schema}.{table} SELECT {columns}"
                )
        version.execute("DETACH store")


def _carry_results(version: Connection, workspace: Workspace) -> None:
    former = _former_results(workspace)
    for name in RESULT_TABLES:
        write_frame(version, f"results.{name}", former.get(name, empty(name)))


def _former_results(workspace: Workspace) -> dict[str, "pl.DataFrame"]:
    """Return the results of the current version as far as they still have their columns."""
    results: dict[str, pl.DataFrame] = {}
    if not workspace.current_pointer.exists():
        return results
    with open_version(workspace) as version:
        for name in set(list_tables(version, "results")) & RESULT_TABLES.keys():
            rows = read_frame(version, f"results.{name}")
            try:
                results[name] = conform(name, rows)
            except SchemaError:
                continue
    return results


def _write_stamp(version: Connection, protocol: Protocol, now: datetime) -> None:
    import polars as pl

    stamp = {
        "built_at": now.isoformat(timespec="seconds"),
        "last_delivery": _last_delivery(version),
        "tables_hash": _tables_hash(),
        "protocol_hash": protocol.hash,
    }
    write_frame(version, STAMP_TABLE, pl.DataFrame([stamp]))


def _read_stamp(version: Connection) -> tuple[str, str] | None:
    try:
        stamp = read_frame(version, STAMP_TABLE, ["last_delivery", "tables_hash"])
    except IntegrityError:
        raise
    except NmtError:
        return None
    last_delivery, tables_hash = stamp.row(0)
    return last_delivery, tables_hash


def _last_delivery(registry: Connection) -> str:
    deliveries = read_frame(registry, "ledger.deliveries").sort("delivery_number")
    return f"{deliveries.height} {deliveries['delivery_id'][-1] if deliveries.height else ''}"


def _tables_hash() -> str:
    texts = "\0".join(f"{table.name}\0{table.query}" for table in ordered_sql_files())
    return hashlib.sha256(texts.encode()).hexdigest()


def _remove_remains(workspace: Workspace) -> None:
    workspace.versions_dir.mkdir(parents=True, exist_ok=True)
    for remains in workspace.versions_dir.glob(f"*{BUILDING}.duckdb*"):
        if not remains.is_dir():
            remains.unlink(missing_ok=True)


def _settle(building: Path) -> None:
    """Bring what is still in the log into the file, and the file onto the disk."""
    with connect(building) as version, translated_errors():
        version.execute("CHECKPOINT")
    if building.with_name(f"{building.name}.wal").exists():
        raise EnvironmentFaultError("The version that was built is still open; nothing is changed.")
    _sync(building)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(workspace: Workspace, current: Path) -> None:
    """Remove old versions; who still reads one keeps it until the file is closed."""
    versions = sorted(
        path for path in workspace.versions_dir.iterdir() if VERSION_FILE.fullmatch(path.name)
    )
    former = [path for path in versions if path != current]
    for path in former[: max(0, len(former) - (KEPT_VERSIONS - 1))]:
        path.unlink(missing_ok=True)
