"""The record of every run, as one JSON file that is replaced whole at every step."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from analysis.contracts.errors import IntegrityError, NmtError
from analysis.contracts.standing import NOT_REGISTERED
from pipelines.locking import registry_holder
from pipelines.publication.files import json_bytes, write_atomically
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

STARTED: Final = "started"
FINISHED: Final = "finished"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True)
class RunRecord:
    """What one run was asked, did and ended with; holds counts and hashes, never a record."""

    run_id: str
    purpose: str
    pid: int
    started: str
    code_version: str
    protocol_hash: str
    protocol_text: str
    finished: str | None = None
    status: str = STARTED
    step: str = ""
    git_commit: str | None = None
    input_hash: str | None = None
    release_id: str | None = None
    building: str | None = None
    release_outcome: str | None = None
    exit_code: int = 0
    fault: str | None = None
    ingestion: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
    verdicts: tuple[Mapping[str, Any], ...] = ()
    standing: str = NOT_REGISTERED
    standing_reason: str = ""
    spent: tuple[str, ...] = ()
    certificate_hash: str | None = None
    rebases_hash: str | None = None


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time and is never given twice."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"


def utc_text(now: datetime) -> str:
    """Return the moment as run records spell it."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds")


def write_run(workspace: Workspace, record: RunRecord) -> RunRecord:
    """Store the record in the place of its former state."""
    write_atomically(
        workspace.runs_dir / f"{record.run_id}.json", json_bytes(_plain(asdict(record)))
    )
    return record


def read_run(workspace: Workspace, run_id: str) -> RunRecord:
    """Return the record of the run; raise `IntegrityError` when it cannot be read."""
    path = workspace.runs_dir / f"{run_id}.json"
    try:
        content = json.loads(path.read_bytes())
        known = {entry.name for entry in fields(RunRecord)}
        given = {name: value for name, value in content.items() if name in known}
        for name in ("gates", "verdicts", "spent"):
            given[name] = tuple(given.get(name, ()))
        return RunRecord(**given)
    except (OSError, ValueError, TypeError, AttributeError):
        raise IntegrityError(
            f"The run record {path} cannot be read. Move it away; releases do not depend on it."
        ) from None


def change_run(workspace: Workspace, run_id: str, **changes: Any) -> RunRecord:
    """Store the run's record with these fields changed."""
    return write_run(workspace, replace(read_run(workspace, run_id), **changes))


def fail_run(workspace: Workspace, run_id: str, fault: NmtError, now: datetime) -> RunRecord:
    """Record that the run ended with the fault."""
    return change_run(
        workspace,
        run_id,
        status=FAILED,
        finished=utc_text(now),
        exit_code=fault.exit_code,
        fault=f"{type(fault).__name__}: {fault}",
    )


def list_runs(workspace: Workspace, last: int | None = None) -> list[RunRecord]:
    """Return the runs from the oldest to the newest; unreadable records are passed over."""
    names = sorted(path.stem for path in workspace.runs_dir.glob("*.json"))
    records = []
    for name in names[-last:] if last else names:
        try:
            records.append(read_run(workspace, name))
        except IntegrityError:
            continue
    return [_with_true_status(workspace, record) for record in records]


def last_release_run(workspace: Workspace) -> RunRecord | None:
    """Return the newest run that came to its end with a release."""
    finished = [run for run in list_runs(workspace) if run.status == FINISHED and run.release_id]
    return finished[-1] if finished else None


def runs_frame(workspace: Workspace, ending: RunRecord | None = None) -> "pl.DataFrame":
    """Return the rows of results.runs, one a run, from the oldest to the newest.

    `ending` stands for the record of its own run, which on disk has not ended yet.
    """
    import polars as pl

    from analysis.contracts.results import RESULT_TABLES, conform

    columns = list(RESULT_TABLES["runs"])
    rows = [
        {**{name: getattr(run, name) for name in columns}, **_moments(run)}
        for stored in list_runs(workspace)
        for run in [ending if ending and ending.run_id == stored.run_id else stored]
    ]
    return conform("runs", pl.DataFrame(rows, schema=dict(RESULT_TABLES["runs"])))


def _moments(run: RunRecord) -> dict[str, datetime | None]:
    return {"started": _moment(run.started), "finished": _moment(run.finished)}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def _with_true_status(workspace: Workspace, record: RunRecord) -> RunRecord:
    """Call a run interrupted that never said it ended and does not hold the registry."""
    if record.status != STARTED:
        return record
    holder = registry_holder(workspace)
    if holder is None or holder.pid != record.pid:
        return replace(record, status=INTERRUPTED)
    # A process id may be given again; a run that began before the lock was taken is another one.
    is_current = datetime.fromisoformat(holder.since) <= datetime.fromisoformat(record.started)
    return record if is_current else replace(record, status=INTERRUPTED)


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in content.items()
    }
