"""`nmt ingest`: deliveries into the registry."""

from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option, deliveries_argument, json_option
from pipelines.cli.output import print_lines, print_object
from pipelines.cli.rejections import report_facts, report_lines


@click.command("ingest")
@deliveries_argument(required=True)
@data_option
@json_option
def command(paths: tuple[Path, ...], data: Path | None, *, as_json: bool) -> int:
    """Bring the deliveries at PATH into the registry; the same bytes twice change nothing.

    A refused file refuses its whole delivery; the other deliveries go on.
    """
    from pipelines.line import take_in
    from pipelines.locking import hold_registry
    from pipelines.progress import watched

    workspace = chosen_workspace(data)
    with watched(), hold_registry(workspace, "nmt ingest"):
        result = take_in(workspace.prepare(), paths)
    if as_json:
        print_object(report_facts(result))
    else:
        print_lines(report_lines(result))
        if result.rejections.height:
            click.echo(f"The rejected rows' own text: {workspace.quarantine_dir}", err=True)
    return result.exit_code
