"""The course of one domain, five stage slopes and a random level and slope for each patient, 12
values each, by REML: our CPU seconds from the file of values to the fit, aggregation by the SQL of
`marts.domain_products` included, as a share of those that `lmer` of R's lme4 takes for its fit
alone; and the peak memory of our process as a share of that of R's. Both read the same values,
sorted. The coefficients must be the same, and our REML deviance not above lme4's. As its own stop
leaves only six digits, lme4 then goes on with narrower limits, which is not timed. Without R and
lme4 (Debian: r-base-core, r-cran-lme4) nothing is measured.

    python -m benchmarks.courses --people 100000
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import polars as pl

from benchmarks.measuring import Mark, as_markdown

# Patients, and how many times faster than lme4 the fit has to be.
SIZES: Final = ((100_000, 15), (1_000_000, 20))
VALUES_EACH: Final = 12
STAGES: Final = 5
LARGEST_DIFFERENCE: Final = 1e-7
# The last digit that a deviance of some millions has.
ROUNDING: Final = 1e-6
# Small registries are dearer in memory than in their values: the libraries alone need some.
SHARE_OF_MEMORY: Final = 1 / 5
MANY_PATIENTS: Final = 500_000
SLOPES: Final = (-0.4, -0.2, -0.1, 0.05, -0.15)
SQL: Final = Path(__file__).resolve().parents[1] / "sql" / "marts" / "domain_products.sql"
SCRIPT: Final = """
suppressMessages(library(lme4)); given <- commandArgs(TRUE); n <- as.integer(given[2])
rows <- as.data.frame(matrix(readBin(given[1], "double", n * 7), n, 7))
names(rows) <- c("patient", paste0("w", 1:5), "value")
rows$week <- rows$w1 + rows$w2 + rows$w3 + rows$w4 + rows$w5
call <- value ~ w1 + w2 + w3 + w4 + w5 + (1 + week | patient)
took <- system.time(fit <- suppressWarnings(lmer(call, rows)))
narrow <- list(rhobeg = 1e-3, rhoend = 1e-9)
exact <- lmerControl("bobyqa", calc.derivs = FALSE, optCtrl = narrow)
best <- suppressWarnings(lmer(call, rows, start = getME(fit, "theta"), control = exact))
seconds <- took[["user.self"]] + took[["sys.self"]]
numbers <- c(seconds, fixef(best), min(REMLcrit(fit), REMLcrit(best)))
writeLines(sprintf("%.17g", numbers))
"""


@dataclass(frozen=True)
class Fitted:
    """CPU seconds, coefficients (6,) and REML deviance of a fit, and its process's peak in MB."""

    cpu_seconds: float
    coefficients: np.ndarray
    deviance: float
    peak_mb: float


def measure() -> list[Mark]:
    """Return our shares of lme4's CPU seconds and memory, at both sizes."""
    return [mark for people, times in SIZES for mark in measure_at(people, times)]


def measure_at(people: int, times: int) -> list[Mark]:
    """Return the marks for so many patients, or none where lme4 is absent."""
    if not _has_lme4():
        print("benchmarks.courses is skipped: R with its lme4 package is not on this machine.")
        return []
    with tempfile.TemporaryDirectory() as folder:
        write_values(Path(folder), people)
        ours, theirs = _our_fit(Path(folder)), _fit_of_r(Path(folder), people)
    apart = float(np.max(np.abs(ours.coefficients / theirs.coefficients - 1)))
    above = ours.deviance - theirs.deviance
    who = f"{people:,} patients"
    faster = theirs.cpu_seconds / ours.cpu_seconds
    marks = [
        Mark(
            f"mixed model of {who}, share of lme4's CPU",
            1 / faster,
            1 / times,
            "",
            f"{ours.cpu_seconds:.2f} s where lme4 takes {theirs.cpu_seconds:.1f} s, "
            f"{faster:.0f} times faster",
        ),
        Mark(
            f"{who}, largest relative difference of a coefficient, in 1e-7",
            apart / LARGEST_DIFFERENCE,
            1.0,
            "",
            f"{apart:.1e}",
        ),
        Mark(
            f"{who}, REML deviance above lme4's, in 1e-6",
            above / ROUNDING,
            1.0,
            "",
            f"{above:.1e} of {theirs.deviance:.0f}",
        ),
    ]
    if people >= MANY_PATIENTS:
        detail = f"{ours.peak_mb:.0f} MB where R takes {theirs.peak_mb:.0f} MB"
        share = ours.peak_mb / theirs.peak_mb
        marks.append(Mark(f"{who}, share of R's memory", share, SHARE_OF_MEMORY, "", detail))
    return marks


def write_values(folder: Path, people: int) -> None:
    """Write values.parquet, as marts.domain_exposure has them, and values.bin for R, by patient."""
    rng = np.random.default_rng(1)
    shape = (people, VALUES_EACH)
    gaps = rng.integers(4, 11, shape)
    gaps[:, 0] = 0
    entry = np.cumsum(rng.integers(1, 5, (people, STAGES - 1)), axis=1)
    stage = np.zeros(shape, dtype=np.int8)
    for place in range(STAGES - 1):
        stage += np.arange(VALUES_EACH) >= entry[:, place, None]
    before = np.concatenate([np.full((people, 1), -1, dtype=np.int8), stage[:, :-1]], axis=1)
    weeks = [np.cumsum(gaps * (before == one), axis=1) / 7 for one in range(STAGES)]
    value = rng.normal(6, 1.5, (people, 1)) + rng.normal(0, 0.1, (people, 1)) * sum(weeks)
    value += sum(slope * spent for slope, spent in zip(SLOPES, weeks, strict=True))
    value = np.round(value + rng.normal(0, 0.8, shape), 6)
    patient = np.broadcast_to(np.arange(people)[:, None], shape)
    with (folder / "values.bin").open("wb") as file:
        for column in (patient, *weeks, value):
            column.astype(np.float64).ravel().tofile(file)
    columns = {f"weeks_stage_{place + 1}": spent.ravel() for place, spent in enumerate(weeks)}
    rows = pl.DataFrame({"episode_key": patient.ravel(), "value": value.ravel()} | columns)
    rows.with_columns(domain=pl.lit("pain"), line_number=pl.lit(1, pl.Int16)).write_parquet(
        folder / "values.parquet"
    )


def fit_folder(folder: Path) -> tuple[float, list[float], float]:
    """Return CPU seconds, coefficients and deviance of our fit of values.parquet."""
    import duckdb

    from analysis.trajectories.models import Subject, fit_domain
    from pipelines.warehouse.streams import Stream

    start = time.process_time()
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1GB'")
        connection.execute(f"SET temp_directory = '{folder}'")
        connection.execute("CREATE SCHEMA marts")
        file = folder / "values.parquet"
        connection.execute(f"CREATE VIEW marts.domain_exposure AS FROM read_parquet('{file}')")
        products = pl.DataFrame(Stream(connection.sql(SQL.read_text(encoding="utf-8"))))
    lines = products.with_columns(patient_key="episode_key", clinic_id=pl.lit("C1"))
    model = fit_domain(lines, Subject("pain"))
    seconds = time.process_time() - start
    return seconds, model.fit.coefficients.tolist(), -2 * model.fit.log_likelihood


def _our_fit(folder: Path) -> Fitted:
    command = [sys.executable, "-m", "benchmarks.courses", "--fit", str(folder)]
    said, peak = _run(command)
    seconds, coefficients, deviance = json.loads(said)
    return Fitted(seconds, np.array(coefficients), deviance, peak)


def _fit_of_r(folder: Path, people: int) -> Fitted:
    script = folder / "fit.R"
    script.write_text(SCRIPT, encoding="utf-8")
    file, rows = folder / "values.bin", people * VALUES_EACH
    said, peak = _run(["Rscript", str(script), str(file), str(rows)])
    numbers = np.array(said.split(), dtype=np.float64)
    return Fitted(float(numbers[0]), numbers[1:-1], float(numbers[-1]), peak)


def _run(command: Sequence[str]) -> tuple[str, float]:
    """Return what a process prints, and its peak memory in MB."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}")
    return said, usage.ru_maxrss / 1024


def _has_lme4() -> bool:
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "-e", "quit(status = !requireNamespace('lme4', quietly = TRUE))"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit one folder's values, or measure at another size and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.courses", description=__doc__)
    parser.add_argument("--people", type=int, default=SIZES[0][0])
    parser.add_argument("--fit", type=Path, metavar="FOLDER", help="only fit the values in it")
    wanted = parser.parse_args(arguments)
    if wanted.fit is not None:
        print(json.dumps(fit_folder(wanted.fit)))
        return
    times = next((many for size, many in reversed(SIZES) if wanted.people >= size), SIZES[0][1])
    print(as_markdown(measure_at(wanted.people, times)))


if __name__ == "__main__":
    main()
