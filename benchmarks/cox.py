"""One million counting-process rows of 100,000 people, five covariates of which three change in
time, 45,000 tied events, Efron's ties, errors clustered by person: our CPU seconds as a share of
those of `coxph` in R's survival, which must give the same coefficients and errors to 1e-8. Once
for the fit alone in a process that is warm, once for the whole process with start and reading.
Without R and its survival package (Debian: r-base-core, r-cran-survival) nothing is measured.

    python -m benchmarks.cox --people 10000
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import numpy.typing as npt

from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from benchmarks.measuring import Mark, as_markdown, cost_of

PEOPLE: Final = 100_000
ROWS_EACH: Final = 10
COLUMNS: Final = 9
WARM_FITS: Final = 3
LARGEST_DIFFERENCE: Final = 1e-8
SCRIPT: Final = """
suppressMessages(library(survival)); given <- commandArgs(TRUE); n <- as.integer(given[2])
rows <- as.data.frame(matrix(readBin(given[1], "double", n * 9), n, 9))
names(rows) <- c("entry", "exit", "event", "person", paste0("x", 1:5))
call <- Surv(entry, exit, event) ~ x1 + x2 + x3 + x4 + x5
took <- system.time(fit <- coxph(call, rows, cluster = person))
numbers <- c(took[["user.self"]] + took[["sys.self"]], coef(fit), sqrt(diag(fit$var)))
writeLines(sprintf("%.17g", numbers))
"""


@dataclass(frozen=True)
class Fitted:
    """CPU seconds of a fit, its coefficients (5,) and clustered errors (5,)."""

    cpu_seconds: float
    coefficients: np.ndarray
    standard_errors: np.ndarray


def measure() -> list[Mark]:
    """Return our shares of R's CPU seconds and the largest difference between the fits."""
    return measure_at(PEOPLE)


def measure_at(people: int) -> list[Mark]:
    """Return the marks for so many people of ten rows each, or none where R is absent."""
    if not _has_survival():
        print("benchmarks.cox is skipped: R with its survival package is not on this machine.")
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.bin"
        write_rows(file, people)
        theirs, their_process = _fit_of_r(file, people)
        ours = _warm_fit(file)
        process = min(_cost_of_process(file) for _ in range(WARM_FITS))
    rows = f"{people * ROWS_EACH:,} rows"
    apart = max(
        float(np.max(np.abs(ours.coefficients / theirs.coefficients - 1))),
        float(np.max(np.abs(ours.standard_errors / theirs.standard_errors - 1))),
    )
    return [
        _share("Cox fit, share of R's CPU", ours.cpu_seconds, theirs.cpu_seconds, 30, rows),
        _share("Cox process, share of R's CPU", process, their_process, 10, rows),
        Mark(
            "Cox fit, largest relative difference from R, in 1e-8",
            apart / LARGEST_DIFFERENCE,
            1.0,
            "",
            f"{apart:.1e} over coefficients and clustered errors",
        ),
    ]


def write_rows(file: Path, people: int) -> None:
    """Write the rows column by column: entry, exit, event, person, covariates 1 to 5."""
    rng = np.random.default_rng(1)
    shape = (people, ROWS_EACH)
    gaps = rng.integers(1, 30, shape).astype(np.float64)
    ends = np.cumsum(gaps, axis=1)
    starts = ends - gaps
    frailty = rng.gamma(2.0, 0.5, (people, 1))
    covariates: list[npt.NDArray[Any]] = [
        np.broadcast_to(rng.normal(size=(people, 1)), shape),
        np.broadcast_to(rng.integers(0, 2, (people, 1)), shape),
        0.3 * np.cumsum(rng.normal(size=shape), axis=1),
        rng.integers(0, 11, shape),
        np.arange(ROWS_EACH) >= rng.integers(0, ROWS_EACH, (people, 1)),
    ]
    effects = (0.3, -0.2, 0.25, 0.05, 0.4)
    log_hazard = np.zeros(shape)
    for effect, column in zip(effects, covariates, strict=True):
        log_hazard += effect * column
    happens = rng.random(shape) < -np.expm1(-0.002 * frailty * np.exp(log_hazard) * gaps)
    person = np.broadcast_to(np.arange(people)[:, None], shape)
    columns = [starts, ends, happens, person, *covariates]
    np.stack([column.astype(np.float64).ravel() for column in columns]).tofile(file)


def fit_file(file: Path) -> Fitted:
    """Return our fit of the rows in the file, timed without the reading."""
    columns = np.fromfile(file).reshape(COLUMNS, -1)
    covariates, person = np.ascontiguousarray(columns[4:].T), columns[3].astype(np.int64)
    start = time.process_time()
    rows = counting_rows(columns[0], columns[1], columns[2], clusters=person)
    fit = fit_cox(rows, covariates)
    return Fitted(time.process_time() - start, fit.coefficients, fit.standard_errors)


def _warm_fit(file: Path) -> Fitted:
    """Return the quickest of a few fits, as a machine that does other work only adds time."""
    return min((fit_file(file) for _ in range(WARM_FITS)), key=lambda fit: fit.cpu_seconds)


def _cost_of_process(file: Path) -> float:
    return cost_of("benchmarks.cox", ["--fit", str(file)]).cpu_seconds


def _fit_of_r(file: Path, people: int) -> tuple[Fitted, float]:
    """Return R's fit with its CPU seconds, and those of R's whole process."""
    script = file.with_suffix(".R")
    script.write_text(SCRIPT, encoding="utf-8")
    command = ["Rscript", str(script), str(file), str(people * ROWS_EACH)]
    before = _children_seconds()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    numbers = np.array(said, dtype=np.float64)
    return Fitted(float(numbers[0]), numbers[1:6], numbers[6:]), _children_seconds() - before


def _children_seconds() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _share(name: str, ours: float, theirs: float, times: int, rows: str) -> Mark:
    detail = f"{rows}: {ours:.2f} s where R takes {theirs:.1f} s, {theirs / ours:.0f} times faster"
    return Mark(name, ours / theirs, 1 / times, "", detail)


def _has_survival() -> bool:
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "-e", "quit(status = !requireNamespace('survival', quietly = TRUE))"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit one file, or measure at another size and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cox", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--fit", type=Path, help="only fit the rows in this file")
    wanted = parser.parse_args(arguments)
    if wanted.fit is not None:
        fit = fit_file(wanted.fit)
        print(json.dumps([fit.coefficients.tolist(), fit.standard_errors.tolist()]))
        return
    print(as_markdown(measure_at(wanted.people)))


if __name__ == "__main__":
    main()
