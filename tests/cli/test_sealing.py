"""Where a gate does not pass, the estimate stands in no byte of the workspace and on no screen."""

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.emulation.emulation import Emulation
from analysis.simulation import simulate_registry
from analysis.study.gates import failing
from analysis.study.rows import NATURAL, STRICT
from analysis.study.study import OpenStudy, open_study
from pipelines.cli import main
from pipelines.publication.results import read_study_tables
from pipelines.warehouse.connection import connect, write_frame
from pipelines.warehouse.versions import current_version
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt
from tests.cli.searching import Secrets, found_in_folder

PLANTED = Secrets({"planted": 0.0273194850617})
# Which world's registry is closed by which gate, and what must not be found then. Where only gates
# of the primary contrast fail, care as usual may stand beside a strategy that passed its own.
BOTH_RISKS = "unequal_followup"
ALL_BUT_NATURAL = "no_overlap"
CLOSED_BY = {BOTH_RISKS: "follow_up_gap", ALL_BUT_NATURAL: "overlap_probability"}

PROTOCOL = """
[bootstrap]
replicates = 4
[sensitivity]
permutations = 2
specifications = 8
"""


@dataclass(frozen=True)
class SealedRun:
    """A workspace after a run whose estimate was sealed, what was told, and that estimate."""

    workspace: Workspace
    delivery: Path
    protocol: Path
    told: str
    secrets: Secrets


def secrets_of(study: OpenStudy, world: str) -> Secrets:
    """The primary estimate with its ends and errors, the risks, and what gives them away."""
    emulation = study.primary.emulation
    assert emulation is not None
    ratio = emulation.ratio(STRICT, NATURAL)
    assert ratio is not None
    found = {
        "difference": emulation.difference(STRICT, NATURAL),
        "ratio": ratio,
        STRICT: emulation.risk(STRICT),
        NATURAL: emulation.risk(NATURAL),
    }
    numbers = {
        f"{name} {part}": float(getattr(estimate, part))
        for name, estimate in found.items()
        for part in ("value", "low", "high", "standard_error")
    }
    for name in (STRICT, NATURAL):
        numbers[f"{name} one minus"] = 1.0 - numbers[f"{name} value"]
    numbers["log ratio"] = float(np.log(numbers["ratio value"]))
    if world == ALL_BUT_NATURAL:
        numbers = {name: each for name, each in numbers.items() if not name.startswith(NATURAL)}
    return Secrets(numbers)


@pytest.fixture(scope="module", params=list(CLOSED_BY))
def sealed_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SealedRun:
    folder, world = tmp_path_factory.mktemp("sealed"), request.param
    registry = simulate_registry(episodes=500, clinics=4, seed=3, scenario=world, truth_people=0)
    delivery = folder / "delivery"
    delivery.mkdir()
    for name, rows in registry.tables.items():
        rows.write_parquet(delivery / f"{name}.parquet")
    protocol = folder / "study.toml"
    protocol.write_text(PROTOCOL)
    workspace, told = Workspace(folder / "data"), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(told),
        redirect_stderr(told),
    ):
        patch.delenv("PREFECT_API_URL", raising=False)
        place = ["--data", str(workspace.root)]
        assert main(["run", str(delivery), "--protocol", str(protocol), "--json", *place]) == 0
    study = open_study(read_study_tables(current_version(workspace)), load_protocol(protocol))
    assert CLOSED_BY[world] in {gate.gate for gate in failing(study.gates)}
    return SealedRun(workspace, delivery, protocol, told.getvalue(), secrets_of(study, world))


def test_a_sealed_estimate_is_in_no_file_of_the_workspace(sealed_run: SealedRun) -> None:
    assert found_in_folder(sealed_run.secrets, sealed_run.workspace.root) == []


def test_a_sealed_estimate_is_on_no_screen(nmt: Nmt, sealed_run: SealedRun) -> None:
    place = ("--data", sealed_run.workspace.root)
    told = [
        nmt("run", "--protocol", sealed_run.protocol, *place),
        nmt("status", *place),
        nmt("status", "--json", *place),
        nmt("sql", "FROM results.estimates", "--json", *place),
        nmt("sql", "FROM results.risk_curves", "--format", "csv", *place),
        nmt("sql", "FROM results.verdicts", *place),
    ]
    assert [answer.code for answer in told] == [0] * len(told)
    assert "cannot be estimated from these data" in told[0].out
    screens = [sealed_run.told, *(each.out + each.err for each in told)]
    assert [name for screen in screens for name in sealed_run.secrets.in_text(screen)] == []


def test_a_fault_after_the_estimate_exists_does_not_tell_it(
    nmt: Nmt, sealed_run: SealedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault quotes the estimate, as a careless library would."""
    secrets, whole = sealed_run.secrets, Emulation.difference
    quoted: list[str] = []

    def fail(emulation: Emulation, *arguments: Any) -> object:
        found = whole(emulation, *arguments)
        if not any(secrets.in_text(repr(found))):
            return found
        quoted.append(repr(found))
        raise ValueError(quoted[-1])

    monkeypatch.setattr(Emulation, "difference", fail)
    monkeypatch.setenv("NMT_DEBUG", "1")
    call = ("--protocol", sealed_run.protocol, "--json", "--data", tmp_path / "data")
    answer = nmt("run", sealed_run.delivery, *call)
    assert quoted
    assert answer.code == 9
    assert "ValueError" in answer.err
    assert list(secrets.in_text(answer.out + answer.err)) == []
    assert found_in_folder(secrets, tmp_path / "data") == []
    shown = nmt("status", "--json", "--data", tmp_path / "data")
    assert list(secrets.in_text(shown.out + shown.err)) == []


@pytest.mark.slow
@pytest.mark.parametrize("sealed_run", [BOTH_RISKS], indirect=True)
def test_a_sealed_estimate_is_not_in_what_the_engine_keeps(
    sealed_run: SealedRun, tmp_path: Path
) -> None:
    """Prefect's own database and logs lie in the workspace too."""
    code = "import sys; from pipelines.cli import main; sys.exit(main())"
    call = ["run", sealed_run.delivery, "--protocol", sealed_run.protocol, "--through-prefect"]
    # Runs in this process named a home for Prefect; the new process has its own.
    settings = {name: each for name, each in os.environ.items() if not name.startswith("PREFECT")}
    ended = subprocess.run(
        [sys.executable, "-c", code, *call, "--data", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
        env=settings,
    )
    assert ended.returncode == 0, ended.stderr[:500]
    assert list((tmp_path / "data" / "processed" / "prefect").rglob("*.db"))
    assert list(sealed_run.secrets.in_text(ended.stdout + ended.stderr)) == []
    assert found_in_folder(sealed_run.secrets, tmp_path / "data") == []


# The search finds what is there, in every form; without these the tests above could not fail.

VALUE = PLANTED.numbers["planted"]


def as_database(path: Path) -> None:
    with connect(path, create=True) as registry:
        rows = pl.DataFrame({"value": [0.5, round(VALUE, 7)]})
        write_frame(registry, "results.estimates", rows)


HIDING_PLACES: dict[str, Callable[[Path], object]] = {
    "log.txt": lambda path: path.write_text(f"difference {VALUE:.6g}"),
    "short.txt": lambda path: path.write_text(f"difference {VALUE:.5g}"),
    "cut.txt": lambda path: path.write_text("0.02731"[:7] + "9 points"),
    "percent.html": lambda path: path.write_text(f"<td>{-100 * VALUE:.4f} points</td>"),
    "power.json": lambda path: path.write_text(f'{{"value": {VALUE:.8e}}}'),
    "page.js.gz": lambda path: path.write_bytes(gzip.compress(f"[{VALUE}]".encode())),
    "cache.bin": lambda path: path.write_bytes(b"abc" + struct.pack("<d", -VALUE) + b"de"),
    "table.parquet": lambda path: pl.DataFrame({"x": [None, -VALUE]}).write_parquet(path),
    "words.parquet": lambda path: pl.DataFrame({"x": [f"is {VALUE}"]}).write_parquet(path),
    "version.duckdb": as_database,
}


@pytest.mark.parametrize("name", list(HIDING_PLACES))
def test_the_search_finds_a_number_that_was_written(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "other.txt").write_text("0.0273 27.319 0.037319485 2.7319e3 1027319485 a1e99")
    assert found_in_folder(PLANTED, tmp_path) == []
    HIDING_PLACES[name](folder / name)
    hits = found_in_folder(PLANTED, tmp_path)
    assert {place for place, _ in hits} == {os.path.join("deep", "er", name)}  # noqa: PTH118


def test_the_search_finds_every_part_of_the_estimate(sealed_run: SealedRun) -> None:
    """Were a released table to hold one of the numbers, rounded or not, it would be found."""
    estimates = next(sealed_run.workspace.releases_dir.glob("*/results/estimates.csv"))
    for name, number in sealed_run.secrets.numbers.items():
        for text in (f"{number}", f"{number:#.6g}", f"{100 * number:#.5g}"):
            assert any(
                name in hit
                for hit in sealed_run.secrets.in_text(f"{estimates.read_text()}primary,{text}")
            )
