"""Where findings lie, so that a calibration goes on where it was broken off.

`processed/calibration/<protocol>-<key>.jsonl` has a first line that says of what the findings are,
and one line for each finished registry.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from analysis.calibration.findings import Finding
from analysis.simulation.shaping import Shape
from pipelines.publication.files import json_bytes, sha256, write_atomically
from pipelines.workspace import Workspace, make_folder

NAME_LENGTH: Final = 16


@dataclass(frozen=True)
class Subject:
    """What is calibrated: a protocol and a code, on registries of a shape and size."""

    protocol_hash: str
    code_version: str
    shape: Shape
    episodes: int

    @property
    def key(self) -> str:
        """Return one name for all of it."""
        return sha256(json_bytes(asdict(self)))[:NAME_LENGTH]


@dataclass(frozen=True)
class Finished:
    """A registry that was simulated, and what the study found in it."""

    scenario: str
    seed: int
    finding: Finding


def read_findings(workspace: Workspace, subject: Subject) -> list[Finished]:
    """Return the registries finished so far, each once, by scenario and seed.

    A line that a killed process left unfinished is passed over.
    """
    try:
        _, *lines = _findings_path(workspace, subject).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return []
    finished = {(each.scenario, each.seed): each for each in _readable(lines)}
    return [finished[name] for name in sorted(finished)]


def begin_findings(workspace: Workspace, subject: Subject) -> Path:
    """Return the file that findings are added to, cleared of unfinished lines."""
    make_folder(workspace.calibration_dir)
    head = json.dumps(asdict(subject), sort_keys=True)
    lines = [head, *(_line(each) for each in read_findings(workspace, subject))]
    path = _findings_path(workspace, subject)
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    return path


def add_finding(path: Path, finished: Finished) -> None:
    """Add one finding; a line is written in one piece, whoever else writes."""
    with path.open("ab", buffering=0) as file:
        file.write(f"{_line(finished)}\n".encode())


def _findings_path(workspace: Workspace, subject: Subject) -> Path:
    name = f"{subject.protocol_hash[:NAME_LENGTH]}-{subject.key}.jsonl"
    return workspace.calibration_dir / name


def _line(finished: Finished) -> str:
    finding = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(finished.finding).items()
    }
    return json.dumps({"scenario": finished.scenario, "seed": finished.seed, "finding": finding})


def _readable(lines: Iterable[str]) -> Iterable[Finished]:
    for line in lines:
        try:
            content = json.loads(line)
            finding = content["finding"]
            numbers = {
                name: math.nan if finding[name] is None else float(finding[name])
                for name in ("value", "standard_error", "low", "high", "truth")
            }
            found = Finding(**numbers, closed_by=tuple(finding["closed_by"]))
            yield Finished(str(content["scenario"]), int(content["seed"]), found)
        except (ValueError, KeyError, TypeError):
            continue
