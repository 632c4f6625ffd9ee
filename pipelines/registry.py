"""What the registry's ledger says about the deliveries it took in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.errors import EnvironmentFaultError, RegistryBusyError
from pipelines.publication.files import json_bytes, sha256, write_atomically
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

# Written beside the tables of a simulated delivery, and by nobody else.
TRUTH_FILE: Final = "truth.json"
COUNTED: Final = ("rows_in", "accepted", "rejected", "already_known", "superseded")


@dataclass(frozen=True)
class Ledger:
    """The deliveries taken in, in their order, and how many rows they held."""

    delivery_ids: tuple[str, ...]
    content_hashes: tuple[str, ...]
    received_rows: int
    rejected_rows: int
    is_synthetic: bool

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was ever taken in."""
        return not self.delivery_ids

    @property
    def input_hash(self) -> str:
        """Return the hash of the deliveries' contents, in their order."""
        return input_hash_of(self.content_hashes)

    @property
    def rejected_share(self) -> float:
        """Return the share of all delivered rows that were rejected, from 0 to 1."""
        return self.rejected_rows / self.received_rows if self.received_rows else 0.0


def input_hash_of(content_hashes: Sequence[str]) -> str:
    """Return the hash of deliveries' contents, in their order."""
    return sha256("\n".join(content_hashes).encode())


def read_ledger(workspace: Workspace) -> Ledger:
    """Return the ledger; the caller holds the registry."""
    if not workspace.store_path.exists():
        return Ledger((), (), 0, 0, is_synthetic=False)
    deliveries, files = ledger_tables(workspace)
    deliveries = deliveries.sort("delivery_number")
    ids = tuple(deliveries["delivery_id"])
    return Ledger(
        delivery_ids=ids,
        content_hashes=tuple(deliveries["content_hash"]),
        received_rows=int(files["rows_in"].sum()),
        rejected_rows=int(files["rejected"].sum()),
        is_synthetic=not synthetic_deliveries(workspace).isdisjoint(ids),
    )


def ledger_tables(workspace: Workspace) -> tuple["pl.DataFrame", "pl.DataFrame"]:
    """Return the rows of ledger.deliveries and ledger.files; the caller holds the registry."""
    from pipelines.warehouse.connection import read_frame
    from pipelines.warehouse.versions import open_store

    with open_store(workspace) as store:
        return read_frame(store, "ledger.deliveries"), read_frame(store, "ledger.files")


def delivery_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the deliveries with the sums of their files' counts, the oldest first."""
    if not workspace.store_path.exists():
        return []
    if (seen := _glance(workspace, "ledger.deliveries", "ledger.files")) is None:
        return []
    deliveries, files = seen
    sums = files.select("delivery_id", *COUNTED).group_by("delivery_id").sum()
    rows = deliveries.sort("delivery_number").join(
        sums, on="delivery_id", how="left", maintain_order="left"
    )
    return rows.select("delivery_id", "ingested_at", *COUNTED).to_dicts()


def rejection_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return how many faults of each rule each file had, the most frequent first."""
    if not workspace.store_path.exists():
        return []
    if (seen := _glance(workspace, "quarantine.rejections")) is None:
        return []
    (rejections,) = seen
    counted = rejections.group_by("rule", "file").len("faults")
    return counted.sort("faults", "rule", "file", descending=[True, False, False]).to_dicts()


def measurement_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return how many measurements count in the current version, and why others do not."""
    from pipelines.warehouse.connection import read_frame
    from pipelines.warehouse.versions import open_version

    if not workspace.current_pointer.exists():
        return []
    with open_version(workspace) as version:
        return read_frame(version, "marts.measurement_use").to_dicts()


def contradictory_units(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the instruments that came both in units that can be used and in others.

    `unused` counts the measurements whose unit cannot be turned into `unit`, the instrument's own.
    """
    from pipelines.warehouse.connection import list_tables, read_frame
    from pipelines.warehouse.versions import open_version

    if not workspace.current_pointer.exists():
        return []
    with open_version(workspace) as version:
        if "instrument_use" not in list_tables(version, "marts"):
            return []
        uses = read_frame(version, "marts.instrument_use")
    faulty = uses.filter(uses["has_contradictory_units"], measurement_use="other_unit")
    named = faulty.select("instrument", "domain", "measurements", unit="instrument_unit")
    unused = named.group_by("instrument", "domain", "unit").sum()
    return unused.rename({"measurements": "unused"}).sort("instrument").to_dicts()


def _glance(workspace: Workspace, *tables: str) -> list["pl.DataFrame"] | None:
    """Read tables from the store, or from the last version while another run holds the store.

    Returns None while the first delivery is on its way. Needs no right to write.
    """
    from pipelines.locking import hold_registry
    from pipelines.warehouse.connection import read_frame
    from pipelines.warehouse.versions import open_store, open_version

    def read() -> list["pl.DataFrame"]:
        with open_store(workspace, read_only=True) as store:
            return [read_frame(store, table) for table in tables]

    try:
        try:
            with hold_registry(workspace, "nmt status"):
                return read()
        except EnvironmentFaultError:
            return read()
    except RegistryBusyError:
        if not workspace.current_pointer.exists():
            return None
        with open_version(workspace) as version:
            return [read_frame(version, table) for table in tables]


def is_simulated(delivery: Path) -> bool:
    """Return whether the folder is a simulated delivery, whose truth lies beside its tables."""
    return (delivery / TRUTH_FILE).is_file()


def synthetic_deliveries(workspace: Workspace) -> frozenset[str]:
    """Return the ids of the deliveries that were simulated."""
    try:
        return frozenset(json.loads(_synthetic_path(workspace).read_bytes())["deliveries"])
    except FileNotFoundError:
        return frozenset()


def remember_synthetic(workspace: Workspace, delivery_ids: frozenset[str]) -> None:
    """Keep on record that these deliveries are simulated; the caller holds the registry."""
    known = synthetic_deliveries(workspace)
    if not delivery_ids <= known:
        content = json_bytes({"deliveries": sorted(known | delivery_ids)})
        write_atomically(_synthetic_path(workspace), content)


def _synthetic_path(workspace: Workspace) -> Path:
    return workspace.registry_dir / "synthetic.json"
