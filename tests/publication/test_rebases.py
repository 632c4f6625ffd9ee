"""Charts are re-based only by a decision that stays on record: its reason, day and reviewer."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analysis.contracts.errors import IntegrityError, UsageError
from analysis.contracts.protocol import load_protocol
from analysis.disclosure import release_tables
from analysis.quality.baselines import Rebase
from pipelines.publication.code import CodeVersion
from pipelines.publication.release import ReleaseInputs
from pipelines.rebases import (
    read_rebases,
    rebase_of,
    rebases_frame,
    rebases_hash,
    rebases_path,
    record_rebase,
)
from pipelines.workspace import Workspace

TODAY = date(2026, 3, 2)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def decided(**changed: Any) -> Rebase:
    given: dict[str, Any] = {
        "chart": "missed_sessions",
        "start_period": "2025-03",
        "reason": "Reminders by text message since March",
        "reviewer": "A. Reviewer",
        "day": "2026-03-01",
        "clinic": None,
    }
    given |= changed
    return rebase_of(given.pop("chart"), given.pop("start_period"), **given)


def test_a_decision_stays_on_record_in_its_order(workspace: Workspace) -> None:
    first, second = decided(), decided(clinic="north", start_period="2025-Q2")
    assert record_rebase(workspace, first, TODAY)
    assert record_rebase(workspace, second, TODAY)
    assert read_rebases(workspace) == (first, second)
    assert (first.unit_kind, first.unit_name) == ("network", "network")
    assert (second.unit_kind, second.unit_name) == ("clinic", "north")


def test_the_same_decision_twice_is_one(workspace: Workspace) -> None:
    assert record_rebase(workspace, decided(), TODAY)
    before = rebases_path(workspace).read_bytes()
    assert not record_rebase(workspace, decided(), TODAY)
    assert rebases_path(workspace).read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chart": "missed_session"}, "did you mean missed_sessions?"),
        ({"start_period": "March 2025"}, "--from must be a month"),
        ({"start_period": "2025-13"}, "--from must be a month"),
        ({"start_period": "2025"}, "--from must be a month"),
        ({"start_period": "2025-Q5"}, "--from must be a month"),
        ({"reason": "  "}, "--reason must be one line"),
        ({"reason": "two\nlines"}, "--reason must be one line"),
        ({"reason": "x" * 501}, "--reason must be one line"),
        ({"reason": "a\u2028b"}, "--reason must be one line"),
        ({"reviewer": ""}, "--reviewer must be one line"),
        ({"day": "1 March"}, "--date must be a day"),
        ({"day": "20260301"}, "--date must be a day"),
        ({"day": "2026-03-03"}, "is still to come"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_and_leaves_nothing(
    workspace: Workspace, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        record_rebase(workspace, decided(**changed), TODAY)
    assert not workspace.root.exists()


def test_every_fault_is_named_at_once(workspace: Workspace) -> None:
    with pytest.raises(UsageError) as fault:
        record_rebase(workspace, decided(chart="x", start_period="y", reason="", day="z"), TODAY)
    assert len(str(fault.value).splitlines()) == 5


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda lines: lines[1:], id="the first was taken out"),
        pytest.param(lambda lines: [lines[1], lines[0]], id="put in another order"),
        pytest.param(
            lambda lines: [lines[0].replace("2025-03", "2025-01"), lines[1]], id="changed"
        ),
        pytest.param(lambda lines: [lines[0], lines[1][:20]], id="cut off"),
        pytest.param(lambda lines: ["[]"], id="no entry"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(workspace: Workspace, forge: Any) -> None:
    record_rebase(workspace, decided(), TODAY)
    record_rebase(workspace, decided(start_period="2025-06"), TODAY)
    path = rebases_path(workspace)
    path.write_text("".join(f"{line}\n" for line in forge(path.read_text().splitlines())))
    with pytest.raises(IntegrityError, match="re-based charts"):
        read_rebases(workspace)
    with pytest.raises(IntegrityError):
        record_rebase(workspace, decided(start_period="2025-07"), TODAY)


def test_a_release_is_made_of_its_re_bases() -> None:
    inputs = ReleaseInputs(
        ("d",), is_synthetic=False, code=CodeVersion("0", "", ()), protocol_hash="p"
    )
    hashes = [
        rebases_hash(()),
        rebases_hash((decided(),)),
        rebases_hash((decided(reason="Another"),)),
        rebases_hash((decided(), decided(start_period="2025-06"))),
    ]
    assert hashes[0] is None
    names = {replace(inputs, rebases_hash=each).release_id for each in hashes}
    assert len(names) == 4


def test_reason_day_and_reviewer_are_released_as_they_were_given() -> None:
    entry = decided(clinic='"north" <b>', reason="From 2 to 3 sessions; see minutes_2025-02")
    rows = release_tables({"rebases": rebases_frame((entry,))}, load_protocol().disclosure)
    assert rows["rebases"].rows.to_dicts() == [
        {
            "chart": "missed_sessions",
            "unit_kind": "clinic",
            "unit_name": '"north" <b>',
            "period": "2025-03",
            "reason": "From 2 to 3 sessions; see minutes_2025-02",
            "date": "2026-03-01",
            "reviewer": "A. Reviewer",
        }
    ]
