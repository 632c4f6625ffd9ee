"""Versions of the registry: readers see the last complete one, whatever happens to the next."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import IntegrityError, UsageError
from analysis.contracts.protocol import load_protocol, parse_protocol
from analysis.contracts.results import RESULT_TABLES, conform, empty
from pipelines.warehouse import build as build_module
from pipelines.warehouse import versions as versions_module
from pipelines.warehouse.connection import Connection, connect, list_tables, read_frame, write_frame
from pipelines.warehouse.core_tables import core_tables, no_rejections
from pipelines.warehouse.versions import (
    build_version,
    is_stale,
    open_store,
    open_version,
    publish_version,
)
from pipelines.workspace import Workspace
from tests.drawing import Tables, registry_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PROTOCOL = load_protocol()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    prepared = Workspace(tmp_path / "data").prepare()
    take_in(prepared, registry_of({"e1": "1, 1[1], 2[2]"}), deliveries=1)
    return prepared


def take_in(workspace: Workspace, tables: Tables, deliveries: int) -> None:
    ledger = {
        "delivery_number": list(range(1, deliveries + 1)),
        "delivery_id": [f"d{number}" for number in range(1, deliveries + 1)],
    }
    with open_store(workspace) as store:
        for name, rows in core_tables(tables).items():
            with_lines = rows.with_columns(source_line=pl.lit(2))
            write_frame(store, f"core.{name}", with_lines)
            write_frame(store, f"superseded.{name}", with_lines.clear())
        write_frame(store, "quarantine.rejections", no_rejections())
        write_frame(store, "ledger.deliveries", pl.DataFrame(ledger))


def publish(workspace: Workspace, minutes: int = 0) -> Path:
    now = NOON + timedelta(minutes=minutes)
    building = build_version(workspace, PROTOCOL, now=now)
    publish_version(workspace, building)
    return building


def episodes_seen(workspace: Workspace) -> list[str]:
    with open_version(workspace) as version:
        return read_frame(version, "core.episodes")["episode_id"].to_list()


@contextmanager
def rejected_sql(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:

        def fail(connection: Connection, table: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(build_module, "build_table", fail)
        yield


def test_before_anything_was_built_there_is_nothing_to_read(tmp_path: Path) -> None:
    empty_workspace = Workspace(tmp_path).prepare()

    assert not is_stale(empty_workspace)
    with pytest.raises(UsageError, match="nmt ingest"):
        open_version(empty_workspace)
    with pytest.raises(UsageError, match="nmt ingest"):
        build_version(empty_workspace, PROTOCOL, now=NOON)
    assert not empty_workspace.store_path.exists()


def test_a_built_version_is_seen_once_it_is_published(workspace: Workspace) -> None:
    building = build_version(workspace, PROTOCOL, now=NOON)
    with pytest.raises(UsageError):
        open_version(workspace)

    publish_version(workspace, building)

    assert episodes_seen(workspace) == ["e1"]
    assert not building.exists()


def test_a_version_holds_the_records_the_marts_and_empty_results(workspace: Workspace) -> None:
    publish(workspace)

    with open_version(workspace) as version:
        assert list_tables(version, "core") == sorted(
            registry_of({}).keys()
            | {
                "events",
                "followups",
                "measurements",
            }
        )
        assert "source_line" not in read_frame(version, "core.sessions").columns
        assert read_frame(version, "marts.session_order").height == 9
        for name in RESULT_TABLES:
            assert read_frame(version, f"results.{name}").schema == empty(name).schema


def test_results_are_carried_into_the_next_version(workspace: Workspace) -> None:
    verdict = conform("verdicts", pl.DataFrame([{"analysis": "primary", "verdict": "harm"}]))
    building = build_version(workspace, PROTOCOL, now=NOON)
    with connect(building) as version:
        write_frame(version, "results.verdicts", verdict)
        write_frame(version, "results.gates", pl.DataFrame({"a_former_column": [1]}))
    publish_version(workspace, building)

    publish(workspace, minutes=1)

    with open_version(workspace) as version:
        assert read_frame(version, "results.verdicts").equals(verdict)
        assert read_frame(version, "results.gates").equals(empty("gates"))


def test_a_build_that_dies_half_way_leaves_the_old_version(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(workspace)
    take_in(workspace, registry_of({"e1": "1", "e2": "1"}), deliveries=2)

    with rejected_sql(monkeypatch), pytest.raises(KeyboardInterrupt):
        build_version(workspace, PROTOCOL, now=NOON + timedelta(minutes=1))

    assert episodes_seen(workspace) == ["e1"]
    assert is_stale(workspace)
    publish(workspace, minutes=2)
    assert episodes_seen(workspace) == ["e1", "e2"]
    assert not list(workspace.versions_dir.glob("*.building*"))


def test_a_reader_keeps_its_version_while_newer_ones_are_published(workspace: Workspace) -> None:
    publish(workspace)

    with open_version(workspace) as reader:
        for minutes in (1, 2, 3):
            take_in(workspace, registry_of({"e2": "1"}), deliveries=1 + minutes)
            publish(workspace, minutes)
        assert read_frame(reader, "core.episodes")["episode_id"].to_list() == ["e1"]

    assert episodes_seen(workspace) == ["e2"]


def test_the_last_two_versions_are_kept(workspace: Workspace) -> None:
    for minutes in range(4):
        publish(workspace, minutes)

    kept = sorted(path.name for path in workspace.versions_dir.iterdir())
    assert kept == ["v20260102t120200000000.duckdb", "v20260102t120300000000.duckdb"]
    assert workspace.current_pointer.read_text().strip() == kept[-1]


def test_a_version_grows_stale_with_a_delivery_or_with_other_tables(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_stale(workspace)
    publish(workspace)
    assert not is_stale(workspace)

    take_in(workspace, registry_of({"e1": "1"}), deliveries=2)
    assert is_stale(workspace)

    publish(workspace, minutes=1)
    assert not is_stale(workspace)
    monkeypatch.setattr(versions_module, "_tables_hash", lambda: "other tables")
    assert is_stale(workspace)


def test_while_another_process_writes_the_store_the_version_counts_as_stale(
    workspace: Workspace,
) -> None:
    publish(workspace)
    writer = (
        "import duckdb, sys; store = duckdb.connect(sys.argv[1]);"
        "print(store.execute('SELECT 1').fetchall(), flush=True); sys.stdin.read(); store.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(workspace.store_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_stale(workspace)
        assert episodes_seen(workspace) == ["e1"]
        process.communicate()

    assert not is_stale(workspace)


@pytest.mark.parametrize("pointer", [b"", b"../../secret.duckdb", b"\xff\x00", b"v1.duckdb"])
def test_a_damaged_pointer_is_an_integrity_fault(workspace: Workspace, pointer: bytes) -> None:
    publish(workspace)
    workspace.current_pointer.write_bytes(pointer)

    with pytest.raises(IntegrityError, match="names no version"):
        open_version(workspace)


def test_a_pointer_to_a_missing_version_is_an_integrity_fault(workspace: Workspace) -> None:
    publish(workspace)
    workspace.current_pointer.write_text("v20200101t000000000000.duckdb")

    with pytest.raises(IntegrityError, match="missing"):
        open_version(workspace)


def test_the_protocol_of_a_version_stands_in_its_tables(workspace: Workspace) -> None:
    protocol = parse_protocol("[study]\nhorizon_days = 180")
    publish_version(workspace, build_version(workspace, protocol, now=NOON))

    with open_version(workspace) as version:
        (parameters,) = read_frame(version, "protocol.parameters").to_dicts()

    assert parameters["horizon_days"] == 180
    assert parameters["protocol_hash"] == protocol.hash


def test_a_process_that_read_frames_ends_without_a_word(workspace: Workspace) -> None:
    publish(workspace)
    program = (
        "import sys\nfrom pathlib import Path\n"
        "def main():\n"
        "    from pipelines.warehouse import open_version, run_query\n"
        "    from pipelines.workspace import Workspace\n"
        "    with open_version(Workspace(Path(sys.argv[1]))) as version:\n"
        "        print(run_query(version, 'FROM core.patients').height)\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(workspace.root)],
        capture_output=True,
        check=True,
        text=True,
    )

    assert ended.stdout == "1\n"
    assert ended.stderr == ""
