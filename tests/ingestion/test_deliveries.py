"""What a delivery changes in the store, and what it does not."""

import gzip
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import RegistryBusyError
from analysis.contracts.protocol import load_protocol
from pipelines.ingestion import new_deliveries
from pipelines.ingestion.taking import _Taking
from pipelines.warehouse.intake import Intake
from pipelines.warehouse.versions import build_version, publish_version
from pipelines.workspace import Workspace
from tests.ingestion.drawn import (
    ALL,
    BASE,
    EPISODES,
    EVENTS,
    FOLLOWUPS,
    MEASUREMENTS,
    NOW,
    PATIENTS,
    SESSIONS,
    check,
    counts,
    deliver,
    everything,
    faults,
    ingest,
    stored,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "deliveries"


def test_records_are_typed_and_numbered(tmp_path: Path, workspace: Workspace) -> None:
    extra = SESSIONS.replace("pain_nrs", "pain_nrs,also_stages,techniques").replace("\n", ",,\n")
    extra = extra.replace("pain_nrs,also_stages,techniques,,", "pain_nrs,also_stages,techniques")
    files = {
        **ALL,
        "sessions.csv": extra.replace("measured,2,,", "measured,2,2;3,pnf;gait_training"),
    }
    assert ingest(workspace, deliver(tmp_path / "q1", files)).exit_code == 0
    session = stored(workspace, "core.sessions").row(1, named=True)
    assert session == {
        "session_id": "S2",
        "episode_id": "E1",
        "therapist_id": "T1",
        "day": 7,
        "sequence": None,
        "status": "attended",
        "stage": 1,
        "also_stages": [2, 3],
        "exit_met": True,
        "exit_evidence": "measured",
        "minutes": None,
        "techniques": ["pnf", "gait_training"],
        "pain_nrs": 2.0,
        "flexibility_pct": None,
        "strength_pct": None,
        "endurance_pct": None,
        "alignment_deg": None,
        "episode_key": 2,
        "delivery_id": session["delivery_id"],
        "source_line": 3,
    }
    assert session["delivery_id"].startswith("q1-")
    episodes = stored(workspace, "core.episodes").select("episode_id", "episode_key", "patient_key")
    assert episodes.rows() == [("E1", 2, 2), ("E2", 3, 3)]


def test_the_same_bytes_change_nothing_under_whatever_name(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", ALL))
    before = everything(workspace)
    report = ingest(workspace, deliver(tmp_path / "again", ALL), tmp_path / "q1")
    assert [delivery.status for delivery in report.deliveries] == ["already_known"] * 2
    assert counts(report, "sessions") == (4, 0, 0, 4, 0)
    assert report.exit_code == 0
    assert everything(workspace) == before


def test_the_same_rows_in_other_bytes_are_already_known(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", ALL))
    core = stored(workspace, "core.sessions")
    turned = _turned(SESSIONS)
    zipped = {"sessions.csv": None, "sessions.csv.gz": gzip.compress(turned.encode())}
    report = ingest(workspace, deliver(tmp_path / "q2", {**ALL, **zipped}))
    assert counts(report, "sessions") == (4, 0, 0, 4, 0)
    assert counts(report, "patients") == (2, 0, 0, 2, 0)
    assert stored(workspace, "core.sessions").equals(core)


def test_a_corrected_record_replaces_the_older_and_both_are_on_record(
    tmp_path: Path, workspace: Workspace
) -> None:
    first = ingest(workspace, deliver(tmp_path / "q1", ALL)).deliveries[0].delivery_id
    corrected = SESSIONS.replace("S3,E2,T2,0,attended,1,false,,8", "S3,E2,T2,0,attended,1,false,,7")
    report = ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": corrected}))
    second = report.deliveries[0].delivery_id
    assert counts(report, "sessions") == (4, 1, 0, 3, 1)
    now = stored(workspace, "core.sessions").sort("session_id").select("pain_nrs", "delivery_id")
    assert now.rows() == [(6.0, first), (2.0, first), (7.0, second), (None, first)]
    former = stored(workspace, "superseded.sessions")
    columns = ["session_id", "pain_nrs", "delivery_id", "superseded_by"]
    assert former.select(columns).rows() == [("S3", 8.0, first, second)]


def test_an_old_delivery_sent_again_does_not_undo_its_correction(
    tmp_path: Path, workspace: Workspace
) -> None:
    q1 = deliver(tmp_path / "q1", ALL)
    ingest(workspace, q1)
    ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": SESSIONS.replace(",8", ",7")}))
    before = everything(workspace)
    assert ingest(workspace, q1).deliveries[0].status == "already_known"
    assert everything(workspace) == before


def test_a_file_known_from_before_does_not_undo_corrections_when_it_comes_with_new_files(
    tmp_path: Path, workspace: Workspace
) -> None:
    sessions = SESSIONS + "S5,E3,T1,0,attended,1,,,4\n"
    ingest(workspace, deliver(tmp_path / "q1", {**BASE, "sessions.csv": sessions}))
    ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": SESSIONS.replace(",8", ",7")}))
    episodes = EPISODES + "E3,P1,C1,2025-03,knee,ischemia,acute,0,\n"
    both = {"episodes.csv": episodes, "sessions.csv": sessions}
    report = ingest(workspace, deliver(tmp_path / "q3", both))
    assert counts(report, "sessions") == (5, 1, 0, 4, 0)
    assert counts(report, "episodes") == (3, 1, 0, 2, 0)
    pain = stored(workspace, "core.sessions").sort("session_id")["pain_nrs"].to_list()
    assert pain == [6.0, 2.0, 7.0, None, 4.0]


def test_a_faulty_delivery_sent_again_names_its_faults_again_and_changes_nothing(
    tmp_path: Path, workspace: Workspace
) -> None:
    faulty = {**BASE, "sessions.csv": SESSIONS + "S5,E9,T1,0,attended,1,,,4\n"}
    q1 = deliver(tmp_path / "q1", faulty)
    first = ingest(workspace, q1)
    before = everything(workspace)
    for look in (ingest, check):
        again = look(workspace, q1)
        assert again.exit_code == first.exit_code == 4
        assert again.deliveries[0].status == "already_known"
        assert again.deliveries[0].delivery_id == first.deliveries[0].delivery_id
        assert counts(again, "sessions") == (5, 0, 1, 4, 0)
        assert faults(again) == faults(first)
    assert everything(workspace) == before


def test_rows_rejected_for_a_missing_record_come_in_when_sent_again_after_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    faulty = SESSIONS + "S5,E3,T1,0,attended,1,,,4\nS6,E4,T1,0,attended,1,,,4\n"
    q1 = deliver(tmp_path / "q1", {**BASE, "sessions.csv": faulty})
    first = ingest(workspace, q1).deliveries[0].delivery_id
    ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": SESSIONS.replace(",8", ",7")}))
    episode = EPISODES + "E3,P1,C1,2025-03,knee,ischemia,acute,0,\n"
    ingest(workspace, deliver(tmp_path / "q3", {"episodes.csv": episode}))
    again = ingest(workspace, q1)
    assert again.deliveries[0].delivery_id == f"{first}-2"
    assert counts(again, "sessions") == (6, 1, 1, 4, 0)
    sessions = stored(workspace, "core.sessions").sort("session_id")
    assert sessions["pain_nrs"].to_list() == [6.0, 2.0, 7.0, None, 4.0]
    # What waits is what was found last; the text of each taking is kept.
    assert stored(workspace, "quarantine.rejections")["line"].to_list() == [7]
    assert _quarantined(workspace, first)["line"].to_list() == [6, 7]
    assert _quarantined(workspace, f"{first}-2")["line"].to_list() == [7]


def test_a_value_corrected_back_is_a_correction(tmp_path: Path, workspace: Workspace) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": SESSIONS.replace(",8", ",7")}))
    back = {"sessions.csv": _turned(SESSIONS)}
    assert counts(ingest(workspace, deliver(tmp_path / "q3", back)), "sessions") == (4, 1, 0, 3, 1)


def test_keys_stay_when_records_are_corrected(tmp_path: Path, workspace: Workspace) -> None:
    ingest(workspace, deliver(tmp_path / "q1", ALL))
    before = (
        stored(workspace, "core.episodes").select("episode_id", "episode_key").sort("episode_id")
    )
    corrected = {
        "patients.csv": PATIENTS.replace("F", "X"),
        "episodes.csv": EPISODES.replace("knee", "thigh") + "E3,P1,C1,2025-03,hip,other,acute,0,\n",
    }
    ingest(workspace, deliver(tmp_path / "q2", corrected))
    after = (
        stored(workspace, "core.episodes").select("episode_id", "episode_key").sort("episode_id")
    )
    assert after.head(2).equals(before)
    assert after["episode_key"].n_unique() == 3


def test_a_column_that_is_not_sent_keeps_what_is_registered(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    few = "session_id,episode_id,therapist_id,day,status,stage\nS1,E1,T9,0,attended,1\n"
    ingest(workspace, deliver(tmp_path / "q2", {"sessions.csv": few}))
    session = stored(workspace, "core.sessions").filter(pl.col("session_id") == "S1")
    assert session.select("therapist_id", "pain_nrs").row(0) == ("T9", 6.0)


def test_columns_may_stand_in_any_order(tmp_path: Path, workspace: Workspace) -> None:
    rows = [line.split(",")[::-1] for line in SESSIONS.splitlines()]
    turned = "\n".join(",".join(row) for row in rows)
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    report = check(workspace, deliver(tmp_path / "q2", {"sessions.csv": turned}))
    assert counts(report, "sessions") == (4, 0, 0, 4, 0)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(SESSIONS.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(SESSIONS.replace("\n", "\r"), id="old Mac line ends"),
        pytest.param(SESSIONS.replace("\n", "\r\n", 2), id="two kinds of line ends"),
        pytest.param("\ufeff" + SESSIONS, id="byte order mark"),
        pytest.param(SESSIONS.rstrip("\n"), id="no line end at the end"),
        pytest.param(SESSIONS.replace("\n", "\n\n") + "\n  \n", id="empty lines"),
        pytest.param(SESSIONS.replace("S1,E1", '"S1","E1"'), id="quotes"),
        pytest.param(SESSIONS.replace(",,", ',"",'), id="quoted nothing"),
        pytest.param(SESSIONS.replace("\n", ",\n").replace("nrs,", "nrs"), id="comma at the end"),
        pytest.param(SESSIONS.replace(",7,", ",007,"), id="leading zeros"),
        pytest.param(SESSIONS.replace("d,2\n", "d,2.0\n"), id="decimals"),
        pytest.param(SESSIONS.replace("d,2\n", "d,20e-1\n"), id="exponents"),
    ],
)
def test_rows_are_the_same_however_they_are_written(
    written: str, tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    report = check(workspace, deliver(tmp_path / "q2", {"sessions.csv": written}))
    assert faults(report) == []
    assert counts(report, "sessions") == (4, 0, 0, 4, 0)


def test_lines_are_those_of_an_editor_whatever_stands_between(
    tmp_path: Path, workspace: Workspace
) -> None:
    written = (
        "session_id,episode_id,therapist_id,day,status,stage\n"
        "\n"
        'S1,E1,"T\n\n1",0,attended,1\n'  # lines 3 to 5
        "S2,E1,T1,7,attended,9\n"  # line 6
        "\r\n"
        'S3,"E1,T1,8,attended,1\n'  # line 8
        "S4,E1,T1,9,attended\n"  # line 9
        "S5,E1,T1,9,attended,1\n"
        "S6,E1,T1,x,attended,1"  # line 11
    )
    report = ingest(workspace, deliver(tmp_path / "q1", {**BASE, "sessions.csv": written}))
    assert faults(report) == [
        ("sessions.csv", 3, "therapist_id", "not_an_identifier"),
        ("sessions.csv", 6, "stage", "out_of_range"),
        ("sessions.csv", 8, None, "open_quotes"),
        ("sessions.csv", 9, None, "too_few_cells"),
        ("sessions.csv", 11, "day", "not_a_whole_number"),
    ]
    assert counts(report, "sessions") == (6, 1, 5, 0, 0)
    kept = _quarantined(workspace, report.deliveries[0].delivery_id)
    assert kept["line"].to_list() == [3, 6, 8, 9, 11]
    assert kept["raw"].to_list()[0] == 'S1,E1,"T\n\n1",0,attended,1'


def test_the_text_of_rejected_rows_is_kept_where_only_the_owner_reads_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    rows = SESSIONS + "S9,E1,T1,8,attended,three,,,\n"
    report = ingest(workspace, deliver(tmp_path / "q1", {**BASE, "sessions.csv": rows}))
    folder = workspace.quarantine_dir / report.deliveries[0].delivery_id
    kept = _quarantined(workspace, folder.name)
    assert kept.rows() == [("sessions.csv", 6, "S9,E1,T1,8,attended,three,,,")]
    assert stat.S_IMODE((folder / "sessions.csv").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    rejection = stored(workspace, "quarantine.rejections")
    assert rejection.drop("message").rows() == [
        (folder.name, "sessions.csv", 6, "stage", "not_a_whole_number")
    ]
    assert report.rejections.equals(rejection)


def test_the_ledger_holds_the_counts_of_every_file(tmp_path: Path, workspace: Workspace) -> None:
    rows = SESSIONS + "S9,E1,T1,8,attended,three,,,\nS1,E1,T1,0,attended,1,false,,6\n"
    ingest(workspace, deliver(tmp_path / "q1", {**BASE, "sessions.csv": rows}))
    files = stored(workspace, "ledger.files").sort("table_name")
    columns = ["table_name", "rows_in", "accepted", "rejected", "already_known", "superseded"]
    assert files.select(columns).rows() == [
        ("episodes", 2, 2, 0, 0, 0),
        ("patients", 2, 2, 0, 0, 0),
        ("sessions", 6, 4, 1, 1, 0),
    ]


def test_parquet_is_held_to_the_same_rules(tmp_path: Path, workspace: Workspace) -> None:
    folder = deliver(tmp_path / "q1", {**BASE, "sessions.csv": None})
    sessions = pl.DataFrame(
        {
            "session_id": ["S1", "S2", "S3", "S4", "S5", "", "S7", "S8"],
            "episode_id": ["E1", "E1", "E1", "E1", "E9", "E1", "E1", "E1"],
            "therapist_id": pl.Series(["T1"] * 8, dtype=pl.Categorical),
            "day": [0.0, 1.0, 1.5, 3.0, 4.0, 5.0, None, 7.0],
            "status": ["attended"] * 8,
            "stage": pl.Series([1, 2, 3, 4, 5, 1, 1, 9], dtype=pl.Int8),
            "also_stages": [[2, 3], [], None, [6], None, None, None, None],
            "techniques": [["pnf"], None, None, None, None, None, None, None],
            "exit_met": [True, False, None, None, None, None, None, None],
            "pain_nrs": [1.5, float("nan"), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        }
    )
    sessions.write_parquet(folder / "sessions.parquet")
    report = ingest(workspace, folder)
    assert faults(report) == [
        ("sessions.parquet", 2, "pain_nrs", "not_finite"),
        ("sessions.parquet", 3, "day", "not_a_whole_number"),
        ("sessions.parquet", 4, "also_stages", "not_a_list"),
        ("sessions.parquet", 5, "episode_id", "unknown_reference"),
        ("sessions.parquet", 6, "session_id", "required"),
        ("sessions.parquet", 7, "day", "required"),
        ("sessions.parquet", 8, "stage", "out_of_range"),
    ]
    session = stored(workspace, "core.sessions").row(0, named=True)
    assert (session["day"], session["also_stages"], session["techniques"]) == (0, [2, 3], ["pnf"])
    assert session["pain_nrs"] == 1.5
    kept = _quarantined(workspace, report.deliveries[0].delivery_id)
    assert kept["raw"][2] == "S4,E1,T1,3,attended,4,6,,,1"


def test_an_episode_that_ends_before_its_last_session_falls_with_all_that_refers_to_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    report = check(
        workspace,
        deliver(tmp_path / "q1", {**ALL, "episodes.csv": EPISODES.replace(",30\n", ",6\n")}),
    )
    assert faults(report) == [
        ("episodes.csv", 2, "end_day", "before_last_session"),
        ("sessions.csv", 2, "episode_id", "unknown_reference"),
        ("sessions.csv", 3, "episode_id", "unknown_reference"),
        ("events.csv", 2, "episode_id", "unknown_reference"),
        ("followups.csv", 2, "episode_id", "unknown_reference"),
        ("measurements.csv", 2, "episode_id", "unknown_reference"),
    ]


def test_an_episode_may_end_before_an_appointment_that_was_missed(
    tmp_path: Path, workspace: Workspace
) -> None:
    episodes = EPISODES.replace("chronic,1,", "chronic,1,0")
    assert (
        check(workspace, deliver(tmp_path / "q1", {**BASE, "episodes.csv": episodes})).exit_code
        == 0
    )


def test_a_session_after_the_end_of_a_registered_episode_is_the_fault(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    late = SESSIONS.splitlines()[0] + "\nS9,E1,T1,31,attended,2,,,\nS8,E1,T1,30,attended,2,,,\n"
    report = check(workspace, deliver(tmp_path / "q2", {"sessions.csv": late}))
    assert faults(report) == [("sessions.csv", 2, "day", "after_end_of_episode")]


def test_a_corrected_end_before_a_registered_session_is_the_fault(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    files = {
        "episodes.csv": EPISODES.replace(",30\n", ",6\n"),
        "sessions.csv": SESSIONS + "S9,E1,T1,8,attended,2,,,\n",
    }
    report = ingest(workspace, deliver(tmp_path / "q2", files))
    assert faults(report) == [("episodes.csv", 2, "end_day", "before_last_session")]
    assert counts(report, "sessions") == (5, 1, 0, 4, 0)


def test_end_and_session_may_be_corrected_together(tmp_path: Path, workspace: Workspace) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    files = {
        "episodes.csv": EPISODES.replace(",30\n", ",6\n"),
        "sessions.csv": SESSIONS.replace("S2,E1,T1,7,", "S2,E1,T1,6,"),
    }
    assert ingest(workspace, deliver(tmp_path / "q2", files)).exit_code == 0


def test_nothing_happens_after_death(tmp_path: Path, workspace: Workspace) -> None:
    files = {
        **BASE,
        "sessions.csv": SESSIONS.replace("S2,E1,T1,7,", "S2,E1,T1,20,"),
        "events.csv": EVENTS + "V2,E1,10,death\nV3,E1,10,reinjury\nV4,E2,99,reinjury\n",
        "followups.csv": FOLLOWUPS + "E1,91,no_answer\nE1,92,died\n",
        "measurements.csv": MEASUREMENTS.replace("E1,0,", "E1,11,"),
    }
    report = check(workspace, deliver(tmp_path / "q1", files))
    assert faults(report) == [
        ("sessions.csv", 3, "day", "after_death"),
        ("events.csv", 2, "day", "after_death"),
        ("followups.csv", 2, "day", "after_death"),
        ("measurements.csv", 2, "day", "after_death"),
    ]


def test_a_death_before_registered_records_is_the_fault(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", ALL))
    death = "event_id,episode_id,day,kind\nV2,E1,10,death\nV3,E2,10,death\n"
    report = check(workspace, deliver(tmp_path / "q2", {"events.csv": death}))
    assert faults(report) == [("events.csv", 2, "day", "before_registered")]


def test_a_registered_death_may_be_corrected(tmp_path: Path, workspace: Workspace) -> None:
    death = "event_id,episode_id,day,kind\nV1,E2,10,death\n"
    ingest(workspace, deliver(tmp_path / "q1", {**BASE, "events.csv": death}))
    files = {
        "events.csv": death.replace("10", "50"),
        "followups.csv": "episode_id,day,outcome\nE2,40,reached\n",
    }
    assert check(workspace, deliver(tmp_path / "q2", files)).exit_code == 0


def test_a_followup_of_the_same_day_is_a_correction(tmp_path: Path, workspace: Workspace) -> None:
    ingest(workspace, deliver(tmp_path / "q1", ALL))
    files = {
        "followups.csv": FOLLOWUPS.replace("reached", "refused"),
        "measurements.csv": MEASUREMENTS.replace("92.5", "95") + "E1,0,goniometer,,10,deg,\n",
    }
    report = ingest(workspace, deliver(tmp_path / "q2", files))
    assert counts(report, "followups") == (1, 1, 0, 0, 1)
    assert counts(report, "measurements") == (2, 2, 0, 0, 1)
    assert stored(workspace, "core.followups")["outcome"].to_list() == ["refused"]
    again = "episode_id,day,instrument,side,value,unit,timing\nE1,0,goniometer,,11,deg,\n"
    report = ingest(workspace, deliver(tmp_path / "q3", {"measurements.csv": again}))
    assert counts(report, "measurements") == (1, 1, 0, 0, 1)


def test_check_looks_at_the_registry_and_changes_nothing(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    before = {path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()}
    events = deliver(tmp_path / "q2", {"events.csv": EVENTS})
    more = deliver(tmp_path / "q3", {"events.csv": EVENTS.replace("60", "61")})
    report = check(workspace, events, more)
    assert counts(report, "events") == (1, 1, 0, 0, 0)
    assert counts(report, "events", delivery=1) == (1, 1, 0, 0, 1)
    assert {
        path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()
    } == before


def test_check_makes_no_workspace(tmp_path: Path, workspace: Workspace) -> None:
    check(workspace, deliver(tmp_path / "q1", BASE))
    assert not workspace.root.exists()


def test_check_reads_the_last_version_while_another_process_writes_the_store(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    events = deliver(tmp_path / "q2", {"events.csv": EVENTS})
    with _held_elsewhere(workspace), pytest.raises(RegistryBusyError):
        check(workspace, events)
    publish_version(workspace, build_version(workspace, load_protocol(), now=NOW))
    with _held_elsewhere(workspace):
        assert counts(check(workspace, events), "events") == (1, 1, 0, 0, 0)
        assert check(workspace, tmp_path / "q1").deliveries[0].status == "already_known"


def test_what_was_taken_in_is_not_new_any_more(workspace: Workspace) -> None:
    deliver(workspace.raw / "2025-q1", BASE)
    deliver(workspace.raw / "2025-q2", {"events.csv": EVENTS})
    names = [folder.name for folder in new_deliveries(workspace)]
    assert names == ["2025-q1", "2025-q2"]
    ingest(workspace, *new_deliveries(workspace))
    assert new_deliveries(workspace) == []
    deliver(workspace.raw / "2025-q2", {"events.csv": EVENTS.replace("60", "61")})
    assert [folder.name for folder in new_deliveries(workspace)] == ["2025-q2"]


def test_a_clean_delivery_is_looked_at_once(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_again(*_: object) -> None:
        raise AssertionError("a plainly right row was set aside")

    monkeypatch.setattr(Intake, "_look_again", look_again)
    monkeypatch.setattr(_Taking, "rewrite", look_again)
    files = {**ALL, "sessions.csv": SESSIONS.replace("S1,E1", '"S1","E1"').replace("\n", "\r\n")}
    assert check(workspace, deliver(tmp_path / "q1", files)).exit_code == 0


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_store_as_it_was_or_whole(
    tmp_path: Path, workspace: Workspace
) -> None:
    ingest(workspace, deliver(tmp_path / "q1", BASE))
    small = everything(workspace)
    rows = "".join(f"X{n},E2,T1,{n % 300},attended,1,,,3\n" for n in range(300_000))
    large = deliver(
        tmp_path / "q2", {"sessions.csv": SESSIONS + rows + "S2,E1,T1,7,attended,2,,,1\n"}
    )
    for moment in range(10):
        child = _ingesting(workspace, large)
        time.sleep(0.4 + 0.15 * moment)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert len(stored(workspace, "ledger.deliveries")) in (1, 2)
        if len(stored(workspace, "ledger.deliveries")) == 1:
            assert everything(workspace) == small
    assert _ingesting(workspace, large).wait() == 0
    assert len(stored(workspace, "core.sessions")) == 300_004


def test_a_store_is_never_found_without_its_tables(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_run", vanish)
        with pytest.raises(SystemExit):
            ingest(workspace, deliver(tmp_path / "first", BASE))
    assert not workspace.store_path.exists()
    assert check(workspace, tmp_path / "first").exit_code == 0
    assert ingest(workspace, tmp_path / "first").exit_code == 0
    assert [path.name for path in workspace.registry_dir.glob("store*")] == ["store.duckdb"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the deliveries of the other generator are absent")
def test_deliveries_of_another_generator_are_taken_in_to_the_row(workspace: Workspace) -> None:
    quarter = ingest(workspace, SHARED / "2026-q3")
    assert quarter.exit_code == 0
    assert counts(quarter, "episodes") == (4000, 4000, 0, 0, 0)
    assert counts(quarter, "sessions") == (30453, 30453, 0, 0, 0)
    before = stored(workspace, "core.sessions")
    report = ingest(workspace, SHARED / "2026-q3-corrections")
    assert counts(report, "sessions") == (67, 60, 7, 0, 60)
    assert counts(report, "patients") == (3, 0, 0, 3, 0)
    assert [fault[2:] for fault in faults(report)] == [
        ("stage", "out_of_range"),
        ("stage", "not_a_whole_number"),
        ("pain_nrs", "out_of_range"),
        ("pain_nrs", "not_finite"),
        ("episode_id", "unknown_reference"),
        ("stage", "required"),
        ("day", "out_of_range"),
    ]
    after = stored(workspace, "core.sessions")
    assert len(after) == len(before)
    assert len(after.join(before, on=before.columns, how="semi", nulls_equal=True)) == 30453 - 60
    assert stored(workspace, "superseded.sessions")["session_id"].n_unique() == 60
    for untouched in ("events", "followups"):
        assert set(stored(workspace, f"core.{untouched}")["delivery_id"]) == {
            quarter.deliveries[0].delivery_id
        }


def _turned(text: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([header, *reversed(rows)]) + "\n"


def _quarantined(workspace: Workspace, delivery_id: str) -> pl.DataFrame:
    return pl.read_csv(workspace.quarantine_dir / delivery_id / "sessions.csv")


@contextmanager
def _held_elsewhere(workspace: Workspace) -> Iterator[None]:
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(workspace.store_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield
        child.communicate(b"\n")


def _ingesting(workspace: Workspace, folder: Path) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from datetime import datetime; from pathlib import Path; "
        "from pipelines.ingestion import ingest_deliveries; "
        "from pipelines.workspace import Workspace; "
        "ingest_deliveries([Path(sys.argv[2])], Workspace(Path(sys.argv[1])), "
        "now=datetime(2025, 1, 1))"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(workspace.root), str(folder)])
