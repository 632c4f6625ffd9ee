"""A certificate that was made is part of the next release of its protocol, and of no other."""

import json
from pathlib import Path

import polars as pl
import pytest

from analysis.calibration.certificate import certificate_rows
from analysis.calibration.findings import Finding
from analysis.contracts.protocol import load_protocol
from analysis.simulation import SCENARIOS
from pipelines import simulation
from pipelines.calibration.certificates import read_certificate, write_certificate
from pipelines.cli.calibrate import SCENARIO_NAMES
from pipelines.demo import Demo, prepare_demo
from pipelines.line import freeze_protocol
from pipelines.publication.release import current_release
from pipelines.registration import read_entries
from pipelines.registry import TRUTH_FILE
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt

FINDING = Finding(0.01, 0.02, -0.03, 0.05, 0.0, ())


def certify(workspace: Workspace, protocol: Path, registries: int) -> None:
    write_certificate(
        workspace,
        protocol_hash=load_protocol(protocol).hash,
        code_version="0.1.0",
        episodes=240,
        rows=certificate_rows({"null": [FINDING] * registries}, episodes=240),
    )


def released_certificate(workspace: Workspace) -> pl.DataFrame:
    folder = workspace.releases_dir / str(current_release(workspace))
    return pl.read_parquet(folder / "results" / "certificate.parquet")


def test_a_release_without_a_certificate_says_so(nmt: Nmt, run_once: Workspace) -> None:
    assert released_certificate(run_once)["status"].to_list() == ["not_run"]
    assert "Calibration certificate: not run" in nmt("status", "--data", run_once.root).out


def test_a_new_certificate_makes_a_new_release_that_holds_it(
    nmt: Nmt, workspace: Workspace, protocol: Path, tmp_path: Path, known_results: None
) -> None:
    call = ("run", "--protocol", protocol, "--data", workspace.root)
    releases = [current_release(workspace)]
    for registries in (5, 6):
        certify(workspace, protocol, registries)
        assert nmt(*call).code == 0
        releases.append(current_release(workspace))
        rows = released_certificate(workspace)
        sealed = rows.filter(scenario="null", measure="sealed_share")
        assert sealed["registries"].to_list() == [registries]
    assert len(set(releases)) == 3
    assert "(unchanged)" in nmt(*call).out
    manifest = workspace.releases_dir / str(releases[-1]) / "manifest.json"
    facts = json.loads(nmt("status", "--json", "--data", workspace.root).out)
    assert (
        facts["certificate"]["certificate_hash"] == json.loads(manifest.read_text())["certificate"]
    )
    assert "6 registries of 240 episodes" in nmt("status", "--data", workspace.root).out

    other = tmp_path / "other.toml"
    other.write_text("[bootstrap]\nreplicates = 3\n")
    assert nmt("run", "--protocol", other, "--data", workspace.root).code == 0
    assert released_certificate(workspace)["status"].to_list() == ["not_run"]


def test_another_demo_begins_without_the_former_ones_certificate_and_registration(
    tmp_path: Path, protocol: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(target: Path, **_: object) -> None:
        target.mkdir()
        (target / TRUTH_FILE).write_text("{}")

    monkeypatch.setattr(simulation, "write_synthetic_delivery", write)
    workspace, study = Workspace(tmp_path / "data"), load_protocol(protocol)
    prepare_demo(workspace, Demo(100, 2, 1, "null"))
    certify(workspace, protocol, 5)
    freeze_protocol(workspace, study)
    prepare_demo(workspace, Demo(100, 2, 1, "null"))
    assert read_certificate(workspace, study.hash)
    assert read_entries(workspace)
    prepare_demo(workspace, Demo(100, 2, 2, "null"))
    assert read_certificate(workspace, study.hash) is None
    assert read_entries(workspace) == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nmt ingest"),
        (["--scenario", "magic"], "magic"),
        (["--registries", "0"], "registries"),
    ],
)
def test_a_calibration_of_nothing_is_told_what_is_wrong(
    nmt: Nmt, tmp_path: Path, arguments: list[str], words: str
) -> None:
    answer = nmt("calibrate", *arguments, "--data", tmp_path / "data")
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


def test_the_command_offers_every_scenario() -> None:
    assert set(SCENARIO_NAMES) == set(SCENARIOS)


def test_a_registry_too_small_for_a_study_is_not_calibrated(nmt: Nmt, tmp_path: Path) -> None:
    delivery, place = tmp_path / "few", ("--data", tmp_path / "data")
    assert nmt("simulate", delivery, "--episodes", "40", "--clinics", "2").code == 0
    assert nmt("ingest", delivery, *place).code == 0
    assert nmt("sql", "SELECT 1 AS one", *place).code == 0
    answer = nmt("calibrate", *place)
    assert answer.code == 2
    assert "fewer than 50 patients" in answer.err
