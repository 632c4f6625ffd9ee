"""`nmt status`: what this workspace holds and how its last runs ended."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from pipelines.cli.calibrate import certificate_facts, certificate_lines
from pipelines.cli.options import chosen_workspace, data_option, json_option
from pipelines.cli.output import columns, print_lines, print_object
from pipelines.cli.summary import gate_lines, measurement_lines, standing_lines, verdict_lines
from pipelines.workspace import Workspace

SHOWN_RUNS: Final = 5
RUN_COLUMNS: Final = ("run_id", "purpose", "started", "finished", "status", "release_id", "fault")
DELIVERY_COLUMNS: Final = ("delivery_id", "ingested_at", "rows_in", "accepted", "rejected")


@click.command("status")
@click.option("--verify", is_flag=True, help="Hold the release's files to its manifest.")
@data_option
@json_option
def command(*, verify: bool, data: Path | None, as_json: bool) -> None:
    """Show the last runs, deliveries, rejections, gates and the release."""
    workspace = chosen_workspace(data)
    facts = status_facts(workspace)
    if verify and facts["release_id"]:
        from pipelines.publication.release import verify_release

        facts["verified_files"] = verify_release(workspace, facts["release_id"])
    if as_json:
        print_object(facts)
    else:
        print_lines(status_lines(facts))


def status_facts(workspace: Workspace) -> dict[str, Any]:
    """Return the state of the workspace, for programs; it is read without waiting for anyone."""
    from pipelines.locking import registry_holder
    from pipelines.publication.release import current_release
    from pipelines.publication.runs import list_runs

    runs = list_runs(workspace)
    holder = registry_holder(workspace)
    release_id = current_release(workspace)
    release_run = next(
        (run for run in reversed(runs) if release_id and run.release_id == release_id), None
    )
    return {
        "workspace": str(workspace.root),
        "held_by": asdict(holder) if holder else None,
        "runs": [{name: getattr(run, name) for name in RUN_COLUMNS} for run in runs[-SHOWN_RUNS:]],
        **_registry_facts(workspace),
        "gates": release_run.gates if release_run else (),
        "verdicts": release_run.verdicts if release_run else (),
        "standing": release_run.standing if release_run else None,
        "standing_reason": release_run.standing_reason if release_run else None,
        "spent": release_run.spent if release_run else (),
        "registered_protocol": _registered_protocol(workspace),
        "certificate": (
            certificate_facts(workspace, release_run.protocol_hash) if release_run else None
        ),
        "release_id": release_id,
        "pages": str(workspace.site / "index.html") if release_id else None,
    }


def status_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the state of the workspace, for people."""
    yield f"Workspace: {facts['workspace']}"
    if holder := facts["held_by"]:
        yield f"Held by process {holder['pid']} since {holder['since']}: {holder['purpose']}"
    yield from registration_lines(facts["registered_protocol"])
    if not facts["runs"] and not facts["deliveries"]:
        yield "Nothing was ingested or run here yet. Try: nmt demo, or nmt run PATH"
        return
    yield from _section(
        "Last runs", RUN_COLUMNS[:-1], [_to_the_second(run) for run in facts["runs"]]
    )
    for run in facts["runs"]:
        if run["fault"]:
            yield f"  {run['run_id']}: {run['fault']}"
    yield from _section("Deliveries", DELIVERY_COLUMNS, facts["deliveries"])
    yield from _section("Rejections", ("rule", "file", "faults"), facts["rejections"])
    yield from measurement_lines(facts["measurements"])
    yield from gate_lines(facts["gates"])
    yield from verdict_lines(facts["verdicts"])
    yield from standing_lines(facts)
    if facts["release_id"]:
        yield from certificate_lines(facts["certificate"])
    yield f"Release: {facts['release_id'] or 'none yet'}"
    if "verified_files" in facts:
        yield f"Verified: {facts['verified_files']} files hold what was released."
    if facts["pages"]:
        yield f"Pages: {facts['pages']}"


def registration_lines(registered: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield which protocol is registered, since when, and how much had been seen by then."""
    if registered:
        yield (
            f"Registered protocol: {registered['protocol_hash'][:12]} since "
            f"{registered['time'][:19]}, {registered['looks']} looks by then"
        )


def _registered_protocol(workspace: Workspace) -> dict[str, Any] | None:
    """Return the protocol that was frozen before the first look, else the last one frozen."""
    from pipelines.registration import Registration, frozen_protocol, read_entries

    entries = read_entries(workspace)
    late = [each for each in entries if isinstance(each, Registration)]
    registration = frozen_protocol(entries) or (late[-1] if late else None)
    if registration is None:
        return None
    return {
        name: getattr(registration, name)
        for name in ("protocol_hash", "time", "code_version", "deliveries", "looks")
    }


def _section(title: str, header: tuple[str, ...], rows: list[dict[str, Any]]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (
            f"  {line}"
            for line in columns(header, [[row[name] for name in header] for row in rows])
        )


def _to_the_second(run: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: (run[name] or "")[:19] for name in ("started", "finished")}
    return {**run, **times}


def _registry_facts(workspace: Workspace) -> dict[str, Any]:
    from pipelines.registry import delivery_rows, measurement_rows, rejection_rows

    return {
        "deliveries": delivery_rows(workspace),
        "rejections": rejection_rows(workspace),
        "measurements": measurement_rows(workspace),
    }
