"""Reads the current release back: its tables, facts and protocol, each held to the manifest."""

import json
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from analysis.contracts.errors import UsageError
from analysis.contracts.protocol import Protocol, ProtocolError, protocol_of
from analysis.contracts.release import FormerRelease, ReleasedTable, ReleaseFacts
from analysis.pages.changes import quarter_of
from pipelines.publication.pages import FACTS_FILE
from pipelines.publication.release import (
    RESULTS,
    current_release,
    read_manifest,
    stands,
    verify_release,
)
from pipelines.workspace import Workspace

PARQUET: Final = ".parquet"


@dataclass(frozen=True)
class StandingRelease:
    """A release as it stands on the disk: what passed the gate, and nothing of the registry.

    `former` is the release before it, None when there was none or it was removed since.
    """

    release_id: str
    tables: dict[str, ReleasedTable]
    facts: ReleaseFacts
    protocol: Protocol
    former: FormerRelease | None = None


def read_release(workspace: Workspace) -> StandingRelease:
    """Return the current release, every file of it with the bytes of its manifest.

    Raises `UsageError` when there is none, or when it is of a version that kept no facts, and
    `IntegrityError` when a file is missing, changed or not declared.
    """
    release_id = current_release(workspace)
    if release_id is None:
        raise UsageError(f"{workspace.root} holds no release yet. Make one with: nmt run")
    verify_release(workspace, release_id)
    manifest = read_manifest(workspace, release_id)
    return StandingRelease(
        release_id=release_id,
        tables=_tables(workspace, release_id, manifest),
        facts=_facts(workspace, release_id, manifest),
        protocol=_protocol(release_id, manifest),
        former=_former(workspace, manifest.get("former")),
    )


def _former(workspace: Workspace, release_id: str | None) -> FormerRelease | None:
    if release_id is None or not stands(workspace, release_id):
        return None
    manifest = read_manifest(workspace, release_id)
    try:
        facts = _facts(workspace, release_id, manifest)
    except UsageError:
        return None
    return FormerRelease(
        release_id=release_id,
        tables=_tables(workspace, release_id, manifest),
        code_version=facts.code_version,
        protocol_hash=facts.protocol_hash,
        deliveries=facts.deliveries,
        quarter=quarter_of(facts.last_month),
    )


def _tables(
    workspace: Workspace, release_id: str, manifest: dict[str, Any]
) -> dict[str, ReleasedTable]:
    folder = workspace.releases_dir / release_id
    files = [
        name
        for name in manifest["files"]
        if name.startswith(f"{RESULTS}/") and name.endswith(PARQUET)
    ]
    names = {name.removeprefix(f"{RESULTS}/").removesuffix(PARQUET): name for name in files}
    return {
        table: ReleasedTable(table, pl.read_parquet(folder / name)) for table, name in names.items()
    }


def _facts(workspace: Workspace, release_id: str, manifest: dict[str, Any]) -> ReleaseFacts:
    path = workspace.releases_dir / release_id / FACTS_FILE
    if FACTS_FILE not in manifest["files"]:
        raise _of_another_version(release_id)
    try:
        return ReleaseFacts(**json.loads(path.read_bytes()))
    except TypeError:
        raise _of_another_version(release_id) from None


def _protocol(release_id: str, manifest: dict[str, Any]) -> Protocol:
    try:
        protocol = protocol_of(manifest["protocol"]["content"])
    except ProtocolError:
        raise _of_another_version(release_id) from None
    if protocol.hash != manifest["protocol"]["hash"]:
        raise _of_another_version(release_id)
    return protocol


def _of_another_version(release_id: str) -> UsageError:
    return UsageError(
        f"Release {release_id} was made by another version of the program, or its manifest was "
        "changed. Make it anew with: nmt run"
    )
