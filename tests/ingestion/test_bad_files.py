"""What becomes of files that are not what they should be; none of their values is ever told."""

import gzip
import io
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import UsageError
from pipelines.workspace import Workspace
from tests.ingestion.drawn import (
    ALL,
    BASE,
    EPISODES,
    MEASUREMENTS,
    PATIENTS,
    SESSIONS,
    Content,
    check,
    deliver,
    faults,
    ingest,
    refusals,
)

# Stands for what a patient would not want to read anywhere.
SECRET = "Zaphod-Beeblebrox"


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", f"<a>{SECRET}</a>")
    return content.getvalue()


def _gz(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _parquet(**columns: list[object]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


@dataclass(frozen=True)
class Refused:
    """A delivery that is refused as a whole: the words its reason must hold, and the exit code."""

    files: Mapping[str, Content]
    words: str
    exit_code: int = 3


@dataclass(frozen=True)
class Rejected:
    """A delivery of which these rows are rejected: file, line, column and rule of every fault."""

    files: Mapping[str, Content]
    faults: tuple[tuple[str, int, str | None, str], ...]


ROW = "S9,E1,T1,8,attended,1,false,,5"
SESSION_HEADER = SESSIONS.splitlines()[0]


def _sessions(text: str | bytes) -> dict[str, Content]:
    return {**BASE, "sessions.csv": text}


def _cell(column: str, text: str) -> dict[str, Content]:
    """One more session, on line 6, with the cell of a column replaced."""
    cells = dict(zip(SESSION_HEADER.split(","), ROW.split(","), strict=True))
    return _sessions(SESSIONS + ",".join((cells | {column: text}).values()) + "\n")


def _fault(column: str, text: str, rule: str) -> Rejected:
    return Rejected(_cell(column, text), (("sessions.csv", 6, column, rule),))


def _row(text: str, *found: tuple[str | None, str]) -> Rejected:
    """One more line below the five of the sessions."""
    return Rejected(
        _sessions(SESSIONS + text),
        tuple(("sessions.csv", 6, column, rule) for column, rule in found),
    )


def _header(header: str) -> dict[str, Content]:
    return _sessions(SESSIONS.replace(SESSION_HEADER, header))


def _without(column: str) -> dict[str, Content]:
    rows = [line.split(",") for line in SESSIONS.splitlines()]
    place = rows[0].index(column)
    return _sessions("".join(",".join(r[:place] + r[place + 1 :]) + "\n" for r in rows))


def _with_column(name: str, value: str) -> dict[str, Content]:
    first, *others = SESSIONS.splitlines()
    return _sessions("\n".join([f"{first},{name}", *(f"{row},{value}" for row in others)]))


STRANGE_PATIENTS: dict[str, list[object]] = {
    "patient_id": ["P1"],
    "sex": [True],
    "age_band": ["40-49"],
    "comorbidity_count": [date(1970, 5, 3)],
}

REFUSED = {
    "empty folder": Refused({}, "none of the tables"),
    "no sessions in the first delivery": Refused(
        {**BASE, "sessions.csv": None}, "sessions as well"
    ),
    "empty file": Refused(_sessions(""), "sessions.csv is empty"),
    "only line ends": Refused(_sessions("\n\n\n"), "first line"),
    "only a byte order mark": Refused(_sessions(b"\xef\xbb\xbf"), "first line"),
    "empty line before the header": Refused(_sessions("\n" + SESSIONS), "first line"),
    "UTF-16": Refused(_sessions(SESSIONS.encode("utf-16")), "UTF-16"),
    "Latin-1": Refused(_sessions(SESSIONS.encode() + f"S9,{SECRET}é".encode("latin-1")), "line 6"),
    "cut-off character": Refused(_sessions(SESSIONS.encode() + b"\xc3"), "line 6"),
    "zero byte": Refused(_sessions(SESSIONS.encode() + SECRET.encode() + b"\0"), "line 6"),
    "web page": Refused(_sessions(f"<!doctype html><p>{SECRET}</p>"), "web page"),
    "web page after spaces": Refused(_sessions(f"  \n<html>{SECRET}"), "web page"),
    "spreadsheet": Refused(_sessions(_zip()), "spreadsheet"),
    "old spreadsheet": Refused(_sessions(b"\xd0\xcf\x11\xe0" + bytes(100)), "Excel"),
    "PDF": Refused(_sessions(b"%PDF-1.7\n"), "PDF"),
    "JSON": Refused(_sessions('{"sessions": []}'), "JSON"),
    "rows of another width without end": Refused(
        _sessions(f"{SESSION_HEADER}\n" + "A,B\n" * 10_002), "up to line 10,002"
    ),
    "a quote that is never closed": Refused(
        _sessions(f'{SESSION_HEADER}\n"\n' + "A\n" * 10_002), "a quote that is never closed"
    ),
    "empty lines without end": Refused(
        _sessions(SESSIONS + "\n" * 1_000_005), "lines .* are empty"
    ),
    "gzip named CSV": Refused(_sessions(_gz(SESSIONS)), "gzip"),
    "CSV named gzip": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": SESSIONS}, "no gzip archive"
    ),
    "CSV named Parquet": Refused(
        {**BASE, "sessions.csv": None, "sessions.parquet": SESSIONS}, "no Parquet"
    ),
    "cut-off gzip": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _gz(SESSIONS)[:-9]}, "cut off", 8
    ),
    "gzip without its checksum": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _gz(SESSIONS)[:-8]}, "cut off", 8
    ),
    "gzip with a wrong checksum": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _flipped(_gz(SESSIONS), -7)}, "damaged", 8
    ),
    "gzip with a flipped bit": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _flipped(_gz(SESSIONS), 60)}, "damaged", 8
    ),
    "gzip with something behind it": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _gz(SESSIONS) + b"more"}, "damaged", 8
    ),
    "gzip bomb": Refused(
        {**BASE, "sessions.csv": None, "sessions.csv.gz": _gz(SESSIONS + "," * (300 << 20))},
        "grows|longer than",
    ),
    "cut-off Parquet": Refused(
        {**BASE, "sessions.csv": None, "sessions.parquet": _parquet(session_id=["S1"])[:-20]},
        "damaged",
        8,
    ),
    "Parquet with broken insides": Refused(
        {**BASE, "sessions.csv": None, "sessions.parquet": b"PAR1" + bytes(200) + b"PAR1"},
        "damaged",
        8,
    ),
    "Parquet of other types": Refused(
        {**BASE, "patients.csv": None, "patients.parquet": _parquet(**STRANGE_PATIENTS)},
        "sex must hold text.*comorbidity_count must hold whole numbers",
    ),
    "no header": Refused(_sessions(SESSIONS.partition("\n")[2]), "none of the columns"),
    "no header and a name in the first row": Refused(
        _sessions(f"{SECRET},E1,T1,0,attended,1,false,,6\n"), "none of the columns"
    ),
    "semicolons": Refused(_sessions(SESSIONS.replace(",", ";")), "semicolons"),
    "tabs": Refused(_sessions(SESSIONS.replace(",", "\t")), "tabs"),
    "a missing column": Refused(_without("episode_id"), "missing: episode_id"),
    "a missing stage": Refused(_without("stage"), "missing: stage"),
    "a misspelt column": Refused(
        _header(SESSION_HEADER.replace("pain_nrs", "pain-nrs")), "meant to be pain_nrs"
    ),
    "a column in capitals": Refused(
        _header(SESSION_HEADER.replace("stage", "STAGE")), "meant to be stage"
    ),
    "a column with a space": Refused(
        _header(SESSION_HEADER.replace("stage", " stage")), "meant to be stage"
    ),
    "a column twice": Refused(
        _header(SESSION_HEADER.replace("pain_nrs", "day")), r"day stands 2 times \(columns 4, 9\)"
    ),
    "an undeclared column": Refused(_with_column("notes", SECRET), r"Column 10 \(notes\)"),
    "an undeclared column without rows": Refused(
        _sessions(SESSION_HEADER + ",patient_name"), r"\(patient_name\)"
    ),
    "a name as a column": Refused(_with_column(SECRET, "1"), "Column 10 is not declared"),
    "a number as a column": Refused(_with_column("9434765919", "1"), "Column 10 is not declared"),
    "a column without name": Refused(_with_column("", ""), "Column 10, which has no name"),
    "two faults of the header": Refused(
        _header(SESSION_HEADER.replace("day", "tag").replace("status", "zustand")),
        "Column 4.*Column 5.*missing: day, status",
    ),
    "open quotes in the header": Refused(_header('"' + SESSION_HEADER), "first line"),
    "a header of a million columns": Refused(_header(",".join("x" * 20_000)), "columns|longer"),
    "a header of one long line": Refused(_sessions("x" * 5_000_000), "longer"),
    "a huge cell": Refused(_cell("status", SECRET * 100_000), "Line 6 .* longer"),
    "a huge file of one line": Refused(
        _sessions(SESSIONS + SECRET * 5_000_000), "Line 6 .* longer"
    ),
    "national numbers as patients": Refused(
        {
            "patients.csv": PATIENTS.replace("P1", "9434765919").replace("P2", "943476591"),
            "episodes.csv": EPISODES.replace("P1", "9434765919").replace("P2", "943476591"),
            "sessions.csv": SESSIONS,
        },
        "patient_id of patients.csv holds bare numbers",
    ),
    "national numbers as therapists": Refused(
        _sessions(SESSIONS.replace("T1", "123456789").replace("T2", "987654321")), "therapist_id"
    ),
    "one table in two forms": Refused(
        {**BASE, "sessions.csv.gz": _gz(SESSIONS)}, "both hold sessions"
    ),
    "a misspelt file": Refused({**BASE, "session.csv": SESSIONS}, "meant to be sessions"),
    "a file in capitals": Refused(
        {**BASE, "sessions.csv": None, "Sessions.CSV": SESSIONS}, "meant to be sessions"
    ),
    "an unknown table": Refused({**BASE, "invoices.csv": "a\n"}, "invoices.csv is no table"),
    "a spreadsheet beside": Refused({**BASE, "sessions.xlsx": _zip()}, "sessions.xlsx"),
    "a pattern as a name": Refused({**BASE, "sessions[1].csv": SESSIONS}, "Entry 4"),
    "a name over two lines": Refused({**BASE, f"{SECRET}\n.csv": SESSIONS}, "Entry 1"),
    "spaces in a name": Refused({**BASE, f"sessions {SECRET}.csv": SESSIONS}, "Entry 3"),
}

REJECTED = {
    "2.5 as a stage": _fault("stage", "2.5", "not_a_whole_number"),
    "2.0 as a stage": _fault("stage", "2.0", "not_a_whole_number"),
    "three as a stage": _fault("stage", "three", "not_a_whole_number"),
    "0 as a stage": _fault("stage", "0", "out_of_range"),
    "6 as a stage": _fault("stage", "6", "out_of_range"),
    "no stage though attended": _fault("stage", "", "required"),
    "quoted nothing as a stage": _fault("stage", '""', "required"),
    "1_0 as a day": _fault("day", "1_0", "not_a_whole_number"),
    "+1 as a day": _fault("day", "+1", "formula"),
    "1e1 as a day": _fault("day", "1e1", "not_a_whole_number"),
    "0x10 as a day": _fault("day", "0x10", "not_a_whole_number"),
    "a negative day": _fault("day", "-3", "out_of_range"),
    "a day after ten years": _fault("day", "3651", "out_of_range"),
    "a day of twenty digits": _fault("day", "1" * 20, "not_a_whole_number"),
    "a date as a day": _fault("day", "2025-01-01", "not_a_whole_number"),
    "Arabic digits": _fault("day", "٣", "not_a_whole_number"),
    "no day": _fault("day", "", "required"),
    "NaN": _fault("pain_nrs", "NaN", "not_finite"),
    "nan": _fault("pain_nrs", "nan", "not_finite"),
    "inf": _fault("pain_nrs", "inf", "not_finite"),
    "-Infinity": _fault("pain_nrs", "-Infinity", "not_finite"),
    "1e999": _fault("pain_nrs", "1e999", "not_finite"),
    "NA": _fault("pain_nrs", "NA", "not_a_number"),
    "NULL": _fault("pain_nrs", "NULL", "not_a_number"),
    "a decimal comma": _fault("pain_nrs", '"2,5"', "not_a_number"),
    "1_0 as pain": _fault("pain_nrs", "1_0", "not_a_number"),
    "pain 11": _fault("pain_nrs", "11", "out_of_range"),
    "pain -1": _fault("pain_nrs", "-1", "out_of_range"),
    "TRUE": _fault("exit_met", "TRUE", "not_true_or_false"),
    "1 as true": _fault("exit_met", "1", "not_true_or_false"),
    "an unknown status": _fault("status", "Attended", "not_in_list"),
    "a space behind": _fault("status", "attended ", "surrounding_space"),
    "a space before": _fault("status", " attended", "surrounding_space"),
    "only a space": _fault("exit_evidence", " ", "surrounding_space"),
    "free text": _fault("exit_evidence", SECRET, "not_in_list"),
    "a formula": _fault("therapist_id", "=1+1", "formula"),
    "a quoted formula": _fault("therapist_id", '"=HYPERLINK(""http://x"")"', "formula"),
    "an at sign": _fault("therapist_id", "@SUM", "formula"),
    "a minus": _fault("therapist_id", "-T1", "formula"),
    "a name as an identifier": _fault("therapist_id", "Zaphod Beeblebrox", "not_an_identifier"),
    "an address as an identifier": _fault("therapist_id", "z@b.com", "not_an_identifier"),
    "accents in an identifier": _fault("therapist_id", "Zäphod", "not_an_identifier"),
    "65 characters": _fault("therapist_id", "x" * 65, "not_an_identifier"),
    "one national number": _fault("therapist_id", "9434765919", "likely_national_number"),
    "an unknown episode": _fault("episode_id", "E9", "unknown_reference"),
    "no episode": _fault("episode_id", "", "required"),
    "quotes inside a cell": _fault("therapist_id", '"T""1"', "not_an_identifier"),
    "a line break inside a cell": _fault("therapist_id", '"T\n1"', "not_an_identifier"),
    "a large cell": _fault("therapist_id", SECRET * 10_000, "not_an_identifier"),
    "too few cells": _row("S9,E1,T1\n", (None, "too_few_cells")),
    "too many cells": _row(f"{ROW},{SECRET}\n", (None, "too_many_cells")),
    "an open quote": _row(f'"S9,{SECRET},E1\n', (None, "open_quotes")),
    "a quote in the middle": _row(f'"S9"x,{SECRET},E1\n', (None, "open_quotes")),
    "several faults in one row": _row(
        "S9,E9,T 1,1.5,attended,9,yes,inferred,NaN\n",
        ("day", "not_a_whole_number"),
        ("episode_id", "unknown_reference"),
        ("exit_met", "not_true_or_false"),
        ("pain_nrs", "not_finite"),
        ("stage", "out_of_range"),
        ("therapist_id", "not_an_identifier"),
    ),
    "nothing but commas": _row(
        ",,,,,,,,\n",
        ("day", "required"),
        ("episode_id", "required"),
        ("session_id", "required"),
        ("status", "required"),
        ("therapist_id", "required"),
    ),
    "an unknown technique": Rejected(
        _with_column("techniques", "pnf;wizardry"),
        tuple(("sessions.csv", line, "techniques", "not_a_list") for line in range(2, 6)),
    ),
    "a stage 6 beside": Rejected(
        _with_column("also_stages", "2;6"),
        tuple(("sessions.csv", line, "also_stages", "not_a_list") for line in range(2, 6)),
    ),
    "spaces in a list": Rejected(
        _with_column("also_stages", "2; 3"),
        tuple(("sessions.csv", line, "also_stages", "not_a_list") for line in range(2, 6)),
    ),
    "a month 13": Rejected(
        {**BASE, "episodes.csv": EPISODES.replace("2025-02", "2025-13")},
        (
            ("episodes.csv", 3, "start_month", "wrong_form"),
            ("sessions.csv", 4, "episode_id", "unknown_reference"),
            ("sessions.csv", 5, "episode_id", "unknown_reference"),
        ),
    ),
    "an unknown patient": Rejected(
        {**BASE, "episodes.csv": EPISODES.replace("P2", "P9")},
        (
            ("episodes.csv", 3, "patient_id", "unknown_reference"),
            ("sessions.csv", 4, "episode_id", "unknown_reference"),
            ("sessions.csv", 5, "episode_id", "unknown_reference"),
        ),
    ),
    "a key twice": Rejected(
        _sessions(SESSIONS + ROW.replace("S9", "S1") + "\n"),
        (
            ("sessions.csv", 2, "session_id", "repeated_key"),
            ("sessions.csv", 6, "session_id", "repeated_key"),
        ),
    ),
    "a measurement without a unit": Rejected(
        {**ALL, "measurements.csv": MEASUREMENTS + "E1,7,goniometer,L,95,,pre\n"},
        (("measurements.csv", 3, "unit", "required"),),
    ),
    "an unknown instrument": Rejected(
        {**ALL, "measurements.csv": "episode_id,day,instrument,value,unit\nE1,0,a b,nan,k g\n"},
        (
            ("measurements.csv", 2, "instrument", "wrong_form"),
            ("measurements.csv", 2, "unit", "wrong_form"),
            ("measurements.csv", 2, "value", "not_finite"),
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_delivery_is_refused_with_the_reason(
    name: str, tmp_path: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    case = REFUSED[name]
    report = check(workspace, deliver(tmp_path / "sent", case.files))
    assert report.exit_code == case.exit_code
    assert re.search(case.words, refusals(report))
    assert report.deliveries[0].status == "refused"
    assert report.rejections.is_empty()
    _require_silence(report.to_json() + "".join(capfd.readouterr()))


@pytest.mark.parametrize("name", REJECTED)
def test_faulty_rows_are_named_by_line_column_and_rule(
    name: str, tmp_path: Path, workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    case = REJECTED[name]
    report = check(workspace, deliver(tmp_path / "sent", case.files))
    assert tuple(faults(report)) == case.faults
    assert report.exit_code == 4
    for file in report.deliveries[0].files:
        assert file.rows_in == file.accepted + file.rejected + file.already_known
        assert file.rejected == len({line for name, line, *_ in case.faults if name == file.file})
    assert report.rejections["message"].str.ends_with(".").all()
    _require_silence(report.to_json() + "".join(capfd.readouterr()))


def test_a_refused_delivery_leaves_no_trace_and_the_next_goes_on(
    tmp_path: Path, workspace: Workspace
) -> None:
    bad = deliver(tmp_path / "bad", _with_column("notes", SECRET))
    report = ingest(workspace, bad, deliver(tmp_path / "good", ALL))
    assert [delivery.status for delivery in report.deliveries] == ["refused", "ingested"]
    assert report.exit_code == 3
    assert SECRET.encode() not in workspace.store_path.read_bytes()


Hostile = Callable[[Path], None]


def _link_outside(folder: Path) -> None:
    secret = folder.parent / "elsewhere.csv"
    secret.write_text(SESSIONS)
    (folder / "sessions.csv").symlink_to(secret)


def _dangling_link(folder: Path) -> None:
    (folder / "sessions.csv").symlink_to(folder / "nothing")


def _folder(folder: Path) -> None:
    (folder / "sessions.csv").mkdir()


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "sessions.csv")


@pytest.mark.parametrize("place", [_link_outside, _dangling_link, _folder, _pipe])
def test_what_only_has_the_name_of_a_table_is_refused(
    place: Hostile, tmp_path: Path, workspace: Workspace
) -> None:
    folder = deliver(tmp_path / "sent", {**BASE, "sessions.csv": None})
    place(folder)
    report = check(workspace, folder)
    assert report.exit_code == 3
    assert "sessions.csv" in refusals(report)


def test_a_link_inside_the_folder_is_read(tmp_path: Path, workspace: Workspace) -> None:
    folder = deliver(tmp_path / "sent", {**BASE, "sessions.csv": None, "kept": SESSIONS})
    (folder / "sessions.csv").symlink_to(folder / "kept")
    assert check(workspace, folder).exit_code == 0


def test_a_folder_whose_name_is_a_pattern_is_read_itself(
    tmp_path: Path, workspace: Workspace
) -> None:
    deliver(tmp_path / "q1", _sessions(SESSION_HEADER))
    report = ingest(workspace, deliver(tmp_path / "q[1]*?'", BASE))
    assert report.exit_code == 0
    assert [file.accepted for file in report.deliveries[0].files] == [2, 2, 4]


def test_other_files_beside_the_tables_are_left_alone(tmp_path: Path, workspace: Workspace) -> None:
    beside = {"truth.json": "{}", "README.md": SECRET, ".hidden.csv": SECRET}
    assert check(workspace, deliver(tmp_path / "sent", {**BASE, **beside})).exit_code == 0


@pytest.mark.parametrize("name", ["absent", "file.csv"])
def test_a_path_that_is_no_folder_is_a_fault_of_the_call(
    name: str, tmp_path: Path, workspace: Workspace
) -> None:
    (tmp_path / "file.csv").write_text(SESSIONS)
    with pytest.raises(UsageError, match="folder"):
        check(workspace, tmp_path / name)


def _require_silence(told: str) -> None:
    assert SECRET not in told
    assert "Zaphod" not in told
    assert "9434765919" not in told
    assert "Traceback" not in told
