"""A small registry that was run once, and the command line in this process."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.simulation import simulate_registry
from pipelines.cli import main
from pipelines.workspace import Workspace

QUICK_PROTOCOL = "[bootstrap]\nreplicates = 2\n"
# Unique numbers of one patient each, which no release may hold.
PLANTED = {
    "flexibility_pct": 61.23581347,
    "strength_pct": 83.59124876,
    "endurance_pct": 47.81396254,
    "alignment_deg": 23.40961873,
}


@dataclass(frozen=True)
class Answer:
    """How a call of the command line ended."""

    code: int
    out: str
    err: str


Nmt = Callable[..., Answer]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "NMT_DATA", "NMT_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nmt(capsys: pytest.CaptureFixture[str]) -> Nmt:
    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def tables() -> dict[str, pl.DataFrame]:
    drawn = simulate_registry(
        episodes=240, clinics=3, seed=5, scenario="null", truth_people=0
    ).tables
    return drawn | {"sessions": planted(drawn["sessions"])}


def planted(sessions: pl.DataFrame) -> pl.DataFrame:
    """Give single sessions values that nobody else has."""
    for place, (column, value) in enumerate(PLANTED.items()):
        measured = pl.col(column).is_not_null()
        is_chosen = measured & (measured.cum_sum() == 20 * (place + 1))
        sessions = sessions.with_columns(
            pl.when(is_chosen).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
        )
    return sessions


@pytest.fixture(scope="session")
def delivery(tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deliveries") / "2026-q1"
    folder.mkdir()
    for name, rows in tables.items():
        rows.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="session")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("protocols") / "quick.toml"
    path.write_text(QUICK_PROTOCOL)
    return path


@pytest.fixture(scope="session")
def run_once(delivery: Path, protocol: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which one run made a release; not to be changed."""
    workspace = Workspace(tmp_path_factory.mktemp("run") / "data")
    code = main(["run", str(delivery), "--protocol", str(protocol), "--data", str(workspace.root)])
    assert code == 0
    return workspace


@pytest.fixture
def workspace(run_once: Workspace, tmp_path: Path) -> Workspace:
    """A copy of that workspace for one test."""
    shutil.copytree(run_once.root, tmp_path / "data", symlinks=True)
    return Workspace(tmp_path / "data")


@pytest.fixture
def known_results(monkeypatch: pytest.MonkeyPatch, run_once: Workspace) -> None:
    """Take results of the first run instead of computing any."""
    from pipelines.publication import results
    from pipelines.warehouse.versions import current_version

    former = results.read_results(current_version(run_once))

    def compute(*_: object) -> dict[str, Any]:
        return former

    monkeypatch.setattr(results, "compute_results", compute)


@pytest.fixture
def correction(tables: dict[str, pl.DataFrame], tmp_path: Path) -> Path:
    """A later delivery that corrects one session."""
    folder = tmp_path / "2026-q1-corrected"
    folder.mkdir()
    sessions = tables["sessions"].head(1).with_columns(minutes=pl.lit(239, dtype=pl.Int64))
    sessions.write_parquet(folder / "sessions.parquet")
    return folder
