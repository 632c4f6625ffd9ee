"""Bring deliveries into the registry."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.flows.engine import line_flow
from pipelines.line import ingest_step
from pipelines.workspace import Workspace


@line_flow
def ingest(data: str, run_id: str, paths: Sequence[str] = ()) -> None:
    """Ingest what is new under raw/, and the deliveries at `paths`."""
    ingest_step(Workspace(Path(data)), run_id, [Path(path) for path in paths])
