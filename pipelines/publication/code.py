"""Which code made a result: the product's own sources and the libraries that compute."""

import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "nmt-outcomes"
COMPUTING_LIBRARIES: Final = (
    "duckdb",
    "jinja2",
    "numpy",
    "plotly",
    "polars",
    "scipy",
    "statsmodels",
)
SOURCE_ROOM: Final = Path(__file__).parents[2]
UNSEEN_SUFFIXES: Final = (".pyc", ".pyo")


@dataclass(frozen=True)
class CodeVersion:
    """The package version, the hash of its sources, and the versions of what it computes with."""

    package: str
    source_hash: str
    libraries: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """Return the version as run records and tables show it."""
        return f"{self.package}+{self.source_hash[:12]}"

    @property
    def identity(self) -> str:
        """Return one text that changes whenever the same data could give other bytes."""
        libraries = ",".join(f"{name}={number}" for name, number in self.libraries)
        return f"{self.package};{self.source_hash};{libraries}"


@cache
def code_version() -> CodeVersion:
    """Return the version of the code that is running."""
    libraries = [(name, _installed(name)) for name in COMPUTING_LIBRARIES]
    python = ".".join(platform.python_version_tuple()[:2])
    return CodeVersion(_installed(DISTRIBUTION), _source_hash(), (*libraries, ("python", python)))


def git_commit() -> str | None:
    """Return the commit that is checked out beside the sources, if there is one."""
    git = SOURCE_ROOM / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return (git / head.removeprefix("ref: ")).read_text().strip()
    except OSError:
        return None


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _source_hash() -> str:
    digest = hashlib.sha256()
    for name, path in sorted(_sources()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield every source under the name it has in the repository, wherever it is installed."""
    for room in ("analysis", "pipelines", "sql"):
        folder = SOURCE_ROOM / room
        for path in folder.rglob("*") if folder.is_dir() else ():
            if path.is_file() and path.suffix not in UNSEEN_SUFFIXES:
                name = path.relative_to(SOURCE_ROOM).as_posix()
                yield name.removeprefix("pipelines/") if "/sql/" in name else name, path
