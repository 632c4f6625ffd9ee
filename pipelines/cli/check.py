"""`nmt check`: deliveries held to the contract."""

from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option, deliveries_argument, json_option
from pipelines.cli.output import print_lines, print_object
from pipelines.cli.rejections import report_facts, report_lines


@click.command("check")
@deliveries_argument(required=True)
@data_option
@json_option
def command(paths: tuple[Path, ...], data: Path | None, *, as_json: bool) -> int:
    """Hold the deliveries at PATH to the contract and name every fault; change nothing.

    References are looked up in the delivery and in the registry, where there is one.
    """
    from pipelines.ingestion import check_deliveries
    from pipelines.progress import report, watched

    with watched():
        report(f"Checking {len(paths)} deliver{'y' if len(paths) == 1 else 'ies'}")
        result = check_deliveries(paths, chosen_workspace(data))
    if as_json:
        print_object(report_facts(result))
    else:
        print_lines(report_lines(result))
    return result.exit_code
