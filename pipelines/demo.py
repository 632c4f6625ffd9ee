"""A workspace for looking around: one simulated delivery, and nothing that was ever real."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from analysis.contracts.errors import UsageError
from pipelines.locking import hold_registry
from pipelines.progress import report
from pipelines.registry import TRUTH_FILE, is_simulated, read_ledger
from pipelines.workspace import Workspace

PREFIX: Final = "demo-"


@dataclass(frozen=True)
class Demo:
    """Which synthetic registry to show."""

    episodes: int
    clinics: int
    seed: int
    scenario: str

    @property
    def name(self) -> str:
        """Return the name of the delivery's folder."""
        return (
            f"{PREFIX}{self.scenario.replace('_', '-')}-{self.episodes}-{self.clinics}-{self.seed}"
        )


def prepare_demo(workspace: Workspace, demo: Demo) -> Path:
    """Have exactly this demo's delivery under raw/, and a registry that holds no other.

    Raises `UsageError` when the workspace holds anything but demos: synthetic and real records
    never meet. A former demo with other parameters is cleared away, for two truths in one
    registry would be no truth at all.
    """
    from pipelines.simulation import write_synthetic_delivery

    delivery = workspace.raw / demo.name
    with hold_registry(workspace, "nmt demo"):
        workspace.prepare()
        _require_only_demos(workspace)
        if _holds_another(workspace, delivery):
            report("Clearing the former demo away")
            _clear(workspace, delivery)
        if not (delivery / TRUTH_FILE).exists():
            report(f"Simulating {demo.episodes:,} episodes, scenario {demo.scenario}")
            write_synthetic_delivery(
                delivery,
                episodes=demo.episodes,
                clinics=demo.clinics,
                seed=demo.seed,
                scenario=demo.scenario,
            )
    return delivery


def read_truth(delivery: Path) -> dict[str, Any]:
    """Return what was planted in the delivery."""
    truth: dict[str, Any] = json.loads((delivery / TRUTH_FILE).read_bytes())
    return truth


def _require_only_demos(workspace: Workspace) -> None:
    others = [path for path in _deliveries(workspace) if not _is_demo(path)]
    ingested = [
        delivery_id
        for delivery_id in read_ledger(workspace).delivery_ids
        if not delivery_id.startswith(PREFIX)
    ]
    if others or ingested:
        raise UsageError(
            f"{workspace.root} holds deliveries that are no demo; a demo never mixes with them. "
            "Name another workspace: nmt demo --data DIR"
        )


def _holds_another(workspace: Workspace, delivery: Path) -> bool:
    ingested = read_ledger(workspace).delivery_ids
    is_other = [not known.startswith(f"{delivery.name}-") for known in ingested]
    return any(is_other) or any(path != delivery for path in _deliveries(workspace))


def _clear(workspace: Workspace, delivery: Path) -> None:
    for path in _deliveries(workspace):
        if path != delivery:
            shutil.rmtree(path)
    for path in workspace.registry_dir.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != workspace.lock_path:
            path.unlink()
    shutil.rmtree(workspace.quarantine_dir)
    # A certificate is about the registry that it was shaped like.
    shutil.rmtree(workspace.calibration_dir, ignore_errors=True)
    workspace.prepare()


def _deliveries(workspace: Workspace) -> list[Path]:
    return [path for path in workspace.raw.iterdir() if path.is_dir()]


def _is_demo(path: Path) -> bool:
    return path.name.startswith((PREFIX, f".{PREFIX}")) and (
        is_simulated(path) or path.name.startswith(".")
    )
