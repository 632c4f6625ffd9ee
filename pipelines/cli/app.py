"""The command group, and how every ending becomes an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from analysis.contracts.errors import EnvironmentFaultError, NmtError
from pipelines.cli.output import print_fault
from pipelines.faults import ProgramFaultError, explained

USAGE_EXIT_CODE: Final = 2
INTERRUPTED_EXIT_CODE: Final = 130
DEBUG_VARIABLE: Final = "NMT_DEBUG"
JSON_OPTION: Final = "--json"

# Modules are imported when their command is called, so that `nmt --help` answers at once.
COMMANDS: Final = {
    "demo": "Simulate a delivery with a known truth and run the whole line on it.",
    "simulate": "Write a delivery with a known truth.",
    "check": "Hold deliveries to the contract; change nothing.",
    "ingest": "Bring deliveries into the registry.",
    "run": "Ingest what is new, build, analyse and publish one release.",
    "sql": "Ask the registry as last built; cannot write.",
    "status": "Show the last runs, deliveries, rejections, gates and the release.",
    "serve": "Serve the published pages on 127.0.0.1.",
    "review": "Write the agenda of a month's quality meeting; re-base charts.",
    "handover": "Write one clinic's page and figures, with nothing of any other.",
    "calibrate": "Show how the estimator does on simulated registries shaped like this one.",
    "protocol": "Show, check or register the study's parameters.",
}


class ReaderLeftError(Exception):
    """Whoever read standard output has seen enough."""


class LineCommands(click.Group):
    """The commands in the order in which one meets them, each loaded when it is called."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader that left is not taken for a failure, as click would."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderLeftError from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"pipelines.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LineCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The workspace; default NMT_DATA, else data/.",
)
@click.version_option(package_name="nmt-outcomes", prog_name="nmt")
def nmt(data: Path | None) -> None:
    """From the session records of rehabilitation clinics to outcomes.

    Exit codes: 0 done; 2 usage or protocol file; 3 a file was refused; 4 rows were rejected; 5
    another run holds the registry; 6 the release gate refused; 7 disk, rights or machine; 8 a file
    is damaged; 9 a fault of the program.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = nmt.main(args=given, prog_name="nmt", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderLeftError):
        return _reader_left()
    except click.exceptions.Abort:
        click.echo("Stopped. What was published before is untouched.", err=True)
        return INTERRUPTED_EXIT_CODE
    except click.ClickException as fault:
        return _refuse_call(fault, as_json=JSON_OPTION in given)
    except Exception as fault:
        return _fail(explained(fault), as_json=JSON_OPTION in given)
    return code if isinstance(code, int) else 0


def _refuse_call(fault: click.ClickException, *, as_json: bool) -> int:
    if as_json:
        print_fault("UsageError", USAGE_EXIT_CODE, fault.format_message())
    fault.show()
    return USAGE_EXIT_CODE


def _fail(fault: NmtError, *, as_json: bool) -> int:
    try:
        if as_json:
            print_fault(type(fault).__name__, fault.exit_code, str(fault))
        click.echo(str(fault), err=True)
        if os.environ.get(DEBUG_VARIABLE) and isinstance(fault, ProgramFaultError):
            click.echo("\n".join(fault.frames), err=True)
    except OSError:
        return EnvironmentFaultError.exit_code
    return fault.exit_code


def _reader_left() -> int:
    """Let nothing complain about a reader (such as `head`) that has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
