"""Writes the agenda of one month's quality meeting, from what was released and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.contracts.entries import nearest, shown
from analysis.contracts.errors import UsageError
from analysis.pages import clinic_file
from analysis.pages.agenda import Agenda, agenda_csv, agenda_of, agenda_page, clinics_of
from analysis.pages.meeting import MONTH
from pipelines.publication.files import write_atomically
from pipelines.publication.reading import StandingRelease, read_release
from pipelines.workspace import Workspace, make_folder

# How files of an earlier review begin, which may be replaced.
OWN_MARKS: Final = {".html": b'<meta name="generator" content="nmt review">', ".csv": b"indicator,"}


@dataclass(frozen=True)
class Review:
    """The agenda that was asked for, the release it is from, and the files that hold it."""

    release_id: str
    agenda: Agenda
    files: tuple[Path, ...]


def write_review(
    workspace: Workspace, folder: Path, *, month: str | None = None, clinic: str | None = None
) -> Review:
    """Write the month's list as CSV and as a page to print; return what was written.

    The month is the last of the release's data unless one is named. Raises `UsageError` without a
    release, for a month or clinic that cannot be used, and where a file of another origin stands.
    """
    release = read_release(workspace)
    agenda = agenda_of(
        release.tables, release.facts, chosen_month(release, month), known_clinic(release, clinic)
    )
    name = f"review-{agenda.month}{_of_clinic(clinic)}"
    contents = {
        folder / f"{name}.csv": agenda_csv(agenda),
        folder / f"{name}.html": agenda_page(agenda, release.facts),
    }
    for path in contents:
        _refuse_to_replace_another(path)
    make_folder(folder)
    for path, content in contents.items():
        write_atomically(path, content)
    return Review(release.release_id, agenda, tuple(contents))


def chosen_month(release: StandingRelease, month: str | None) -> str:
    """Return the month named, or the last of the release's data."""
    if month is None and release.facts.last_month is None:
        raise UsageError("The release holds no month yet. Name one with --month, such as 2025-03.")
    chosen = str(release.facts.last_month) if month is None else month
    if not MONTH.fullmatch(chosen):
        raise UsageError(f"--month must be a month such as 2025-03, found {shown(chosen)}.")
    return chosen


def known_clinic(release: StandingRelease, clinic: str | None) -> str | None:
    """Return the clinic when the release knows it; raise `UsageError` naming the nearest if not."""
    known: Sequence[str] = clinics_of(release.tables)
    if clinic is None or clinic in known:
        return clinic
    told = nearest(clinic, tuple(known)) if known else "; it holds no clinic"
    raise UsageError(f"The release holds no clinic {shown(clinic)}{told}")


def _of_clinic(clinic: str | None) -> str:
    return "" if clinic is None else f"-{clinic_file(clinic).removesuffix('.html')}"


def _refuse_to_replace_another(path: Path) -> None:
    if path.exists() and not (path.is_file() and OWN_MARKS[path.suffix] in path.read_bytes()):
        raise UsageError(
            f"{path} is there already and was not written by nmt review. "
            "Move it away, or name another folder with --output."
        )
