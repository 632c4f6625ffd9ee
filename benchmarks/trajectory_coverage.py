"""Do the intervals of the stage slopes cover the planted slopes as often as they say?

Courses are drawn directly: patients in clinics, some with two episodes, each with a level and a
slope of its own, who move through the five stages at times of their own and are measured about
weekly. The population model is fitted as the trajectories do it, and every slope's 95 % interval
is held to the planted slope. Worlds: `steady` (everybody stays), `dropout` (the chance to leave
rises with the last observed value, so that whoever still comes is no fair part of those who
began), `uneven` (levels and slopes are skewed and the noise grows with time, which the model does
not know), and `small` (100 patients in 4 clinics, so that clinics have no levels in the model).
The marginal model stands beside it without a goal: it needs people to leave for reasons that have
nothing to do with their values.

    python -m benchmarks.trajectory_coverage --replicates 1000 --keep
"""

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.contracts.protocol import STAGES, load_protocol
from analysis.trajectories.modelling import marginal_rows
from analysis.trajectories.models import Subject, fit_domain
from analysis.trajectories.products import WEEKS, line_products, lines_of
from analysis.trajectories.terms import term_rows

FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "trajectory_coverage.csv"
SLOPES: Final = (-0.40, -0.20, -0.10, 0.05, -0.15)
PLANTED: Final = {f"slope_stage_{stage}": one for stage, one in zip(STAGES, SLOPES, strict=True)}
START: Final = 6.0
LEVEL: Final = 0.95
DOMAIN: Final = "pain"
PROTOCOL: Final = load_protocol()
COLUMNS: Final = ("model", "term", "value", "standard_error", "low", "high")
REPLICATES: Final = 1_000
VISITS: Final = 14
# The mark of the study, and what Monte Carlo error allows beside it.
LOWEST: Final = 0.935
HIGHEST: Final = 0.965
UNTOLD: Final = "no goal"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """How courses are drawn; `leaving` is the log odds of leaving per point above the level."""

    name: str
    patients: int = 400
    clinics: int = 12
    leaving: float = 0.0
    is_uneven: bool = False


WORLDS: Final = (
    World("steady"),
    World("dropout", leaving=0.6),
    World("uneven", is_uneven=True),
    World("small", patients=100, clinics=4, leaving=0.6),
)


@dataclass(frozen=True)
class Covered:
    """What a study found of one term: bias and errors in points (per week), coverage a share."""

    world: str
    model: str
    term: str
    replicates: int
    truth: float
    bias: float
    bias_error: float
    empirical_error: float
    estimated_error: float
    coverage: float
    coverage_error: float

    @property
    def status(self) -> str:
        """Return whether the coverage is between 93.5 and 96.5 %; the marginal has no goal."""
        if self.model != "population":
            return UNTOLD
        if LOWEST <= self.coverage <= HIGHEST:
            return "reached"
        beyond = max(LOWEST - self.coverage, self.coverage - HIGHEST)
        return "unclear" if beyond < 2 * self.coverage_error else "missed"


def drawn(world: World, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return exposure rows of one domain, and the episodes they belong to."""
    rng = np.random.default_rng(seed)
    twice = rng.random(world.patients) < 0.15
    owner = np.r_[np.arange(world.patients), np.flatnonzero(twice)]
    clinic = rng.integers(0, world.clinics, world.patients)[owner]
    gaps = rng.integers(4, 11, (owner.size, VISITS))
    gaps[:, 0] = 0
    day = np.cumsum(gaps, axis=1)
    spent = _weeks_in_stages(rng, day)
    level = START + rng.normal(0, 0.5, world.clinics)[clinic] + rng.normal(0, 0.7, owner.size)
    level += rng.normal(0, 0.9, world.patients)[owner]
    slope, noise = rng.normal(0, 0.08, owner.size), rng.normal(0, 0.9, day.shape)
    if world.is_uneven:
        level += rng.exponential(1.0, owner.size) - 1.0
        slope = 0.08 * (rng.exponential(1.0, owner.size) - 1.0)
        noise *= 0.6 + day / day.max()
    value = level[:, None] + slope[:, None] * day / 7 + spent @ SLOPES + noise
    seen = _seen(rng, value, world.leaving)
    points = pl.DataFrame(
        {"episode_key": np.nonzero(seen)[0], "value": value[seen]}
        | {name: spent[:, :, place][seen] for place, name in enumerate(WEEKS)}
    ).with_columns(domain=pl.lit(DOMAIN))
    baseline = pl.DataFrame(
        {
            "episode_key": np.arange(owner.size),
            "patient_key": owner,
            "clinic_id": [f"C{one:02d}" for one in clinic],
        }
    )
    return points, baseline


def _weeks_in_stages(rng: np.random.Generator, day: npt.NDArray[np.int64]) -> FloatArray:
    """Return the weeks in each stage before each visit, (episodes, visits, stages).

    A stage lasts one to four visits from one entry to the next.
    """
    lasting = rng.integers(1, 5, (day.shape[0], len(STAGES) - 1))
    entry = np.cumsum(lasting, axis=1)
    stage = (np.arange(day.shape[1])[None, :, None] >= entry[:, None, :]).sum(axis=2)
    between = np.diff(day, axis=1) / 7
    in_stage = stage[:, :-1, None] == np.arange(len(STAGES))
    spent = np.cumsum(in_stage * between[:, :, None], axis=1)
    return np.concatenate([np.zeros((day.shape[0], 1, len(STAGES))), spent], axis=1)


def _seen(rng: np.random.Generator, value: FloatArray, leaving: float) -> npt.NDArray[np.bool_]:
    """Return which values are observed: nine of ten, and none once somebody has left.

    Whether somebody leaves depends on the last value that was observed, on no other.
    """
    comes = rng.random(value.shape) < 0.9
    log_odds = -3.4 + leaving * (value - START + 2)
    leaves = comes & (rng.random(value.shape) < 1 / (1 + np.exp(-log_odds))) & (leaving != 0)
    has_left = np.cumsum(leaves, axis=1) - leaves > 0
    return np.asarray(comes & ~has_left, dtype=np.bool_)


def replicate(world: World, seed: int) -> pl.DataFrame:
    """Return the estimated slopes of the population and the marginal model."""
    points, baseline = drawn(world, seed)
    model = fit_domain(lines_of(line_products(points), baseline), Subject(DOMAIN))
    domain = PROTOCOL.domains[DOMAIN]
    rows = [*term_rows(model, domain, LEVEL), *marginal_rows(model, domain, LEVEL)]
    return pl.DataFrame(
        [[row[name] for name in COLUMNS] for row in rows if row["term"] in PLANTED],
        schema=COLUMNS,
        orient="row",
    )


def study(world: World, replicates: int, first_seed: int) -> list[Covered]:
    """Return what `replicates` of a world show of every slope."""
    found = pl.concat(replicate(world, first_seed + one) for one in range(replicates))
    return [
        _covered(world.name, str(model), str(term), rows, PLANTED[str(term)])
        for (model, term), rows in found.group_by("model", "term", maintain_order=True)
    ]


def _covered(world: str, model: str, term: str, rows: pl.DataFrame, truth: float) -> Covered:
    values, count = rows["value"].to_numpy(), rows.height
    held = float(((rows["low"] <= truth) & (truth <= rows["high"])).sum()) / count
    spread = float(np.std(values, ddof=1))
    return Covered(
        world=world,
        model=model,
        term=term,
        replicates=count,
        truth=truth,
        bias=float(values.mean()) - truth,
        bias_error=spread / math.sqrt(count),
        empirical_error=spread,
        estimated_error=float(np.sqrt(np.mean(rows["standard_error"].to_numpy() ** 2))),
        coverage=held,
        coverage_error=math.sqrt(held * (1 - held) / count),
    )


def keep(rows: Sequence[Covered], path: Path = FILE) -> None:
    """Write the studies, in place of what was kept before."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [field.name for field in fields(Covered)]
        writer.writerow(names)
        for row in rows:
            cells = asdict(row)
            writer.writerow(
                f"{cells[name]:.5g}" if isinstance(cells[name], float) else cells[name]
                for name in names
            )


def read_kept(path: Path = FILE) -> list[Covered]:
    """Return the studies that were kept, none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_read(row) for row in csv.DictReader(file)]


def _read(row: dict[str, str]) -> Covered:
    words = {name: row.pop(name) for name in ("world", "model", "term")}
    replicates = int(row.pop("replicates"))
    numbers = {name: float(text) for name, text in row.items()}
    return Covered(**words, replicates=replicates, **numbers)


def coverage_table(rows: Sequence[Covered]) -> str:
    """Return the studies as a Markdown table: a line for each world and model."""
    lines = [
        "| world | model | replicates | largest bias, in errors | estimated / empirical error "
        "| coverage by stage | |",
        "|---|---|---:|---:|---:|---|---|",
        *_table_lines(rows),
    ]
    return "\n".join(lines) + "\n"


def _table_lines(rows: Sequence[Covered]) -> Iterator[str]:
    for key in dict.fromkeys((row.world, row.model) for row in rows):
        own = [row for row in rows if (row.world, row.model) == key]
        bias = max(abs(row.bias) / row.empirical_error for row in own)
        ratios = [row.estimated_error / row.empirical_error for row in own]
        shares = ", ".join(f"{100 * row.coverage:.1f}" for row in own)
        yield (
            f"| {key[0]} | {key[1]} | {own[0].replicates:,} | {bias:.2f} "
            f"| {min(ratios):.2f} to {max(ratios):.2f} | {shares} % | {_status(own)} |"
        )


def _status(rows: Sequence[Covered]) -> str:
    found = {row.status for row in rows}
    for status in ("missed", "unclear", "reached"):
        if status in found:
            return f"**{status}**" if status == "missed" else status
    return UNTOLD


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies, print their table, keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trajectory_coverage")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--first-seed", type=int, default=1)
    names = [world.name for world in WORLDS]
    parser.add_argument("--world", nargs="*", default=names, choices=names)
    parser.add_argument("--keep", action="store_true", help="write docs/trajectory_coverage.csv")
    wanted = parser.parse_args(arguments)
    chosen = [world for world in WORLDS if world.name in wanted.world]
    found = [row for world in chosen for row in study(world, wanted.replicates, wanted.first_seed)]
    print(coverage_table(found))
    if wanted.keep:
        keep(found)
        print(f"Kept in {FILE.name}; make validate shows it on the page.")


if __name__ == "__main__":
    main()
