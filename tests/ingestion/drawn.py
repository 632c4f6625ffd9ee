"""Small deliveries, written as the text of their files."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from pipelines.ingestion import IngestReport, check_deliveries, ingest_deliveries
from pipelines.warehouse.connection import connect, read_frame
from pipelines.workspace import Workspace

NOW = datetime(2025, 6, 1, 12)
Content = str | bytes | None

PATIENTS = """patient_id,sex,age_band
P1,F,40-49
P2,M,50-59
"""
EPISODES = """\
episode_id,patient_id,clinic_id,start_month,region,condition,chronicity,prior_episodes,end_day
E1,P1,C1,2025-01,knee,ischemia,acute,0,30
E2,P2,C2,2025-02,hip,trigger_points,chronic,1,
"""
SESSIONS = """session_id,episode_id,therapist_id,day,status,stage,exit_met,exit_evidence,pain_nrs
S1,E1,T1,0,attended,1,false,,6
S2,E1,T1,7,attended,1,true,measured,2
S3,E2,T2,0,attended,1,false,,8
S4,E2,T2,9,no_show,,,,
"""
EVENTS = """event_id,episode_id,day,kind
V1,E1,60,reinjury
"""
FOLLOWUPS = """episode_id,day,outcome
E1,90,reached
"""
MEASUREMENTS = """episode_id,day,instrument,side,value,unit,timing
E1,0,goniometer,L,92.5,deg,pre
"""
BASE: Mapping[str, Content] = {
    "patients.csv": PATIENTS,
    "episodes.csv": EPISODES,
    "sessions.csv": SESSIONS,
}
ALL: Mapping[str, Content] = {
    **BASE,
    "events.csv": EVENTS,
    "followups.csv": FOLLOWUPS,
    "measurements.csv": MEASUREMENTS,
}


def deliver(folder: Path, files: Mapping[str, Content]) -> Path:
    """Write the files of a delivery; None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)
    return folder


def ingest(workspace: Workspace, *folders: Path) -> IngestReport:
    """Bring deliveries into the workspace's store."""
    return ingest_deliveries(folders, workspace, now=NOW)


def check(workspace: Workspace, *folders: Path) -> IngestReport:
    """Check deliveries."""
    return check_deliveries(folders, workspace)


def stored(workspace: Workspace, table: str) -> pl.DataFrame:
    """Return a table of the store."""
    with connect(workspace.store_path, read_only=True) as store:
        return read_frame(store, table)


def everything(workspace: Workspace) -> dict[str, list[tuple[object, ...]]]:
    """Return all records, ledgers and faults of the store, in a stable order."""
    tables = [
        *(f"{schema}.{name}" for schema in ("core", "superseded") for name in SIX),
        "ledger.deliveries",
        "ledger.files",
        "quarantine.rejections",
    ]
    return {name: sorted(stored(workspace, name).rows(), key=repr) for name in tables}


def faults(report: IngestReport) -> list[tuple[str, int, str | None, str]]:
    """Return every fault as file, line, column and rule."""
    return report.rejections.select("file", "line", "column_name", "rule").rows()


def refusals(report: IngestReport) -> str:
    """Return the reasons of all refusals."""
    files = [file for delivery in report.deliveries for file in delivery.files]
    return " ".join(file.refusal for file in files if file.refusal)


def counts(report: IngestReport, table: str, delivery: int = 0) -> tuple[int, int, int, int, int]:
    """Return rows_in, accepted, rejected, already_known and superseded of a table's file."""
    file = next(file for file in report.deliveries[delivery].files if file.table == table)
    return file.rows_in, file.accepted, file.rejected, file.already_known, file.superseded


SIX = ("patients", "episodes", "sessions", "events", "followups", "measurements")
