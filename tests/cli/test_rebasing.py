"""A recorded re-base reaches the charts with the next run, and what is released says why."""

import json
from typing import Any

import polars as pl
import pytest

from analysis.quality.baselines import Rebase
from pipelines.publication.release import current_release
from pipelines.rebases import read_rebases
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt

REASON = "Reminders by text message <b>since</b> March"


def decide(nmt: Nmt, workspace: Workspace, *more: str) -> None:
    answer = nmt(
        *("review", "rebase", "missed_sessions", "--from", "2023-03", "--reason", REASON),
        *("--reviewer", "A. Reviewer", "--date", "2026-01-02", "--data", workspace.root, *more),
    )
    assert (answer.code, answer.err) == (0, "")


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch, known_results: None) -> list[Any]:
    """Take known results, and keep what the analysis was handed beside them."""
    from pipelines.publication import results

    known, kept = results.compute_results, []

    def compute(*arguments: Any) -> dict[str, pl.DataFrame]:
        kept.append(arguments)
        return known(*arguments)

    monkeypatch.setattr(results, "compute_results", compute)
    return kept


def test_a_re_base_makes_another_release_that_says_why(
    nmt: Nmt, workspace: Workspace, protocol: Any, handed: list[Any], tmp_path: Any
) -> None:
    before = current_release(workspace)
    decide(nmt, workspace)
    run = ("run", "--protocol", protocol, "--data", workspace.root)
    assert nmt(*run).code == 0
    after = current_release(workspace)
    assert after != before
    expected = Rebase(
        "missed_sessions", "network", "network", "2023-03", REASON, "2026-01-02", "A. Reviewer"
    )
    assert read_rebases(workspace) == (expected,)
    assert handed[-1][-1] == (expected,)
    folder = workspace.releases_dir / str(after)
    assert json.loads((folder / "manifest.json").read_text())["rebases"]
    (row,) = pl.read_parquet(folder / "results" / "rebases.parquet").to_dicts()
    assert (row["reason"], row["period"], row["date"]) == (REASON, "2023-03", "2026-01-02")
    assert nmt("review", "--data", workspace.root, "--output", tmp_path).code == 0
    (page,) = tmp_path.glob("review-*.html")
    assert "Reminders by text message &lt;b&gt;since&lt;/b&gt; March" in page.read_text()

    assert nmt(*run).code == 0
    assert current_release(workspace) == after
    assert len(handed) == 1


def test_a_clinic_that_the_release_does_not_hold_is_not_re_based(
    nmt: Nmt, workspace: Workspace
) -> None:
    call = ("review", "rebase", "missed_sessions", "--from", "2023-03", "--reason", REASON)
    answer = nmt(*call, "--reviewer", "A", "--unit", "nowhere", "--data", workspace.root)
    assert answer.code == 2
    assert "holds no clinic" in answer.err
    assert read_rebases(workspace) == ()
    decide(nmt, workspace, "--unit", "clinic-02")
    assert read_rebases(workspace)[0].unit_name == "clinic-02"


def test_a_changed_record_of_re_bases_stops_the_run(nmt: Nmt, workspace: Workspace) -> None:
    decide(nmt, workspace)
    decide(nmt, workspace, "--unit", "clinic-02")
    path = workspace.registry_dir / "rebases.jsonl"
    path.write_text(path.read_text().replace("2023-03", "2023-01", 1))
    before = current_release(workspace)
    answer = nmt("run", "--data", workspace.root)
    assert answer.code == 8
    assert "re-based charts" in answer.err
    assert current_release(workspace) == before
