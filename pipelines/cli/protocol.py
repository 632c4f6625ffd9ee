"""`nmt protocol`: the study's parameters, shown, checked and registered."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli.options import chosen_workspace, data_option, json_option, protocol_option
from pipelines.cli.output import print_object


@click.group("protocol")
def command() -> None:
    """Show, check or register the study's parameters."""


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


@command.command("register")
@protocol_option
@data_option
@json_option
def register(protocol_path: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Freeze the protocol for the workspace, so that results can be held to what was planned.

    Results are `registered` when their protocol was frozen before the first run, and `exploratory`
    when it was frozen later, was changed since, or the effect was shown on other deliveries before.
    """
    from analysis.contracts.protocol import load_protocol
    from pipelines.line import freeze_protocol

    registration, standing = freeze_protocol(chosen_workspace(data), load_protocol(protocol_path))
    if as_json:
        facts = {name: value for name, value in asdict(registration).items() if name != "protocol"}
        print_object({**facts, "standing": standing.word, "reason": standing.reason})
    else:
        click.echo(
            f"Registered on {registration.time[:19]}: protocol {registration.protocol_hash[:12]}, "
            f"{registration.deliveries} deliveries held and {registration.looks} looks by then."
        )
        click.echo(f"Results of the next run are {standing.word}. {standing.reason}")
