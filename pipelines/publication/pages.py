"""What a release holds: pages, and the released tables as Parquet and CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import FormerRelease, ReleasedTable, ReleaseFacts
from pipelines.publication.files import json_bytes, sha256
from pipelines.publication.ledger import Link, former_release, ledger_bytes, memory_before
from pipelines.publication.release import PAGES, RESULTS, ReleaseInputs
from pipelines.publication.results import read_results
from pipelines.warehouse.connection import connect, read_frame
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

METHODS_FILE: Final = "report/methods.md"
CHECKLISTS_FILE: Final = "report/checklists.csv"
FACTS_FILE: Final = "facts.json"


@dataclass(frozen=True)
class Contents:
    """Every file of a release by its path within it, and what the ledger is to keep of it."""

    files: Mapping[str, bytes]
    link: Link
    ledger: bytes


def release_contents(
    workspace: Workspace, building: Path, inputs: ReleaseInputs, protocol: Protocol
) -> Contents:
    """Return every file of the release but its manifest.

    Only what the release gate lets through is in them. Raises `ReleaseRefusedError`, and
    `IntegrityError` when it is no longer known what earlier releases showed.
    """
    from analysis.disclosure import quarter_of, release_again

    memory = memory_before(workspace, inputs.former)
    facts = _facts(building, inputs, protocol)
    quarter = quarter_of(facts.last_month)
    release = release_again(read_results(building), protocol.disclosure, memory, quarter)
    former = former_release(workspace, inputs.former, memory)
    ledger = ledger_bytes(release.remembered)
    files = files_of(release.tables, facts, protocol, former)
    return Contents(files, _link(inputs, quarter, ledger), ledger)


def _link(inputs: ReleaseInputs, quarter: str | None, ledger: bytes) -> Link:
    return Link(
        release_id=inputs.release_id,
        core=inputs.core,
        former=inputs.former,
        quarter=quarter,
        code_version=inputs.code.label,
        protocol_hash=inputs.protocol_hash,
        deliveries=len(inputs.delivery_hashes),
        ledger_hash=sha256(ledger),
    )


def files_of(
    tables: Mapping[str, ReleasedTable],
    facts: ReleaseFacts,
    protocol: Protocol,
    former: FormerRelease | None = None,
) -> dict[str, bytes]:
    """Return the files of a release that holds these tables, without the manifest."""
    from analysis.pages import render_site

    pages = render_site(tables, facts, protocol, former)
    return {
        **{f"{PAGES}/{name}": content for name, content in pages.items()},
        **dict(_table_files(tables)),
        **dict(_report_files(tables, facts, protocol)),
        FACTS_FILE: json_bytes(asdict(facts)),
    }


def _report_files(
    tables: Mapping[str, ReleasedTable], facts: ReleaseFacts, protocol: Protocol
) -> Iterator[tuple[str, bytes]]:
    """Yield the methods text and the reporting checklists, filled from released tables only."""
    from analysis.reporting import checklist, checklists_csv, methods_markdown, study_facts

    found = study_facts(tables)
    yield METHODS_FILE, methods_markdown(protocol, facts, found).encode()
    yield CHECKLISTS_FILE, checklists_csv(checklist(protocol, facts, found)).encode()


def _table_files(tables: Mapping[str, ReleasedTable]) -> Iterator[tuple[str, bytes]]:
    for name, table in sorted(tables.items()):
        yield f"{RESULTS}/{name}.parquet", _parquet(table.rows)
        yield f"{RESULTS}/{name}.csv", table.rows.write_csv().encode()


def _parquet(rows: "pl.DataFrame") -> bytes:
    content = BytesIO()
    rows.write_parquet(content)
    return content.getvalue()


def _facts(building: Path, inputs: ReleaseInputs, protocol: Protocol) -> ReleaseFacts:
    first_month, last_month = _months(building)
    return ReleaseFacts(
        run_id=inputs.release_id,
        release_id=inputs.release_id,
        code_version=inputs.code.label,
        protocol_name=protocol.study.name,
        protocol_hash=protocol.hash,
        input_hash=inputs.input_hash,
        first_month=first_month,
        last_month=last_month,
        deliveries=len(inputs.delivery_hashes),
        smallest_count=protocol.disclosure.smallest_count,
        rounding_base=protocol.disclosure.rounding_base,
        is_synthetic=inputs.is_synthetic,
    )


def _months(building: Path) -> tuple[str | None, str | None]:
    with connect(building, read_only=True) as registry:
        months = read_frame(registry, "marts.episode_baseline", ["start_month"])["start_month"]
    known = sorted(str(month) for month in months.unique().drop_nulls())
    return (known[0], known[-1]) if known else (None, None)
