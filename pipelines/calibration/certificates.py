"""The newest certificate of every protocol: `processed/calibration/<protocol>.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from analysis.contracts.errors import IntegrityError
from pipelines.publication.files import json_bytes, sha256, write_atomically
from pipelines.workspace import Workspace, make_folder

NAME_LENGTH: Final = 16


@dataclass(frozen=True)
class Certificate:
    """The certificate of a protocol: of what, its rows, and the hash of both."""

    protocol_hash: str
    code_version: str
    episodes: int
    rows: tuple[Mapping[str, Any], ...]
    hash: str


def write_certificate(
    workspace: Workspace,
    *,
    protocol_hash: str,
    code_version: str,
    episodes: int,
    rows: Sequence[Mapping[str, Any]],
) -> Certificate:
    """Put the certificate in the place of the protocol's former one and return it."""
    content = {
        "protocol_hash": protocol_hash,
        "code_version": code_version,
        "episodes": episodes,
        "rows": list(rows),
    }
    make_folder(workspace.calibration_dir)
    text = json_bytes(content)
    write_atomically(_path(workspace, protocol_hash), text)
    return Certificate(protocol_hash, code_version, episodes, tuple(rows), sha256(text))


def read_certificate(workspace: Workspace, protocol_hash: str) -> Certificate | None:
    """Return the newest certificate of the protocol, if there is one.

    Raises `IntegrityError` when the file is not what was written.
    """
    path = _path(workspace, protocol_hash)
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        content = json.loads(text)
        if content["protocol_hash"] != protocol_hash:
            return None
        names = ("protocol_hash", "code_version", "episodes")
        known = {name: content[name] for name in names}
        return Certificate(**known, rows=tuple(content["rows"]), hash=sha256(text))
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(
            f"The calibration certificate {path} cannot be read. Move it away, or make it anew "
            "with nmt calibrate (finished registries are kept)."
        ) from None


def _path(workspace: Workspace, protocol_hash: str) -> Path:
    return workspace.calibration_dir / f"{protocol_hash[:NAME_LENGTH]}.json"
