"""One writer at a time; the second is told who the first is."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analysis.contracts.errors import EnvironmentFaultError, RegistryBusyError
from pipelines import locking
from pipelines.locking import hold_registry, registry_holder
from pipelines.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data").prepare()


def holding_process(workspace: Workspace) -> "subprocess.Popen[bytes]":
    code = (
        "from pathlib import Path\n"
        "from pipelines.locking import hold_registry\n"
        "from pipelines.workspace import Workspace\n"
        f"with hold_registry(Workspace(Path({str(workspace.root)!r})), 'nightly'):\n"
        "    print('held', flush=True); input()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def test_the_second_names_the_first(workspace: Workspace) -> None:
    with holding_process(workspace) as first:
        holder = registry_holder(workspace)
        with (
            pytest.raises(RegistryBusyError, match=rf"process {first.pid} \(nightly\), since 20"),
            hold_registry(workspace, "second"),
        ):
            pass
        first.kill()
    assert holder
    assert (holder.pid, holder.purpose) == (first.pid, "nightly")


def test_a_killed_holder_leaves_the_registry_free(workspace: Workspace) -> None:
    with holding_process(workspace) as first:
        first.kill()
    assert registry_holder(workspace) is None
    with hold_registry(workspace, "second"):
        holder = registry_holder(workspace)
    assert holder
    assert holder.pid == os.getpid()


def test_one_thread_may_hold_it_again_within_and_still_holds_it_afterwards(
    workspace: Workspace,
) -> None:
    with hold_registry(workspace, "outer"):
        with hold_registry(workspace, "inner"):
            pass
        holder = registry_holder(workspace)
    assert holder
    assert holder.purpose == "outer"
    assert registry_holder(workspace) is None


def test_another_thread_is_another_writer(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "PATIENCE_SECONDS", 0)
    faults: list[Exception] = []

    def second() -> None:
        try:
            with hold_registry(workspace, "second"):
                pass
        except RegistryBusyError as fault:
            faults.append(fault)

    with hold_registry(workspace, "first"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(faults) == 1


def test_asking_who_holds_it_creates_nothing(tmp_path: Path) -> None:
    assert registry_holder(Workspace(tmp_path / "absent")) is None
    assert not (tmp_path / "absent").exists()


def test_a_workspace_below_a_file_is_refused_with_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(EnvironmentFaultError, match="cannot be created"),
        hold_registry(Workspace(tmp_path / "file" / "data"), "run"),
    ):
        pass
