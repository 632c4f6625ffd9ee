"""Every run leaves a record that says how it ended, even when its process vanished."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.contracts.errors import IntegrityError, RowsRejectedError
from pipelines.locking import hold_registry
from pipelines.publication.runs import (
    FAILED,
    INTERRUPTED,
    STARTED,
    RunRecord,
    change_run,
    fail_run,
    last_release_run,
    list_runs,
    new_run_id,
    read_run,
    runs_frame,
    utc_text,
    write_run,
)
from pipelines.workspace import Workspace

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data").prepare()


def a_run(run_id: str = "r1", *, pid: int = 1, started: datetime = NOON) -> RunRecord:
    return RunRecord(run_id, "nightly", pid, utc_text(started), "0.1.0", "hash", "")


def test_a_record_comes_back_as_it_was_written(workspace: Workspace) -> None:
    write_run(workspace, a_run())
    changed = change_run(workspace, "r1", gates=({"gate": "power"},), release_id="abc")
    assert read_run(workspace, "r1") == changed


def test_a_failed_run_keeps_its_fault_and_exit_code(workspace: Workspace) -> None:
    write_run(workspace, a_run())
    fail_run(workspace, "r1", RowsRejectedError("Too many rows."), NOON)
    run = read_run(workspace, "r1")
    assert (run.status, run.exit_code) == (FAILED, 4)
    assert run.fault == "RowsRejectedError: Too many rows."


def test_a_run_whose_process_vanished_is_interrupted(workspace: Workspace) -> None:
    write_run(workspace, a_run())
    assert [run.status for run in list_runs(workspace)] == [INTERRUPTED]


def test_the_run_that_holds_the_registry_is_going_on(workspace: Workspace) -> None:
    code = (
        "import os; from datetime import *; from pathlib import Path\n"
        "from pipelines.locking import hold_registry\n"
        "from pipelines.publication.runs import *\n"
        "from pipelines.workspace import Workspace\n"
        f"workspace = Workspace(Path({str(workspace.root)!r}))\n"
        "with hold_registry(workspace, 'nightly'):\n"
        "    now = utc_text(datetime.now(UTC))\n"
        "    write_run(workspace, RunRecord('r1', 'nightly', os.getpid(), now, '', '', ''))\n"
        "    print('held', flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        assert [run.status for run in list_runs(workspace)] == [STARTED]
        process.kill()
    assert [run.status for run in list_runs(workspace)] == [INTERRUPTED]


def test_an_old_run_with_the_holders_process_id_is_still_interrupted(workspace: Workspace) -> None:
    import os

    write_run(workspace, a_run(pid=os.getpid()))
    with hold_registry(workspace, "nightly"):
        assert [run.status for run in list_runs(workspace)] == [INTERRUPTED]


def test_a_broken_record_stops_no_other(workspace: Workspace) -> None:
    write_run(workspace, a_run("r1"))
    write_run(workspace, a_run("r2"))
    (workspace.runs_dir / "r1.json").write_text("{")
    assert [run.run_id for run in list_runs(workspace)] == ["r2"]
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_run(workspace, "r1")


def test_the_last_release_is_that_of_the_newest_run_that_ended_well(workspace: Workspace) -> None:
    for run_id, status, release_id in (
        ("1", "finished", "first"),
        ("2", "finished", "second"),
        ("3", "failed", "third"),
        ("4", "finished", None),
    ):
        write_run(workspace, a_run(run_id))
        change_run(workspace, run_id, status=status, release_id=release_id)
    run = last_release_run(workspace)
    assert run
    assert run.release_id == "second"


def test_the_table_of_runs_has_a_row_a_run(workspace: Workspace) -> None:
    write_run(workspace, a_run("1"))
    ending = write_run(workspace, a_run("2"))
    from dataclasses import replace

    rows = runs_frame(workspace, replace(ending, status="finished", finished=utc_text(NOON)))
    assert rows["run_id"].to_list() == ["1", "2"]
    assert rows["status"].to_list() == ["interrupted", "finished"]
    assert rows["finished"].to_list() == [None, NOON.replace(tzinfo=None)]


def test_run_ids_sort_by_time_and_never_meet() -> None:
    later = new_run_id(NOON.replace(hour=13))
    ids = {new_run_id(NOON) for _ in range(50)}
    assert len(ids) == 50
    assert max(ids) < later
