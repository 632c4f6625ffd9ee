"""What a run did, as facts for programs and as lines for people."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from pipelines.cli.output import columns
from pipelines.publication.release import site_pages
from pipelines.publication.runs import read_run
from pipelines.registry import contradictory_units, measurement_rows
from pipelines.workspace import Workspace

RELEASE_NEWS: Final = {
    "written": "new",
    "differs": "kept, although the same inputs gave other bytes this time",
}
COUNTED_MEASUREMENTS: Final = ("counted", "target")
COUNTS: Final = ("rows_in", "accepted", "rejected", "already_known", "superseded")
COUNT_HEADER: Final = ("file", "rows in", "accepted", "rejected", "already known", "superseded")


def run_facts(workspace: Workspace, run_id: str) -> dict[str, Any]:
    """Return the run's record and where its pages are."""
    facts = asdict(read_run(workspace, run_id))
    del facts["protocol_text"], facts["building"], facts["pid"], facts["step"]
    pages = site_pages(workspace)
    return {
        **facts,
        "measurements": measurement_rows(workspace) if facts["release_id"] else [],
        "contradictory_units": contradictory_units(workspace) if facts["release_id"] else [],
        "pages": str(workspace.site / "index.html") if pages else None,
    }


def run_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the run's summary: files, gates, verdicts, release and pages."""
    yield from ingestion_lines(facts["ingestion"])
    yield from measurement_lines(facts["measurements"])
    yield from unit_lines(facts["contradictory_units"])
    yield from gate_lines(facts["gates"])
    yield from verdict_lines(facts["verdicts"])
    yield from standing_lines(facts)
    if facts["release_id"]:
        news = RELEASE_NEWS.get(facts["release_outcome"], "unchanged")
        yield f"Release {facts['release_id']} ({news}), run {facts['run_id']}"
    if facts["pages"]:
        yield f"Pages: {facts['pages']}"


def ingestion_lines(ingestion: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of every file of every delivery."""
    deliveries = ingestion.get("deliveries", ())
    if not deliveries:
        yield "Deliveries: none new"
    for delivery in deliveries:
        yield f"Delivery {delivery['delivery_id']}: {delivery['status'].replace('_', ' ')}"
        rows = [[file["file"], *(file[name] for name in COUNTS)] for file in delivery["files"]]
        if rows:
            yield from (f"  {line}" for line in columns(COUNT_HEADER, rows))
        for file in delivery["files"]:
            if file["refusal"]:
                yield f"  {file['file']}: {file['refusal']}"


def measurement_lines(uses: Any) -> Iterator[str]:
    """Yield how many measurements do not count and why, when there are such."""
    unused = {
        use["measurement_use"]: use["measurements"]
        for use in uses
        if use["measurement_use"] not in COUNTED_MEASUREMENTS
    }
    if unused:
        total = sum(use["measurements"] for use in uses)
        reasons = ", ".join(f"{number:,} {use.replace('_', ' ')}" for use, number in unused.items())
        yield f"Measurements not counted: {sum(unused.values()):,} of {total:,} ({reasons})"


def unit_lines(contradictions: Any) -> Iterator[str]:
    """Yield each instrument that came in units that contradict one another, with its domain."""
    for each in contradictions:
        domain = f"{each['domain']}, " if each["domain"] else ""
        yield (
            f"  {domain}{each['instrument']}: units contradict one another; {each['unused']:,} "
            f"not in {each['unit']} nor in one that can be turned into it"
        )


def gate_lines(gates: Any) -> Iterator[str]:
    """Yield every gate with what was found and what is asked for."""
    if gates:
        rows = [
            [gate["analysis"], gate["gate"], gate["value"], gate["threshold"], gate["status"]]
            for gate in gates
        ]
        yield from columns(("analysis", "gate", "value", "threshold", "status"), rows)


def verdict_lines(verdicts: Any) -> Iterator[str]:
    """Yield every verdict with its reason."""
    for verdict in verdicts:
        reason = f" ({verdict['reason']})" if verdict["reason"] else ""
        standing = f" [{verdict['standing']}]" if verdict.get("standing") else ""
        yield f"Verdict, {verdict['analysis']}: {verdict['verdict']}{standing}{reason}"


def standing_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the registered protocol makes of the results."""
    if facts["release_id"]:
        yield f"Protocol: {facts['standing']}. {facts['standing_reason']}"
    if facts["release_id"] and facts["spent"]:
        names = ", ".join(facts["spent"])
        yield f"Extra looks, their effects were shown on other deliveries before: {names}"
