"""Hold what was released to what its manifests say."""

from pathlib import Path

from pipelines.flows.engine import line_flow
from pipelines.line import open_run, verify_step
from pipelines.workspace import Workspace


@line_flow
def quality(data: str) -> str:
    """Hold every release to its manifest; return the run's id."""
    workspace = Workspace(Path(data))
    with open_run(workspace, "quality", None) as run_id:
        verify_step(workspace, run_id)
    return run_id
