"""`make bench`: run every benchmark and keep the newest table in docs/benchmarks.md."""

import argparse
import importlib
import os
import platform
from pathlib import Path

from benchmarks.measuring import as_markdown

BENCHMARKS = (
    "ingestion",
    "concepts",
    "run",
    "cox",
    "logistic",
    "emulation",
    "courses",
    "trajectories",
    "pages",
)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Made by `make bench` on {cores} cores ({machine}), Python {python}. Every ratio is measured against
a peer or a floor in the same run, in processes of their own: CPU seconds, and peak memory.
"""


def main() -> None:
    """Run the benchmarks named on the command line (all of them if none), print, keep the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks.md")
    wanted = parser.parse_args()
    names = wanted.names or list(BENCHMARKS)
    page = HEAD.format(
        cores=os.cpu_count(), machine=platform.machine(), python=platform.python_version()
    )
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        page += f"\n## {name}\n\n{module.__doc__}\n\n{as_markdown(module.measure())}"
    print(page)
    if wanted.keep:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
