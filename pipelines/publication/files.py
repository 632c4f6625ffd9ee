"""Writing so that a reader, or a machine that stops, finds either the old file or the new one."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Replace the file by the content in one step; `mode` says who may read it, as umask allows."""
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        write_durably(aside, content, mode=mode)
        os.replace(aside, path)  # noqa: PTH105
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_durably(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a new file and wait until the disk has it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the content as JSON text in one stable spelling."""
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def sha256(content: bytes) -> str:
    """Return the content's SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
