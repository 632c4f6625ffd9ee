"""What was released, kept beside the registry, so that the gate of the next release remembers it.

One chain names the releases in the order in which they were made, each with the release before it;
one file a release holds its tables with the true counts beside the released ones. Both are for the
holder of the registry alone: nothing of them is ever part of a release.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.contracts.errors import IntegrityError
from analysis.contracts.release import FormerRelease
from pipelines.publication.files import sha256, write_atomically
from pipelines.workspace import PRIVATE_FOLDER_MODE, Workspace, make_folder

if TYPE_CHECKING:
    from analysis.disclosure import Remembered

CHAIN: Final = "chain.jsonl"
# As many releases as may be made again, and as many as the oldest of them is compared with.
MADE_AGAIN: Final = 8
KEPT_LEDGERS: Final = 16
PRIVATE_FILE_MODE: Final = 0o600


@dataclass(frozen=True)
class Link:
    """One release of the chain: what it was made of and after which release.

    `core` stands for deliveries, code and protocol without the former release; `ledger_hash` is the
    SHA-256 of the file that keeps its tables.
    """

    release_id: str
    core: str
    former: str | None
    quarter: str | None
    code_version: str
    protocol_hash: str
    deliveries: int
    ledger_hash: str


def read_chain(workspace: Workspace) -> tuple[Link, ...]:
    """Return every release that was remembered, the oldest first.

    Raises `IntegrityError` when the chain cannot be read. A workspace whose releases are older
    than the chain has none: its next release is the first that is remembered.
    """
    path = ledger_folder(workspace) / CHAIN
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(Link(**json.loads(line)) for line in lines)
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError):
        raise _damaged(path, "cannot be read") from None


def former_of(chain: Sequence[Link], core: str) -> str | None:
    """Return after which release one of this core is made: the newest, or that one's former.

    The same deliveries, code and protocol made again are the same release, not the next one, and
    the way back to an earlier protocol leads to the release that readers have seen already.
    """
    for link in reversed(chain[-MADE_AGAIN:]):
        if link.core == core:
            return link.former
    return chain[-1].release_id if chain else None


def memory_before(workspace: Workspace, former: str | None) -> tuple["Remembered", ...]:
    """Return the remembered releases up to `former`, the oldest first.

    Raises `IntegrityError` when one of them is missing or is not what was written.
    """
    from analysis.disclosure import REMEMBERED_RELEASES

    links = _links_up_to(read_chain(workspace), former)
    return tuple(_read(workspace, link) for link in links[-REMEMBERED_RELEASES:])


def former_release(
    workspace: Workspace, former: str | None, memory: Sequence["Remembered"]
) -> FormerRelease | None:
    """Return what pages may know of the release before theirs; the last of the memory."""
    links = _links_up_to(read_chain(workspace), former)
    if not links:
        return None
    return FormerRelease(
        release_id=links[-1].release_id,
        tables=memory[-1].released(),
        code_version=links[-1].code_version,
        protocol_hash=links[-1].protocol_hash,
        deliveries=links[-1].deliveries,
        quarter=links[-1].quarter,
    )


def ledger_bytes(remembered: "Remembered") -> bytes:
    """Return the file that keeps a release: one Parquet table each, in one archive."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        facts = json.dumps({"quarter": remembered.quarter})
        archive.writestr(zipfile.ZipInfo("quarter.json"), facts)
        for name, rows in sorted(remembered.tables.items()):
            table = BytesIO()
            rows.write_parquet(table)
            archive.writestr(zipfile.ZipInfo(f"{name}.parquet"), table.getvalue())
    return content.getvalue()


def remember_release(workspace: Workspace, link: Link, content: bytes) -> None:
    """Keep a release, before anything points to it; the caller holds the registry.

    A release of the chain is not appended again; its file is put in place anew.
    """
    folder = ledger_folder(workspace)
    make_folder(folder, mode=PRIVATE_FOLDER_MODE)
    chain = read_chain(workspace)
    known = next((each for each in chain if each.release_id == link.release_id), None)
    if known is not None and known.ledger_hash != link.ledger_hash:
        return
    write_atomically(_path(workspace, link.release_id), content, mode=PRIVATE_FILE_MODE)
    if known is None:
        lines = [json.dumps(asdict(each), sort_keys=True) for each in (*chain, link)]
        text = "".join(f"{line}\n" for line in lines)
        write_atomically(folder / CHAIN, text.encode(), mode=PRIVATE_FILE_MODE)


def prune_ledgers(workspace: Workspace, keep: int = KEPT_LEDGERS) -> None:
    """Remove what is kept of releases that no next release compares itself with."""
    kept = {f"{link.release_id}.zip" for link in read_chain(workspace)[-keep:]}
    for path in ledger_folder(workspace).glob("*"):
        if path.name != CHAIN and path.name not in kept:
            path.unlink(missing_ok=True)


def ledger_folder(workspace: Workspace) -> Path:
    """Return the folder of the chain and of what is kept of every release."""
    return workspace.registry_dir / "ledger"


def _links_up_to(chain: Sequence[Link], former: str | None) -> list[Link]:
    """Return the links that lead to `former`, the oldest first."""
    by_id = {link.release_id: link for link in chain}
    found: list[Link] = []
    while former is not None and former in by_id and len(found) < len(chain):
        found.append(by_id[former])
        former = by_id[former].former
    return found[::-1]


def _read(workspace: Workspace, link: Link) -> "Remembered":
    import polars as pl

    from analysis.disclosure import Remembered

    path = _path(workspace, link.release_id)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    if sha256(content) != link.ledger_hash:
        raise _damaged(path, "does not hold the bytes that were written")
    with zipfile.ZipFile(BytesIO(content)) as archive:
        tables = {
            name.removesuffix(".parquet"): pl.read_parquet(BytesIO(archive.read(name)))
            for name in archive.namelist()
            if name.endswith(".parquet")
        }
    return Remembered(link.quarter, tables)


def _path(workspace: Workspace, release_id: str) -> Path:
    return ledger_folder(workspace) / f"{release_id}.zip"


def _damaged(path: Path, what: str) -> IntegrityError:
    return IntegrityError(
        f"The ledger of releases: {path} {what}, so it is not known what readers have seen. Put "
        f"the file back from a backup; without one move the folder {path.parent} away, and the "
        "next release is made as if it were the first."
    )
