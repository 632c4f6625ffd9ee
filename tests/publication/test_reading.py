"""A release can be read back: its tables, facts and protocol, and nothing that was changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from analysis.contracts.errors import IntegrityError, UsageError
from analysis.disclosure import release_tables
from pipelines.publication.reading import read_release
from pipelines.publication.release import current_release
from pipelines.workspace import Workspace
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results
from tests.publication.drawn import published


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return published(tmp_path / "data", results([("north", 120), ("south", 90)]))


def test_what_was_released_is_what_is_read(workspace: Workspace) -> None:
    release = read_release(workspace)
    tables = release_tables(results([("north", 120), ("south", 90)]), DISCLOSURE)
    assert sorted(release.tables) == sorted(tables)
    for name, table in tables.items():
        assert release.tables[name].name == name
        assert_frame_equal(release.tables[name].rows, table.rows)
    assert release.release_id == release.facts.release_id == current_release(workspace)
    assert release.facts.last_month == FACTS.last_month
    assert release.protocol == PROTOCOL


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    "damage",
    [
        changed("results/quality_points.parquet", lambda content: content[:-1]),
        changed("facts.json", lambda content: content.replace(b"2026", b"2027")),
        changed("manifest.json", lambda content: content[:100]),
        lambda folder: (folder / "results" / "more.parquet").write_bytes(b"more"),
    ],
    ids=["a table", "the facts", "the manifest", "a table more"],
)
def test_a_release_that_was_changed_is_not_read(
    workspace: Workspace, damage: Callable[[Path], object]
) -> None:
    damage(workspace.site.resolve().parent)
    with pytest.raises(IntegrityError, match="nmt run"):
        read_release(workspace)


def without_facts(manifest: dict[str, dict[str, object]]) -> None:
    del manifest["files"]["facts.json"]


def with_another_threshold(manifest: dict[str, dict[str, dict[str, object]]]) -> None:
    manifest["protocol"]["content"]["gates"] = {"detectable_power": 0.5}


def with_an_unknown_section(manifest: dict[str, dict[str, dict[str, object]]]) -> None:
    manifest["protocol"]["content"]["later"] = {"key": 1}


@pytest.mark.parametrize("change", [without_facts, with_another_threshold, with_an_unknown_section])
def test_a_release_of_another_version_asks_for_a_run(
    workspace: Workspace, change: Callable[[dict[str, object]], None]
) -> None:
    folder = workspace.site.resolve().parent
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    if "facts.json" not in manifest["files"]:
        (folder / "facts.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="another version"):
        read_release(workspace)


def test_facts_of_another_version_ask_for_a_run(tmp_path: Path) -> None:
    from dataclasses import dataclass

    from analysis.contracts.release import ReleaseFacts

    @dataclass(frozen=True)
    class LaterFacts(ReleaseFacts):
        later: str = "unknown here"

    facts = LaterFacts(**vars(FACTS))
    with pytest.raises(UsageError, match="another version"):
        read_release(published(tmp_path / "data", results([("north", 120)]), facts))


def test_without_a_release_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nmt run"):
        read_release(Workspace(tmp_path / "data"))


def test_the_release_before_is_read_with_it_as_long_as_it_stands(
    workspace: Workspace,
) -> None:
    first = current_release(workspace)
    published(workspace.root, results([("north", 160), ("south", 90)]), former=first)
    former = read_release(workspace).former
    assert former is not None
    assert former.release_id == first
    assert (former.deliveries, former.quarter) == (FACTS.deliveries, "2026-Q2")
    tables = release_tables(results([("north", 120), ("south", 90)]), DISCLOSURE)
    assert_frame_equal(former.tables["unit_summaries"].rows, tables["unit_summaries"].rows)
    (workspace.releases_dir / str(first) / "facts.json").write_bytes(b"{}")
    assert read_release(workspace).former is None
