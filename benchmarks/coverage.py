"""Does the interval cover the planted truth as often as it says, and do the gates seal when due?

For every scenario, simulated registries of other seeds go through the whole study, unsealed: bias,
empirical and estimated standard error of the primary risk difference, coverage of its interval and
share of registries sealed, each with its Monte Carlo error (Morris, White and Crowther 2019).
`--primary-only` leaves controls and gates out and draws many registries from one simulated world:
its patients are dealt out at random, so that the truth and the marts are made once a world.
`--into FILE` keeps a line for every registry and goes on where a call was broken off; asking for
more registries continues the seeds. `--keep` writes what the file holds into docs/coverage.csv.

    python -m benchmarks.coverage --registries 20 --episodes 20000 --scenario null
    python -m benchmarks.coverage --registries 1000 --episodes 3000 --primary-only --jobs 2 \\
        --intervals influence --scenario null --into null.jsonl --keep
"""

import argparse
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import analysis  # noqa: F401 - before numpy, so that matrix products keep to one thread

# isort: split
import numpy as np
import polars as pl

from analysis.calibration.findings import Finding, primary_finding, study_finding
from analysis.calibration.performance import performance
from analysis.contracts.protocol import INTERVAL_METHODS, Protocol, load_protocol
from analysis.simulation import SCENARIOS, simulate_registry
from analysis.study import StudyTables
from benchmarks.kept_coverage import COVERAGE_FILE, Kept, keep, summarised
from pipelines.calibration.registries import study_tables
from pipelines.publication.code import code_version

CLINICS = 9
# Every process works on a registry of its own; threads beside it would only get in its way.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True)
class Task:
    """One simulated world: a registry that goes through the whole study, or is dealt to `hands`.

    `hands` is 0 for the whole study with controls and gates; otherwise the primary analysis is
    made of each of so many registries of `episodes`. Resamples matter to bootstrap only. `code`
    is the version that runs.
    """

    scenario: str
    episodes: int
    seed: int
    hands: int
    method: str
    replicates: int
    code: str

    @property
    def settings(self) -> tuple[str, int, str, int]:
        """Return scenario, episodes, how intervals are made, and hands."""
        made = self.method if self.method == "influence" else f"{self.method} {self.replicates}"
        return self.scenario, self.episodes, made, self.hands

    @property
    def registries(self) -> int:
        """Return how many registries the world gives."""
        return max(self.hands, 1)


@dataclass(frozen=True)
class Registry:
    """What one registry gave: the settings and seed it is known by, and seconds of the study.

    `settings` is scenario, episodes, intervals, and hands; `hand` its place in its world.
    """

    settings: tuple[str, int, str, int]
    seed: int
    hand: int
    code: str
    seconds: float
    finding: Finding


def run(task: Task) -> list[Registry]:
    """Simulate a world and return what the study finds in its registries."""
    protocol = _protocol(task)
    simulated = simulate_registry(
        episodes=task.episodes * task.registries,
        clinics=CLINICS,
        seed=task.seed,
        scenario=task.scenario,
    )
    truth = float(simulated.truth["risk_difference"])
    whole = study_tables(simulated.tables, protocol)
    hands = dealt_out(whole, task.hands, task.seed) if task.hands else [whole]
    find = primary_finding if task.hands else study_finding
    found = []
    for hand, tables in enumerate(hands):
        started = time.perf_counter()
        finding = find(tables, protocol, truth)
        seconds = round(time.perf_counter() - started, 2)
        found.append(Registry(task.settings, task.seed, hand, task.code, seconds, finding))
    return found


def _protocol(task: Task) -> Protocol:
    protocol = load_protocol()
    return replace(
        protocol,
        bootstrap=replace(protocol.bootstrap, replicates=task.replicates),
        intervals=replace(protocol.intervals, method=task.method),
    )


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


def tasks_of(wanted: argparse.Namespace) -> list[Task]:
    """Return the worlds that give at least the registries wanted, a seed of every scenario each."""
    hands = wanted.per_world if wanted.primary_only else 0
    worlds = -(-wanted.registries // max(hands, 1))
    shared = (hands, wanted.intervals, wanted.replicates, code_version().label)
    return [
        Task(scenario, wanted.episodes, seed, *shared)
        for seed in range(wanted.first_seed, wanted.first_seed + worlds)
        for scenario in wanted.scenario
    ]


def read_registries(path: Path) -> list[Registry]:
    """Return the registries of a results file; worlds that a killed process cut off are left out.

    A file that is not there has none.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = {_place(each): each for each in map(_parsed, lines) if each is not None}
    sizes = Counter(map(_world, found.values()))
    whole = (each for each in found.values() if sizes[_world(each)] == max(each.settings[-1], 1))
    return sorted(whole, key=_place)


def _world(registry: Registry) -> tuple[Any, ...]:
    return registry.settings, registry.code, registry.seed


def _place(registry: Registry) -> tuple[Any, ...]:
    return *_world(registry), registry.hand


def _parsed(line: str) -> Registry | None:
    try:
        content = json.loads(line)
        finding = content.pop("finding")
        finding["closed_by"] = tuple(finding["closed_by"])
        settings = tuple(content.pop("settings"))
        return Registry(**content, settings=settings, finding=Finding(**finding))
    except (ValueError, KeyError, TypeError):
        return None


def _lines(registries: Sequence[Registry]) -> str:
    return "".join(f"{json.dumps(asdict(each))}\n" for each in registries)


def finish(
    tasks: Sequence[Task], jobs: int, path: Path | None = None, *, any_code: bool = False
) -> list[Registry]:
    """Return the registries of the tasks' settings; what the file holds is not done again.

    Each is added to the file as it is finished. Registries of other code count only when `any_code`
    is wanted. A registry gives the same numbers however many processes there are: every one of
    them computes with one thread.
    """
    kept = read_registries(path) if path else []
    if path:
        path.write_text(_lines(kept), encoding="utf-8")
    settings, codes = {task.settings for task in tasks}, {task.code for task in tasks}
    found = [
        each for each in kept if each.settings in settings and (any_code or each.code in codes)
    ]
    done = {(each.settings, each.seed) for each in found}
    missing = [task for task in tasks if (task.settings, task.seed) not in done]
    for registries in _results(missing, jobs):
        found += registries
        if path:
            with path.open("a", encoding="utf-8") as file:
                file.write(_lines(registries))
    return sorted(found, key=_place)


def _results(tasks: Sequence[Task], jobs: int) -> Iterator[list[Registry]]:
    """Yield what the worlds gave as they are finished; raise when a process was killed."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(min(jobs, len(tasks)), 1), mp_context=spawned) as pool:
        try:
            yield from (
                future.result() for future in as_completed(pool.submit(run, task) for task in tasks)
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def kept_rows(registries: Sequence[Registry]) -> list[Kept]:
    """Return one summary for the registries of each settings, in the order given."""
    groups: dict[tuple[str, int, str, int], list[Registry]] = {}
    for each in registries:
        groups.setdefault(each.settings, []).append(each)
    return [
        summarised(
            settings[:3],
            [each.finding for each in own],
            has_gates=settings[-1] == 0,
            code="; ".join(sorted({each.code for each in own})),
            first_seed=min(each.seed for each in own),
        )
        for settings, own in groups.items()
    ]


HEAD = (
    "scenario              n   truth   bias (MC)     emp. SE  mean SE  coverage (MC)  "
    "sealed (MC)  s each  gates that closed"
)


def summary(scenario: str, registries: Sequence[Registry]) -> str:
    """Return one line of the table, in points of risk."""
    found = performance([each.finding for each in registries])
    gates = Counter(gate for each in registries for gate in each.finding.closed_by)
    was_asked = any(each.settings[-1] == 0 for each in registries)
    share = f"{found.sealed.value:.2f} ({found.sealed.monte_carlo_error:.2f})"
    return (
        f"{scenario:18s} {len(registries):4d}  {100 * found.truth.value:6.2f}  "
        f"{100 * found.bias.value:6.2f} ({100 * found.bias.monte_carlo_error:.2f})  "
        f"{100 * found.empirical_error.value:5.2f}  {100 * found.model_error.value:5.2f}  "
        f"{found.coverage.value:.3f} ({found.coverage.monte_carlo_error:.3f})  "
        f"{share if was_asked else 'not asked  '}  "
        f"{np.mean([each.seconds for each in registries]):5.1f}  {dict(gates)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study over simulated registries and print one line a scenario."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--scenario", nargs="*", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--registries", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--intervals", choices=INTERVAL_METHODS, default="bootstrap")
    parser.add_argument("--primary-only", action="store_true")
    parser.add_argument("--per-world", type=int, default=20, help="registries drawn from a world")
    parser.add_argument("--first-seed", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--into", type=Path, help="file of one line a registry, to go on with")
    parser.add_argument("--any-code", action="store_true", help="count the file's other versions")
    parser.add_argument("--keep", action="store_true", help="write docs/coverage.csv")
    wanted = parser.parse_args(arguments)
    registries = finish(tasks_of(wanted), wanted.jobs, wanted.into, any_code=wanted.any_code)
    print(HEAD)
    for scenario in wanted.scenario:
        own = [each for each in registries if each.settings[0] == scenario]
        print(summary(scenario, own))
    if wanted.keep:
        try:
            keep(kept_rows(registries), COVERAGE_FILE)
        except ValueError as error:
            raise SystemExit(str(error)) from None
        print(f"Kept in {COVERAGE_FILE.name}; make validate shows it on the page.")


if __name__ == "__main__":
    main()
