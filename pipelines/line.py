"""The steps from delivered files to a published release, as plain functions.

Every step takes a workspace and the id of an open run, reads what the steps before it left on
disk, and leaves what the next one needs there and in the run's record. Nothing but folders and
ids is handed from step to step, so any scheduler may call them and none ever sees a record.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.errors import (
    IntegrityError,
    NmtError,
    RegistryBusyError,
    RowsRejectedError,
    UsageError,
)
from analysis.contracts.protocol import Protocol, load_protocol, parse_protocol
from pipelines.calibration.certificates import read_certificate
from pipelines.faults import explained
from pipelines.locking import hold_registry
from pipelines.progress import detail, report
from pipelines.publication.code import code_version, git_commit
from pipelines.publication.ledger import (
    former_of,
    prune_ledgers,
    read_chain,
    remember_release,
)
from pipelines.publication.release import (
    ReleaseInputs,
    point_site,
    prune_releases,
    released,
    stands,
    verify_release,
    write_release,
)
from pipelines.publication.runs import (
    FINISHED,
    RunRecord,
    change_run,
    fail_run,
    last_release_run,
    new_run_id,
    read_run,
    utc_text,
    write_run,
)
from pipelines.rebases import read_rebases, rebases_frame, rebases_hash
from pipelines.registration import (
    Look,
    Registration,
    Standing,
    read_entries,
    register_protocol,
    remember_look,
    standing_of,
)
from pipelines.registry import Ledger, is_simulated, read_ledger, remember_synthetic
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.ingestion import IngestReport

# Exit codes of ingestion that concern whole files; the rest of the line goes on without them.
FILE_FAULTS: Final = (3, 8)


@contextmanager
def open_run(workspace: Workspace, purpose: str, protocol_path: Path | None) -> Iterator[str]:
    """Hold the registry and keep a run's record from its start to its end; yields the run's id.

    Raises `RegistryBusyError` when another run holds the registry, `ProtocolError` for a protocol
    file that cannot be used. Whatever ends the body early is written to the record.
    """
    protocol = load_protocol(protocol_path)
    with hold_registry(workspace, purpose):
        workspace.prepare()
        run_id = _start(workspace, purpose, protocol, protocol_path).run_id
        try:
            yield run_id
        except Exception as fault:
            fail_run(workspace, run_id, explained(fault), _now())
            raise explained(fault) from None
        except BaseException:
            fail_run(workspace, run_id, NmtError("Stopped from outside."), _now())
            raise
        change_run(workspace, run_id, status=FINISHED, finished=utc_text(_now()), step="")


def ingest_step(workspace: Workspace, run_id: str, paths: Sequence[Path] = ()) -> None:
    """Bring what is new under raw/, and the deliveries at `paths`, into the registry.

    A refused delivery is recorded, the others go on.
    """
    from pipelines.ingestion import new_deliveries

    _begin(workspace, run_id, "ingest", "Looking for new deliveries")
    result = take_in(workspace, [*new_deliveries(workspace), *paths])
    exit_code = result.exit_code if result.exit_code in FILE_FAULTS else 0
    change_run(workspace, run_id, ingestion=ingestion_facts(result), exit_code=exit_code)


def take_in(workspace: Workspace, paths: Sequence[Path]) -> "IngestReport":
    """Ingest the deliveries and return the report of every file; the caller holds the registry."""
    from pipelines.ingestion import ingest_deliveries

    result = ingest_deliveries(_distinct(paths), workspace, now=_now(), progress=detail)
    simulated = frozenset(
        delivery.delivery_id
        for delivery in result.deliveries
        if delivery.delivery_id and is_simulated(Path(delivery.path))
    )
    remember_synthetic(workspace, simulated)
    return result


def needs_release(workspace: Workspace, run_id: str, *, recompute: bool = False) -> bool:
    """Return whether the deliveries, code and protocol call for a release that does not stand.

    When the release stands, the site is pointed to it and the run refers to it. Raises
    `UsageError` when nothing was ever ingested and `RowsRejectedError` when more rows were
    rejected than the protocol tolerates.
    """
    record = read_run(workspace, run_id)
    ledger = read_ledger(workspace)
    if ledger.is_empty:
        if record.exit_code in FILE_FAULTS:
            return False
        raise UsageError(
            f"There is nothing to run on: {workspace.raw} holds no delivery and the registry is "
            "empty. Put a delivery's folder there, name its path, or try: nmt demo"
        )
    _require_tolerable(ledger, _protocol(record))
    record = change_run(workspace, run_id, **_circumstances(workspace, ledger, record))
    inputs = _inputs(workspace, ledger, record)
    if recompute or not _is_current(workspace, inputs):
        return True
    report(f"Nothing new: release {inputs.release_id} stands")
    change_run(workspace, run_id, release_id=inputs.release_id, **_former_findings(workspace))
    point_site(workspace, inputs.release_id)
    return False


def build_step(workspace: Workspace, run_id: str) -> None:
    """Build the tables of a new version of the registry, beside the one that readers see."""
    from pipelines.warehouse.versions import build_version

    record = _begin(workspace, run_id, "build", "Building the registry")
    building = build_version(workspace, _protocol(record), now=_now(), progress=detail)
    change_run(workspace, run_id, building=building.name)


def analyse_step(workspace: Workspace, run_id: str) -> None:
    """Compute every result from the marts of the version being built, and store it there."""
    from analysis.calibration.certificate import certificate_frame
    from pipelines.publication.results import (
        compute_results,
        findings,
        store_results,
        with_standing,
    )

    record = _begin(workspace, run_id, "analyse", "Analysing")
    building = _building(workspace, record)
    # The run holds the registry, and so nobody re-bases a chart while it goes on.
    rebases = read_rebases(workspace)
    results = compute_results(building, _protocol(record), detail, rebases)
    results["verdicts"] = with_standing(results["verdicts"], _standing(record))
    # A calibration may have ended since the run began; the release names what it holds.
    certificate = read_certificate(workspace, record.protocol_hash)
    results["certificate"] = certificate_frame(certificate.rows if certificate else ())
    results["rebases"] = rebases_frame(rebases)
    store_results(building, results)
    certificate_hash = certificate.hash if certificate else None
    change_run(workspace, run_id, certificate_hash=certificate_hash, **findings(results))


def publish_step(workspace: Workspace, run_id: str) -> str:
    """Write the release, then let readers see the new registry and its pages; return its id."""
    from pipelines.publication.pages import release_contents
    from pipelines.publication.results import store_runs
    from pipelines.warehouse.versions import publish_version

    record = _begin(workspace, run_id, "publish", "Publishing")
    protocol, ledger = _protocol(record), read_ledger(workspace)
    building, inputs = _building(workspace, record), _inputs(workspace, ledger, record)
    contents = release_contents(workspace, building, inputs, protocol)
    remember_look(workspace, _look(record))
    outcome = write_release(workspace, inputs, protocol.canonical, contents.files)
    if outcome != "differs":
        remember_release(workspace, contents.link, contents.ledger)
    record = change_run(
        workspace,
        run_id,
        release_id=inputs.release_id,
        release_outcome=outcome,
        building=None,
    )
    store_runs(workspace, building, record, _now())
    publish_version(workspace, building)
    point_site(workspace, inputs.release_id)
    prune_releases(workspace)
    prune_ledgers(workspace)
    report(f"Release {inputs.release_id} is published")
    return inputs.release_id


def require_reproduced(workspace: Workspace, run_id: str) -> None:
    """Raise `IntegrityError` when the run made other bytes than the release that stands."""
    record = read_run(workspace, run_id)
    if record.release_outcome == "differs":
        raise IntegrityError(
            f"Release {record.release_id} was made again with other bytes from the same "
            "deliveries, code and protocol. The standing release is kept. Was it made on another "
            "machine, or with other libraries than the lock names?"
        )


def verify_step(workspace: Workspace, run_id: str) -> None:
    """Hold every release to its manifest; raise `IntegrityError` for the first that differs."""
    _begin(workspace, run_id, "verify", "Verifying the releases")
    for release_id in released(workspace):
        verify_release(workspace, release_id)


def freeze_protocol(workspace: Workspace, protocol: Protocol) -> tuple[Registration, Standing]:
    """Register the protocol; return the registration, and what the next run's results will be.

    Raises `RegistryBusyError` while another run holds the registry.
    """
    with hold_registry(workspace, "nmt protocol register"):
        workspace.prepare()
        ledger = read_ledger(workspace)
        registration = register_protocol(
            workspace, protocol, code_version=code_version().label, ledger=ledger, now=_now()
        )
        entries = read_entries(workspace)
        return registration, standing_of(entries, protocol.hash, ledger.input_hash)


def ingestion_facts(result: "IngestReport") -> dict[str, Any]:
    """Return what a run's record keeps of an ingestion: counts of every file, no faulty row."""
    return {
        "deliveries": [
            {
                "delivery_id": delivery.delivery_id,
                "status": delivery.status,
                "files": [
                    {
                        "file": file.file,
                        "table": file.table,
                        "rows_in": file.rows_in,
                        "accepted": file.accepted,
                        "rejected": file.rejected,
                        "already_known": file.already_known,
                        "superseded": file.superseded,
                        "refusal": file.refusal,
                    }
                    for file in delivery.files
                ],
            }
            for delivery in result.deliveries
        ]
    }


def last_protocol(workspace: Workspace) -> Protocol:
    """Return the protocol of the last run that made a release, or the shipped presets."""
    run = last_release_run(workspace)
    return parse_protocol(run.protocol_text) if run else load_protocol()


def refresh_registry(workspace: Workspace) -> None:
    """Let readers see what was ingested since the last version was built.

    While another run holds the registry, the last complete version stays what readers see.
    """
    from pipelines.warehouse.versions import build_version, is_stale, publish_version

    if not is_stale(workspace):
        return
    try:
        with hold_registry(workspace, "building the registry for readers"):
            report("Building the registry from what was ingested since")
            building = build_version(
                workspace, last_protocol(workspace), now=_now(), progress=detail
            )
            publish_version(workspace, building)
    except RegistryBusyError:
        if not workspace.current_pointer.exists():
            raise
        report("A newer version of the registry is on the way; this answer is from the last one.")


def _start(
    workspace: Workspace, purpose: str, protocol: Protocol, protocol_path: Path | None
) -> RunRecord:
    import os

    now = _now()
    text = protocol_path.read_text(encoding="utf-8") if protocol_path else ""
    return write_run(
        workspace,
        RunRecord(
            run_id=new_run_id(now),
            purpose=purpose,
            pid=os.getpid(),
            started=utc_text(now),
            code_version=code_version().label,
            git_commit=git_commit(),
            protocol_hash=protocol.hash,
            protocol_text=text,
        ),
    )


def _begin(workspace: Workspace, run_id: str, step: str, words: str) -> RunRecord:
    report(words)
    return change_run(workspace, run_id, step=step)


def _protocol(record: RunRecord) -> Protocol:
    return parse_protocol(record.protocol_text)


def _building(workspace: Workspace, record: RunRecord) -> Path:
    if record.building is None:
        raise UsageError(
            f"The run {record.run_id} has built nothing yet; build comes before analyse."
        )
    return workspace.versions_dir / record.building


def _inputs(workspace: Workspace, ledger: Ledger, record: RunRecord) -> ReleaseInputs:
    """Return what the release is made of, with the release after which it is made."""
    inputs = ReleaseInputs(
        delivery_hashes=ledger.content_hashes,
        is_synthetic=ledger.is_synthetic,
        code=code_version(),
        protocol_hash=record.protocol_hash,
        standing=record.standing,
        standing_reason=record.standing_reason,
        spent=record.spent,
        certificate_hash=record.certificate_hash,
        rebases_hash=record.rebases_hash,
    )
    return replace(inputs, former=former_of(read_chain(workspace), inputs.core))


def _circumstances(workspace: Workspace, ledger: Ledger, record: RunRecord) -> dict[str, Any]:
    """Return what a release depends on beside code and protocol, as fields of the run's record."""
    input_hash = ledger.input_hash
    standing = standing_of(read_entries(workspace), record.protocol_hash, input_hash)
    certificate = read_certificate(workspace, record.protocol_hash)
    return {
        "input_hash": input_hash,
        "standing": standing.word,
        "standing_reason": standing.reason,
        "spent": standing.spent,
        "certificate_hash": certificate.hash if certificate else None,
        "rebases_hash": rebases_hash(read_rebases(workspace)),
    }


def _standing(record: RunRecord) -> Standing:
    return Standing(record.standing, record.standing_reason, record.spent)


def _look(record: RunRecord) -> Look:
    from analysis.contracts.results import VERDICTS

    *_, no_verdict = VERDICTS
    return Look(
        time=utc_text(_now()),
        protocol_hash=record.protocol_hash,
        input_hash=record.input_hash or "",
        code_version=record.code_version,
        shown=tuple(
            sorted(each["analysis"] for each in record.verdicts if each["verdict"] != no_verdict)
        ),
    )


def _is_current(workspace: Workspace, inputs: ReleaseInputs) -> bool:
    from pipelines.warehouse.versions import is_stale

    former = last_release_run(workspace)
    return (
        former is not None
        and former.release_id == inputs.release_id
        and stands(workspace, inputs.release_id)
        and not is_stale(workspace)
    )


def _former_findings(workspace: Workspace) -> dict[str, Any]:
    former = last_release_run(workspace)
    return {"gates": former.gates, "verdicts": former.verdicts} if former else {}


def _require_tolerable(ledger: Ledger, protocol: Protocol) -> None:
    share, tolerated = ledger.rejected_share, protocol.tolerance.rejected_rows_largest_share
    if share > tolerated:
        raise RowsRejectedError(
            f"{ledger.rejected_rows} of {ledger.received_rows} delivered rows were rejected "
            f"({share:.1%}); the protocol tolerates {tolerated:.1%}. Nothing was published. "
            "See nmt status and quarantine.rejections for the reasons, have the rows corrected "
            "and delivered again, or raise [tolerance] rejected_rows_largest_share."
        )


def _distinct(paths: Sequence[Path]) -> list[Path]:
    return list({path.resolve(): path for path in paths}.values())


def _now() -> datetime:
    return datetime.now(UTC)
