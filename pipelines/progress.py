"""What is going on: a moving line on a terminal, plain lines elsewhere, both on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

Progress = Callable[[str], None]


def ignore(message: str) -> None:
    """Show nothing."""


def plain_line(message: str) -> None:
    """Write the message as a line of its own to standard error."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


_shown: ContextVar[Progress] = ContextVar("shown", default=plain_line)


def report(message: str) -> None:
    """Tell whoever watches what is being done now."""
    _shown.get()(message)


@contextmanager
def watched(*, quiet: bool = False) -> Iterator[None]:
    """Show progress while the body runs, in the way that suits standard error."""
    if quiet:
        with _showing(ignore):
            yield
    elif sys.stderr.isatty():
        with _terminal_line() as line, _showing(line):
            yield
    else:
        with _showing(plain_line):
            yield


@contextmanager
def _showing(progress: Progress) -> Iterator[None]:
    token = _shown.set(progress)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def _terminal_line() -> Iterator[Progress]:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("") as status:
        line = _TerminalLine(console, status)
        try:
            yield line
        finally:
            line.finish()


class _TerminalLine:
    """The current step beside a spinner; finished steps stay above with the seconds they took."""

    def __init__(self, console: "Console", status: "Status") -> None:
        self._console = console
        self._status = status
        self._step: str | None = None
        self._begun = time.monotonic()

    def __call__(self, message: str) -> None:
        self.finish()
        self._step, self._begun = message, time.monotonic()
        self._status.update(_literal(message))

    def finish(self) -> None:
        if self._step is not None:
            seconds = time.monotonic() - self._begun
            self._console.print(f"{_literal(self._step)} [dim]{seconds:.1f} s[/dim]")
            self._step = None


def _literal(message: str) -> str:
    from rich.markup import escape

    return escape(message)
