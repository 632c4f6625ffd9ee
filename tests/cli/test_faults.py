"""No message holds a record, whatever the fault says of itself."""

import errno
import re
from collections.abc import Callable

import pytest

from analysis.contracts.errors import EnvironmentFaultError, FileRefusedError
from pipelines.faults import ProgramFaultError, explained, explaining
from pipelines.progress import detail, report, watched

RECORD = "P-4711,F,1950"


def raised(fault: Exception) -> Exception:
    try:
        raise fault
    except Exception as caught:
        return caught


def duckdb_fault(text: str) -> Exception:
    import duckdb

    return duckdb.IOException(text)


def test_the_products_own_errors_speak_for_themselves() -> None:
    fault = FileRefusedError("sessions.csv: the header lacks day.")
    assert explained(fault) is fault


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError, UnicodeError])
def test_a_fault_of_the_program_tells_its_type_and_place_only(
    kind: Callable[[str], Exception],
) -> None:
    fault = explained(raised(kind(RECORD)))
    assert isinstance(fault, ProgramFaultError)
    assert fault.exit_code == 9
    assert kind.__name__ in str(fault)
    assert "P-4711" not in f"{fault}{fault.frames}"


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied", "/data/raw"),
        OSError(errno.EROFS, "Read-only file system"),
        MemoryError(RECORD),
        duckdb_fault(f"Could not write {RECORD}: No space left on device"),
    ],
)
def test_disk_rights_and_memory_are_the_environments_fault(fault: Exception) -> None:
    found = explained(raised(fault))
    assert isinstance(found, EnvironmentFaultError)
    assert "P-4711" not in str(found)


def test_what_leaves_an_explained_body_holds_no_trace_of_the_record() -> None:
    import traceback

    def fail() -> None:
        with explaining():
            raise ValueError(RECORD)

    with pytest.raises(ProgramFaultError) as caught:
        fail()
    assert "P-4711" not in "".join(traceback.format_exception(caught.value))


def test_progress_is_plain_lines_on_standard_error_where_nobody_watches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with watched():
        report("Building [the] registry")
        detail("too soon to be said")
    report("outside")
    with watched(quiet=True):
        report("unseen")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Building [the] registry\noutside\n"


def test_on_a_terminal_finished_steps_stay_with_their_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with watched():
        report("Building [the] registry")
        detail("marts.contacts")
        report("Analysing")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "Building [the] registry 0.0 s" in lines
    assert "Analysing 0.0 s" in lines
