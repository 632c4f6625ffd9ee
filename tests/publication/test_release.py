"""A release is complete before anything points to it, and never changes afterwards."""

import json
import os
from pathlib import Path

import pytest

from analysis.contracts.errors import IntegrityError
from pipelines.publication import release
from pipelines.publication.code import CodeVersion, code_version
from pipelines.publication.release import (
    ReleaseInputs,
    current_release,
    point_site,
    prune_releases,
    released,
    site_pages,
    verify_release,
    write_release,
)
from pipelines.workspace import Workspace

CODE = CodeVersion("0.1.0", "abc", (("polars", "2.1.0"),))
PAGES = {"pages/index.html": b"<p>network</p>", "results/estimates.csv": b"value\n0.1\n"}


def inputs(*deliveries: str, protocol: str = "p", code: CodeVersion = CODE) -> ReleaseInputs:
    return ReleaseInputs(deliveries, is_synthetic=False, code=code, protocol_hash=protocol)


def publish(workspace: Workspace, *deliveries: str) -> str:
    made_of = inputs(*deliveries)
    write_release(workspace, made_of, "{}", PAGES)
    point_site(workspace, made_of.release_id)
    return made_of.release_id


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data").prepare()


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_inputs_have_the_same_name_and_any_other_input_another() -> None:
    names = {
        inputs("a", "b").release_id,
        inputs("b", "a").release_id,
        inputs("a").release_id,
        inputs("a", "b", protocol="q").release_id,
        inputs("a", "b", code=CodeVersion("0.1.0", "abd", CODE.libraries)).release_id,
        ReleaseInputs(("a", "b"), is_synthetic=True, code=CODE, protocol_hash="p").release_id,
    }
    assert len(names) == 6
    assert inputs("a", "b").release_id == inputs("a", "b").release_id


def test_the_manifest_holds_the_hash_of_every_file_and_input(workspace: Workspace) -> None:
    release_id = publish(workspace, "d1", "d2")
    manifest = json.loads((workspace.releases_dir / release_id / "manifest.json").read_text())
    assert sorted(manifest["files"]) == sorted(PAGES)
    assert manifest["inputs"] == ["d1", "d2"]
    assert manifest["code"]["source_hash"] == "abc"
    assert manifest["protocol"] == {"hash": "p", "content": {}}
    assert verify_release(workspace, release_id) == len(PAGES)


def test_publishing_a_standing_release_again_changes_nothing_on_disk(workspace: Workspace) -> None:
    publish(workspace, "d1")
    before = everything(workspace.releases_dir)
    publish(workspace, "d1")
    assert everything(workspace.releases_dir) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "pages/index.html").write_bytes(b"<p>other</p>"),
        lambda folder: (folder / "results/estimates.csv").unlink(),
        lambda folder: (folder / "pages/more.html").write_bytes(b"more"),
        lambda folder: (folder / "manifest.json").write_bytes(b"{"),
        lambda folder: (folder / "manifest.json").write_bytes(b"[]"),
    ],
    ids=["changed", "missing", "added", "broken manifest", "foreign manifest"],
)
def test_a_damaged_release_is_noticed_and_replaced_whole(workspace: Workspace, damage) -> None:
    release_id = publish(workspace, "d1")
    damage(workspace.releases_dir / release_id)
    with pytest.raises(IntegrityError, match=release_id):
        verify_release(workspace, release_id)
    assert write_release(workspace, inputs("d1"), "{}", PAGES) == "written"
    assert verify_release(workspace, release_id) == len(PAGES)


def test_other_bytes_under_the_same_name_leave_the_standing_release(workspace: Workspace) -> None:
    release_id = publish(workspace, "d1")
    others = {**PAGES, "pages/index.html": b"<p>something else</p>"}
    assert write_release(workspace, inputs("d1"), "{}", others) == "differs"
    assert verify_release(workspace, release_id) == len(PAGES)


def test_a_release_that_breaks_off_is_never_seen(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = publish(workspace, "d1")

    def full_disk(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(release, "write_durably", full_disk)
    with pytest.raises(OSError, match="No space"):
        publish(workspace, "d1", "d2")
    assert released(workspace) == [former]
    assert current_release(workspace) == former


def test_no_file_of_a_release_lies_outside_it(workspace: Workspace) -> None:
    with pytest.raises(IntegrityError):
        write_release(workspace, inputs("d1"), "{}", {"pages/../../../secret": b""})


def test_the_site_follows_the_newest_release(workspace: Workspace) -> None:
    assert site_pages(workspace) is None
    publish(workspace, "d1")
    newest = publish(workspace, "d1", "d2")
    assert current_release(workspace) == newest
    assert (workspace.site / "index.html").read_bytes() == PAGES["pages/index.html"]
    assert not workspace.site.readlink().is_absolute()


def test_a_workspace_that_moves_keeps_its_site(workspace: Workspace) -> None:
    newest = publish(workspace, "d1")
    moved = Workspace(workspace.root.rename(workspace.root.with_name("moved")))
    assert current_release(moved) == newest


def test_without_links_a_text_file_points_to_the_pages(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", no_links)
    newest = publish(workspace, "d1")
    assert workspace.site.is_file()
    assert current_release(workspace) == newest


def test_old_releases_go_but_never_the_current_one(workspace: Workspace) -> None:
    names = [publish(workspace, f"d{number}") for number in range(5)]
    for age, name in enumerate(names):
        os.utime(workspace.releases_dir / name, (age, age))
    point_site(workspace, names[0])
    (workspace.releases_dir / ".broken-off").mkdir()
    prune_releases(workspace, keep=2)
    assert sorted(released(workspace)) == sorted([names[0], names[3], names[4]])
    assert not (workspace.releases_dir / ".broken-off").exists()


def test_the_code_version_names_sources_and_libraries() -> None:
    version = code_version()
    assert len(version.source_hash) == 64
    assert "duckdb" in dict(version.libraries)
    assert version.label.startswith(version.package)
