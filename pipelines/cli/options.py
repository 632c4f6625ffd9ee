"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipelines.workspace import Workspace, named_workspace

Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Let --data be given after the command's name as well as before it."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The workspace; default NMT_DATA, else data/.",
    )(command)


def json_option(command: Command) -> Command:
    """Let --json print one JSON object for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def protocol_option(command: Command) -> Command:
    """Let --protocol name the study's parameters."""
    return click.option(
        "--protocol",
        "protocol_path",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The study's parameters; default: the shipped presets.",
    )(command)


def deliveries_argument(*, required: bool) -> Callable[[Command], Command]:
    """Take the folders of deliveries."""
    return click.argument(
        "paths",
        nargs=-1,
        required=required,
        type=click.Path(exists=True, path_type=Path),
        metavar="PATH..." if required else "[PATH...]",
    )


def chosen_workspace(data: Path | None) -> Workspace:
    """Return the workspace named after the command, before it, in the environment or by default."""
    context: click.Context | None = click.get_current_context()
    while context is not None:
        data = data or context.params.get("data")
        context = context.parent
    return named_workspace(data)
