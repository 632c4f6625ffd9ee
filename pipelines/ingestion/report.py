"""What an ingestion or a check found, file by file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.contracts.errors import (
    FileRefusedError,
    IntegrityError,
    RowsRejectedError,
)

if TYPE_CHECKING:
    import polars as pl

Status = Literal["ingested", "already_known", "refused", "checked"]


@dataclass(frozen=True)
class FileReport:
    """One file: rows_in = accepted + rejected + already_known, or why it was refused.

    `superseded` counts the registered records that its accepted rows replace.
    """

    file: str
    table: str
    rows_in: int = 0
    accepted: int = 0
    rejected: int = 0
    already_known: int = 0
    superseded: int = 0
    refusal: str | None = None
    is_damaged: bool = False


@dataclass(frozen=True)
class DeliveryReport:
    """One delivery and its files; a refused file refuses all of it."""

    delivery_id: str
    path: Path
    status: Status
    files: tuple[FileReport, ...]


@dataclass(frozen=True)
class IngestReport:
    """All deliveries of one call, and every fault of every row as in quarantine.rejections."""

    deliveries: tuple[DeliveryReport, ...]
    rejections: "pl.DataFrame"

    @property
    def exit_code(self) -> int:
        """The exit code of the call: damaged before refused before rejected rows."""
        files = [file for delivery in self.deliveries for file in delivery.files]
        if any(file.is_damaged for file in files):
            return IntegrityError.exit_code
        if any(delivery.status == "refused" for delivery in self.deliveries):
            return FileRefusedError.exit_code
        if any(file.rejected for file in files):
            return RowsRejectedError.exit_code
        return 0

    def to_json(self) -> str:
        """Return the report as one JSON object."""
        return json.dumps(self.as_object(), ensure_ascii=False)

    def as_object(self) -> dict[str, Any]:
        """Return the report as an object of JSON."""
        return {
            "exit_code": self.exit_code,
            "deliveries": [
                {**asdict(delivery), "path": str(delivery.path)} for delivery in self.deliveries
            ],
            "rejections": self.rejections.to_dicts(),
        }
