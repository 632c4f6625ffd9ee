"""The whole line, when something is new."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.flows.analyse import analyse
from pipelines.flows.build import build
from pipelines.flows.engine import line_flow
from pipelines.flows.ingest import ingest
from pipelines.flows.publish import publish
from pipelines.line import needs_release, open_run
from pipelines.workspace import Workspace


@line_flow
def nightly(data: str, paths: Sequence[str] = (), protocol: str | None = None) -> str:
    """Ingest, build, analyse and publish what is new; return the run's id."""
    workspace = Workspace(Path(data))
    with open_run(workspace, "nightly", Path(protocol) if protocol else None) as run_id:
        ingest(data, run_id, paths)
        if needs_release(workspace, run_id):
            build(data, run_id)
            analyse(data, run_id)
            publish(data, run_id)
    return run_id
