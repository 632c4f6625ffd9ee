"""Results are held to the protocol that was frozen before anybody had looked."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.contracts.errors import IntegrityError
from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import VERDICTS
from analysis.contracts.standing import EXPLORATORY, NOT_REGISTERED, REGISTERED
from pipelines.line import freeze_protocol
from pipelines.publication.release import current_release
from pipelines.registration import (
    Entry,
    Look,
    Registration,
    ledger_path,
    read_entries,
    remember_look,
    standing_of,
)
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt

*_, CANNOT = VERDICTS
CHANGED = "[gates]\nbalance_largest_difference = 0.5\n[bootstrap]\nreplicates = 2\n"


def froze(protocol: str) -> Registration:
    return Registration("2026-01-01", protocol, "{}", "1", "", 0, 0)


def looked(protocol: str, deliveries: str, *shown: str) -> Look:
    return Look("2026-01-02", protocol, deliveries, "1", shown)


def standing(*entries: Entry, protocol: str = "plan", deliveries: str = "spring") -> str:
    return standing_of(entries, protocol, deliveries).of("primary")


# What counts, case by case.


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        pytest.param((), NOT_REGISTERED, id="nothing was ever registered"),
        pytest.param((looked("plan", "spring"),), NOT_REGISTERED, id="only looked"),
        pytest.param((froze("plan"),), REGISTERED, id="frozen before the first look"),
        pytest.param(
            (froze("plan"), looked("plan", "spring", "primary")),
            REGISTERED,
            id="the same look again",
        ),
        pytest.param((froze("other"),), EXPLORATORY, id="another protocol is registered"),
        pytest.param(
            (froze("other"), froze("plan")), REGISTERED, id="changed before anybody looked"
        ),
        pytest.param(
            (froze("plan"), froze("other")), EXPLORATORY, id="given up before anybody looked"
        ),
        pytest.param(
            (looked("plan", "winter"), froze("plan")), EXPLORATORY, id="frozen after a look"
        ),
        pytest.param(
            (looked("plan", "winter"), froze("other")), EXPLORATORY, id="another, after a look"
        ),
        pytest.param(
            (froze("plan"), looked("plan", "winter"), froze("other")),
            REGISTERED,
            id="a later change does not touch what was frozen first",
        ),
        pytest.param(
            (froze("other"), looked("other", "winter"), froze("plan")),
            EXPLORATORY,
            id="changed after a look, and registered again",
        ),
        pytest.param(
            (froze("plan"), looked("plan", "winter")),
            REGISTERED,
            id="a sealed look spends nothing",
        ),
        pytest.param(
            (froze("plan"), looked("plan", "winter", "endurance", "primary")),
            EXPLORATORY,
            id="an extra look at other deliveries",
        ),
        pytest.param(
            (froze("plan"), looked("other", "winter", "endurance", "primary")),
            EXPLORATORY,
            id="the effect was seen under another protocol",
        ),
        pytest.param(
            (froze("plan"), looked("plan", "winter", "endurance")),
            REGISTERED,
            id="another hypothesis was shown, this one was sealed",
        ),
    ],
)
def test_the_standing_of_results(entries: tuple[Entry, ...], word: str) -> None:
    assert standing(*entries) == word


# The ledger.


@pytest.fixture
def empty_workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def test_a_registration_says_what_was_frozen_and_what_was_known(
    empty_workspace: Workspace,
) -> None:
    protocol = load_protocol()
    freeze_protocol(empty_workspace, protocol)
    (entry,) = read_entries(empty_workspace)
    assert isinstance(entry, Registration)
    assert entry.protocol_hash == protocol.hash
    assert entry.protocol == protocol.canonical
    assert (entry.deliveries, entry.looks) == (0, 0)
    assert entry.code_version
    assert entry.time.startswith("20")


def test_registering_twice_keeps_the_first_time(empty_workspace: Workspace) -> None:
    first, _ = freeze_protocol(empty_workspace, load_protocol())
    again, _ = freeze_protocol(empty_workspace, load_protocol())
    assert again == first
    assert len(read_entries(empty_workspace)) == 1


def with_three_entries(workspace: Workspace) -> list[str]:
    freeze_protocol(workspace, load_protocol())
    remember_look(workspace, looked("plan", "spring"))
    remember_look(workspace, looked("plan", "spring"))
    remember_look(workspace, looked("plan", "summer", "primary"))
    lines = ledger_path(workspace).read_text().splitlines()
    assert len(lines) == 3
    return lines


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda lines: lines[1:], id="the registration was taken out"),
        pytest.param(lambda lines: [lines[0], lines[2]], id="a look was taken out"),
        pytest.param(lambda lines: [lines[1], lines[0], lines[2]], id="put in another order"),
        pytest.param(
            lambda lines: [lines[0], lines[1].replace("spring", "autumn"), lines[2]],
            id="a look was changed",
        ),
        pytest.param(lambda lines: [*lines, lines[-1][:20]], id="a line is cut off"),
        pytest.param(lambda lines: [*lines, "[]"], id="not an entry"),
    ],
)
def test_a_ledger_that_was_tampered_with_is_refused(empty_workspace: Workspace, forge: Any) -> None:
    lines = with_three_entries(empty_workspace)
    ledger_path(empty_workspace).write_text("".join(f"{line}\n" for line in forge(lines)))
    with pytest.raises(IntegrityError, match="registered protocols"):
        read_entries(empty_workspace)


# Through the whole line.


def run_facts(nmt: Nmt, workspace: Workspace, *arguments: object) -> dict[str, Any]:
    answer = nmt("run", *arguments, "--json", "--data", workspace.root)
    assert answer.code == 0, answer.err
    facts: dict[str, Any] = json.loads(answer.out)
    return facts


def verdict_standings(workspace: Workspace, release_id: str) -> set[str]:
    folder = workspace.releases_dir / release_id
    return set(pl.read_parquet(folder / "results" / "verdicts.parquet")["standing"])


def test_a_protocol_registered_first_makes_registered_results(
    nmt: Nmt, tmp_path: Path, delivery: Path, protocol: Path, known_results: None
) -> None:
    workspace = Workspace(tmp_path / "data")
    answer = nmt("protocol", "register", "--protocol", protocol, "--data", workspace.root)
    assert (answer.code, answer.err) == (0, "")
    assert "Results of the next run are registered." in answer.out
    first = run_facts(nmt, workspace, delivery, "--protocol", protocol)
    assert first["standing"] == REGISTERED
    assert {verdict["standing"] for verdict in first["verdicts"]} == {REGISTERED}
    assert verdict_standings(workspace, first["release_id"]) == {REGISTERED}
    manifest = json.loads(
        (workspace.releases_dir / first["release_id"] / "manifest.json").read_text()
    )
    assert manifest["standing"]["protocol"] == REGISTERED
    again = run_facts(nmt, workspace, "--protocol", protocol)
    assert again["release_outcome"] is None
    assert again["release_id"] == first["release_id"]

    shown = nmt("status", "--data", workspace.root).out
    assert "Registered protocol: " in shown
    assert "Protocol: registered." in shown
    changed = tmp_path / "changed.toml"
    changed.write_text(CHANGED)
    facts = run_facts(nmt, workspace, "--protocol", changed)
    assert facts["standing"] == EXPLORATORY
    assert "not the one that was registered" in facts["standing_reason"]
    assert run_facts(nmt, workspace, "--protocol", protocol)["release_id"] == first["release_id"]


def test_a_protocol_registered_after_a_look_changes_the_release_to_exploratory(
    nmt: Nmt, workspace: Workspace, protocol: Path, known_results: None
) -> None:
    before = str(current_release(workspace))
    assert verdict_standings(workspace, before) == {NOT_REGISTERED}
    answer = nmt("protocol", "register", "--protocol", protocol, "--data", workspace.root, "--json")
    facts = json.loads(answer.out)
    assert (facts["standing"], facts["looks"], facts["deliveries"]) == (EXPLORATORY, 1, 1)
    after = run_facts(nmt, workspace, "--protocol", protocol)
    assert after["release_id"] != before
    assert verdict_standings(workspace, after["release_id"]) == {EXPLORATORY}


@pytest.mark.parametrize(("shows_effect", "word"), [(True, EXPLORATORY), (False, REGISTERED)])
def test_more_deliveries_are_an_extra_look_once_the_effect_was_shown(
    nmt: Nmt,
    tmp_path: Path,
    delivery: Path,
    correction: Path,
    protocol: Path,
    known_results: None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    shows_effect: bool,
    word: str,
) -> None:
    from pipelines.publication import results

    former = results.compute_results

    def compute(*arguments: Any) -> dict[str, pl.DataFrame]:
        found = former(*arguments)
        verdict = "no clear difference" if shows_effect else CANNOT
        verdicts = found["verdicts"].with_columns(
            verdict=pl.when(analysis="primary").then(pl.lit(verdict)).otherwise(pl.lit(CANNOT))
        )
        return {**found, "verdicts": verdicts}

    monkeypatch.setattr(results, "compute_results", compute)
    workspace = Workspace(tmp_path / "data")
    nmt("protocol", "register", "--protocol", protocol, "--data", workspace.root)
    first = run_facts(nmt, workspace, delivery, "--protocol", protocol)
    assert first["standing"] == REGISTERED
    assert run_facts(nmt, workspace, "--protocol", protocol)["release_id"] == first["release_id"]
    later = run_facts(nmt, workspace, correction, "--protocol", protocol)
    standings = {each["analysis"]: each["standing"] for each in later["verdicts"]}
    assert standings.pop("primary") == word
    assert set(standings.values()) == {REGISTERED}
    assert later["spent"] == (["primary"] if shows_effect else [])


def test_a_protocol_can_be_registered_before_there_are_data(nmt: Nmt, tmp_path: Path) -> None:
    place = ("--data", tmp_path / "data")
    assert nmt("protocol", "register", *place).code == 0
    shown = nmt("status", *place).out
    assert "Registered protocol: " in shown
    assert "Try: nmt demo" in shown


def test_a_faulty_protocol_is_not_registered(nmt: Nmt, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text("[study]\nhorizon_day = 200\n")
    answer = nmt("protocol", "register", "--protocol", path, "--data", tmp_path / "data")
    assert answer.code == 2
    assert not (tmp_path / "data").exists()
