"""Keeps the text of rejected rows apart, where only the owner of the workspace can read it."""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final
from uuid import uuid4

from pipelines.ingestion.discovery import DeliveredFile
from pipelines.ingestion.rewriting import read_lines, read_rows

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
COLUMNS: Final = ("file", "line", "raw")


def raw_texts(
    file: DeliveredFile, width: int, lines: frozenset[int], *, is_even: bool
) -> Iterator[tuple[int, str]]:
    """Yield the texts of the rows of a CSV that start at these physical lines, in order."""
    if is_even:
        numbered: Iterable[tuple[int, str]] = enumerate(read_lines(file), 1)
    else:
        numbered = ((row.line, row.text) for row in read_rows(file, width))
    return ((line, text) for line, text in numbered if line in lines)


def keep_rows(folder: Path, file: DeliveredFile, rows: Iterable[tuple[int, str]]) -> None:
    """Write the rejected rows of a file; the whole file or nothing is there afterwards."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    aside = folder / f".{file.table}.{uuid4().hex}"
    try:
        with _new_private(aside) as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows((file.name, line, text) for line, text in rows)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(folder / f"{file.table}.csv")
    finally:
        aside.unlink(missing_ok=True)


def _new_private(path: Path) -> IO[str]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
