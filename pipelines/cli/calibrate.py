"""`nmt calibrate`: how the estimator does on registries whose truth is known."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from pipelines.cli.options import chosen_workspace, data_option, json_option, protocol_option
from pipelines.cli.output import columns, print_lines, print_object
from pipelines.workspace import Workspace

HEADER: Final = ("scenario", "measure", "value", "MC error", "registries", "goal", "status")
SCENARIO_NAMES: Final = (
    "null",
    "protective",
    "harmful",
    "hidden_confounder",
    "unequal_followup",
    "no_overlap",
)


@click.command("calibrate")
@protocol_option
@click.option(
    "--registries",
    default=200,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many registries of every scenario.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice(SCENARIO_NAMES),
    help="One of the scenarios; may be given several times. Default: all.",
)
@click.option(
    "--episodes",
    type=click.IntRange(min=1),
    help="Episodes a registry; default: as many as this one, at most 20,000.",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--processes", type=click.IntRange(min=1), help="At once; default: one for each core."
)
@data_option
@json_option
def command(
    *,
    protocol_path: Path | None,
    registries: int,
    scenarios: tuple[str, ...],
    episodes: int | None,
    seed: int,
    processes: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Run the whole estimator on simulated registries shaped like this one.

    Reports bias, empirical and estimated error, coverage, power or type I error and the share
    sealed, each with its Monte Carlo error. May be stopped at any time: called again with the
    same protocol it goes on. The next nmt run of the protocol publishes the certificate.
    """
    from analysis.contracts.protocol import load_protocol
    from pipelines.calibration.calibrate import Wanted, calibrate
    from pipelines.progress import watched

    wanted = Wanted(scenarios or SCENARIO_NAMES, registries, seed, episodes, processes)
    with watched():
        certificate = calibrate(chosen_workspace(data), load_protocol(protocol_path), wanted)
    if as_json:
        print_object(
            {
                "protocol_hash": certificate.protocol_hash,
                "certificate_hash": certificate.hash,
                "code_version": certificate.code_version,
                "episodes": certificate.episodes,
                "rows": certificate.rows,
            }
        )
    else:
        print_lines(columns(HEADER, [_cells(row) for row in certificate.rows]))


def certificate_facts(workspace: Workspace, protocol_hash: str) -> dict[str, Any] | None:
    """Return what `nmt status` tells of a protocol's certificate."""
    from pipelines.calibration.certificates import read_certificate

    certificate = read_certificate(workspace, protocol_hash)
    if certificate is None:
        return None
    goals = [row["status"] for row in certificate.rows if row["goal"]]
    return {
        "certificate_hash": certificate.hash,
        "code_version": certificate.code_version,
        "episodes": certificate.episodes,
        "registries": sum(
            row["registries"] for row in certificate.rows if row["measure"] == "sealed_share"
        ),
        "goals": {status: goals.count(status) for status in sorted(set(goals))},
    }


def certificate_lines(facts: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what there is of a calibration certificate."""
    if facts is None:
        yield "Calibration certificate: not run (nmt calibrate makes one)"
        return
    goals = ", ".join(f"{number} {status}" for status, number in facts["goals"].items())
    yield (
        f"Calibration certificate: {facts['registries']:,} registries of {facts['episodes']:,} "
        f"episodes, goals: {goals}"
    )


def _cells(row: Mapping[str, Any]) -> list[object]:
    numbers = [
        "" if row.get(name) is None else f"{row[name]:.4f}"
        for name in ("value", "monte_carlo_error")
    ]
    return [
        row["scenario"],
        row["measure"],
        *numbers,
        row["registries"],
        row["goal"],
        row["status"],
    ]
