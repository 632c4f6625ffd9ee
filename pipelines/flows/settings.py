"""Prefect's settings for a workspace; must be in the environment before Prefect is imported."""

import os
from typing import Final

from pipelines.workspace import PRIVATE_FOLDER_MODE, Workspace, make_folder

SETTINGS: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Results are pickles of whatever a flow returns; the line hands over folders and ids only.
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    # A busy machine needs its time for the temporary server's first start.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
HOME: Final = "PREFECT_HOME"


def settle_prefect(workspace: Workspace) -> None:
    """Keep Prefect quiet, private and inside the workspace, wherever nobody has said otherwise."""
    make_folder(workspace.prefect_home, mode=PRIVATE_FOLDER_MODE)
    for name, value in {**SETTINGS, HOME: str(workspace.prefect_home)}.items():
        os.environ.setdefault(name, value)
