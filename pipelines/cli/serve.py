"""`nmt serve`: the published pages on this machine."""

from contextlib import suppress
from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option


@click.command("serve")
@click.option("--port", default=8042, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--host-name",
    "host_names",
    multiple=True,
    metavar="NAME",
    help="A further name under which a proxy on this machine may ask; may be given several times.",
)
@data_option
def command(port: int, host_names: tuple[str, ...], data: Path | None) -> None:
    """Serve the published pages on 127.0.0.1 until stopped.

    Shows the newest release without a restart. Port 0 takes any free port. Nobody but this machine
    can reach the pages; docs/hosting.md says how to put them behind a sign-in.
    """
    from pipelines.serving import page_server

    with (
        page_server(chosen_workspace(data), port, host_names) as server,
        suppress(KeyboardInterrupt),
    ):
        click.echo(f"http://127.0.0.1:{server.server_port}/")
        click.echo("Serving the current release; stop with Ctrl-C.", err=True)
        server.serve_forever()
