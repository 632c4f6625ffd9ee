"""What a check or an ingestion found, fault by fault."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pipelines.cli.summary import ingestion_lines
from pipelines.line import ingestion_facts

if TYPE_CHECKING:
    from pipelines.ingestion import IngestReport

SHOWN_FAULTS: Final = 200


def report_facts(result: "IngestReport") -> dict[str, Any]:
    """Return counts of every file and every fault of every row, for programs."""
    return {
        "exit_code": result.exit_code,
        **ingestion_facts(result),
        "rejections": result.rejections.to_dicts(),
    }


def report_lines(result: "IngestReport") -> Iterator[str]:
    """Yield counts of every file and the faults of rows, for people."""
    yield from ingestion_lines(ingestion_facts(result))
    faults = result.rejections
    for fault in faults.head(SHOWN_FAULTS).iter_rows(named=True):
        place = f"{fault['file']}, line {fault['line']}, {fault['column_name'] or 'row'}"
        yield f"{place}: {fault['message']} [{fault['rule']}]"
    if faults.height > SHOWN_FAULTS:
        yield f"... and {faults.height - SHOWN_FAULTS:,} more faults; --json lists all of them."
