"""Measure a piece of work in a process of its own, and print ratios as a table."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a child process took: CPU seconds (user and system), wall seconds, peak MB."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Mark:
    """One line of the table: a measured ratio or amount, and the most it may be."""

    name: str
    measured: float
    at_most: float
    unit: str
    detail: str

    @property
    def is_reached(self) -> bool:
        return self.measured <= self.at_most


def cost_of(module: str, arguments: Sequence[str]) -> Cost:
    """Run `python -m module arguments` and return its cost; raise if it does not end well."""
    start = os.times().elapsed
    child = subprocess.Popen([sys.executable, "-m", module, *arguments])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {child.returncode}")
    return Cost(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=os.times().elapsed - start,
        peak_mb=usage.ru_maxrss / 1024,
    )


def as_markdown(marks: Sequence[Mark]) -> str:
    """Return the marks as a Markdown table, ready for docs/benchmarks.md."""
    lines = ["| mark | measured | at most | | detail |", "|---|---:|---:|---|---|"]
    lines += [
        f"| {mark.name} | {mark.measured:.2f} {mark.unit} | {mark.at_most:g} {mark.unit} "
        f"| {'reached' if mark.is_reached else '**missed**'} | {mark.detail} |"
        for mark in marks
    ]
    return "\n".join(lines) + "\n"
