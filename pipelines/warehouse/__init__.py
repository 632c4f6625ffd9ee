"""The only door to DuckDB: connections, the store, and the versions that readers open."""

from pipelines.warehouse.build import build_tables, ordered_sql_files, registry_in_memory
from pipelines.warehouse.connection import Connection, connect, read_frame, write_frame
from pipelines.warehouse.queries import run_query
from pipelines.warehouse.versions import (
    build_version,
    is_stale,
    open_store,
    open_version,
    publish_version,
)

__all__ = [
    "Connection",
    "build_tables",
    "build_version",
    "connect",
    "is_stale",
    "open_store",
    "open_version",
    "ordered_sql_files",
    "publish_version",
    "read_frame",
    "registry_in_memory",
    "run_query",
    "write_frame",
]
