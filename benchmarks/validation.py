"""`make validate`: hold the estimators to public data and to kept studies; keep the page.

Every public case is computed anew from its data; the numbers of long simulation studies are read
from docs/coverage.csv, which `python -m benchmarks.coverage --keep` writes. The exit code is 1 when
a number is missed, and 2 when the public data are not there.

    python -m benchmarks.validation --keep
    python -m benchmarks.validation --golden ../shared/golden --only bcg e_values
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
from benchmarks import trajectory_coverage
from benchmarks.kept_coverage import (
    COVERAGE_FILE,
    coverage_table,
    goals_counted,
    goals_in_words,
    read_kept,
    sealing_table,
)
from benchmarks.public import CASES, FIELDS, GOLDEN, Case, Golden, MissingDataError, Row, rows_of

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "validation.md"
TEMPLATE: Final = Path(__file__).with_name("validation_page.md")
HEAD: Final = (
    "| data | quantity | reference by | reference | ours | difference | at most | |\n"
    "|---|---|---|---:|---:|---:|---|---|\n"
)
ALL_REACHED, SOME_MISSED, NO_DATA = 0, 1, 2

Fields = Mapping[str, Mapping[str, Case]]


def measured(fields: Fields, golden: Golden) -> dict[str, list[Row]]:
    """Return the rows of every field; raise MissingDataError where public data are absent."""
    return {
        field: [row for name, case in cases.items() for row in rows_of(name, case, golden)]
        for field, cases in fields.items()
    }


def missed(found: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Return the rows that are further from their references than they may be."""
    return [row for rows in found.values() for row in rows if not row.is_reached]


def public_tables(found: Mapping[str, Sequence[Row]]) -> str:
    """Return the rows as Markdown, a table under a heading for every field."""
    return "\n".join(
        f"### {field}\n\n{HEAD}{''.join(map(_line, rows))}" for field, rows in found.items()
    )


def overview(found: Mapping[str, Sequence[Row]]) -> str:
    """Return as Markdown what each field holds: its data, its references, its quantities."""
    lines = ["| field | data | references | quantities | missed |", "|---|---|---|---:|---:|"]
    for field, rows in found.items():
        data = ", ".join(dict.fromkeys(row.data for row in rows))
        sources = "; ".join(dict.fromkeys(row.source for row in rows))
        lines.append(
            f"| {field} | {data} | {sources} | {len(rows)} | {len(missed({field: rows}))} |"
        )
    return "\n".join(lines) + "\n"


def page(found: Mapping[str, Sequence[Row]], coverage_file: Path = COVERAGE_FILE) -> str:
    """Return docs/validation.md."""
    studies = read_kept(coverage_file)
    return TEMPLATE.read_text(encoding="utf-8").format(
        verdict=f"{verdict(found)}\n\n{goals_counted(studies)}",
        goals=goals_in_words(),
        coverage=coverage_table(studies),
        sealing=sealing_table(studies),
        courses=trajectory_coverage.coverage_table(trajectory_coverage.read_kept()),
        overview=overview(found),
        public=public_tables(found),
    )


def verdict(found: Mapping[str, Sequence[Row]]) -> str:
    """Return in one sentence how many public quantities were held, and name those missed."""
    rows = [row for own in found.values() for row in own]
    off = missed(found)
    sets = len({row.data for row in rows})
    held = f"{len(rows)} quantities of {sets} public data sets: {len(rows) - len(off)} reached, "
    if not off:
        return f"{held}none missed."
    names = "; ".join(f"{row.data}, {row.quantity}" for row in off)
    return f"{held}**{len(off)} missed**: {names}."


def _line(row: Row) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in row.cells())} |\n"


def _only(names: Iterable[str]) -> Fields:
    wanted = set(names)
    chosen = {
        field: {name: case for name, case in cases.items() if name in wanted}
        for field, cases in FIELDS.items()
    }
    return {field: cases for field, cases in chosen.items() if cases}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the public cases, print the tables, keep the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the public data")
    parser.add_argument("--only", nargs="+", choices=list(CASES), help="only these cases")
    parser.add_argument("--keep", action="store_true", help="write docs/validation.md")
    wanted = parser.parse_args(arguments)
    if wanted.keep and wanted.only:
        parser.error("The page holds every case; leave --only away to keep it.")
    started = time.perf_counter()
    try:
        found = measured(_only(wanted.only) if wanted.only else FIELDS, Golden(wanted.golden))
    except MissingDataError as absent:
        print(f"{absent} Name the folder with --golden.", file=sys.stderr)
        return NO_DATA
    print(public_tables(found))
    print(f"{verdict(found)} {time.perf_counter() - started:.0f} seconds.")
    if wanted.keep:
        PAGE.write_text(page(found), encoding="utf-8")
    return SOME_MISSED if missed(found) else ALL_REACHED


if __name__ == "__main__":
    sys.exit(main())
