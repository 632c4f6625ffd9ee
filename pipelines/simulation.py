"""Write a synthetic delivery with its planted truth, as a whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.contracts.errors import EnvironmentFaultError, UsageError

if TYPE_CHECKING:
    import polars as pl

DeliveryFormat = Literal["csv", "parquet"]
LIST_SEPARATOR = ";"
TRUTH_PEOPLE = 200_000


def write_synthetic_delivery(
    target: Path,
    *,
    episodes: int,
    clinics: int,
    seed: int,
    scenario: str,
    file_format: DeliveryFormat = "csv",
    truth_people: int = TRUTH_PEOPLE,
) -> Path:
    """Write a delivery folder of six tables and truth.json; return the folder.

    The same arguments write the same bytes. The folder appears complete or not at all. The truth
    is simulated on truth_people new people: four times as many halve its Monte Carlo error.
    Raises UsageError when the target holds something already or the request makes no registry,
    EnvironmentFaultError when it cannot be written.
    """
    from analysis.simulation import simulate_registry

    _require_vacant(target)
    registry = simulate_registry(
        episodes=episodes,
        clinics=clinics,
        seed=seed,
        scenario=scenario,
        truth_people=truth_people,
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as fault:
        raise EnvironmentFaultError(_cannot_write(target, fault)) from fault
    try:
        _write_tables(building, registry.tables, file_format)
        _write_truth(building / "truth.json", registry.truth)
        building.chmod(0o755)
        # Replaces an empty folder and refuses one that was filled meanwhile.
        building.rename(target)
    except OSError as fault:
        raise EnvironmentFaultError(_cannot_write(target, fault)) from fault
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _require_vacant(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        found = "a folder that is not empty" if target.is_dir() else "not a folder"
        raise UsageError(f"{target} is {found}; name a new or an empty folder for the delivery.")


def _cannot_write(target: Path, fault: OSError) -> str:
    return f"{target} cannot be written: {fault.strerror}. Check the disk and the folder's rights."


def _write_tables(
    folder: Path, tables: Mapping[str, "pl.DataFrame"], file_format: DeliveryFormat
) -> None:
    for name, records in tables.items():
        path = folder / f"{name}.{file_format}"
        if file_format == "parquet":
            records.write_parquet(path)
        else:
            _as_text(records).write_csv(path)
        _flush(path)


def _as_text(records: "pl.DataFrame") -> "pl.DataFrame":
    """Return the records with lists as one text each, as the contract writes them."""
    import polars as pl

    lists = [name for name, kind in records.schema.items() if kind == pl.List]
    return records.with_columns(
        pl.col(name).cast(pl.List(pl.String)).list.join(LIST_SEPARATOR) for name in lists
    )


def _write_truth(path: Path, truth: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    _flush(path)


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that the folder's new name never stands for missing bytes."""
    with path.open("rb") as written:
        os.fsync(written.fileno())
