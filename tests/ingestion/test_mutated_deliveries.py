"""Whatever is done to a delivery: no row is lost, no value is told, nothing falls over."""

import csv
import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.contracts.records import CONTRACT, Field
from pipelines.warehouse.connection import connect
from pipelines.warehouse.templates import environment
from pipelines.workspace import Workspace
from tests.ingestion.drawn import ALL, SESSIONS, check, deliver, faults, ingest, stored

PLANTED = "QXZ7secretQXZ7"
CELLS = (
    "", " ", "0", "-1", "2.5", "three", "1_0", "NaN", "inf", "1e999", "+1", "=1+1", "@x", "true",
    "TRUE", "attended", "1;2", ";", '"', '""', '"a,b"', '"a\nb"', "é", "\u200b", "\u2028", "\x1c",
    "\t", "x" * 70, "123456789", PLANTED, f" {PLANTED}", f'"{PLANTED}', f"{PLANTED};",
)  # fmt: skip
JUDGED = """
{% import "cells.sql.j2" as cells with context %}
SELECT
    text,
    coalesce({{ cells.is_plainly_right(field, "text", "typed") }}, false) AS is_plainly_right,
    {{ cells.fault(field, "text") }} AS rule
FROM (
    SELECT text, 'attended' AS status, {{ cells.typed(field, "text") }} AS typed
    FROM (SELECT nullif(unnest(?::VARCHAR[]), '') AS text)
)
"""
Mutation = Callable[[random.Random, str], bytes]


def _cell(rng: random.Random, text: str) -> bytes:
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    cells = lines[row].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS)
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode()


def _line(rng: random.Random, text: str) -> bytes:
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    drawn = rng.choice(
        [lines[row], "", PLANTED, f'"{PLANTED}', "," * 20, f"{lines[row]},{PLANTED}"]
    )
    return "\n".join([*lines[:row], drawn, *lines[row:]]).encode()


def _header(rng: random.Random, text: str) -> bytes:
    header, _, rows = text.partition("\n")
    names = header.split(",")
    names[rng.randrange(len(names))] = rng.choice([PLANTED, "", "day", "x y", *names])
    return f"{','.join(names)}\n{rows}".encode()


def _bytes(rng: random.Random, text: str) -> bytes:
    data = bytearray(text.encode() + b"\n")
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _ends(rng: random.Random, text: str) -> bytes:
    ends = ["\n", "\r\n", "\r", "\n\n", "\n \n"]
    return "".join(line + rng.choice(ends) for line in text.split("\n")).encode()


def _cut(rng: random.Random, text: str) -> bytes:
    return text.encode()[: rng.randrange(len(text) + 1)]


MUTATIONS = (_cell, _cell, _cell, _line, _header, _bytes, _ends, _cut)


@given(seed=st.integers(0, 2**32), table=st.sampled_from(sorted(ALL)), times=st.integers(1, 4))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
def test_mutated_deliveries_lose_no_row_and_tell_no_value(
    seed: int, table: str, times: int
) -> None:
    rng = random.Random(seed)
    content = ALL[table]
    assert isinstance(content, str)
    for _ in range(times):
        mutated = rng.choice(MUTATIONS)(rng, content)
        content = mutated.decode("utf-8", errors="replace")
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "data")
        report = ingest(workspace, deliver(Path(folder) / "sent", {**ALL, table: mutated}))
        kept = [path.read_text() for path in workspace.quarantine_dir.rglob("*.csv")]
        _require_no_row_lost(report.deliveries[0].files, kept)
    told = report.to_json()
    assert PLANTED not in told
    assert "secret" not in told
    assert report.exit_code in (0, 3, 4)


def _require_no_row_lost(files: object, kept: list[str]) -> None:
    from pipelines.ingestion import FileReport

    assert isinstance(files, tuple)
    rejected = 0
    for file in files:
        assert isinstance(file, FileReport)
        assert file.rows_in == file.accepted + file.rejected + file.already_known
        rejected += file.rejected
    quarantined = [row for text in kept for row in list(csv.reader(io.StringIO(text)))[1:]]
    assert len(quarantined) == rejected


TEXTS = st.one_of(
    st.sampled_from(CELLS),
    st.text(alphabet="0123456789.-+eE_ nNaif;,trueabLR|<>=@%[]{}", max_size=12),
    st.text(max_size=8),
)


@given(texts=st.lists(TEXTS, min_size=40, max_size=40))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_is_plainly_right_has_no_fault(texts: list[str]) -> None:
    with connect(None) as connection:
        for table in CONTRACT.tables:
            for field in table.fields:
                found = connection.execute(_judged(field), [texts]).fetchall()
                assert [row for row in found if row[1] and row[2]] == []


def _judged(field: Field) -> str:
    """Return a query of each text, whether it is plainly right, and the rule that it breaks."""
    return environment().from_string(JUDGED).render(contract=CONTRACT, field=field)


def test_faults_are_found_by_the_rules_as_people_read_them() -> None:
    for field in (field for table in CONTRACT.tables for field in table.fields):
        with connect(None) as connection:
            found = connection.execute(_judged(field), [list(CELLS)]).fetchall()
        for text, _, rule in found:
            assert (rule is None) == _is_right(field, text), (field.name, text, rule)


def _is_right(field: Field, text: str) -> bool:
    if not text:
        return not field.required and field.required_when is None
    if field.kind == "list":
        items = text.split(";")
        allowed = field.enum or [
            str(n) for n in range(field.minimum or 0, (field.maximum or 0) + 1)
        ]
        return len(items) <= (field.max_items or 0) and all(item in allowed for item in items)
    if field.kind == "boolean":
        return text in ("true", "false")
    if field.kind in ("integer", "number"):
        return _is_right_number(field, text)
    if field.enum:
        return text in field.enum
    is_national = field.is_identifier and re.fullmatch(r"[0-9]{9,10}", text)
    return not is_national and re.fullmatch(field.pattern or "", text) is not None


def _is_right_number(field: Field, text: str) -> bool:
    forms = CONTRACT.text_forms
    form = forms.integer if field.kind == "integer" else forms.number
    if not re.fullmatch(form, text) or field.minimum is None or field.maximum is None:
        return False
    return field.minimum <= float(text) <= field.maximum


def test_rows_in_great_number_are_held_to_the_rules_too(
    tmp_path: Path, workspace: Workspace
) -> None:
    rows = "".join(f"X{n},E2,T1,{n % 300},attended,1,,,3\n" for n in range(150_000))
    twice = "X7,E2,T1,7,attended,1,,,3\nX8,E2,T1,8,attended,1,,,4\n"
    late = "Y1,E1,T1,31,attended,1,,,3\n"
    sessions = SESSIONS + rows + twice + late
    episodes = {"episodes.csv": str(ALL["episodes.csv"]).replace(",30\n", ",\n")}
    first = ingest(
        workspace, deliver(tmp_path / "q1", {**ALL, **episodes, "sessions.csv": sessions})
    )
    assert faults(first) == [
        ("sessions.csv", 14, "session_id", "repeated_key"),
        ("sessions.csv", 150_007, "session_id", "repeated_key"),
    ]
    changed = sessions.replace("X7,E2,T1,7,attended,1,,,3\n", "").replace("Y1,", "Y2,")
    ended = {"episodes.csv": ALL["episodes.csv"], "sessions.csv": changed}
    report = check(workspace, deliver(tmp_path / "q2", ended))
    assert ("episodes.csv", 2, "end_day", "before_last_session") in faults(report)
    sessions_file = report.deliveries[0].files[-1]
    assert (sessions_file.already_known, sessions_file.rejected) == (150_002, 2)
    assert isinstance(report.rejections, pl.DataFrame)


MANY = 150_000


@pytest.mark.parametrize("delivered_before", [False, True])
def test_faults_in_great_number_are_all_found(
    tmp_path: Path, workspace: Workspace, *, delivered_before: bool
) -> None:
    if delivered_before:
        ingest(workspace, deliver(tmp_path / "q1", ALL))
    rows = "".join(f"X{n},E2,T 1,0,attended,1,,,3\n" for n in range(MANY))
    report = check(workspace, deliver(tmp_path / "q2", {**ALL, "sessions.csv": SESSIONS + rows}))
    assert report.rejections["rule"].value_counts().rows() == [("not_an_identifier", MANY)]
    assert report.rejections["line"].to_list() == list(range(6, MANY + 6))
    assert report.deliveries[0].files[2].rejected == MANY


@pytest.mark.parametrize("delivered_before", [False, True])
def test_rows_that_need_a_second_look_in_great_number_are_held_to_the_rules(
    tmp_path: Path, workspace: Workspace, *, delivered_before: bool
) -> None:
    if delivered_before:
        ingest(workspace, deliver(tmp_path / "q1", ALL))
    rows = "".join(f"X{n},E1,T1,07,attended,01,,,3\n" for n in range(MANY))
    sessions = SESSIONS.partition("\n")[0] + "\n" + rows + "X9,E1,T1,08,attended,01,,,4\n"
    report = ingest(workspace, deliver(tmp_path / "q2", {**ALL, "sessions.csv": sessions}))
    assert faults(report) == [
        ("sessions.csv", 11, "session_id", "repeated_key"),
        ("sessions.csv", MANY + 2, "session_id", "repeated_key"),
    ]
    assert report.deliveries[0].files[2].accepted == MANY - 1
    stored_lines = stored(workspace, "core.sessions")["source_line"]
    assert len(stored_lines) == MANY - 1 + 4 * delivered_before
    assert stored_lines.min() == 2
