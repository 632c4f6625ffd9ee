"""Takes one verified delivery through the contract, as a whole or not at all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.contracts.errors import FileRefusedError, IntegrityError, NmtError
from pipelines.ingestion.faults import rejections_of
from pipelines.ingestion.quarantine import keep_rows, raw_texts
from pipelines.ingestion.report import DeliveryReport, FileReport, Status
from pipelines.ingestion.rewriting import Rewritten, rewrite
from pipelines.ingestion.verified import (
    DeliveryRefusedError,
    VerifiedDelivery,
    VerifiedFile,
    refusal_of,
)
from pipelines.warehouse.intake import (
    DeliveryEntry,
    FileEntry,
    Intake,
    NothingPlainError,
    RowCounts,
    RowFaults,
    Source,
    UnevenRowsError,
)

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Admission:
    """When a delivery comes into the store, and where the text of its rejected rows is kept."""

    now: datetime
    quarantine: Path


@dataclass(frozen=True)
class Outcome:
    """What was found in one delivery; no frame when none of its rows was looked at."""

    report: DeliveryReport
    rejections: "pl.DataFrame | None" = None


@dataclass(frozen=True)
class _Loaded:
    """A file whose rows were looked at, or were all accepted from the same bytes before."""

    file: VerifiedFile
    rows: int
    came_before: bool = False


class ControlTotalError(NmtError):
    """Rows went missing between the file and the registry; nothing of the delivery was kept."""


def take_delivery(
    verified: VerifiedDelivery,
    intake: Intake,
    scratch: Path,
    admission: Admission | None,
    progress: Callable[[str], None],
) -> Outcome:
    """Hold a delivery to the contract and admit what passes; `admission` is None for a check.

    A CSV is read as it stands first; when its rows are written unevenly, an even copy is made in
    `scratch` and the delivery is begun anew. When the same bytes came before, only rows that were
    rejected then can come in now, as they do once the records that they refer to are there.
    Raises `DeliveryRefusedError`.
    """
    if intake.times_taken(verified.content_hash) and not intake.has_rejected(verified.content_hash):
        return _known(verified, intake)
    taking = _Taking(verified, intake, scratch, admission, progress)
    while True:
        try:
            return taking.attempt()
        except UnevenRowsError as uneven:
            taking.rewrite(uneven.table)
        except NothingPlainError as found:
            taking.look_closely(found.table)


def _known(verified: VerifiedDelivery, intake: Intake) -> Outcome:
    reports = []
    for file in verified.files:
        former = intake.find_file(file.file.table, file.scan.sha256)
        rows = former.rows_in if former else file.rows
        counts = RowCounts(accepted=0, rejected=0, already_known=rows, superseded=0)
        reports.append(_file_report(file, rows, counts))
    return Outcome(_report(verified, verified.delivery_id, "already_known", reports))


def _taking_id(verified: VerifiedDelivery, number: int) -> str:
    """Return the id under which the same bytes came in for the first, second or later time."""
    return verified.delivery_id if number == 1 else f"{verified.delivery_id}-{number}"


def _report(
    verified: VerifiedDelivery, delivery_id: str, status: Status, files: Iterable[FileReport]
) -> DeliveryReport:
    return DeliveryReport(delivery_id, verified.delivery.folder, status, tuple(files))


def _file_report(file: VerifiedFile, rows: int, counts: RowCounts) -> FileReport:
    return FileReport(
        file=file.file.name,
        table=file.file.table,
        rows_in=rows,
        accepted=counts.accepted,
        rejected=counts.rejected,
        already_known=counts.already_known,
        superseded=counts.superseded,
    )


class _Taking:
    """The attempts at one delivery."""

    def __init__(
        self,
        verified: VerifiedDelivery,
        intake: Intake,
        scratch: Path,
        admission: Admission | None,
        progress: Callable[[str], None],
    ) -> None:
        self._verified = verified
        self._intake = intake
        self._scratch = scratch
        self._admission = admission
        self._progress = progress
        self._rewritten: dict[str, Rewritten] = {}
        self._looked_at_closely: set[str] = set()
        self._came_before = intake.times_taken(verified.content_hash)
        self._delivery_id = _taking_id(verified, self._came_before + 1)
        for file in verified.files:
            if not file.scan.even:
                self.rewrite(file.file.table)

    def rewrite(self, table: str) -> None:
        """Make an even copy of a table's file for the next attempt."""
        if table in self._rewritten:
            raise ControlTotalError(f"The even copy of {table} could not be read evenly.")
        file = next(file for file in self._verified.files if file.file.table == table)
        self._progress(f"Telling the rows of {file.file.name} apart")
        target = self._scratch / f"{table}-{file.scan.sha256[:16]}.csv"
        try:
            self._rewritten[table] = rewrite(file.file, len(file.source.columns), target)
        except FileRefusedError as fault:
            raise DeliveryRefusedError([refusal_of(file.file.name, table, fault)]) from None

    def look_closely(self, table: str) -> None:
        """Give every row of a table's file the second look in the next attempt."""
        self._looked_at_closely.add(table)

    def attempt(self) -> Outcome:
        """Take the delivery; raise `BeginAgainError` where a file has to be taken otherwise."""
        verified = self._verified
        with self._intake.delivery(self._delivery_id):
            loaded = [self._load(file) for file in verified.files]
            self._progress(f"Holding {verified.delivery.name} to the rules over rows")
            self._intake.apply_rules()
            entries = [self._entry(file) for file in loaded]
            faults = self._intake.faults()
            names = {file.file.table: file.file.name for file in verified.files}
            is_new = not self._came_before or any(entry.counts.accepted for entry in entries)
            own_id = self._delivery_id if is_new else _taking_id(verified, self._came_before)
            rejections = rejections_of(faults, names, own_id)
            if is_new:
                if self._admission is not None:
                    self._quarantine(self._admission.quarantine / self._delivery_id, faults)
                self._intake.admit(self._delivery_entry(entries), rejections)
        reports = [
            _file_report(file.file, entry.rows_in, entry.counts)
            for file, entry in zip(loaded, entries, strict=True)
        ]
        status: Status = "checked" if self._admission is None else "ingested"
        return Outcome(
            _report(verified, own_id, status if is_new else "already_known", reports),
            rejections,
        )

    def _load(self, file: VerifiedFile) -> _Loaded:
        former = self._intake.find_file(file.file.table, file.scan.sha256)
        if former is not None and not former.rejected:
            return _Loaded(file, former.rows_in, came_before=True)
        source, rows, row_faults = self._rows_of(file)
        self._progress(f"Taking {rows:,} rows of {file.file.name}")
        try:
            self._intake.load(
                file.table,
                source,
                rows,
                row_faults,
                came_before=former is not None,
                is_plain=file.file.table not in self._looked_at_closely,
            )
            self._refuse_national(file, rows)
            file.require_unchanged()
        except (FileRefusedError, IntegrityError) as fault:
            raise DeliveryRefusedError(
                [refusal_of(file.file.name, file.file.table, fault)]
            ) from None
        return _Loaded(file, rows)

    def _rows_of(self, file: VerifiedFile) -> tuple[Source, int, RowFaults]:
        rewritten = self._rewritten.get(file.file.table)
        if rewritten is None:
            return file.source, file.rows, RowFaults()
        source = Source("rewritten", rewritten.path, file.source.columns)
        return source, rewritten.rows + len(rewritten.faults), rewritten.faults

    def _refuse_national(self, file: VerifiedFile, rows: int) -> None:
        if columns := self._intake.likely_national(file.table, rows):
            raise FileRefusedError(
                f"The column {' and '.join(columns)} of {file.file.name} holds bare numbers of 9 "
                "or 10 digits, which are likely national numbers. Send pseudonyms instead."
            )

    def _entry(self, loaded: _Loaded) -> FileEntry:
        file = loaded.file
        counts = (
            RowCounts(accepted=0, rejected=0, already_known=loaded.rows, superseded=0)
            if loaded.came_before
            else self._intake.counts(file.table)
        )
        if counts.accepted + counts.rejected + counts.already_known != loaded.rows:
            raise ControlTotalError(
                f"{file.file.name} has {loaded.rows:,} rows, but {counts.accepted:,} accepted, "
                f"{counts.rejected:,} rejected and {counts.already_known:,} already known ones "
                "were counted. Nothing of the delivery was kept; please report this."
            )
        return FileEntry(
            file=file.file.name,
            table=file.file.table,
            sha256=file.scan.sha256,
            size_bytes=file.scan.size_bytes,
            rows_in=loaded.rows,
            counts=counts,
        )

    def _delivery_entry(self, entries: list[FileEntry]) -> DeliveryEntry:
        return DeliveryEntry(
            delivery_id=self._delivery_id,
            name=self._verified.delivery.name,
            content_hash=self._verified.content_hash,
            ingested_at=self._admission.now if self._admission else None,
            files=tuple(entries),
        )

    def _quarantine(self, folder: Path, faults: "pl.DataFrame") -> None:
        for file in self._verified.files:
            of_table = faults.filter(faults["table_name"] == file.file.table)
            lines = frozenset(of_table["line"].to_list())
            if lines:
                keep_rows(folder, file.file, self._raw_rows(file, lines))

    def _raw_rows(self, file: VerifiedFile, lines: frozenset[int]) -> Iterable[tuple[int, str]]:
        if file.source.kind == "parquet":
            return self._intake.raw_rows(file.table, file.source, lines)
        is_even = file.file.table not in self._rewritten
        return raw_texts(file.file, len(file.source.columns), lines, is_even=is_even)
