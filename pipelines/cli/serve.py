"""`nmt serve`: the published pages on this machine."""

from contextlib import suppress
from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option


@click.command("serve")
@click.option("--port", default=8042, show_default=True, type=click.IntRange(0, 65535))
@data_option
def command(port: int, data: Path | None) -> None:
    """Serve the published pages on 127.0.0.1 until stopped.

    Shows the newest release without a restart. Port 0 takes any free port. Nobody but this machine
    can reach the pages.
    """
    from pipelines.serving import page_server

    with page_server(chosen_workspace(data), port) as server, suppress(KeyboardInterrupt):
        click.echo(f"http://127.0.0.1:{server.server_port}/")
        click.echo("Serving the current release; stop with Ctrl-C.", err=True)
        server.serve_forever()
