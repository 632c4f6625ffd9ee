"""What long studies of coverage found, kept in docs/coverage.csv: one line a study.

Differences of risk and their errors are shares, `sealed` is empty where no gate was asked.
"""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from analysis.calibration.certificate import (
    BIAS_WORDS,
    COVERAGE,
    SEALING_GOALS,
    SOUND,
    TYPE_1,
    bias_status,
    share_status,
)
from analysis.calibration.findings import Finding
from analysis.calibration.performance import Measure, performance

COVERAGE_FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "coverage.csv"
NOT_ASKED: Final = "not asked"
NONE_CLOSED: Final = "none"
DIGITS: Final = 6
WORDS: Final = ("scenario", "intervals", "gates", "code_version")
COUNTS: Final = ("episodes", "registries")
MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Kept:
    """A study: its settings, then measures and their Monte Carlo errors, NaN where there is none.

    `gates` counts the registries that each gate sealed. The first seed may not be known any more.
    """

    scenario: str
    episodes: int
    intervals: str
    registries: int
    truth: float
    bias: float
    bias_error: float
    empirical_error: float
    estimated_error: float
    coverage: float
    coverage_error: float
    sealed: float
    sealed_error: float
    gates: str
    code_version: str
    first_seed: int | None

    @property
    def key(self) -> tuple[str, int, str, bool]:
        """Return what a later study replaces."""
        return self.scenario, self.episodes, self.intervals, self.gates != NOT_ASKED


def summarised(
    settings: tuple[str, int, str],
    findings: Sequence[Finding],
    *,
    has_gates: bool,
    code: str,
    first_seed: int,
) -> Kept:
    """Return the measures over the findings of one study."""
    found = performance(findings)
    closed = Counter(gate for finding in findings for gate in finding.closed_by)
    counted = ", ".join(f"{gate} {count}" for gate, count in sorted(closed.items()))
    return Kept(
        *settings,
        registries=len(findings),
        truth=found.truth.value,
        bias=found.bias.value,
        bias_error=found.bias.monte_carlo_error,
        empirical_error=found.empirical_error.value,
        estimated_error=found.model_error.value,
        coverage=found.coverage.value,
        coverage_error=found.coverage.monte_carlo_error,
        sealed=found.sealed.value if has_gates else math.nan,
        sealed_error=found.sealed.monte_carlo_error if has_gates else math.nan,
        gates=(counted or NONE_CLOSED) if has_gates else NOT_ASKED,
        code_version=code,
        first_seed=first_seed,
    )


def keep(rows: Sequence[Kept], path: Path) -> None:
    """Write the rows beside those of other settings; raise ValueError rather than keep fewer.

    A study by the same code may only be replaced by one of at least as many registries.
    """
    known = {row.key: row for row in read_kept(path)}
    for row in rows:
        former = known.get(row.key)
        if (
            former
            and former.code_version == row.code_version
            and former.registries > row.registries
        ):
            raise ValueError(
                f"{path.name} holds {former.registries} registries of {row.scenario} by this code, "
                f"and these are {row.registries}. Name the file they came from with --into."
            )
        known[row.key] = row
    ordered = sorted(known.values(), key=lambda row: (row.episodes, row.intervals, row.scenario))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Kept)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: _written(value) for name, value in asdict(row).items()} for row in ordered
        )


def read_kept(path: Path) -> list[Kept]:
    """Return the studies that were kept, none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_read(row) for row in csv.DictReader(file)]


def _read(row: dict[str, str]) -> Kept:
    words = {name: row[name] for name in WORDS}
    counts = {name: int(row[name]) for name in COUNTS}
    shares = {
        name: float(text) if text else math.nan
        for name, text in row.items()
        if name not in (*WORDS, *COUNTS, "first_seed")
    }
    seed = int(row["first_seed"]) if row["first_seed"] else None
    return Kept(**words, **counts, **shares, first_seed=seed)


def _written(value: str | int | float | None) -> str | int | None:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if math.isfinite(value) else ""
    return value


def coverage_table(rows: Sequence[Kept]) -> str:
    """Return the studies as a Markdown table with goals, in points of risk."""
    lines = [
        "| scenario | episodes | intervals | registries | truth | bias | empirical error "
        "| estimated error | coverage | goals | code |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        if math.isnan(row.bias):
            continue
        lines.append(
            f"| {row.scenario} | {row.episodes:,} | {row.intervals} | {row.registries:,} "
            f"| {_points(row.truth)} | {_points(row.bias)} ({_points(row.bias_error)}) "
            f"| {_points(row.empirical_error)} | {_points(row.estimated_error)} "
            f"| {_percent(row.coverage)} ({_percent(row.coverage_error)}) | {_goals(row)} "
            f"| {row.code_version} |"
        )
    return "\n".join(lines) + "\n"


def sealing_table(rows: Sequence[Kept]) -> str:
    """Return how often the gates sealed as a Markdown table, with the goals."""
    lines = [
        "| scenario | episodes | registries | sealed | goal | | sealed by | code |",
        "|---|---:|---:|---:|---|---|---|---|",
    ]
    for row in rows:
        if math.isnan(row.sealed):
            continue
        goal = SEALING_GOALS.get(row.scenario)
        status = "".join(_sealing(row))
        lines.append(
            f"| {row.scenario} | {row.episodes:,} | {row.registries:,} "
            f"| {_percent(row.sealed)} ({_percent(row.sealed_error)}) "
            f"| {goal.words if goal else 'no goal'} | {_loud(status)} | {row.gates} "
            f"| {row.code_version} |"
        )
    return "\n".join(lines) + "\n"


def statuses(row: Kept) -> dict[str, str]:
    """Return whether bias, coverage and type I error reached their goals, by name."""
    if row.scenario not in SOUND or math.isnan(row.bias):
        return {}
    covered = Measure(row.coverage, row.coverage_error, row.registries)
    found = {
        "bias": bias_status(Measure(row.bias, row.bias_error, row.registries), row.truth),
        "coverage": share_status(covered, COVERAGE),
    }
    if row.truth == 0.0:
        # Without an effect an interval that misses the truth is one that rejects it.
        wrong = Measure(1.0 - row.coverage, row.coverage_error, row.registries)
        found["type I error"] = share_status(wrong, TYPE_1)
    return found


def goals_counted(rows: Sequence[Kept]) -> str:
    """Return in words how many goals of the studies were reached, missed and left unclear."""
    found = [status for row in rows for status in (*statuses(row).values(), *_sealing(row))]
    counts = Counter(found)
    off = counts["missed"]
    missed = f"**{off} missed**" if off else "none missed"
    return (
        f"{len(found)} goals of {len(rows)} simulation studies: {counts['reached']} reached, "
        f"{missed}, {counts['unclear']} unclear."
    )


def goals_in_words() -> str:
    """Return the goals of the studies as one sentence."""
    return (
        f"Goals where the design's conditions hold ({', '.join(SOUND)}): coverage "
        f"{COVERAGE.words}; bias {BIAS_WORDS}; type I error, without an effect, {TYPE_1.words}."
    )


def _sealing(row: Kept) -> list[str]:
    """Return whether the gates sealed as often as they should, nothing where there is no goal."""
    goal = SEALING_GOALS.get(row.scenario)
    if goal is None or math.isnan(row.sealed):
        return []
    return [share_status(Measure(row.sealed, row.sealed_error, row.registries), goal)]


def _goals(row: Kept) -> str:
    own = statuses(row)
    return ", ".join(f"{name} {_loud(status)}" for name, status in own.items()) or "no goal"


def _loud(status: str) -> str:
    return f"**{status}**" if status == "missed" else status


def _points(share: float) -> str:
    return f"{100 * share:.2f}".replace("-", MINUS) if math.isfinite(share) else ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if math.isfinite(share) else ""
