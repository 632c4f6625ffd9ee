"""A synthetic delivery on disk is whole, repeatable and never mixed with something else."""

import json
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import EnvironmentFaultError, UsageError
from pipelines.ingestion import check_deliveries
from pipelines.simulation import DeliveryFormat, write_synthetic_delivery
from pipelines.workspace import Workspace

TABLES = ("patients", "episodes", "sessions", "events", "followups", "measurements")


def _write(target: Path, *, file_format: DeliveryFormat = "csv") -> Path:
    return write_synthetic_delivery(
        target,
        episodes=60,
        clinics=3,
        seed=2,
        scenario="protective",
        file_format=file_format,
        truth_people=2_000,
    )


def test_the_same_request_writes_the_same_bytes(tmp_path: Path) -> None:
    first, again = _write(tmp_path / "first"), _write(tmp_path / "again")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted([*(f"{table}.csv" for table in TABLES), "truth.json"])
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_written_delivery_passes_the_check_of_deliveries(
    tmp_path: Path, file_format: DeliveryFormat
) -> None:
    delivery = _write(tmp_path / "delivery", file_format=file_format)
    report = check_deliveries([delivery], Workspace(tmp_path / "data"))
    assert report.exit_code == 0
    assert report.rejections.is_empty()


def test_lists_booleans_and_unknown_values_are_written_as_the_contract_says(
    tmp_path: Path,
) -> None:
    delivery = _write(tmp_path / "delivery")
    sessions = pl.read_csv(delivery / "sessions.csv", infer_schema=False)
    assert sessions["techniques"].drop_nulls().str.contains("^[a-z_]+(;[a-z_]+)*$").all()
    assert set(sessions["exit_met"]) == {"true", "false", None}
    assert sessions["pain_nrs"].drop_nulls().str.contains("^[0-9]+$").all()


def test_the_truth_lies_beside_the_tables(tmp_path: Path) -> None:
    truth = json.loads((_write(tmp_path / "delivery") / "truth.json").read_text())
    assert truth["scenario"] == "protective"
    assert truth["risk_difference"] < 0
    assert truth["domains"]["strength"]["slope_per_week"]["4"] == 3.0


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    target = tmp_path / "empty"
    target.mkdir()
    assert (_write(target) / "truth.json").exists()


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        _write(target)
    assert [path.name for path in target.iterdir()] == ["notes.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    with pytest.raises(UsageError, match="not a folder"):
        _write(target)


def test_a_fault_while_writing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", no_space)
    with pytest.raises(EnvironmentFaultError, match="No space left"):
        _write(tmp_path / "delivery")
    assert list(tmp_path.iterdir()) == []
