"""The ledger of releases: one chain, for the holder of the registry alone, never half written."""

import stat
from dataclasses import replace

import polars as pl
import pytest

from analysis.contracts.errors import IntegrityError
from analysis.contracts.protocol import Disclosure
from analysis.contracts.results import conform
from analysis.disclosure import Remembered, release_again
from pipelines.publication.files import sha256
from pipelines.publication.ledger import (
    Link,
    former_of,
    former_release,
    ledger_bytes,
    ledger_folder,
    memory_before,
    prune_ledgers,
    read_chain,
    remember_release,
)
from pipelines.workspace import Workspace

RULE = Disclosure(11, 5)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "data").prepare()


def remembered(patients: int) -> Remembered:
    rows = pl.DataFrame(
        {"unit_kind": ["network"], "unit_name": ["network"], "patients": [patients]}
    )
    tables = {"unit_summaries": conform("unit_summaries", rows)}
    return release_again(tables, RULE, (), "2024-Q1").remembered


def remember(workspace: Workspace, number: int) -> str:
    """Remember a release of so many patients after the newest; return its id."""
    content = ledger_bytes(remembered(100 + number))
    core = f"core-{number}"
    link = Link(
        release_id=f"release-{number}",
        core=core,
        former=former_of(read_chain(workspace), core),
        quarter="2024-Q1",
        code_version="1",
        protocol_hash="p",
        deliveries=number,
        ledger_hash=sha256(content),
    )
    remember_release(workspace, link, content)
    return link.release_id


def true_patients(memory: tuple[Remembered, ...]) -> list[float]:
    return [kept.tables["unit_summaries"]["patients__truth"].item() for kept in memory]


def test_a_workspace_without_a_chain_begins_one(workspace: Workspace) -> None:
    assert read_chain(workspace) == ()
    assert former_of((), "core") is None
    assert memory_before(workspace, None) == ()
    assert former_release(workspace, None, ()) is None


def test_releases_follow_one_another(workspace: Workspace) -> None:
    for number in range(3):
        remember(workspace, number)
    assert [link.former for link in read_chain(workspace)] == [None, "release-0", "release-1"]
    assert true_patients(memory_before(workspace, "release-2")) == [100, 101, 102]
    assert true_patients(memory_before(workspace, "release-1")) == [100, 101]


def test_the_same_made_again_comes_after_the_same_release(workspace: Workspace) -> None:
    for number in range(2):
        remember(workspace, number)
    chain = read_chain(workspace)
    assert former_of(chain, "core-1") == "release-0"
    assert former_of(chain, "core-0") is None
    assert former_of(chain, "core-2") == "release-1"
    remember(workspace, 1)
    assert read_chain(workspace) == chain


def test_only_eight_releases_are_remembered_and_no_more_are_kept_than_that_needs(
    workspace: Workspace,
) -> None:
    for number in range(20):
        remember(workspace, number)
        prune_ledgers(workspace)
    # Each of the newest eight may have to be made again, after the eight before it.
    assert len(list(ledger_folder(workspace).glob("*.zip"))) == 16
    chain = read_chain(workspace)
    for number in range(12, 20):
        former = former_of(chain, f"core-{number}")
        assert true_patients(memory_before(workspace, former)) == [
            92 + number + n for n in range(8)
        ]
    assert former_of(chain, "core-11") == "release-19"


def test_only_the_holder_of_the_registry_may_read_it(workspace: Workspace) -> None:
    remember(workspace, 0)
    folder = ledger_folder(workspace)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert folder.is_relative_to(workspace.registry_dir)


def test_a_missing_or_changed_file_is_no_first_release(workspace: Workspace) -> None:
    remember(workspace, 0)
    path = ledger_folder(workspace) / "release-0.zip"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(IntegrityError, match="backup") as fault:
        memory_before(workspace, "release-0")
    assert fault.value.exit_code == 8
    path.unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        memory_before(workspace, "release-0")


@pytest.mark.parametrize("text", ["{", '{"release_id": "r"}\n', "[]\n"])
def test_a_chain_that_cannot_be_read_is_told(workspace: Workspace, text: str) -> None:
    remember(workspace, 0)
    (ledger_folder(workspace) / "chain.jsonl").write_text(text)
    with pytest.raises(IntegrityError, match=r"chain\.jsonl cannot be read"):
        read_chain(workspace)


def test_a_lost_file_of_the_newest_release_comes_back_when_it_is_made_again(
    workspace: Workspace,
) -> None:
    remember(workspace, 0)
    (ledger_folder(workspace) / "release-0.zip").unlink()
    remember(workspace, 0)
    assert true_patients(memory_before(workspace, "release-0")) == [100]


def test_the_same_release_is_kept_in_the_same_bytes() -> None:
    assert ledger_bytes(remembered(140)) == ledger_bytes(remembered(140))
    assert ledger_bytes(remembered(140)) != ledger_bytes(remembered(141))


def test_pages_learn_of_the_former_release_only_what_was_released(workspace: Workspace) -> None:
    remember(workspace, 0)
    memory = memory_before(workspace, "release-0")
    former = former_release(workspace, "release-0", memory)
    assert former is not None
    assert former == replace(former, release_id="release-0", quarter="2024-Q1", deliveries=0)
    columns = former.tables["unit_summaries"].rows.columns
    assert "patients_status" in columns
    assert not [column for column in columns if "__" in column]
