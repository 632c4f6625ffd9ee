"""Does the interval cover the planted truth as often as it says, and do the gates seal when due?

For every scenario, simulated registries of other seeds go through the whole study, unsealed: bias,
empirical and estimated standard error of the primary risk difference, coverage of its interval and
share of registries sealed, each with its Monte Carlo error (Morris, White and Crowther 2019).
`--primary-only` leaves controls and gates out and draws many registries from one simulated world:
its patients are dealt out at random, so that the truth and the marts are made once a world.

    python -m benchmarks.coverage --registries 20 --episodes 20000 --scenario null
    python -m benchmarks.coverage --registries 1000 --episodes 3000 --primary-only \\
        --intervals influence --scenario null
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import polars as pl

from analysis.calibration.findings import Finding, primary_finding, study_finding
from analysis.calibration.performance import performance
from analysis.contracts.protocol import INTERVAL_METHODS, Protocol, load_protocol
from analysis.simulation import SCENARIOS, simulate_registry
from analysis.study import StudyTables
from pipelines.calibration.registries import study_tables


@dataclass(frozen=True)
class Timed:
    """What one registry gave, and the seconds the study took for it."""

    finding: Finding
    seconds: float


def run_registry(scenario: str, episodes: int, seed: int, protocol: Protocol) -> Timed:
    """Simulate one registry and return what the study makes of it."""
    simulated = simulate_registry(episodes=episodes, clinics=9, seed=seed, scenario=scenario)
    tables = study_tables(simulated.tables, protocol)
    started = time.perf_counter()
    found = study_finding(tables, protocol, float(simulated.truth["risk_difference"]))
    return Timed(found, time.perf_counter() - started)


def run_world(
    scenario: str, episodes: int, registries: int, seed: int, protocol: Protocol
) -> Iterator[Timed]:
    """Simulate one world and yield the primary analysis of each registry drawn from it."""
    simulated = simulate_registry(
        episodes=episodes * registries, clinics=9, seed=seed, scenario=scenario
    )
    truth = float(simulated.truth["risk_difference"])
    whole = study_tables(simulated.tables, protocol)
    for tables in dealt_out(whole, registries, seed):
        started = time.perf_counter()
        found = primary_finding(tables, protocol, truth)
        yield Timed(found, time.perf_counter() - started)


def dealt_out(tables: StudyTables, hands: int, seed: int) -> Iterator[StudyTables]:
    """Yield the tables of equal shares of the patients, at random; clinics' records are of all."""
    people = tables.baseline.select("episode_id", "episode_key", "patient_key")
    patients = people["patient_key"].unique().sort().sample(fraction=1.0, shuffle=True, seed=seed)
    hand = pl.DataFrame({"patient_key": patients}).with_row_index("hand")
    people = people.join(hand.with_columns(pl.col("hand") % hands), on="patient_key")
    for number in range(hands):
        own = people.filter(pl.col("hand") == number)
        yield StudyTables(
            **{each.name: _of(getattr(tables, each.name), own) for each in fields(StudyTables)}
        )


def _of(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    for key in ("episode_key", "episode_id"):
        if key in rows.columns:
            return rows.join(people.select(key), on=key, how="semi", maintain_order="left")
    return rows


def summary(scenario: str, registries: Sequence[Timed]) -> str:
    """Return one line of the table, in points of risk."""
    found = performance([each.finding for each in registries])
    gates = Counter(gate for each in registries for gate in each.finding.closed_by)
    return (
        f"{scenario:18s} {len(registries):4d}  {100 * found.truth.value:6.2f}  "
        f"{100 * found.bias.value:6.2f} ({100 * found.bias.monte_carlo_error:.2f})  "
        f"{100 * found.empirical_error.value:5.2f}  {100 * found.model_error.value:5.2f}  "
        f"{found.coverage.value:.2f} ({found.coverage.monte_carlo_error:.2f})  "
        f"{found.sealed.value:.2f} ({found.sealed.monte_carlo_error:.2f})  "
        f"{np.mean([each.seconds for each in registries]):5.1f}  {dict(gates)}"
    )


HEAD = (
    "scenario              n   truth   bias (MC)     emp. SE  mean SE  coverage (MC)  "
    "sealed (MC)  s each  gates that closed"
)


def run_registries(scenario: str, wanted: argparse.Namespace) -> Iterator[Timed]:
    """Yield the registries of a scenario, one after the other."""
    protocol = _protocol(wanted)
    if not wanted.primary_only:
        for number in range(wanted.registries):
            yield run_registry(scenario, wanted.episodes, wanted.first_seed + number, protocol)
        return
    sizes = [
        min(wanted.per_world, wanted.registries - done)
        for done in range(0, wanted.registries, wanted.per_world)
    ]
    for number, size in enumerate(sizes):
        yield from run_world(scenario, wanted.episodes, size, wanted.first_seed + number, protocol)


def _protocol(wanted: argparse.Namespace) -> Protocol:
    protocol = load_protocol()
    return replace(
        protocol,
        bootstrap=replace(protocol.bootstrap, replicates=wanted.replicates),
        intervals=replace(protocol.intervals, method=wanted.intervals),
    )


def main() -> None:
    """Run the study over simulated registries and print one line a scenario."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--scenario", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--registries", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--intervals", choices=INTERVAL_METHODS, default="bootstrap")
    parser.add_argument("--primary-only", action="store_true")
    parser.add_argument("--per-world", type=int, default=20, help="registries drawn from a world")
    parser.add_argument("--first-seed", type=int, default=1_000)
    wanted = parser.parse_args()
    print(HEAD, flush=True)
    for scenario in wanted.scenario:
        print(summary(scenario, list(run_registries(scenario, wanted))), flush=True)


if __name__ == "__main__":
    main()
