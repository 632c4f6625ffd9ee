"""Tells the rows of an unevenly written CSV apart, and writes them evenly into a file aside.

Handles line ends of any kind, empty lines, quoted texts, and rows with too few or too many cells.
No value of the contract holds a comma, quote or line break, so a cell that does is faulty; in the
even copy a placeholder that no rule lets pass stands for it, and the row's own text is read from
the delivered file when it goes to quarantine.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.contracts.errors import FileRefusedError
from pipelines.ingestion.discovery import DeliveredFile
from pipelines.ingestion.verification import read_pieces
from pipelines.warehouse.intake import RowFaults

# A quote that was not closed would swallow the rest of the file.
MOST_LINES_OF_A_ROW: Final = 20
LONGEST_QUOTED_ROW: Final = 1 << 16
LONGEST_CELL: Final = 1_000
# So many at the least, and more than fit, mean another header or separator, not faulty rows.
UNFIT_ROWS_OF_ANOTHER_FILE: Final = 10_000
EMPTY_LINES_OF_ANOTHER_FILE: Final = 1_000_000
UNFIT: Final = re.compile(r'[",\r\n]')
PLACEHOLDER: Final = "?"
FORMULA_STARTS: Final = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Row:
    """One row of a CSV: its first physical line, its text, and its cells or what is wrong."""

    line: int
    text: str
    cells: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Rewritten:
    """The even copy of a file: how many rows stand in it, and the rows that could not."""

    path: Path
    rows: int
    faults: RowFaults


def rewrite(file: DeliveredFile, width: int, target: Path) -> Rewritten:
    """Write the rows of a CSV with `width` columns evenly, each with its line in front.

    Raises `FileRefusedError` when most rows do not fit the header, or most lines are empty: the
    work and the memory that a file takes stay in proportion to the rows that are right.
    """
    faults = RowFaults()
    rows = 0
    with target.open("w", encoding="utf-8", newline="\n") as even:
        for row in read_rows(file, width):
            if row.fault:
                faults.add(row.line, row.fault)
                _require_fitting(file.name, row.line, width, unfit=len(faults), fit=rows)
            else:
                even.write(f"{row.line},{','.join(map(_fit, row.cells))}\n")
                rows += 1
    return Rewritten(target, rows, faults)


def _require_fitting(name: str, line: int, width: int, *, unfit: int, fit: int) -> None:
    if unfit > max(UNFIT_ROWS_OF_ANOTHER_FILE, fit):
        raise FileRefusedError(
            f"{unfit:,} rows of {name} up to line {line:,} do not have the {width} cells of its "
            "header, which is more than do. Look for a header of another table, another separator "
            "than the comma, or a quote that is never closed, and export the table again."
        )


def read_rows(file: DeliveredFile, width: int) -> Iterator[Row]:
    """Yield the rows below the header of a CSV that was verified before."""
    with closing(_Lines(read_lines(file))) as lines:
        next(lines)
        rows = empty = 0
        for line, text in lines:
            if text.strip():
                rows += 1
                yield _row(line, text, width, lines)
            else:
                empty += 1
                if empty > max(EMPTY_LINES_OF_ANOTHER_FILE, rows):
                    raise FileRefusedError(
                        f"Most lines of {file.name} up to line {line:,} are empty. "
                        "Export the table again, without them."
                    )


def read_lines(file: DeliveredFile) -> Iterator[str]:
    """Yield the physical lines of a CSV that was verified before, without their ends."""
    stream = io.TextIOWrapper(
        io.BufferedReader(_Pieces(read_pieces(file))), encoding="utf-8-sig", newline=None
    )
    with stream:
        for line in stream:
            yield line.removesuffix("\n")


def split_row(text: str) -> tuple[str, ...] | None:
    """Return the cells of a row, or None when its quotes are not closed or not at the edges.

    Quoted rows longer than 65,536 characters are taken for such.
    """
    if '"' not in text:
        return tuple(text.split(","))
    if len(text) > LONGEST_QUOTED_ROW:
        return None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    return tuple(rows[0]) if len(rows) == 1 else None


def _row(line: int, text: str, width: int, lines: "_Lines") -> Row:
    cells = split_row(text)
    if cells is None:
        return _row_of_many_lines(line, text, width, lines)
    return _row_of(line, text, cells, width)


def _row_of(line: int, text: str, cells: tuple[str, ...], width: int) -> Row:
    if len(cells) == width + 1 and not cells[-1]:
        cells = cells[:-1]
    if len(cells) < width:
        return Row(line, text, fault="too_few_cells")
    if len(cells) > width:
        return Row(line, text, fault="too_many_cells")
    return Row(line, text, cells)


def _row_of_many_lines(line: int, text: str, width: int, lines: "_Lines") -> Row:
    joined = text
    for further in range(1, MOST_LINES_OF_A_ROW):
        following = lines.look_ahead(further)
        if following is None:
            break
        joined += "\n" + following
        if len(joined) > LONGEST_QUOTED_ROW:
            break
        cells = split_row(joined)
        if cells is not None and len(cells) == width:
            lines.skip(further)
            return Row(line, joined, cells)
    return Row(line, text, fault="open_quotes")


def _fit(cell: str) -> str:
    if len(cell) <= LONGEST_CELL and not UNFIT.search(cell):
        return cell
    return (cell[0] if cell.startswith(FORMULA_STARTS) else "") + PLACEHOLDER


class _Lines:
    """Numbered lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._ahead: deque[str] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        text = self._ahead.popleft() if self._ahead else next(self._lines)
        self._number += 1
        return self._number, text

    def look_ahead(self, further: int) -> str | None:
        while len(self._ahead) < further:
            following = next(self._lines, None)
            if following is None:
                return None
            self._ahead.append(following)
        return self._ahead[further - 1]

    def skip(self, lines: int) -> None:
        for _ in range(lines):
            next(self)

    def close(self) -> None:
        if isinstance(self._lines, Iterator) and hasattr(self._lines, "close"):
            self._lines.close()


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
