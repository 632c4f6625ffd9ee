"""A release: a folder of pages and tables that is complete before anything points to it.

Its name is made from what it was made of, so the same deliveries, code and protocol after the same
former release give the same release, and nothing in it depends on the clock.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal
from uuid import uuid4

from analysis.contracts.errors import EnvironmentFaultError, IntegrityError
from analysis.contracts.standing import NOT_REGISTERED
from pipelines.publication.code import CodeVersion
from pipelines.publication.files import json_bytes, sha256, write_durably
from pipelines.registry import input_hash_of
from pipelines.workspace import Workspace, make_folder

Outcome = Literal["written", "stands", "differs"]

MANIFEST: Final = "manifest.json"
PAGES: Final = "pages"
RESULTS: Final = "results"
KEPT_RELEASES: Final = 8
ID_LENGTH: Final = 16


@dataclass(frozen=True)
class ReleaseInputs:
    """Everything a release is made of: deliveries in the order they came, code and protocol.

    `standing` is what a registered protocol makes of the results, with the reason beside it, and
    `spent` names the analyses that are an extra look; `certificate_hash` names the calibration
    certificate that the release holds, if there is one, and `rebases_hash` the re-bases of charts.
    `former` is the release before it, which says what its readers have seen already.
    """

    delivery_hashes: tuple[str, ...]
    is_synthetic: bool
    code: CodeVersion
    protocol_hash: str
    standing: str = NOT_REGISTERED
    standing_reason: str = ""
    spent: tuple[str, ...] = ()
    certificate_hash: str | None = None
    rebases_hash: str | None = None
    former: str | None = None

    @property
    def input_hash(self) -> str:
        """Return the hash of the deliveries' contents, in their order."""
        return input_hash_of(self.delivery_hashes)

    @property
    def release_id(self) -> str:
        """Return the name that these inputs give the release."""
        return sha256(f"{self.core}\n{self.former or ''}".encode())[:ID_LENGTH]

    @property
    def core(self) -> str:
        """Return the hash of everything but the former release."""
        kind = "synthetic" if self.is_synthetic else "recorded"
        parts = (
            self.input_hash,
            kind,
            self.code.identity,
            self.protocol_hash,
            self.standing,
            ",".join(self.spent),
            self.certificate_hash or "",
            self.rebases_hash or "",
        )
        return sha256("\n".join(parts).encode())


def write_release(
    workspace: Workspace,
    inputs: ReleaseInputs,
    protocol_canonical: str,
    contents: Mapping[str, bytes],
) -> Outcome:
    """Write the release unless it stands; return whether it was written, stands or differs.

    `contents` maps paths within the release to bytes. A sound release is never changed: when other
    bytes were made now under the same name, it `differs` and the standing one is kept. A damaged
    release is replaced whole.
    """
    manifest = _manifest(inputs, protocol_canonical, contents)
    release = workspace.releases_dir / inputs.release_id
    if release.exists() and _is_sound(release):
        return "stands" if _read_manifest(release) == manifest else "differs"
    aside = workspace.releases_dir / f".{inputs.release_id}.{uuid4().hex}"
    try:
        _write_folder(aside, {**contents, MANIFEST: json_bytes(manifest)})
        _put_in_place(aside, release)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return "written"


def stands(workspace: Workspace, release_id: str) -> bool:
    """Return whether the release is there with every file as its manifest says."""
    return _is_sound(workspace.releases_dir / release_id)


def verify_release(workspace: Workspace, release_id: str) -> int:
    """Return how many files the release holds, every one with the bytes of its manifest.

    Raises `IntegrityError` naming the first file that is missing, changed or not declared.
    """
    folder = workspace.releases_dir / release_id
    declared = _read_manifest(folder)["files"]
    for name, facts in declared.items():
        path = folder / name
        if not path.is_file():
            raise _damaged(release_id, name, "is missing")
        if sha256(path.read_bytes()) != facts["sha256"]:
            raise _damaged(release_id, name, "does not hold the bytes that were released")
    for name in _files_of(folder):
        if name not in declared and name != MANIFEST:
            raise _damaged(release_id, name, "was not part of the release")
    return len(declared)


def read_manifest(workspace: Workspace, release_id: str) -> dict[str, Any]:
    """Return the manifest of the release; raise `IntegrityError` when it cannot be read."""
    return _read_manifest(workspace.releases_dir / release_id)


def point_site(workspace: Workspace, release_id: str) -> bool:
    """Let the site be the pages of the release; return whether it was another before."""
    target = PurePosixPath(workspace.releases_dir.name, release_id, PAGES)
    if current_release(workspace) == release_id:
        return False
    aside = workspace.site.with_name(f".site.{uuid4().hex}")
    try:
        os.symlink(target, aside)  # noqa: PTH211
    except OSError:
        # No links on this file system: a text file says where the pages are.
        write_durably(aside, f"{target}\n".encode())
    try:
        os.replace(aside, workspace.site)  # noqa: PTH105
    except OSError as fault:
        aside.unlink(missing_ok=True)
        raise EnvironmentFaultError(
            f"The link {workspace.site} cannot be moved: {fault.strerror}. "
            "Move what stands in its place away and run again; the release itself is complete."
        ) from None
    return True


def site_pages(workspace: Workspace) -> Path | None:
    """Return the folder of the current release's pages, or None before the first release."""
    site = workspace.site
    if site.is_symlink():
        target = str(site.readlink())
    elif site.is_file():
        target = site.read_text().strip()
    else:
        return None
    pages = workspace.processed / target
    return pages if pages.is_dir() else None


def current_release(workspace: Workspace) -> str | None:
    """Return the id of the release that the site shows."""
    pages = site_pages(workspace)
    return pages.parent.name if pages else None


def released(workspace: Workspace) -> list[str]:
    """Return the ids of the releases that stand, the newest first."""
    folders = [path for path in workspace.releases_dir.glob("[!.]*") if path.is_dir()]
    newest_first = sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [path.name for path in newest_first]


def prune_releases(workspace: Workspace, keep: int = KEPT_RELEASES) -> list[str]:
    """Remove the oldest releases beyond `keep`, and what broken-off runs left; never the current.

    Returns the ids of the releases that were removed.
    """
    current = current_release(workspace)
    removed = [release_id for release_id in released(workspace)[keep:] if release_id != current]
    left_over = workspace.releases_dir.glob(".*")
    for folder in (*left_over, *(workspace.releases_dir / release_id for release_id in removed)):
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def _manifest(
    inputs: ReleaseInputs, protocol_canonical: str, contents: Mapping[str, bytes]
) -> dict[str, Any]:
    return {
        "release_id": inputs.release_id,
        "input_hash": inputs.input_hash,
        "inputs": list(inputs.delivery_hashes),
        "is_synthetic": inputs.is_synthetic,
        "code": {**asdict(inputs.code), "libraries": dict(inputs.code.libraries)},
        "protocol": {"hash": inputs.protocol_hash, "content": json.loads(protocol_canonical)},
        "standing": {
            "protocol": inputs.standing,
            "reason": inputs.standing_reason,
            "extra_looks": list(inputs.spent),
        },
        "certificate": inputs.certificate_hash,
        "rebases": inputs.rebases_hash,
        "former": inputs.former,
        "files": {
            name: {"sha256": sha256(content), "bytes": len(content)}
            for name, content in sorted(contents.items())
        },
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(folder.name, MANIFEST, "cannot be read") from None
    return manifest


def _is_sound(release: Path) -> bool:
    try:
        verify_release(Workspace(release.parents[2]), release.name)
    except IntegrityError:
        return False
    return True


def _damaged(release_id: str, name: str, what: str) -> IntegrityError:
    return IntegrityError(
        f"Release {release_id}: the file {name} {what}. "
        "Run nmt run: it writes the release anew from the registry."
    )


def _files_of(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise IntegrityError(f"A file of the release would lie outside it: {name}.")
        make_folder(path.parent)
        write_durably(path, content)


def _put_in_place(aside: Path, release: Path) -> None:
    if release.exists():
        damaged = release.with_name(f".{release.name}.damaged.{uuid4().hex}")
        os.replace(release, damaged)  # noqa: PTH105
    os.replace(aside, release)  # noqa: PTH105
