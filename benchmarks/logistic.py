"""A pooled logistic model with case weights and errors clustered by person, 1.6 million rows of
100,000 people, ten columns: our CPU seconds from the design to the errors as a share of those of
R's `glm` with `vcovCL` of its package sandwich, which must give the same coefficients and errors.
And 500 resamples of 100,000 episodes with both weight models refitted in each, weighted curves
included, as a share of the CPU seconds of 20 fits of the same models by statsmodels' `GLM`, ten of
each: one of each is timed on every tenth episode and counts tenfold, as a whole one needs more
memory than a small machine has. Without R and sandwich (Debian: r-base-core, r-cran-sandwich) the
first part is not measured.

    python -m benchmarks.logistic --people 10000 --episodes 5000 --replicates 50
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import CENSORED, EVENT, Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.design import Category, Design, Interaction, Quantity, design_matrix
from analysis.emulation.emulation import Settings, emulate
from analysis.emulation.pooled import fit_pooled
from benchmarks.measuring import Mark, as_markdown

PEOPLE: Final = 100_000
ROWS_EACH: Final = 16
COLUMNS: Final = 10
WARM_FITS: Final = 3
TIMES_FASTER: Final = 10
# R stops at a relative change of the deviance of 1e-8, and takes its errors from the step before:
# they are good to some five digits.
LARGEST_DIFFERENCE: Final = 1e-4
EPISODES: Final = 100_000
REPLICATES: Final = 500
PEER_FITS: Final = 20
PEER_SHARE: Final = 10
HORIZON: Final = 365
SCRIPT: Final = """
suppressMessages(library(sandwich)); given <- commandArgs(TRUE); n <- as.integer(given[2])
rows <- as.data.frame(matrix(readBin(given[1], "double", n * 13), n, 13))
names(rows) <- c("happened", "person", "weight", paste0("x", 1:10))
call <- reformulate(paste0("x", 1:10), "happened")
took <- system.time({
  fit <- suppressWarnings(glm(call, binomial(), rows, weights = weight))
  errors <- sqrt(diag(vcovCL(fit, rows$person)))
})
numbers <- c(took[["user.self"]] + took[["sys.self"]], coef(fit), errors)
writeLines(sprintf("%.17g", numbers))
"""


def measure() -> list[Mark]:
    """Return our shares of the peers' CPU seconds, at full size."""
    return measure_at(PEOPLE, EPISODES, REPLICATES)


def measure_at(people: int, episodes: int, replicates: int) -> list[Mark]:
    """Return the marks at another size."""
    return [*against_r(people), *against_statsmodels(episodes, replicates)]


def against_r(people: int) -> list[Mark]:
    """Return our share of R's CPU seconds and how far the fits are apart; none without R."""
    if not _has_sandwich():
        print("benchmarks.logistic: R with its sandwich package is not on this machine; skipped.")
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.bin"
        write_rows(file, people)
        script = file.with_suffix(".R")
        script.write_text(SCRIPT, encoding="utf-8")
        command = ["Rscript", str(script), str(file), str(people * ROWS_EACH)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        ours = min((_own_fit(file) for _ in range(WARM_FITS)), key=lambda numbers: numbers[0])
    theirs = np.array(said, dtype=np.float64)
    rows = f"{people * ROWS_EACH:,} rows"
    detail = f"{rows}: {ours[0]:.2f} s where R takes {theirs[0]:.1f} s, "
    apart = float(np.max(np.abs(ours[1:] - theirs[1:]) / np.tile(theirs[COLUMNS + 2 :], 2)))
    return [
        Mark(
            "pooled logistic fit with clustered errors, share of R's CPU",
            ours[0] / theirs[0],
            1 / TIMES_FASTER,
            "",
            detail + f"{theirs[0] / ours[0]:.0f} times faster",
        ),
        Mark(
            "pooled logistic fit, largest difference from R in standard errors, in 1e-4",
            apart / LARGEST_DIFFERENCE,
            1.0,
            "",
            f"{apart:.1e} over coefficients and errors",
        ),
    ]


def against_statsmodels(episodes: int, replicates: int) -> list[Mark]:
    """Return the share of statsmodels' CPU seconds that the resamples take."""
    ours = _child(["--resample", str(episodes), "--replicates", str(replicates)])
    theirs = _child(["--peer", str(episodes)])
    bound = PEER_FITS / 2 * sum(theirs)
    sizes = ", ".join(f"{seconds:.0f} s" for seconds in theirs)
    return [
        Mark(
            f"{replicates} resamples of {episodes:,} episodes, share of {PEER_FITS} GLM fits",
            ours[0] / bound,
            1.0,
            "",
            f"{ours[0]:.0f} CPU s; one fit of each model by statsmodels would take {sizes}",
        )
    ]


def write_rows(file: Path, people: int) -> None:
    """Write the rows column by column: happened, person, weight, covariates 1 to 10."""
    random = np.random.default_rng(1)
    shape = (people, ROWS_EACH)
    period = np.broadcast_to(np.arange(float(ROWS_EACH)), shape)
    treated = np.arange(ROWS_EACH) >= random.integers(0, ROWS_EACH, (people, 1))
    fixed = [np.broadcast_to(random.normal(size=(people, 1)), shape) for _ in range(4)]
    covariates: list[npt.NDArray[Any]] = [
        treated,
        period,
        period**2,
        *fixed,
        0.3 * np.cumsum(random.normal(size=shape), axis=1),
        random.integers(0, 11, shape),
        treated * period,
    ]
    effects = (-0.3, 0.05, -0.002, 0.3, -0.2, 0.1, 0.1, 0.25, 0.05, 0.01)
    log_odds = np.full(shape, -4.5) + random.normal(0, 0.5, (people, 1))
    for effect, column in zip(effects, covariates, strict=True):
        log_odds += effect * column
    happened = random.random(shape) < 1.0 / (1.0 + np.exp(-log_odds))
    person = np.broadcast_to(np.arange(people)[:, None], shape)
    columns = [happened, person, np.exp(random.normal(0, 0.3, shape)), *covariates]
    np.stack([column.astype(np.float64).ravel() for column in columns]).tofile(file)


def drawn_study(episodes: int) -> tuple[Cohort, Strategy, HazardRows]:
    """Return about 7 decisions and 17 contacts an episode, 50 columns each, as the study has."""
    random = np.random.default_rng(2)
    last = np.minimum(random.exponential(900, episodes), HORIZON).astype(np.int64)
    ending = np.where(last < HORIZON, EVENT, CENSORED)
    baseline = pl.DataFrame(
        {
            "clinic": random.integers(0, 12, episodes),
            "region": random.integers(0, 13, episodes),
            "work": random.integers(0, 6, episodes),
            "prior": random.poisson(0.8, episodes),
            "illnesses": random.poisson(0.6, episodes),
            "severity": random.normal(size=episodes),
        }
    )
    decisions = _drawn_occasions(baseline, last, random, each=8, within=120, rate=-2.6)
    contacts = _drawn_occasions(baseline, last, random, each=20, within=HORIZON, rate=-5.0)
    last[contacts.person[contacts.happened]] = contacts.day[contacts.happened]
    ending[contacts.person[contacts.happened]] = CENSORED
    leaves_on = np.full(episodes, NEVER, dtype=np.int64)
    left = np.flatnonzero(decisions.happened)[::-1]
    leaves_on[decisions.person[left]] = decisions.day[left]
    return (
        Cohort(np.arange(episodes), last, ending, HORIZON),
        Strategy("strict", leaves_on, decisions),
        contacts,
    )


def _drawn_occasions(
    baseline: pl.DataFrame,
    last: npt.NDArray[np.int64],
    random: np.random.Generator,
    *,
    each: int,
    within: int,
    rate: float,
) -> HazardRows:
    """Return the occasions of every episode up to its end, or the first on which it happened."""
    episodes = len(last)
    day = np.sort(random.integers(0, within, (episodes, each)), axis=1)
    pain = random.integers(0, 11, (episodes, each))
    log_odds = rate + 0.15 * pain + 0.4 * baseline["severity"].to_numpy()[:, None]
    happens = random.random((episodes, each)) < 1.0 / (1.0 + np.exp(-log_odds))
    before = np.cumsum(happens, axis=1) - happens
    person, place = np.nonzero((day < last[:, None]) & (before == 0))
    rows = baseline[person].with_columns(
        day=pl.Series(day[person, place]), pain=pl.Series(pain[person, place])
    )
    rows = rows.with_columns(month=pl.col("day") * 12 // within)
    terms = [
        Quantity("pain", degree=2),
        *(Category(name) for name in ("clinic", "region", "work", "month")),
        Interaction(Category("work"), Quantity("pain")),
        *(Quantity(name, degree=2) for name in ("prior", "illnesses")),
    ]
    return HazardRows(
        person, day[person, place], happens[person, place], design_matrix(rows, terms)
    )


def resample(episodes: int, replicates: int) -> list[float]:
    """Return the CPU seconds of fitting, resampling with refits, and weighting the curves."""
    cohort, strict, contacts = drawn_study(episodes)
    strategies = [strict, natural_course(episodes)]
    start = time.process_time()
    emulate(cohort, strategies, contacts, Settings(replicates=replicates, seed=3))
    return [time.process_time() - start]


def peer(episodes: int) -> list[float]:
    """Return the CPU seconds of one fit of each model by statsmodels, made on a tenth."""
    import statsmodels.api as sm

    _, strict, contacts = drawn_study(episodes)
    seconds = []
    for rows in (strict.decisions, contacts):
        if rows is None:
            raise RuntimeError("the strategy was drawn without decisions")
        own = rows.person % PEER_SHARE == 0
        values, happened = rows.design.values[own], rows.happened[own].astype(float)
        start = time.process_time()
        sm.GLM(happened, values, family=sm.families.Binomial()).fit()
        seconds.append(PEER_SHARE * (time.process_time() - start))
    return seconds


def _own_fit(file: Path) -> npt.NDArray[np.float64]:
    """Return our CPU seconds, coefficients (11,) and clustered errors (11,)."""
    columns = np.fromfile(file).reshape(COLUMNS + 3, -1)
    x = np.empty((columns.shape[1], COLUMNS + 1))
    x[:, 0], x[:, 1:] = 1.0, columns[3:].T
    person, happened = columns[1].astype(np.int64), columns[0] == 1
    names = ("intercept", *(f"x{place}" for place in range(1, COLUMNS + 1)))
    design = Design(names, x, np.zeros(COLUMNS + 1), np.ones(COLUMNS + 1))
    start = time.process_time()
    fit = fit_pooled(design, happened, weights=columns[2], cluster=person)
    errors = np.sqrt(np.diag(fit.original_covariance))
    seconds = time.process_time() - start
    return np.r_[seconds, fit.original_coefficients, errors]


def _child(arguments: Sequence[str]) -> list[float]:
    """Run this module in a process of its own and return the seconds that it prints."""
    command = [sys.executable, "-m", "benchmarks.logistic", *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(seconds) for seconds in json.loads(said)]


def _has_sandwich() -> bool:
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "-e", "quit(status = !requireNamespace('sandwich', quietly = TRUE))"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Do one of the pieces of work in this process, or measure at another size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logistic", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--resample", type=int, metavar="EPISODES")
    parser.add_argument("--peer", type=int, metavar="EPISODES")
    wanted = parser.parse_args(arguments)
    if wanted.resample:
        print(json.dumps(resample(wanted.resample, wanted.replicates)))
    elif wanted.peer:
        print(json.dumps(peer(wanted.peer)))
    else:
        print(as_markdown(measure_at(wanted.people, wanted.episodes, wanted.replicates)))


if __name__ == "__main__":
    main()
