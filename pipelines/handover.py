"""One clinic's folder, to be handed to that clinic: its page and figures, and nobody else's.

Two locks stand before the door. The folder is made from the clinic's own rows, and from the
network's only where they may stand beside a clinic. Then every file is searched for the others.
"""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import polars as pl

from analysis.contracts.entries import shown
from analysis.contracts.errors import ReleaseRefusedError, UsageError
from analysis.contracts.release import ReleasedTable
from analysis.contracts.results import CLINIC, NETWORK
from analysis.pages import clinic_file, render_clinic
from analysis.pages.shelf import fill
from pipelines.other_names import first_named, other_clinics
from pipelines.publication.files import json_bytes, sha256, write_atomically, write_durably
from pipelines.publication.reading import StandingRelease, read_release
from pipelines.review import known_clinic
from pipelines.workspace import Workspace, make_folder

KIND: Final = "nmt handover"
MANIFEST: Final = "manifest.json"
README: Final = "README.txt"
ASSETS: Final = "assets/"
TABLES: Final = "tables/"
# Therapists are reviewed on a page of their own, where the protocol allows it at all.
NOT_HANDED_OVER: Final = ("therapist_reviews",)
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
ZIP_MODE: Final = 0o644 << 16

ABOUT: Final = """Outcomes of clinic {clinic}

This folder holds the figures of this clinic and of no other clinic. Where it may, the whole network
stands beside them; where that could tell another clinic's figures, it does not.

  index.html     the clinic's page; open it in a browser, no server is needed
  tables/*.csv   the clinic's figures as they were released, one table a file; a number that is not
                 there has its reason in the column of the same name that ends in _status
  manifest.json  the release and the hash of every file

Figures about 1 to {largest_hidden} patients are never shown, other counts are rounded to {base}.
{synthetic}
Release {release_id}, protocol {protocol} ({protocol_hash}), code {code}.
"""


@dataclass(frozen=True)
class Handover:
    """What was written for whom, and from which release."""

    release_id: str
    clinic: str
    place: Path
    files: int
    bytes: int


def hand_over(
    workspace: Workspace,
    clinic: str,
    *,
    folder: Path | None = None,
    archive: Path | None = None,
) -> Handover:
    """Write one clinic's folder, or one zip of it, from the current release.

    Raises `UsageError` without a release, for a clinic that it does not hold, and where something
    of another origin stands in the place; `ReleaseRefusedError` when a file would name another
    clinic, and then nothing is written.
    """
    release = read_release(workspace)
    known_clinic(release, clinic)
    files = handover_files(release, clinic)
    name = f"handover-{clinic_file(clinic).removesuffix('.html')}"
    place = archive or folder or Path(name)
    if archive is not None:
        _write_archive(place, clinic, _zipped(name, files))
    else:
        _write_folder(place, clinic, files)
    return Handover(release.release_id, clinic, place, len(files), sum(map(len, files.values())))


def handover_files(release: StandingRelease, clinic: str) -> dict[str, bytes]:
    """Return every file of one clinic's folder by its path.

    Raises `ReleaseRefusedError` when one of them would name another clinic.
    """
    files = {
        **_page_files(release, clinic),
        **_table_files(release.tables, clinic),
        README: _about(release, clinic),
    }
    _refuse_to_name_others(files, release, clinic)
    facts = {name: {"sha256": sha256(made), "bytes": len(made)} for name, made in files.items()}
    manifest = {"kind": KIND, "clinic": clinic, "release_id": release.release_id, "files": facts}
    return files | {MANIFEST: json_bytes(manifest)}


def _page_files(release: StandingRelease, clinic: str) -> dict[str, bytes]:
    former = release.former
    own = None if former is None else replace(former, tables=_rows_of(former.tables, clinic))
    return render_clinic(release.tables, release.facts, release.protocol, clinic, own)


def _rows_of(tables: Mapping[str, ReleasedTable], clinic: str) -> dict[str, ReleasedTable]:
    is_own = (pl.col("unit_kind") == CLINIC) & (pl.col("unit_name") == clinic)
    return {
        name: ReleasedTable(name, table.rows.filter(is_own))
        for name, table in tables.items()
        if "unit_kind" in table.rows.columns
    }


def _table_files(tables: Mapping[str, ReleasedTable], clinic: str) -> dict[str, bytes]:
    own = fill(tables).of_clinic(clinic)
    return {
        f"{TABLES}{name}.csv": pl.DataFrame(rows, schema=tables[name].rows.schema)
        .write_csv()
        .encode()
        for name, rows in sorted(own.tables.items())
        if rows and name not in NOT_HANDED_OVER
    }


def _refuse_to_name_others(
    files: Mapping[str, bytes], release: StandingRelease, clinic: str
) -> None:
    # The pages' own scripts and styles are the program's, byte for byte.
    searched = {path: made for path, made in files.items() if not path.startswith(ASSETS)}
    words = _page_without_clinics(release, clinic)
    others = other_clinics(release.tables, clinic)
    named = first_named(searched, others, clinic, words)
    if named is not None:
        raise ReleaseRefusedError(
            f"Nothing was handed over: the file {named.path} would name the clinic "
            f"{shown(named.clinic)}. A clinic's folder may hold nothing of another. Look at the "
            "released table for the name, have the record corrected, and run nmt run."
        )


def _page_without_clinics(release: StandingRelease, clinic: str) -> str:
    """Return the page as it would be if the network were the clinic: what every page says."""
    relabelled = {
        name: ReleasedTable(name, _as_if_one_clinic(table.rows, clinic))
        for name, table in release.tables.items()
        if "unit_kind" in table.rows.columns
    }
    pages = render_clinic(relabelled, release.facts, release.protocol, clinic)
    tables = _table_files(relabelled, clinic)
    said = [
        pages["index.html"],
        _about(release, clinic),
        *tables.values(),
        *map(str.encode, tables),
    ]
    return "\n".join(content.decode() for content in said)


def _as_if_one_clinic(rows: pl.DataFrame, clinic: str) -> pl.DataFrame:
    return rows.filter(pl.col("unit_kind") == NETWORK).with_columns(
        unit_kind=pl.lit(CLINIC), unit_name=pl.lit(clinic)
    )


def _about(release: StandingRelease, clinic: str) -> bytes:
    facts = release.facts
    synthetic = "\nSynthetic demonstration data: nobody in these figures exists.\n"
    return ABOUT.format(
        clinic=clinic,
        largest_hidden=facts.smallest_count - 1,
        base=facts.rounding_base,
        synthetic=synthetic if facts.is_synthetic else "",
        release_id=release.release_id,
        protocol=facts.protocol_name,
        protocol_hash=facts.protocol_hash[:12],
        code=facts.code_version,
    ).encode()


def _zipped(name: str, files: Mapping[str, bytes]) -> bytes:
    """Return the files as a zip that is the same for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, made in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", date_time=ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = ZIP_MODE
            archive.writestr(entry, made)
    return content.getvalue()


def _write_archive(place: Path, clinic: str, content: bytes) -> None:
    if place.exists() and not _is_own(_archived_manifest(place), clinic):
        raise _taken(place, "--zip")
    make_folder(place.parent)
    write_atomically(place, content)


def _write_folder(place: Path, clinic: str, files: Mapping[str, bytes]) -> None:
    is_empty = place.is_dir() and not any(place.iterdir())
    if place.exists() and not is_empty and not _is_own(_stored_manifest(place), clinic):
        raise _taken(place, "--output")
    make_folder(place.parent)
    aside, former = (place.with_name(f".{place.name}.{uuid4().hex}") for _ in range(2))
    try:
        for name, made in files.items():
            make_folder((aside / name).parent)
            write_durably(aside / name, made)
        if place.exists():
            os.replace(place, former)  # noqa: PTH105
        os.replace(aside, place)  # noqa: PTH105
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _is_own(manifest: bytes, clinic: str) -> bool:
    """Say whether this is the manifest of an earlier handover of the same clinic."""
    try:
        content: Any = json.loads(manifest)
        return bool(content["kind"] == KIND and content["clinic"] == clinic)
    except (ValueError, KeyError, TypeError):
        return False


def _stored_manifest(place: Path) -> bytes:
    path = place / MANIFEST
    return path.read_bytes() if path.is_file() else b""


def _archived_manifest(place: Path) -> bytes:
    try:
        with zipfile.ZipFile(place) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(f"/{MANIFEST}"))
            return archive.read(name)
    except (zipfile.BadZipFile, ValueError, OSError):
        return b""


def _taken(place: Path, option: str) -> UsageError:
    return UsageError(
        f"{place} is there already and is no earlier handover of this clinic. Move it away, or "
        f"name another place with {option}."
    )
