"""Publish one release."""

from pathlib import Path

from pipelines.flows.engine import line_flow
from pipelines.line import publish_step
from pipelines.workspace import Workspace


@line_flow
def publish(data: str, run_id: str) -> str:
    """Write the release and let readers see it; return its id."""
    return publish_step(Workspace(Path(data)), run_id)
