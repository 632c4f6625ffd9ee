"""`nmt handover`: one clinic's folder, with nothing of any other."""

from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option, json_option
from pipelines.cli.output import print_object


@click.command("handover")
@click.argument("clinic")
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write; default: handover-CLINIC in the current folder.",
)
@click.option(
    "--zip",
    "archive",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write one zip instead of a folder.",
)
@data_option
@json_option
def command(
    *,
    clinic: str,
    folder: Path | None,
    archive: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Write CLINIC's page and figures from the current release, to be handed to that clinic.

    Nothing of any other clinic is in it: no page, no row, no name. The folder opens without a
    server. The same release gives the same bytes.
    """
    from pipelines.handover import hand_over

    if folder is not None and archive is not None:
        raise click.UsageError("Name either --output or --zip.")
    made = hand_over(chosen_workspace(data), clinic, folder=folder, archive=archive)
    if as_json:
        print_object({**asdict(made), "place": str(made.place)})
    else:
        click.echo(str(made.place))
        click.echo(
            f"{made.files} files, {made.bytes / 1e6:.1f} MB, of this clinic alone.", err=True
        )
