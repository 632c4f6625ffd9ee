"""`nmt review`: the agenda of a month's quality meeting, and charts that were re-based."""

from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option, json_option
from pipelines.cli.output import columns, print_lines, print_object

HEADER = ("chart", "unit", "from", "reason", "date", "reviewer")


@click.group("review", invoke_without_command=True)
@click.option("--month", metavar="YYYY-MM", help="Default: the last month of the release's data.")
@click.option("--clinic", metavar="NAME", help="Only what is about this clinic.")
@click.option(
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default=Path(),
    help="Where the files go; default: the current folder.",
)
@data_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    month: str | None,
    clinic: str | None,
    folder: Path,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write the list of a month's meeting: every rule that fired, with a question to ask.

    Reads the current release and nothing of the registry. Lists what fired in the twelve months up
    to the month, the newest first, as CSV and as a page to print with room for what was found, what
    is done, by whom and by when.
    """
    if context.invoked_subcommand is not None:
        return
    from pipelines.review import write_review

    review = write_review(chosen_workspace(data), folder, month=month, clinic=clinic)
    agenda = review.agenda
    if as_json:
        print_object(
            {
                "release_id": review.release_id,
                **asdict(agenda),
                "files": [str(path) for path in review.files],
            }
        )
        return
    number = len(agenda.signals)
    found = f"{number} signal{'' if number == 1 else 's'}" if number else "No rule fired"
    click.echo(f"{found} in the twelve months from {agenda.first_listed} to {agenda.month}.")
    print_lines(str(path) for path in review.files)


@command.command("rebase")
@click.argument("chart")
@click.option("--from", "start_period", required=True, metavar="PERIOD", help="2025-03 or 2025-Q1.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line; of no patient.")
@click.option("--reviewer", required=True, metavar="NAME", help="Who decided.")
@click.option("--unit", "clinic", metavar="CLINIC", help="Whose chart; default: the network's.")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="When it was decided; default: today.")
@data_option
@json_option
def rebase(
    *,
    chart: str,
    start_period: str,
    reason: str,
    reviewer: str,
    clinic: str | None,
    day: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Record that CHART gets a new baseline from PERIOD on, and why.

    The next nmt run takes it, and shows reason, date and reviewer beside the chart. An entry is
    never changed or removed.
    """
    from datetime import UTC, datetime

    from pipelines.publication.reading import read_release
    from pipelines.rebases import rebase_of, record_rebase
    from pipelines.review import known_clinic

    today = datetime.now(UTC).date()
    entry = rebase_of(
        chart,
        start_period,
        reason=reason,
        reviewer=reviewer,
        day=day or today.isoformat(),
        clinic=clinic,
    )
    workspace = chosen_workspace(data)
    if clinic is not None:
        known_clinic(read_release(workspace), clinic)
    is_new = record_rebase(workspace, entry, today)
    if as_json:
        print_object({**asdict(entry), "is_new": is_new})
    else:
        click.echo("Recorded; nmt run takes it." if is_new else "Was on record already.")


@command.command("rebases")
@data_option
@json_option
def rebases(data: Path | None, *, as_json: bool) -> None:
    """List the charts that were re-based, the oldest first."""
    from pipelines.rebases import read_rebases

    entries = read_rebases(chosen_workspace(data))
    if as_json:
        print_object({"rebases": [asdict(each) for each in entries]})
    elif entries:
        rows = [
            (
                each.chart,
                each.unit_name or each.unit_kind,
                each.start_period,
                each.reason,
                each.date,
                each.reviewer,
            )
            for each in entries
        ]
        print_lines(columns(HEADER, rows))
    else:
        click.echo("No chart was re-based.")
