"""Hands rows from polars to DuckDB and back, batch by batch, without the disk.

Kept apart from the module that imports DuckDB: polars holds on to the classes it has met, with
all that their module refers to, until the process ends; DuckDB complains on standard error about
each of its own classes that is left over then.
"""

from typing import Protocol


class Rows(Protocol):
    """Rows that can be exported as an Arrow stream: a frame or a relation."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of the stream."""
        ...


class Stream:
    """Shows of frames and relations nothing but their rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of the stream."""
        return self._rows.__arrow_c_stream__(requested_schema)
