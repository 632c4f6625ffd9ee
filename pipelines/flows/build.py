"""Build the registry's tables."""

from pathlib import Path

from pipelines.flows.engine import line_flow
from pipelines.line import build_step
from pipelines.workspace import Workspace


@line_flow
def build(data: str, run_id: str) -> None:
    """Build a new version of the registry beside the one that readers see."""
    build_step(Workspace(Path(data)), run_id)
