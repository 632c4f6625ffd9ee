"""A calibration goes on where it was broken off, and comes out the same however it was run."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.calibration.findings import Finding
from analysis.contracts.errors import EnvironmentFaultError, IntegrityError, UsageError
from analysis.contracts.protocol import Protocol, load_protocol, parse_protocol
from analysis.simulation.shaping import Knobs, Moments, Shape
from pipelines.calibration import calibrate as calibration
from pipelines.calibration.calibrate import Wanted, calibrate
from pipelines.calibration.certificates import read_certificate
from pipelines.calibration.registries import (
    RegistryOrder,
    planted_difference,
    require_planted_truth,
)
from pipelines.calibration.runner import finish_registries, time_left
from pipelines.calibration.store import (
    Finished,
    Subject,
    add_finding,
    begin_findings,
    read_findings,
)
from pipelines.workspace import Workspace

SHAPE = Shape(150, 1.0, (0.6, 0.4), 365, Moments(9.0, 0.4, 0.4, 0.85, 0.2, 6.0))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data").prepare()


@pytest.fixture
def quick() -> Protocol:
    protocol = load_protocol()
    return replace(protocol, intervals=replace(protocol.intervals, method="influence"))


@pytest.fixture
def shaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry's shape, and worlds that keep the presets; matching has tests of its own."""

    def presets(_: Shape, names: tuple[str, ...]) -> dict[str, Knobs]:
        return dict.fromkeys(names, Knobs())

    monkeypatch.setattr(calibration, "match_shapes", presets)
    monkeypatch.setattr(calibration, "registry_shape", lambda *_: SHAPE)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, shaped: None) -> list[tuple[str, int]]:
    """Which registries were judged, without the work of it."""
    seen: list[tuple[str, int]] = []

    def finish(orders: list[RegistryOrder], *_: Any) -> Iterator[Finished]:
        for order in orders:
            seen.append((order.scenario, order.seed))
            yield Finished(order.scenario, order.seed, finding(order.seed))

    monkeypatch.setattr(calibration, "finish_registries", finish)
    return seen


def finding(seed: int) -> Finding:
    return Finding(seed / 1000, 0.01, -1.0, 1.0, 0.0, ("power",) if seed % 2 else ())


WANTED = Wanted(("null", "harmful"), registries=3, seed=1)


def test_scenarios_take_turns(workspace: Workspace, quick: Protocol, judged: Any) -> None:
    calibrate(workspace, quick, WANTED)
    assert judged == [(name, seed) for seed in (1, 2, 3) for name in ("null", "harmful")]


def test_what_was_finished_is_not_done_again(
    workspace: Workspace, quick: Protocol, judged: list[tuple[str, int]]
) -> None:
    first = calibrate(workspace, quick, WANTED)
    judged.clear()
    assert calibrate(workspace, quick, WANTED) == first
    assert judged == []
    more = calibrate(workspace, quick, replace(WANTED, registries=4))
    assert judged == [("null", 4), ("harmful", 4)]
    assert more.hash != first.hash


def test_another_protocol_or_size_begins_anew(
    workspace: Workspace, quick: Protocol, judged: list[tuple[str, int]]
) -> None:
    calibrate(workspace, quick, WANTED)
    judged.clear()
    calibrate(workspace, quick, replace(WANTED, episodes=77))
    assert len(judged) == 6
    judged.clear()
    other = replace(quick, weights=replace(quick.weights, truncation_quantile=0.99))
    calibrate(workspace, other, WANTED)
    assert len(judged) == 6
    assert read_certificate(workspace, quick.hash) != read_certificate(workspace, other.hash)


def test_a_calibration_that_is_killed_goes_on_with_what_is_missing(
    workspace: Workspace,
    quick: Protocol,
    judged: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed after four registries, in the middle of writing the fifth."""
    whole = calibrate(workspace, quick, WANTED)
    (path,) = workspace.calibration_dir.glob("*.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], lines[5][:30]]))
    judged.clear()
    again = calibrate(workspace, quick, WANTED)
    assert judged == [("null", 3), ("harmful", 3)]
    assert again == whole
    assert len(path.read_text().splitlines()) == 7


def test_findings_come_back_as_they_were_and_each_once(workspace: Workspace) -> None:
    subject = Subject("p" * 64, "1", SHAPE, 150)
    path = begin_findings(workspace, subject)
    nothing = Finding(*[float("nan")] * 4, 0.25, ("balance", "power"))
    for finished in (
        Finished("null", 2, finding(2)),
        Finished("null", 1, finding(1)),
        Finished("harmful", 1, nothing),
        Finished("null", 2, finding(2)),
    ):
        add_finding(path, finished)
    harmful, one, two = read_findings(workspace, subject)
    assert (one.finding, two.finding) == (finding(1), finding(2))
    assert not harmful.finding.is_estimated
    assert (harmful.finding.truth, harmful.finding.closed_by) == (0.25, ("balance", "power"))


def test_a_certificate_that_was_changed_by_hand_is_refused_or_seen(
    workspace: Workspace, quick: Protocol, judged: Any
) -> None:
    written = calibrate(workspace, quick, WANTED)
    (path,) = workspace.calibration_dir.glob("*.json")
    path.write_text(path.read_text().replace("coverage", "fortune"))
    changed = read_certificate(workspace, quick.hash)
    assert changed is not None
    assert changed.hash != written.hash
    path.write_text("{")
    with pytest.raises(IntegrityError, match="nmt calibrate"):
        read_certificate(workspace, quick.hash)


def test_a_registry_gives_the_same_in_one_process_and_in_two(
    workspace: Workspace, quick: Protocol, shaped: None, tmp_path: Path
) -> None:
    wanted = Wanted(("null",), registries=2, seed=5, processes=1)
    one = calibrate(workspace, quick, wanted)
    two = calibrate(Workspace(tmp_path / "two").prepare(), quick, replace(wanted, processes=2))
    assert one.rows == two.rows
    own = {row["measure"]: row for row in one.rows if row["scenario"] == "null"}
    assert own["answered"]["value"] == 1.0
    assert own["estimated_error"]["value"] > 0.0


class EndsItsProcess:
    """An order that ends whoever takes it, as the system does when memory runs out."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_a_process_that_is_killed_is_the_machines_fault(quick: Protocol) -> None:
    orders: list[Any] = [EndsItsProcess()]
    with pytest.raises(EnvironmentFaultError, match="memory"):
        list(finish_registries(orders, quick, processes=1))


def test_the_planted_truth_is_that_of_the_protocols_horizon() -> None:
    truth = {
        "risk_difference": 0.3,
        "risk_curves": [{"day": 182, "strict": 0.1, "natural": 0.25}],
    }
    year, half = load_protocol(), parse_protocol("[study]\nhorizon_days = 182\n")
    assert planted_difference(truth, year) == 0.3
    assert planted_difference(truth, half) == pytest.approx(-0.15)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[study]\nprimary_order = "alt23"\n', "primary_order"),
        ("[study]\nhorizon_days = 200\n", "horizon_days"),
        ('[outcome]\ncompeting = ["death"]\n', "competing"),
        ('[exits]\ncounted_evidence = ["measured"]\n', "counted_evidence"),
    ],
)
def test_a_protocol_whose_truth_the_simulator_does_not_know_is_refused(
    text: str, named: str
) -> None:
    require_planted_truth(load_protocol())
    with pytest.raises(UsageError, match=named):
        require_planted_truth(parse_protocol(text))


def test_the_time_left_is_said_in_words() -> None:
    assert time_left(0, 10, 0.0) == "time left not known yet"
    assert time_left(10, 5, 20.0) == "about 10 s left"
    assert time_left(2, 10, 60.0) == "about 5 min left"
    assert time_left(1, 60, 120.0) == "about 2.0 h left"


def test_the_first_line_says_of_what_the_findings_are(workspace: Workspace) -> None:
    subject = Subject("p" * 64, "0.1.0+abc", SHAPE, 150)
    head = json.loads(begin_findings(workspace, subject).read_text())
    assert (head["code_version"], head["episodes"]) == ("0.1.0+abc", 150)
