"""One writer at a time: a lock that the kernel releases when its holder ends, however it ends."""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analysis.contracts.errors import EnvironmentFaultError, RegistryBusyError
from pipelines.workspace import Workspace, make_folder

# A glance (nmt status) holds the registry for a moment; no run should fail for that.
PATIENCE_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.02
# The holder writes who it is right after it took the lock; a rival may look in between.
READ_ATTEMPTS: Final = 20


@dataclass(frozen=True)
class Holder:
    """Who holds the registry: process id, since when (UTC, ISO 8601) and what for."""

    pid: int
    since: str
    purpose: str


# Locks this process holds, by path and thread, so that a flow may call another one.
_held: dict[tuple[Path, int], int] = {}


@contextmanager
def hold_registry(workspace: Workspace, purpose: str) -> Iterator[None]:
    """Hold the registry for writing; raise `RegistryBusyError` naming the run that has it.

    May be nested within one thread: the innermost holders share the outermost lock.
    """
    key = (workspace.lock_path, threading.get_ident())
    if key in _held:
        _held[key] += 1
        try:
            yield
        finally:
            _held[key] -= 1
        return
    descriptor = _take(workspace, purpose)
    _held[key] = 1
    try:
        yield
    finally:
        del _held[key]
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def registry_holder(workspace: Workspace) -> Holder | None:
    """Return who holds the registry now, or None when it is free."""
    try:
        descriptor = os.open(workspace.lock_path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _lock(descriptor, shared=True) else _read_holder(workspace.lock_path)
    finally:
        os.close(descriptor)


def _take(workspace: Workspace, purpose: str) -> int:
    descriptor = _open(workspace)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _lock(descriptor, shared=False):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise RegistryBusyError(_busy_message(_read_holder(workspace.lock_path)))
        time.sleep(PAUSE_SECONDS)
    holder = Holder(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), purpose)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    return descriptor


def _open(workspace: Workspace) -> int:
    make_folder(workspace.registry_dir)
    try:
        return os.open(workspace.lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise EnvironmentFaultError(
            f"The lock {workspace.lock_path} cannot be opened: {fault.strerror}. "
            "Change the rights of its folder, or name another workspace with --data DIR."
        ) from None


def _lock(descriptor: int, *, shared: bool) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as fault:
        if fault.errno == errno.EWOULDBLOCK:
            return False
        raise EnvironmentFaultError(
            f"The file system of the workspace cannot lock files: {fault.strerror}. "
            "Put the workspace on a local disk."
        ) from None
    return True


def _read_holder(lock_path: Path) -> Holder | None:
    for _ in range(READ_ATTEMPTS):
        try:
            return Holder(**json.loads(lock_path.read_text()))
        except (ValueError, TypeError, OSError):
            time.sleep(PAUSE_SECONDS)
    return None


def _busy_message(holder: Holder | None) -> str:
    who = (
        f"process {holder.pid} ({holder.purpose}), since {holder.since}"
        if holder
        else "a process that has not said who it is"
    )
    return (
        f"Another run holds the registry: {who}. Wait for it to end and try again; "
        "readers (nmt sql, nmt serve, nmt status) work meanwhile."
    )
