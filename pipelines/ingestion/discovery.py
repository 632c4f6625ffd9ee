"""Finds the files of a delivery, and refuses names that hide or lose something."""

import re
import stat
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from analysis.contracts.errors import FileRefusedError, UsageError
from analysis.contracts.records import CONTRACT

Form = Literal["csv", "csv.gz", "parquet"]
FORMS: Final[tuple[Form, ...]] = ("csv", "csv.gz", "parquet")
# A file that ends like this holds records, so it is not passed over when its name is unknown.
RECORD_ENDINGS: Final = (
    *(f".{form}" for form in FORMS),
    ".gz", ".tsv", ".txt", ".tab", ".xlsx", ".xls", ".ods", ".zip", ".7z", ".bz2", ".xz", ".zst",
    ".ndjson", ".jsonl", ".sav", ".dta", ".rds", ".sqlite", ".db", ".duckdb", ".feather", ".arrow",
)  # fmt: skip
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
MOST_ENTRIES: Final = 10_000


@dataclass(frozen=True)
class DeliveredFile:
    """One table of a delivery, in the form in which it was sent."""

    table: str
    form: Form
    path: Path

    @property
    def name(self) -> str:
        """The file's name, which is plain."""
        return f"{self.table}.{self.form}"


@dataclass(frozen=True)
class Delivery:
    """A folder with the files of one delivery, in the order of the contract."""

    folder: Path
    files: tuple[DeliveredFile, ...]

    @property
    def name(self) -> str:
        """The folder's name, made safe to show and to store."""
        return safe_name(self.folder)


def safe_name(folder: Path) -> str:
    """Return the folder's name with anything but letters, digits, `-` and `_` replaced."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-")[:40] or "delivery"


def require_folder(path: Path) -> Path:
    """Return the path if it is a folder, else raise `UsageError` saying what is needed."""
    if not path.exists():
        raise UsageError(
            f"There is no folder {_shown(path)}. Name the folder that holds the delivery's files."
        )
    if not path.is_dir():
        raise UsageError(
            f"{_shown(path)} is not a folder. Name the folder that holds the delivery's files."
        )
    return path


def find_delivery(folder: Path) -> Delivery:
    """Return the files of a delivery; raise `FileRefusedError` for names that cannot stand."""
    entries = _entries(folder)
    found = [file for entry in entries if (file := _delivered(entry)) is not None]
    _refuse_unknown(entries)
    if not found:
        raise FileRefusedError(
            f"The folder holds none of the tables {', '.join(CONTRACT.names)} as .csv, .csv.gz or "
            ".parquet. Look whether the path is right."
        )
    _refuse_twice(found)
    for file in found:
        _refuse_special(file, folder)
    return Delivery(folder, tuple(sorted(found, key=lambda file: CONTRACT.names.index(file.table))))


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as fault:
        raise FileRefusedError(
            f"The folder cannot be listed: {fault.strerror}. Look at its rights."
        ) from None
    if len(entries) > MOST_ENTRIES:
        raise FileRefusedError(
            f"The folder holds more than {MOST_ENTRIES:,} files; a delivery has at most six tables."
        )
    return entries


def _delivered(entry: Path) -> DeliveredFile | None:
    for form in FORMS:
        table = entry.name.removesuffix(f".{form}")
        if table != entry.name and table in CONTRACT.names:
            return DeliveredFile(table, form, entry)
    return None


def _refuse_unknown(entries: list[Path]) -> None:
    for number, entry in enumerate(entries, 1):
        lowered = entry.name.lower()
        if entry.name.startswith(".") or _delivered(entry) or not lowered.endswith(RECORD_ENDINGS):
            continue
        shown = entry.name if PLAIN_NAME.fullmatch(entry.name) else f"Entry {number} of the folder"
        near = get_close_matches(lowered.partition(".")[0], CONTRACT.names, n=1)
        hint = f" Is it meant to be {near[0]}?" if near else ""
        raise FileRefusedError(
            f"{shown} is no table of the contract.{hint} Name tables "
            f"{', '.join(CONTRACT.names)} (.csv, .csv.gz, .parquet), and take other records out."
        )


def _refuse_twice(found: list[DeliveredFile]) -> None:
    by_table: dict[str, DeliveredFile] = {}
    for file in found:
        other = by_table.setdefault(file.table, file)
        if other is not file:
            raise FileRefusedError(
                f"{other.name} and {file.name} both hold {file.table}. Leave one of them."
            )


def _refuse_special(file: DeliveredFile, folder: Path) -> None:
    if not file.path.resolve().is_relative_to(folder.resolve()):
        raise FileRefusedError(
            f"{file.name} is a link out of the delivery's folder. Put the file itself there."
        )
    try:
        mode = file.path.stat().st_mode
    except OSError:
        raise FileRefusedError(f"{file.name} leads nowhere. Put the file itself there.") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
        raise FileRefusedError(f"{file.name} is {kind}. Put a file of that name there.")


def _shown(path: Path) -> str:
    return str(path) if str(path).isprintable() and len(str(path)) < 300 else "of that name"
