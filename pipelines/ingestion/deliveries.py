"""Checks deliveries, or brings them into the store: one delivery, one transaction."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from analysis.contracts.errors import FileRefusedError, RegistryBusyError
from pipelines.ingestion.discovery import find_delivery, require_folder, safe_name
from pipelines.ingestion.faults import no_rejections
from pipelines.ingestion.report import DeliveryReport, FileReport, IngestReport
from pipelines.ingestion.taking import Admission, Outcome, take_delivery
from pipelines.ingestion.verification import hash_file
from pipelines.ingestion.verified import (
    WHOLE_DELIVERY,
    DeliveryRefusedError,
    content_hash,
    refusal_of,
    verify_delivery,
)
from pipelines.progress import ignore
from pipelines.warehouse.intake import Intake, open_check, open_intake
from pipelines.workspace import Workspace

Progress = Callable[[str], None]


def check_deliveries(paths: Sequence[Path], workspace: Workspace) -> IngestReport:
    """Hold deliveries to the contract, each after the ones before it, and change nothing.

    References are looked up in the deliveries and in the registry, if there is one. Raises
    `UsageError` for a path that is no folder.
    """
    folders = [require_folder(path) for path in paths]
    with _scratch() as scratch, _looking(workspace, [*folders, scratch]) as intake:
        return _joined([_take(folder, intake, scratch, None, ignore) for folder in folders])


def ingest_deliveries(
    paths: Sequence[Path],
    workspace: Workspace,
    *,
    now: datetime,
    progress: Progress = ignore,
) -> IngestReport:
    """Bring deliveries into the store, each as a whole or not at all; the caller holds the lock.

    A refused delivery leaves the store as it was, and the others go on. Raises `UsageError` for a
    path that is no folder.
    """
    folders = [require_folder(path) for path in paths]
    if not folders:
        return _joined([])
    workspace.prepare()
    admission = Admission(now, workspace.quarantine_dir)
    with _scratch() as scratch, _writing(workspace, [*folders, scratch]) as intake:
        return _joined([_take(folder, intake, scratch, admission, progress) for folder in folders])


def new_deliveries(workspace: Workspace) -> list[Path]:
    """Return the folders under raw/ whose bytes are not in the registry yet, by name."""
    if not workspace.raw.is_dir():
        return []
    folders = sorted(
        entry
        for entry in workspace.raw.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not folders or not workspace.store_path.exists():
        return folders
    with _looking(workspace, folders) as intake:
        return [folder for folder in folders if not _is_known(folder, intake)]


def _is_known(folder: Path, intake: Intake) -> bool:
    try:
        delivery = find_delivery(folder)
        hashes = [(file.name, hash_file(file.path)) for file in delivery.files]
    except (FileRefusedError, OSError):
        return False
    return intake.times_taken(content_hash(hashes)) > 0


def _take(
    folder: Path,
    intake: Intake,
    scratch: Path,
    admission: Admission | None,
    progress: Progress,
) -> Outcome:
    try:
        delivery = find_delivery(folder)
        progress(f"Verifying {delivery.name}")
        verified = verify_delivery(delivery, intake, scratch)
        return take_delivery(verified, intake, scratch, admission, progress)
    except DeliveryRefusedError as refusal:
        return _refused(folder, refusal.files)
    except FileRefusedError as fault:
        return _refused(folder, (refusal_of(WHOLE_DELIVERY, "", fault),))


def _refused(folder: Path, files: tuple[FileReport, ...]) -> Outcome:
    return Outcome(DeliveryReport(safe_name(folder), folder, "refused", files))


def _joined(outcomes: Sequence[Outcome]) -> IngestReport:
    import polars as pl

    rejections = [outcome.rejections for outcome in outcomes if outcome.rejections is not None]
    return IngestReport(
        deliveries=tuple(outcome.report for outcome in outcomes),
        rejections=pl.concat([no_rejections(), *rejections]),
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nmt-") as folder:
        yield Path(folder)


@contextmanager
def _writing(workspace: Workspace, allowed: Sequence[Path]) -> Iterator[Intake]:
    intake = open_intake(workspace.store_path, allowed)
    try:
        yield intake
    finally:
        intake.close()


@contextmanager
def _looking(workspace: Workspace, allowed: Sequence[Path]) -> Iterator[Intake]:
    intake = _open_registry(workspace, allowed)
    try:
        yield intake
    finally:
        intake.close()


def _open_registry(workspace: Workspace, allowed: Sequence[Path]) -> Intake:
    from pipelines.warehouse.versions import current_version

    try:
        return open_check(_registry_of(workspace), allowed)
    except RegistryBusyError:
        if not workspace.current_pointer.exists():
            raise
        return open_check(current_version(workspace), allowed)


def _registry_of(workspace: Workspace) -> Path | None:
    """Return what holds the newest records: a version, which nobody waits for, or the store."""
    from pipelines.warehouse.versions import current_version, is_stale

    if not workspace.store_path.exists():
        return None
    return workspace.store_path if is_stale(workspace) else current_version(workspace)
