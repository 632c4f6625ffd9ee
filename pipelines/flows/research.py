"""The whole line from the registry on, new or not: a release must come out the same again."""

from pathlib import Path

from pipelines.flows.analyse import analyse
from pipelines.flows.build import build
from pipelines.flows.engine import line_flow
from pipelines.flows.ingest import ingest
from pipelines.flows.publish import publish
from pipelines.line import needs_release, open_run, require_reproduced
from pipelines.workspace import Workspace


@line_flow
def research(data: str, protocol: str | None = None) -> str:
    """Compute every result anew and hold it to the release that stands; return the run's id."""
    workspace = Workspace(Path(data))
    with open_run(workspace, "research", Path(protocol) if protocol else None) as run_id:
        ingest(data, run_id)
        if needs_release(workspace, run_id, recompute=True):
            build(data, run_id)
            analyse(data, run_id)
            publish(data, run_id)
            require_reproduced(workspace, run_id)
    return run_id
