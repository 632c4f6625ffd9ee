"""Compute the study's results."""

from pathlib import Path

from pipelines.flows.engine import line_flow
from pipelines.line import analyse_step
from pipelines.workspace import Workspace


@line_flow
def analyse(data: str, run_id: str) -> None:
    """Compute every result from the version that was built."""
    analyse_step(Workspace(Path(data)), run_id)
