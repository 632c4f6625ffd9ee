"""Every way a command can end has its exit code and one message that says what to try."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.contracts.errors import EnvironmentFaultError, ReleaseRefusedError
from pipelines.publication.release import current_release
from pipelines.publication.runs import list_runs
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt

PATIENTS = "patient_id,sex,age_band\nP1,F,40-49\n"
EPISODES = (
    "episode_id,patient_id,clinic_id,start_month,region,side,condition,chronicity,prior_episodes\n"
    "E1,P1,C1,2026-01,knee,L,ischemia,acute,0\n"
)
SESSIONS = "session_id,episode_id,therapist_id,day,status,stage\nS1,E1,T1,0,attended,1\n"
COMMAND = [sys.executable, "-c", "import sys; from pipelines.cli import main; sys.exit(main())"]


def deliver(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    tables = {"patients": PATIENTS, "episodes": EPISODES, "sessions": SESSIONS, **files}
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


# 0: done


def test_help_and_version_answer(nmt: Nmt) -> None:
    assert "Exit codes" in nmt("--help").out
    assert nmt("--version").out.startswith("nmt, version ")


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "simulate",
        "check",
        "ingest",
        "run",
        "sql",
        "status",
        "serve",
        "calibrate",
        "protocol",
        "review",
        "handover",
    ],
)
def test_every_command_explains_itself(nmt: Nmt, command: str) -> None:
    answer = nmt(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: nmt {command}")


def test_an_empty_workspace_has_a_friendly_status_and_stays_absent(
    nmt: Nmt, tmp_path: Path
) -> None:
    answer = nmt("status", "--data", tmp_path / "data")
    assert answer.code == 0
    assert "Try: nmt demo" in answer.out
    assert not (tmp_path / "data").exists()


def test_a_sound_delivery_passes_and_nothing_is_written(nmt: Nmt, tmp_path: Path) -> None:
    delivery = deliver(tmp_path / "d")
    assert nmt("check", delivery, "--data", tmp_path / "data").code == 0
    assert not (tmp_path / "data").exists()


# 2: usage or protocol file


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "No such command"),
        (["run", "--frobnicate"], "No such option"),
        (["run", "/absent/delivery"], "does not exist"),
        (["sql"], "Missing argument"),
        (["sql", "SELECT 1"], "nmt ingest"),
        (["serve"], "nmt run"),
        (["run"], "nmt demo"),
        (["simulate", "/tmp/nowhere-to-be-seen", "--scenario", "magic"], "magic"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    nmt: Nmt, tmp_path: Path, arguments: list[str], words: str
) -> None:
    answer = nmt("--data", tmp_path / "data", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert words in answer.err


def test_a_protocol_with_a_fault_is_refused_before_anything_is_written(
    nmt: Nmt, tmp_path: Path
) -> None:
    protocol = tmp_path / "study.toml"
    protocol.write_text("[study]\nhorizon_day = 200\n")
    answer = nmt("run", "--protocol", protocol, "--data", tmp_path / "data")
    assert answer.code == 2
    assert "horizon_days" in answer.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELEKT 1",
        "SELECT absent FROM core.sessions",
        "DROP TABLE core.sessions",
        "SELECT 1; SELECT 2",
    ],
)
def test_a_query_that_cannot_be_answered_says_why(
    nmt: Nmt, run_once: Workspace, query: str
) -> None:
    answer = nmt("sql", query, "--data", run_once.root)
    assert answer.code == 2
    assert answer.err


def test_usage_faults_are_an_object_for_programs(nmt: Nmt, tmp_path: Path) -> None:
    import json

    answer = nmt("run", "--json", "--data", tmp_path / "data")
    fault = json.loads(answer.out)
    assert (fault["exit_code"], fault["fault"]) == (2, "UsageError")
    assert "nmt demo" in fault["message"]


# 3: a file was refused


@pytest.mark.parametrize("command", ["check", "ingest", "run"])
def test_a_refused_file_is_named(nmt: Nmt, tmp_path: Path, command: str) -> None:
    delivery = deliver(tmp_path / "d", sessions=SESSIONS.replace("therapist_id", "therapist_name"))
    answer = nmt(command, delivery, "--data", tmp_path / "data")
    assert answer.code == 3
    assert "sessions.csv" in answer.out
    assert "therapist_name" in answer.out


def test_a_refused_delivery_does_not_keep_the_others_from_a_release(
    nmt: Nmt, workspace: Workspace, correction: Path, tmp_path: Path, known_results: None
) -> None:
    refused = deliver(tmp_path / "refused", patients="patient_id,sex,name\nP1,F,Anna\n")
    former = current_release(workspace)
    answer = nmt("run", refused, correction, "--data", workspace.root)
    assert answer.code == 3
    assert "(new)" in answer.out
    assert current_release(workspace) != former
    assert "Anna" not in answer.out + answer.err


# 4: rows were rejected


@pytest.mark.parametrize("command", ["check", "ingest"])
def test_rejected_rows_are_named_by_line_and_column(nmt: Nmt, tmp_path: Path, command: str) -> None:
    delivery = deliver(tmp_path / "d", sessions=SESSIONS + "S2,E1,T1,3,attended,six-and-a-half\n")
    answer = nmt(command, delivery, "--data", tmp_path / "data")
    assert answer.code == 4
    assert "sessions.csv, line 3, stage" in answer.out
    assert "six-and-a-half" not in answer.out + answer.err


def test_more_rejections_than_tolerated_publish_nothing(nmt: Nmt, tmp_path: Path) -> None:
    delivery = deliver(tmp_path / "d", sessions=SESSIONS + "S2,E1,T1,3,attended,9\n")
    workspace = Workspace(tmp_path / "data")
    for _ in range(2):
        answer = nmt("run", delivery, "--data", workspace.root)
        assert answer.code == 4
        assert "1 of 4 delivered rows" in answer.err
    assert current_release(workspace) is None
    seen = nmt("sql", "SELECT rule FROM quarantine.rejections", "--data", workspace.root)
    assert "out_of_range" in seen.out


# 5: another run holds the registry


@pytest.mark.parametrize("command", ["run", "ingest", "demo"])
def test_a_second_run_names_the_first(
    nmt: Nmt, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.locking.PATIENCE_SECONDS", 0)
    delivery = deliver(tmp_path / "d")
    workspace = Workspace(tmp_path / "data").prepare()
    paths = [] if command == "demo" else [delivery]
    with _held_elsewhere(workspace) as first:
        answer = nmt(command, *paths, "--data", workspace.root)
        status = nmt("status", "--data", workspace.root)
        first.kill()
    assert answer.code == 5
    assert f"process {first.pid} (nightly)" in answer.err
    assert f"Held by process {first.pid}" in status.out
    assert list_runs(workspace) == []


def test_readers_go_on_while_the_registry_is_held(
    nmt: Nmt, workspace: Workspace, correction: Path
) -> None:
    assert nmt("ingest", correction, "--data", workspace.root).code == 0
    with _held_elsewhere(workspace) as first:
        answer = nmt("sql", "SELECT max(minutes) FROM core.sessions", "--data", workspace.root)
        first.kill()
    assert answer.code == 0
    assert "239" not in answer.out
    assert "on the way" in answer.err


def test_the_status_is_told_while_the_first_delivery_is_on_its_way(
    nmt: Nmt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.locking.PATIENCE_SECONDS", 0)
    workspace = Workspace(tmp_path / "data")
    assert nmt("ingest", deliver(tmp_path / "d"), "--data", workspace.root).code == 0
    with _held_elsewhere(workspace) as first:
        answer = nmt("status", "--data", workspace.root)
        first.kill()
    assert answer.code == 0
    assert f"Held by process {first.pid}" in answer.out


def test_the_status_is_told_without_rights_to_the_lock(
    nmt: Nmt, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Workspace) -> int:
        raise EnvironmentFaultError("The lock cannot be opened.")

    monkeypatch.setattr("pipelines.locking._open", refuse)
    answer = nmt("status", "--data", workspace.root)
    assert answer.code == 0
    assert "2026-q1-" in answer.out


def _held_elsewhere(workspace: Workspace) -> "subprocess.Popen[bytes]":
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


# 6: the release gate refused


def test_a_refusal_of_the_release_gate_leaves_the_former_release(
    nmt: Nmt,
    workspace: Workspace,
    correction: Path,
    known_results: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ReleaseRefusedError("A sealed row holds a number.")

    monkeypatch.setattr("analysis.disclosure.release_again", refuse)
    former = current_release(workspace)
    assert nmt("run", correction, "--data", workspace.root).code == 6
    assert current_release(workspace) == former


# 7: environment


def test_a_workspace_that_cannot_be_made_is_an_environment_fault(nmt: Nmt, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = nmt("ingest", deliver(tmp_path / "d"), "--data", tmp_path / "file" / "data")
    assert answer.code == 7
    assert "--data DIR" in answer.err


def test_a_full_disk_leaves_the_former_release(
    nmt: Nmt,
    workspace: Workspace,
    correction: Path,
    known_results: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pipelines.publication.release.write_durably", full)
    former = current_release(workspace)
    answer = nmt("run", correction, "--data", workspace.root)
    assert answer.code == 7
    assert "No space left on device" in answer.err
    assert current_release(workspace) == former


# 8: integrity


def test_a_damaged_archive_is_an_integrity_fault(nmt: Nmt, tmp_path: Path) -> None:
    delivery = deliver(tmp_path / "d")
    (delivery / "sessions.csv").unlink()
    packed = bytearray(gzip.compress(SESSIONS.encode(), mtime=0))
    packed[-6] ^= 0xFF
    (delivery / "sessions.csv.gz").write_bytes(packed)
    answer = nmt("check", delivery, "--data", tmp_path / "data")
    assert answer.code == 8
    assert "sessions.csv.gz" in answer.out


def test_a_changed_release_is_found_and_made_anew_by_the_next_run(
    nmt: Nmt, workspace: Workspace, protocol: Path, known_results: None
) -> None:
    (workspace.site / "index.html").write_text("<p>forged</p>")
    answer = nmt("status", "--verify", "--data", workspace.root)
    assert answer.code == 8
    assert "index.html" in answer.err
    assert nmt("run", "--protocol", protocol, "--data", workspace.root).code == 0
    assert nmt("status", "--verify", "--data", workspace.root).code == 0


# 9: a fault of the program; 130: stopped


def test_a_fault_of_the_program_shows_no_record(
    nmt: Nmt, workspace: Workspace, correction: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("P-4711,F,1950")

    monkeypatch.setattr("pipelines.publication.results.compute_results", fail)
    monkeypatch.setenv("NMT_DEBUG", "1")
    former = current_release(workspace)
    answer = nmt("run", correction, "--data", workspace.root)
    assert answer.code == 9
    assert "ValueError at pipelines/line.py" in answer.err
    assert "in analyse_step" in answer.err
    stored = b"".join(path.read_bytes() for path in workspace.runs_dir.iterdir())
    assert b"4711" not in stored + answer.err.encode() + answer.out.encode()
    assert current_release(workspace) == former
    assert list_runs(workspace)[-1].status == "failed"


def test_a_run_that_is_stopped_says_so(
    nmt: Nmt, workspace: Workspace, correction: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.publication.results.compute_results", stop)
    assert nmt("run", correction, "--data", workspace.root).code == 130
    assert list_runs(workspace)[-1].status == "failed"


# The command as a process of its own


def test_help_answers_at_once_without_heavy_libraries() -> None:
    code = (
        "import sys; from pipelines.cli import main; main(['--help']); "
        "heavy = {'polars', 'duckdb', 'prefect', 'numpy', 'plotly', 'rich'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("form", ["csv", "table"])
def test_a_reader_that_leaves_early_is_no_fault(run_once: Workspace, form: str) -> None:
    query = "SELECT a.session_id FROM core.sessions AS a, core.patients"
    arguments = ["sql", query, "--format", form, "--data", str(run_once.root)]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().strip() == b"session_id"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_full_standard_output_is_an_environment_fault(run_once: Workspace) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, "sql", "SELECT 1", "--data", str(run_once.root)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.returncode == 7
    assert b"Traceback" not in ended.stderr


def test_serving_ends_well_when_it_is_stopped(run_once: Workspace) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--data", str(run_once.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout
        address = process.stdout.readline().decode()
        process.send_signal(signal.SIGINT)
    assert address.startswith("http://127.0.0.1:")
    assert not address.endswith(":0/\n")
    assert process.returncode == 0


def test_the_workspace_may_be_named_before_after_or_in_the_environment(
    nmt: Nmt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMT_DATA", str(tmp_path / "environment"))
    before, after = tmp_path / "before", tmp_path / "after"
    assert str(tmp_path / "environment") in nmt("status").out
    assert str(before) in nmt("--data", before, "status").out
    assert str(after) in nmt("--data", before, "status", "--data", after).out
