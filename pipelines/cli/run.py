"""`nmt run`: the whole line in one command."""

from pathlib import Path

import click

from pipelines.cli.options import (
    chosen_workspace,
    data_option,
    deliveries_argument,
    json_option,
    protocol_option,
)
from pipelines.cli.output import print_lines, print_object
from pipelines.cli.summary import run_facts, run_lines
from pipelines.workspace import Workspace


@click.command("run")
@deliveries_argument(required=False)
@protocol_option
@click.option(
    "--through-prefect",
    "through_engine",
    is_flag=True,
    help="Run through Prefect's engine with a temporary server, even if no server is named.",
)
@data_option
@json_option
def command(
    paths: tuple[Path, ...],
    protocol_path: Path | None,
    data: Path | None,
    *,
    through_engine: bool,
    as_json: bool,
) -> int:
    """Ingest what is new in raw/ and at PATH, build, analyse and publish one release.

    When nothing is new, the standing release stays as it is. A refused delivery is reported and
    the others go on (exit code 3). When more rows were rejected than the protocol tolerates,
    nothing is published (exit code 4). With PREFECT_API_URL set, the flows run through that server.
    """
    workspace = chosen_workspace(data)
    run_id = run_line(workspace, paths, protocol_path, through_engine=through_engine)
    facts = run_facts(workspace, run_id)
    if as_json:
        print_object(facts)
    else:
        print_lines(run_lines(facts))
    return int(facts["exit_code"])


def run_line(
    workspace: Workspace,
    paths: tuple[Path, ...] = (),
    protocol_path: Path | None = None,
    *,
    through_engine: bool = False,
) -> str:
    """Run the nightly flow and return the run's id."""
    from analysis.contracts.protocol import load_protocol
    from pipelines.flows.settings import settle_prefect
    from pipelines.progress import watched

    with watched():
        load_protocol(protocol_path)
        settle_prefect(workspace.prepare())
        from pipelines.flows.engine import through_prefect
        from pipelines.flows.nightly import nightly

        places = [str(path.resolve()) for path in paths]
        protocol = str(protocol_path.resolve()) if protocol_path else None
        if through_engine:
            with through_prefect():
                return str(nightly(str(workspace.root), places, protocol))
        return str(nightly(str(workspace.root), places, protocol))
