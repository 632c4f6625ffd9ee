"""`nmt protocol`: the study's parameters, shown and checked."""

import json
from pathlib import Path

import click

from pipelines.cli.options import json_option
from pipelines.cli.output import print_object


@click.group("protocol")
def command() -> None:
    """Show or check the study's parameters."""


@command.command("show")
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def show(path: Path | None, *, as_json: bool) -> None:
    """Print every parameter: of the file at PATH, or the shipped presets."""
    from importlib.resources import files

    from analysis.contracts.protocol import load_protocol

    protocol = load_protocol(path)
    if as_json or path is not None:
        print_object({"hash": protocol.hash, **json.loads(protocol.canonical)})
    else:
        preset = files("analysis.contracts") / "protocols" / "nmt.toml"
        click.echo(preset.read_text(encoding="utf-8"), nl=False)


@command.command("check")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def check(path: Path, *, as_json: bool) -> None:
    """Say whether the protocol file at PATH can be used, and every fault if not."""
    from analysis.contracts.protocol import load_protocol

    protocol = load_protocol(path)
    if as_json:
        print_object({"status": "usable", "hash": protocol.hash, "study": protocol.study.name})
    else:
        click.echo(f"The protocol can be used: {protocol.study.name} ({protocol.hash[:12]}).")
