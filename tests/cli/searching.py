"""Look for numbers in every byte that a workspace holds, however they are written there."""

import gzip
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.warehouse.connection import connect, list_tables, read_frame

# A number with so many digits is told from all others; fewer digits are anybody's.
FEWEST_DIGITS = 5
# A number on its own: no part of a word, a hash or a longer number.
NUMBER = re.compile(r"(?<![\w.])\d*\.?\d+(?:[eE][-+]?\d{1,2})?(?![\w])")
DATABASE = ".duckdb"


@dataclass(frozen=True)
class Secrets:
    """Numbers that must not be found, by what they are; signs do not matter."""

    numbers: Mapping[str, float]

    @property
    def spellings(self) -> dict[str, float]:
        """Each number as a share and in percent."""
        shares = {name: abs(value) for name, value in self.numbers.items()}
        return {**shares, **{f"{name} in percent": 100 * value for name, value in shares.items()}}

    def in_text(self, text: str) -> Iterator[str]:
        """Yield the numbers that the text tells to five significant digits or more."""
        for token in NUMBER.findall(text):
            yield from self._told(token)

    def in_values(self, values: pl.Series) -> Iterator[str]:
        """Yield the numbers among the values, of which each may have been rounded."""
        known = np.abs(values.drop_nulls().cast(pl.Float64).to_numpy())
        near = np.zeros(len(known), dtype=bool)
        for number in self.spellings.values():
            near |= np.abs(known - number) <= 1e-4 * number
        for value in known[near]:
            yield from self._told(repr(float(value)))

    def in_bytes(self, content: bytes) -> Iterator[str]:
        """Yield the numbers whose eight bytes stand somewhere in the content."""
        for name, number in self.spellings.items():
            if any(struct.pack("<d", sign * number) in content for sign in (1, -1)):
                yield name

    def _told(self, token: str) -> Iterator[str]:
        mantissa = re.split("[eE]", token)[0]
        digits = mantissa.replace(".", "").lstrip("0")
        if len(digits) < FEWEST_DIGITS:
            return
        value = float(token)
        last_place = value / int(digits)
        for name, number in self.spellings.items():
            if abs(value - number) <= min(1.001 * last_place, 10.0 ** (1 - FEWEST_DIGITS) * number):
                yield name


def found_in_folder(secrets: Secrets, folder: Path) -> list[tuple[str, str]]:
    """Return every file below the folder that holds one of the numbers, and which."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hits = {(str(path.relative_to(folder)), name) for path in files for name in _in(secrets, path)}
    return sorted(hits)


def _in(secrets: Secrets, path: Path) -> Iterator[str]:
    content = path.read_bytes()
    yield from secrets.in_bytes(content)
    yield from secrets.in_text(content.decode("latin-1"))
    if path.suffix == ".gz":
        plain = gzip.decompress(content)
        yield from secrets.in_bytes(plain)
        yield from secrets.in_text(plain.decode("latin-1"))
    if path.suffix == ".parquet":
        yield from in_frame(secrets, pl.read_parquet(path))
    if path.suffix == DATABASE:
        yield from (name for rows in tables_of(path) for name in in_frame(secrets, rows))


def tables_of(database: Path) -> Iterable[pl.DataFrame]:
    """Yield every table of a database file."""
    with connect(database, read_only=True) as connection:
        schemas = connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()
        names = [
            (schema, table) for (schema,) in schemas for table in list_tables(connection, schema)
        ]
        for schema, table in names:
            yield read_frame(connection, f"{schema}.{table}")


def in_frame(secrets: Secrets, rows: pl.DataFrame) -> Iterator[str]:
    """Yield the numbers that the frame's cells hold as numbers or as words."""
    for column in rows.iter_columns():
        if column.dtype.is_float() or column.dtype.is_decimal():
            yield from secrets.in_values(column)
        elif column.dtype == pl.String:
            yield from secrets.in_text("\n".join(column.unique().drop_nulls()))
