"""Reads a file once from its first to its last byte: what it is, its hash, its lines.

Nothing is parsed before this has passed, so that no reader meets endless lines, other formats,
wrong encodings or cut-off archives. Messages name lines, never what stands in them.
"""

import codecs
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.contracts.errors import FileRefusedError, IntegrityError
from pipelines.ingestion.discovery import DeliveredFile

CHUNK_BYTES: Final = 1 << 20
LONGEST_HEADER_BYTES: Final = 1 << 16
LONGEST_LINE_BYTES: Final = 1 << 20
# Records shrink five- to thirtyfold; an archive that grows more than this was made to do harm.
LARGEST_EXPANSION: Final = 200
EXPANSION_FREE_BYTES: Final = 1 << 28
BYTE_ORDER_MARK: Final = codecs.BOM_UTF8

# What files look like that were given the wrong name, and what to do about it.
FOREIGN_STARTS: Final = (
    (b"PK\x03\x04", "a spreadsheet or ZIP archive", "Save it as CSV UTF-8, comma separated."),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "Save it as CSV UTF-8, comma separated."),
    (b"\x1f\x8b", "a gzip archive", "Name it .csv.gz."),
    (b"PAR1", "a Parquet file", "Name it .parquet."),
    (b"%PDF", "a PDF document", "Export the table as CSV UTF-8."),
    (b"SQLite format 3", "a database", "Export the table as CSV UTF-8."),
    (codecs.BOM_UTF16_LE, "text in UTF-16", "Save it as CSV UTF-8."),
    (codecs.BOM_UTF16_BE, "text in UTF-16", "Save it as CSV UTF-8."),
    (b"<", "a web page or XML", "The export failed or was saved in another format; repeat it."),
    (b"{", "JSON", "Export the table as CSV UTF-8."),
    (b"[", "JSON", "Export the table as CSV UTF-8."),
)
FOREIGN_HINT: Final = "{name} is {what}, not {wanted}. {advice}"


@dataclass(frozen=True)
class Scan:
    """What one reading of a file has shown.

    `stamp` tells whether the file changed since; `lines` counts physical lines, the header
    included. A file is not `even` when its line ends are of several kinds or carriage returns.
    """

    sha256: str
    size_bytes: int
    stamp: tuple[int, int]
    lines: int
    header: bytes
    has_quotes: bool
    even: bool


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size and time of the last change, which differ when a file was written again."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def scan_text(file: DeliveredFile) -> Scan:
    """Read a CSV or gzipped CSV to its last byte.

    Raises `FileRefusedError` for what is no CSV in UTF-8 and `IntegrityError` for an archive that
    is cut off or damaged.
    """
    stamp = stamp_of(file.path)
    size = _require_content(file)
    digest = hashlib.sha256()
    watch = _TextWatch(file.name)
    for chunk in _text_chunks(file, size, digest):
        watch.take(chunk)
    watch.finish()
    return Scan(
        sha256=digest.hexdigest(),
        size_bytes=size,
        stamp=stamp,
        lines=watch.lines,
        header=watch.header,
        has_quotes=watch.has_quotes,
        even=watch.is_even,
    )


def scan_parquet(file: DeliveredFile) -> Scan:
    """Hash a Parquet file and look at its two ends."""
    stamp = stamp_of(file.path)
    size = _require_content(file)
    with file.path.open("rb") as stream:
        start = stream.read(16)
        stream.seek(max(size - 4, 0))
        end = stream.read(4)
    if not start.startswith(b"PAR1"):
        _refuse_foreign(file.name, start, "Parquet")
        raise FileRefusedError(f"{file.name} is no Parquet file. Export the table again.")
    if end != b"PAR1" or size < 12:
        raise IntegrityError(f"{file.name} is cut off or damaged. Send it again.")
    return Scan(hash_file(file.path), size, stamp, 0, b"", has_quotes=False, even=True)


def read_pieces(file: DeliveredFile) -> Iterator[bytes]:
    """Yield the text of a CSV that was scanned before, decompressed, piece by piece."""
    return _text_chunks(file, file.path.stat().st_size, hashlib.sha256())


def _require_content(file: DeliveredFile) -> int:
    try:
        size = file.path.stat().st_size
        if not os.access(file.path, os.R_OK):
            raise PermissionError
    except OSError:
        raise FileRefusedError(f"{file.name} cannot be read. Look at its rights.") from None
    if size == 0:
        raise FileRefusedError(f"{file.name} is empty. Export the table again.")
    return size


def _text_chunks(file: DeliveredFile, size: int, digest: "hashlib._Hash") -> Iterator[bytes]:
    with file.path.open("rb") as stream:
        pieces = _hashed(iter(lambda: stream.read(CHUNK_BYTES), b""), digest)
        if file.form == "csv.gz":
            yield from _inflated(file.name, pieces, size)
        else:
            yield from pieces


def _hashed(pieces: Iterator[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _inflated(name: str, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the content of a gzip archive of one or more members, verified to its last byte."""
    archive = _Archive(name, limit=max(EXPANSION_FREE_BYTES, LARGEST_EXPANSION * size))
    for piece in pieces:
        yield from archive.unpack(piece)
    archive.finish()


class _Archive:
    """Unpacks gzip piece by piece, no more than `limit` bytes."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._member = zlib.decompressobj(wbits=31)
        self._unpacked = 0
        self._is_started = False

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        if not self._is_started:
            self._require_gzip(piece)
            self._is_started = True
        while piece:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            text = self._inflate(piece)
            piece = self._member.unused_data or self._member.unconsumed_tail
            if text:
                yield text

    def finish(self) -> None:
        if not self._member.eof:
            raise IntegrityError(f"{self._name} is cut off. Send it again.")

    def _require_gzip(self, piece: bytes) -> None:
        if not piece.startswith(b"\x1f\x8b"):
            _refuse_foreign(self._name, piece[:64], "a gzip archive")
            raise FileRefusedError(
                f"{self._name} is no gzip archive. If it is plain text, name it .csv."
            )

    def _inflate(self, piece: bytes) -> bytes:
        try:
            text = self._member.decompress(piece, CHUNK_BYTES)
        except zlib.error:
            raise IntegrityError(
                f"{self._name} is damaged: its content does not fit its checksum. Send it again."
            ) from None
        self._unpacked += len(text)
        if self._unpacked > self._limit:
            raise FileRefusedError(
                f"{self._name} grows more than {LARGEST_EXPANSION}-fold when unpacked; no export "
                "does. Send it unpacked, or look where it comes from."
            )
        return text


def _refuse_foreign(name: str, start: bytes, wanted: str) -> None:
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    for mark, what, advice in FOREIGN_STARTS:
        if start.startswith(mark) or text.startswith(mark):
            raise FileRefusedError(
                FOREIGN_HINT.format(name=name, what=what, wanted=wanted, advice=advice)
            )


class _TextWatch:
    """Sees every piece of a text once, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._held = b""
        self._line_bytes = 0
        self._last = b""
        self._start = b""
        self._has_header = False
        self.breaks = 0
        self.has_quotes = False
        self.is_even = True

    @property
    def lines(self) -> int:
        return self.breaks + (self._last != b"\n")

    @property
    def header(self) -> bytes:
        first = self._start.removeprefix(BYTE_ORDER_MARK)
        return _broken(first).partition(b"\n")[0]

    def take(self, piece: bytes) -> None:
        if not self._last:
            _refuse_foreign(self._name, piece[:64], "a table in CSV")
        self._check_text(piece)
        self.has_quotes = self.has_quotes or b'"' in piece
        text = self._held + piece
        self._held = b""
        if text.endswith(b"\r"):
            text, self._held = text[:-1], b"\r"
        if text:
            self._take_lines(text)

    def finish(self) -> None:
        if self._held:
            self._take_lines(self._held)
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            self._refuse_encoding(self.lines)
        if not self.header.strip():
            raise FileRefusedError(
                f"The first line of {self._name} is empty; it must hold the names of the columns."
            )

    def _check_text(self, piece: bytes) -> None:
        if (position := piece.find(b"\0")) >= 0:
            line = self._line_at(piece, position)
            raise FileRefusedError(
                f"{self._name} holds a zero byte in line {line}, so it is no text in UTF-8. "
                "Save it as CSV UTF-8."
            )
        if piece.isascii() and not self._decoder.getstate()[0]:
            return
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError as fault:
            self._refuse_encoding(self._line_at(piece, fault.start))

    def _line_at(self, piece: bytes, position: int) -> int:
        return self.breaks + _broken(self._held + piece[:position]).count(b"\n") + 1

    def _refuse_encoding(self, line: int) -> None:
        raise FileRefusedError(
            f"{self._name} is not written in UTF-8: line {line} holds a character of another "
            "encoding. Save it as CSV UTF-8."
        ) from None

    def _take_lines(self, text: bytes) -> None:
        if b"\r" in text:
            broken = text.replace(b"\r\n", b"\n")
            if b"\r" in broken or broken.count(b"\n") * 2 != text.count(b"\n") + text.count(b"\r"):
                self.is_even = False
            text = broken.replace(b"\r", b"\n")
        self._measure(text)
        self.breaks += _count_breaks(text)
        self._last = text[-1:]

    def _measure(self, text: bytes) -> None:
        first = text.find(b"\n")
        if not self._has_header:
            self._start += text if first < 0 else text[: first + 1]
            self._has_header = first >= 0
            if len(self._start) > LONGEST_HEADER_BYTES:
                raise FileRefusedError(
                    f"The first line of {self._name} is longer than {LONGEST_HEADER_BYTES:,} "
                    "bytes; it must hold the names of the columns and nothing else."
                )
        longest = self._line_bytes + (len(text) if first < 0 else first)
        if longest > LONGEST_LINE_BYTES:
            line = self.breaks + 1
            raise FileRefusedError(
                f"Line {line} of {self._name} is longer than {LONGEST_LINE_BYTES:,} bytes; no "
                "record is. Look at the cells of that line, or for line breaks that were lost."
            )
        self._line_bytes = longest if first < 0 else len(text) - text.rfind(b"\n") - 1


def _count_breaks(text: bytes) -> int:
    import numpy as np

    # A quarter of the time of bytes.count, which matters for every byte of a delivery.
    return int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")))


def _broken(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
