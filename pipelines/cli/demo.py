"""`nmt demo`: the whole line on a registry whose truth is known."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click

from pipelines.cli.options import chosen_workspace, data_option, json_option
from pipelines.cli.output import columns, print_lines, print_object
from pipelines.cli.run import run_line
from pipelines.cli.summary import run_facts, run_lines
from pipelines.workspace import Workspace

COMPARED: Final = (
    ("risk, strict", "risk", "strict", None),
    ("risk, natural", "risk", "natural", None),
    ("risk difference", "risk_difference", "strict", "natural"),
    ("risk ratio", "risk_ratio", "strict", "natural"),
)


@click.command("demo")
@click.option("--episodes", default=6000, show_default=True, type=click.IntRange(min=1))
@click.option("--clinics", default=8, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
@click.option("--scenario", default="protective", show_default=True, metavar="NAME")
@data_option
@json_option
def command(
    *, episodes: int, clinics: int, seed: int, scenario: str, data: Path | None, as_json: bool
) -> int:
    """Simulate a delivery with a planted truth, run the whole line on it, show what came out.

    The workspace may hold nothing but demos; another demo replaces the former one.
    """
    from pipelines.demo import Demo, prepare_demo, read_truth
    from pipelines.progress import watched

    workspace = chosen_workspace(data)
    with watched():
        delivery = prepare_demo(workspace, Demo(episodes, clinics, seed, scenario))
    run_id = run_line(workspace)
    facts = {
        **run_facts(workspace, run_id),
        "truth": read_truth(delivery),
        "estimates": _primary_estimates(workspace),
    }
    if as_json:
        print_object(facts)
    else:
        print_lines(_demo_lines(workspace, facts))
    return int(facts["exit_code"])


def _primary_estimates(workspace: Workspace) -> list[dict[str, Any]]:
    from pipelines.warehouse.connection import read_frame
    from pipelines.warehouse.versions import open_version

    with open_version(workspace) as registry:
        estimates = read_frame(registry, "results.estimates")
    return estimates.filter(analysis="primary", hypothesis="completion").to_dicts()


def _demo_lines(workspace: Workspace, facts: Mapping[str, Any]) -> Iterator[str]:
    yield from run_lines(facts)
    yield ""
    yield f"What was planted: {facts['truth']['sentence']}"
    yield from columns(("", "truth", "estimate", "low", "high", "status"), _compared(facts))
    yield ""
    yield "Open next:"
    for page in ("index.html", "research.html", "quality.html"):
        yield f"  {workspace.site / page}"
    place = f"--data {quote(str(workspace.root))}"
    yield f"or: nmt serve {place}"
    yield f'and: nmt sql {place} "FROM results.verdicts"'


def _compared(facts: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for label, measure, strategy, comparator in COMPARED:
        planted = facts["truth"][measure]
        truth = planted[strategy] if isinstance(planted, dict) else planted
        found: dict[str, Any] = next(
            (
                row
                for row in facts["estimates"]
                if (row["measure"], row["strategy"], row["comparator"])
                == (measure, strategy, comparator)
            ),
            {},
        )
        values = (found.get(name) for name in ("value", "low", "high", "status"))
        yield (label, truth, *values)
