"""What is going on: a moving line on a terminal, plain lines elsewhere, both on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

Progress = Callable[[str], None]

SILENCE_SECONDS: Final = 2.0


def ignore(message: str) -> None:
    """Show nothing."""


class Watch(Protocol):
    """Who shows what is being done."""

    def step(self, message: str) -> None:
        """Show that a step has begun."""

    def detail(self, message: str) -> None:
        """Show where the step is."""


class PlainLines:
    """Steps as lines of their own; of their details only as many as keep a reader awake."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def step(self, message: str) -> None:
        """Write the step."""
        self._said = time.monotonic()
        print(message, file=sys.stderr, flush=True)  # noqa: T201

    def detail(self, message: str) -> None:
        """Write the detail if nothing was said for a while."""
        if time.monotonic() - self._said >= SILENCE_SECONDS:
            self.step(f"  {message}")


class _Silence:
    def step(self, message: str) -> None:
        pass

    def detail(self, message: str) -> None:
        pass


_shown: ContextVar[Watch] = ContextVar("shown", default=PlainLines())  # noqa: B039


def report(message: str) -> None:
    """Tell whoever watches which step begins."""
    _shown.get().step(message)


def detail(message: str) -> None:
    """Tell whoever watches where the step is."""
    _shown.get().detail(message)


@contextmanager
def watched(*, quiet: bool = False) -> Iterator[None]:
    """Show progress while the body runs, in the way that suits standard error."""
    if quiet:
        with _showing(_Silence()):
            yield
    elif sys.stderr.isatty():
        with _terminal_line() as line, _showing(line):
            yield
    else:
        with _showing(PlainLines()):
            yield


@contextmanager
def _showing(watch: Watch) -> Iterator[None]:
    token = _shown.set(watch)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def _terminal_line() -> Iterator[Watch]:
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

    def step(self, message: str) -> None:
        self.finish()
        self._step, self._begun = message, time.monotonic()
        self._status.update(_literal(message))

    def detail(self, message: str) -> None:
        self._status.update(_literal(f"{self._step or ''}: {message}"))

    def finish(self) -> None:
        if self._step is not None:
            seconds = time.monotonic() - self._begun
            self._console.print(f"{_literal(self._step)} [dim]{seconds:.1f} s[/dim]")
            self._step = None


def _literal(message: str) -> str:
    from rich.markup import escape

    return escape(message)
