"""Which charts were re-based: from when on, why, on which day, and who decided.

Limits of a chart are frozen. A new phase begins only with an entry of this journal, which every
release is made of and tells beside the chart (Provost and Murray 2011 on when to recalculate).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.contracts.entries import nearest, shown
from analysis.contracts.errors import UsageError
from analysis.contracts.results import CLINIC, NETWORK
from analysis.pages.meeting import MONTH, QUARTER
from analysis.quality.baselines import Rebase
from pipelines.journal import Journal, append_line, read_lines
from pipelines.locking import hold_registry
from pipelines.publication.files import json_bytes, sha256
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

FILE: Final = "rebases.jsonl"
KIND: Final = "rebase"
LONGEST_TEXT: Final = 500


def record_rebase(workspace: Workspace, rebase: Rebase, today: date) -> bool:
    """Keep the re-base on record; return whether it was new.

    Raises `UsageError` for an entry that cannot be used, `RegistryBusyError` while another run
    holds the registry.
    """
    faults = [*_faults_of_what(rebase), *_faults_of_words(rebase), *_faults_of_date(rebase, today)]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise UsageError(f"The re-base is not recorded:\n{listed}")
    with hold_registry(workspace, "nmt review rebase"):
        workspace.prepare()
        is_new = rebase not in read_rebases(workspace)
        if is_new:
            append_line(_journal(workspace), KIND, asdict(rebase))
    return is_new


def read_rebases(workspace: Workspace) -> tuple[Rebase, ...]:
    """Return all re-bases, the oldest first; raise `IntegrityError` when they were changed."""
    journal = _journal(workspace)
    try:
        return tuple(Rebase(**entry) for _, entry in read_lines(journal))
    except TypeError:
        raise journal.damaged() from None


def rebases_hash(rebases: Sequence[Rebase]) -> str | None:
    """Return the hash of the re-bases; None when there are none."""
    return sha256(json_bytes({"rebases": [asdict(each) for each in rebases]})) if rebases else None


def rebases_frame(rebases: Sequence[Rebase]) -> "pl.DataFrame":
    """Return the rows of results.rebases."""
    import polars as pl

    from analysis.contracts.results import RESULT_TABLES

    rows = [
        {
            "chart": each.chart,
            "unit_kind": each.unit_kind,
            "unit_name": each.unit_name or each.unit_kind,
            "period": each.start_period,
            "reason": each.reason,
            "date": each.date,
            "reviewer": each.reviewer,
        }
        for each in rebases
    ]
    return pl.DataFrame(rows, schema=dict(RESULT_TABLES["rebases"]))


def rebase_of(
    chart: str, start_period: str, *, reason: str, reviewer: str, day: str, clinic: str | None
) -> Rebase:
    """Return the re-base of a clinic's chart, or of the network's when no clinic is named."""
    return Rebase(
        chart=chart,
        unit_kind=NETWORK if clinic is None else CLINIC,
        unit_name=NETWORK if clinic is None else clinic,
        start_period=start_period,
        reason=reason.strip(),
        date=day,
        reviewer=reviewer.strip(),
    )


def rebases_path(workspace: Workspace) -> Path:
    """Return the file of re-bases."""
    return workspace.registry_dir / FILE


def _faults_of_what(rebase: Rebase) -> list[str]:
    from analysis.contracts.indicators import INDICATOR_WORDS

    faults = []
    if rebase.chart not in INDICATOR_WORDS:
        known = nearest(rebase.chart, tuple(INDICATOR_WORDS))
        faults.append(f"{shown(rebase.chart)} is no chart{known}")
    if not (MONTH.fullmatch(rebase.start_period) or QUARTER.fullmatch(rebase.start_period)):
        faults.append("--from must be a month (2025-03) or a quarter (2025-Q1)")
    return faults


def _faults_of_words(rebase: Rebase) -> list[str]:
    texts = {"--reason": rebase.reason, "--reviewer": rebase.reviewer}
    return [
        f"{option} must be one line of 1 to {LONGEST_TEXT} characters"
        for option, text in texts.items()
        if not (1 <= len(text) <= LONGEST_TEXT and text.isprintable())
    ]


def _faults_of_date(rebase: Rebase, today: date) -> list[str]:
    try:
        day = date.fromisoformat(rebase.date)
    except ValueError:
        return ["--date must be a day (2025-03-14)"]
    if day.isoformat() != rebase.date:
        return ["--date must be a day (2025-03-14)"]
    return [f"--date {rebase.date} is still to come"] if day > today else []


def _journal(workspace: Workspace) -> Journal:
    return Journal(
        rebases_path(workspace), "re-based charts", "charts go back to their first limits"
    )
