"""What went wrong, said without any value of a record.

Messages of readers and databases quote the records they stumble over. So only the product's own
errors speak for themselves; of every other exception its type and place are told.
"""

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from analysis.contracts.errors import EnvironmentFaultError, NmtError

OUR_PACKAGES: Final = ("pipelines", "analysis")
ENVIRONMENT_ERRNOS: Final = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EFBIG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENOTEMPTY,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ESTALE,
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
    }
)
# How DuckDB and polars word the same conditions; only the condition is told on.
ENVIRONMENT_WORDS: Final = (
    "No space left on device",
    "Permission denied",
    "Read-only file system",
    "Disk quota exceeded",
    "Out of Memory",
    "could not allocate",
)


class ProgramFaultError(NmtError):
    """A fault of the program itself; `frames` says where, without values."""

    exit_code = 9

    def __init__(self, message: str, frames: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.frames = frames


def explained(fault: Exception) -> NmtError:
    """Return the fault as an error that may be shown, logged and stored."""
    if isinstance(fault, NmtError):
        return fault
    if condition := _environment_condition(fault):
        return EnvironmentFaultError(
            f"The machine did not allow the work: {condition}. "
            "Look at free disk space, memory and the rights of the workspace, then run again; "
            "what was published before is untouched."
        )
    frames = tuple(_frames(fault))
    place = next((frame for frame in reversed(frames) if _is_ours(frame)), "an unknown place")
    return ProgramFaultError(
        f"A fault of the program: {type(fault).__name__} at {place}. "
        "What was published before is untouched. Run again with NMT_DEBUG=1 for the call chain "
        "(it holds no record) and report it.",
        frames,
    )


@contextmanager
def explaining() -> Iterator[None]:
    """Let nothing but explained errors out, so that no engine stores or logs a record's text."""
    try:
        yield
    except NmtError:
        raise
    except Exception as fault:
        raise explained(fault) from None


def _environment_condition(fault: Exception) -> str | None:
    if isinstance(fault, MemoryError):
        return "no memory left"
    if isinstance(fault, OSError) and fault.errno in ENVIRONMENT_ERRNOS:
        where = f" ({Path(str(fault.filename))})" if fault.filename else ""
        return f"{fault.strerror}{where}"
    if type(fault).__module__.partition(".")[0] in ("duckdb", "_duckdb", "polars"):
        text = str(fault).lower()
        return next((words for words in ENVIRONMENT_WORDS if words.lower() in text), None)
    return None


def _frames(fault: Exception) -> Iterator[str]:
    for frame, line in traceback.walk_tb(fault.__traceback__):
        code = frame.f_code
        yield f"{_short(Path(code.co_filename))}:{line} in {code.co_name}"


def _short(path: Path) -> str:
    for package in OUR_PACKAGES:
        if package in path.parts:
            return "/".join(path.parts[path.parts.index(package) :])
    return path.name


def _is_ours(frame: str) -> bool:
    return frame.startswith(tuple(f"{package}/" for package in OUR_PACKAGES))
