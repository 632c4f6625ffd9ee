"""Decides from names, bytes and headers alone whether a delivery may be read at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from analysis.contracts.errors import FileRefusedError, IntegrityError
from analysis.contracts.records import CONTRACT, Table
from pipelines.ingestion.discovery import DeliveredFile, Delivery
from pipelines.ingestion.header import read_header, require_columns
from pipelines.ingestion.parquet import require_types
from pipelines.ingestion.report import FileReport
from pipelines.ingestion.verification import Scan, scan_parquet, scan_text, stamp_of
from pipelines.warehouse.intake import Intake, Source

# Stands for the delivery as a whole where no single file is to blame.
WHOLE_DELIVERY: Final = "(folder)"
# Readers take paths with these for patterns, and then look into other files.
PATTERN_LETTERS: Final = frozenset("*?[")


@dataclass(frozen=True)
class VerifiedFile:
    """A file whose bytes and columns are what they should be; `rows` stand below its header."""

    file: DeliveredFile
    scan: Scan
    source: Source
    rows: int

    @property
    def table(self) -> Table:
        """The table that the file holds."""
        return CONTRACT.table(self.file.table)

    def require_unchanged(self) -> None:
        """Raise `IntegrityError` when the file was written again since it was verified."""
        if stamp_of(self.file.path) != self.scan.stamp:
            raise IntegrityError(f"{self.file.name} changed while it was read. Send it again.")


@dataclass(frozen=True)
class VerifiedDelivery:
    """A delivery whose files may be read; its id is the same for the same bytes and name."""

    delivery: Delivery
    content_hash: str
    files: tuple[VerifiedFile, ...]

    @property
    def delivery_id(self) -> str:
        """The folder's name and the start of the hash over all files."""
        return f"{self.delivery.name}-{self.content_hash[:12]}"


class DeliveryRefusedError(FileRefusedError):
    """Files of the delivery cannot be read as the contract says; holds a report of each."""

    def __init__(self, files: Sequence[FileReport]) -> None:
        super().__init__(" ".join(file.refusal or "" for file in files))
        self.files = tuple(files)


def verify_delivery(delivery: Delivery, intake: Intake, scratch: Path) -> VerifiedDelivery:
    """Return the delivery ready to be read; raise `DeliveryRefusedError` with every reason.

    `scratch` takes links to files whose path a reader would take for a pattern.
    """
    files, refusals = [], []
    for file in delivery.files:
        try:
            files.append(_verify_file(file, intake, scratch))
        except (FileRefusedError, IntegrityError) as fault:
            refusals.append(refusal_of(file.name, file.table, fault))
    refusals.extend(_missing_first(delivery, intake))
    if refusals:
        raise DeliveryRefusedError(refusals)
    hashes = [(file.file.name, file.scan.sha256) for file in files]
    return VerifiedDelivery(delivery, content_hash(hashes), tuple(files))


def content_hash(hashes: Sequence[tuple[str, str]]) -> str:
    """Return one hash over the names and hashes of a delivery's files."""
    listing = "\n".join(f"{name} {digest}" for name, digest in sorted(hashes))
    return hashlib.sha256(listing.encode()).hexdigest()


def refusal_of(file: str, table: str, fault: FileRefusedError | IntegrityError) -> FileReport:
    """Return the report of a file that was refused."""
    return FileReport(file, table, refusal=str(fault), is_damaged=isinstance(fault, IntegrityError))


def _missing_first(delivery: Delivery, intake: Intake) -> list[FileReport]:
    delivered = {file.table for file in delivery.files}
    missing = [
        table.name
        for table in CONTRACT.tables
        if table.is_required_first and table.name not in delivered
    ]
    if not missing or not intake.is_empty():
        return []
    reason = (
        f"The registry is empty, and a first delivery must hold {', '.join(missing)} as well. "
        "Add what is missing."
    )
    return [FileReport(WHOLE_DELIVERY, "", refusal=reason)]


def _verify_file(file: DeliveredFile, intake: Intake, scratch: Path) -> VerifiedFile:
    path = _plain_path(file, scratch)
    if file.form == "parquet":
        return _verify_parquet(file, path, intake)
    scan = scan_text(file)
    source = Source(
        kind="csv",
        path=path,
        columns=read_header(file.name, CONTRACT.table(file.table), scan.header),
        has_quotes=scan.has_quotes,
        compression="gzip" if file.form == "csv.gz" else "none",
    )
    return VerifiedFile(file, scan, source, scan.lines - 1)


def _plain_path(file: DeliveredFile, scratch: Path) -> Path:
    path = file.path.resolve()
    if not set(str(path)) & PATTERN_LETTERS:
        return path
    link = scratch / f"{uuid4().hex}.{file.form}"
    link.symlink_to(path)
    return link


def _verify_parquet(file: DeliveredFile, path: Path, intake: Intake) -> VerifiedFile:
    scan = scan_parquet(file)
    table = CONTRACT.table(file.table)
    try:
        types, rows = intake.describe_parquet(path), intake.count_parquet(path)
    except IntegrityError as fault:
        raise IntegrityError(f"{file.name}: {fault}") from None
    columns = require_columns(file.name, table, list(types))
    require_types(file.name, table, types)
    return VerifiedFile(file, scan, Source("parquet", path, columns, types=types), rows)
