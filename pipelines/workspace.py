"""The folder in which one registry lives: what came in, what was built, what was released."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.contracts.errors import EnvironmentFaultError

DEFAULT_ROOT: Final = Path("data")
ROOT_VARIABLE: Final = "NMT_DATA"
PRIVATE_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True)
class Workspace:
    """Every place under one workspace folder; nothing else in the product spells these paths."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(os.path.abspath(self.root)))  # noqa: PTH100

    @property
    def raw(self) -> Path:
        """Deliveries as the clinics sent them."""
        return self.root / "raw"

    @property
    def processed(self) -> Path:
        """Everything the product writes."""
        return self.root / "processed"

    @property
    def registry_dir(self) -> Path:
        """The store, its published versions and the lock."""
        return self.processed / "registry"

    @property
    def store_path(self) -> Path:
        """The database that only the holder of the lock opens."""
        return self.registry_dir / "store.duckdb"

    @property
    def versions_dir(self) -> Path:
        """Complete copies of the registry, one file each, that readers open."""
        return self.registry_dir / "versions"

    @property
    def current_pointer(self) -> Path:
        """The text file that names the version readers open."""
        return self.registry_dir / "current"

    @property
    def lock_path(self) -> Path:
        """The file whose lock allows writing."""
        return self.registry_dir / "lock"

    @property
    def quarantine_dir(self) -> Path:
        """The text of rejected rows; leaves the workspace in no table, log or page."""
        return self.processed / "quarantine"

    @property
    def runs_dir(self) -> Path:
        """One JSON record for every run."""
        return self.processed / "runs"

    @property
    def releases_dir(self) -> Path:
        """Complete releases, one folder each."""
        return self.processed / "releases"

    @property
    def calibration_dir(self) -> Path:
        """Findings on simulated registries, and the certificates made of them."""
        return self.processed / "calibration"

    @property
    def site(self) -> Path:
        """The link to the pages of the current release."""
        return self.processed / "site"

    @property
    def prefect_home(self) -> Path:
        """Where Prefect keeps its own state when it runs for this workspace."""
        return self.processed / "prefect"

    def prepare(self) -> "Workspace":
        """Create the folders that are absent; raise `EnvironmentFaultError` where that fails."""
        for folder in (self.raw, self.versions_dir, self.runs_dir, self.releases_dir):
            make_folder(folder)
        make_folder(self.quarantine_dir, mode=PRIVATE_FOLDER_MODE)
        for folder in (self.registry_dir, self.versions_dir, self.runs_dir, self.releases_dir):
            require_writable(folder)
        return self


def named_workspace(data: Path | None) -> Workspace:
    """Return the workspace that the option, the environment or the default names."""
    return Workspace(data or Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT))


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Create a folder and its parents, or say what stands in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as fault:
        raise EnvironmentFaultError(
            f"The folder {folder} cannot be created: {fault.strerror}. "
            "Make its parent writable, or name another workspace with --data DIR."
        ) from None


def require_writable(folder: Path) -> None:
    """Raise `EnvironmentFaultError` unless files can be made in the folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise EnvironmentFaultError(
            f"The folder {folder} cannot be written to. "
            "Change its rights, or name another workspace with --data DIR."
        )
