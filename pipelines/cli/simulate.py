"""`nmt simulate`: a delivery in which the truth is known."""

from pathlib import Path

import click

from pipelines.cli.options import json_option
from pipelines.cli.output import print_object


@click.command("simulate")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--episodes", default=4000, show_default=True, type=click.IntRange(min=1))
@click.option("--clinics", default=8, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@click.option("--scenario", default="protective", show_default=True, metavar="NAME")
@click.option(
    "--format",
    "file_format",
    default="csv",
    show_default=True,
    type=click.Choice(["csv", "parquet"]),
    help="How the tables are written.",
)
@json_option
def command(
    *,
    target: Path,
    episodes: int,
    clinics: int,
    seed: int,
    scenario: str,
    file_format: str,
    as_json: bool,
) -> None:
    """Write a delivery with planted truth to DIR (truth.json beside the tables)."""
    from pipelines.progress import report, watched
    from pipelines.simulation import write_synthetic_delivery

    with watched():
        report(f"Simulating {episodes:,} episodes in {clinics} clinics, scenario {scenario}")
        folder = write_synthetic_delivery(
            target,
            episodes=episodes,
            clinics=clinics,
            seed=seed,
            scenario=scenario,
            file_format="parquet" if file_format == "parquet" else "csv",
        )
    files = sorted(path.name for path in folder.iterdir())
    if as_json:
        print_object({"delivery": str(folder), "files": files})
    else:
        click.echo(f"{folder}: {', '.join(files)}")
