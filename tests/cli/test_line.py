"""From delivered files to a release: once, again, with corrections, and broken off anywhere."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import IntegrityError
from pipelines.publication.release import current_release, verify_release
from pipelines.publication.runs import list_runs
from pipelines.warehouse.versions import current_version
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt

PLANTED = "Zaphod4711"


def release_bytes(workspace: Workspace) -> dict[str, bytes]:
    return {
        str(path.relative_to(workspace.releases_dir)): path.read_bytes()
        for path in workspace.releases_dir.rglob("*")
        if path.is_file()
    }


def test_a_run_leaves_what_the_interface_names(run_once: Workspace) -> None:
    release_id = current_release(run_once)
    assert release_id
    release = run_once.releases_dir / release_id
    assert verify_release(run_once, release_id) > 30
    for page in ("index.html", "quality.html", "research.html"):
        assert (run_once.site / page).is_file()
    assert list((run_once.site / "clinics").glob("*.html"))
    tables = {path.stem for path in (release / "results").glob("*.parquet")}
    assert tables == {path.stem for path in (release / "results").glob("*.csv")}
    assert {"estimates", "gates", "verdicts", "trajectory_models", "quality_points"} <= tables


def test_the_manifest_says_what_the_release_is_made_of(
    nmt: Nmt, run_once: Workspace, protocol: Path
) -> None:
    release_id = current_release(run_once)
    manifest = json.loads((run_once.releases_dir / str(release_id) / "manifest.json").read_text())
    shown = json.loads(nmt("protocol", "show", protocol, "--json").out)
    assert manifest["protocol"]["hash"] == shown["hash"]
    assert manifest["protocol"]["content"]["bootstrap"]["replicates"] == 2
    assert len(manifest["inputs"]) == 1
    assert manifest["code"]["libraries"]["duckdb"]


def test_pages_say_the_release_protocol_input_and_rule(run_once: Workspace) -> None:
    release_id = current_release(run_once)
    run = list_runs(run_once)[-1]
    for page in (*run_once.site.glob("*.html"), *run_once.site.glob("clinics/*.html")):
        text = page.read_text()
        assert f"{release_id}" in text
        assert run.protocol_hash in text
        assert run.input_hash
        assert run.input_hash in text
        assert "never shown" in text


def test_the_run_is_a_row_of_the_registry(nmt: Nmt, run_once: Workspace) -> None:
    answer = nmt("sql", "FROM results.runs", "--format", "json", "--data", run_once.root)
    (row,) = json.loads(answer.out)
    assert row["status"] == "finished"
    assert row["release_id"] == current_release(run_once)
    assert row["finished"]


def test_a_second_run_changes_nothing_of_the_release(
    nmt: Nmt, workspace: Workspace, delivery: Path, protocol: Path
) -> None:
    before, version = release_bytes(workspace), current_version(workspace)
    answer = nmt("run", delivery, "--protocol", protocol, "--data", workspace.root)
    assert answer.code == 0
    assert "already known" in answer.out
    assert "(unchanged)" in answer.out
    assert release_bytes(workspace) == before
    assert current_version(workspace) == version


def test_the_same_delivery_gives_the_same_bytes_in_another_workspace(
    nmt: Nmt, run_once: Workspace, delivery: Path, protocol: Path, tmp_path: Path
) -> None:
    other = Workspace(tmp_path / "other")
    assert nmt("run", delivery, "--protocol", protocol, "--data", other.root).code == 0
    assert release_bytes(other) == release_bytes(run_once)


def test_another_protocol_gives_another_release_and_the_way_back(
    nmt: Nmt, workspace: Workspace, protocol: Path, tmp_path: Path, known_results: None
) -> None:
    former = current_release(workspace)
    shorter = tmp_path / "shorter.toml"
    shorter.write_text("[study]\nhorizon_days = 200\n[bootstrap]\nreplicates = 2\n")
    assert nmt("run", "--protocol", shorter, "--data", workspace.root).code == 0
    assert current_release(workspace) != former
    assert nmt("run", "--protocol", protocol, "--data", workspace.root).code == 0
    assert current_release(workspace) == former
    horizon = nmt("sql", "SELECT horizon_days FROM protocol.parameters", "--data", workspace.root)
    assert "365" in horizon.out


def test_a_correction_gives_a_new_release_and_keeps_the_old(
    nmt: Nmt, workspace: Workspace, correction: Path, known_results: None
) -> None:
    former = str(current_release(workspace))
    answer = nmt("run", correction, "--json", "--data", workspace.root)
    facts = json.loads(answer.out)
    (file,) = facts["ingestion"]["deliveries"][0]["files"]
    assert (file["accepted"], file["superseded"]) == (1, 1)
    assert facts["release_outcome"] == "written"
    assert current_release(workspace) == facts["release_id"] != former
    assert verify_release(workspace, former)


def test_what_was_ingested_is_seen_by_the_next_query(
    nmt: Nmt, workspace: Workspace, correction: Path
) -> None:
    release = current_release(workspace)
    assert nmt("ingest", correction, "--data", workspace.root).code == 0
    answer = nmt("sql", "SELECT max(minutes) FROM core.sessions", "--data", workspace.root)
    assert "239" in answer.out
    assert current_release(workspace) == release
    verdicts = nmt("sql", "FROM results.verdicts", "--data", workspace.root)
    assert "primary" in verdicts.out


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_query_is_written_in_the_format_that_the_file_name_says(
    nmt: Nmt, run_once: Workspace, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"sessions.{ending}"
    query = "SELECT session_id, day, techniques FROM core.sessions ORDER BY session_id LIMIT 5"
    answer = nmt("sql", query, "--output", path, "--data", run_once.root)
    assert (answer.code, answer.out) == (0, "")
    read = {"csv": pl.read_csv, "json": pl.read_json, "parquet": pl.read_parquet}[ending]
    assert read(path)["session_id"].len() == 5


# Values that a format has no word for, as SQL, and how they stand in CSV and in JSON.
UNUSUAL = {
    "struct": ("{'x': 1}", '{"x": 1}', {"x": 1}),
    "map": ("map([1], ['a'])", '{"1": "a"}', {"1": "a"}),
    "nested": ("[[1, 2], [3]]", "[[1, 2], [3]]", [[1, 2], [3]]),
    "array": ("[1, 2]::INTEGER[2]", "[1, 2]", [1, 2]),
    "bytes": ("'\\x00\\xff'::BLOB", "00ff", "00ff"),
    "not_finite": ("'nan'::DOUBLE", "NaN", None),
    "list": ("[1, 2]", "1;2", [1, 2]),
    "nothing": ("NULL::STRUCT(x INTEGER)", "", None),
}


def test_any_value_can_be_written_as_csv_and_as_json(nmt: Nmt, run_once: Workspace) -> None:
    parts = [f"{sql} AS {name}" for name, (sql, _, _) in UNUSUAL.items()]
    query = f"SELECT {', '.join(parts)}"
    answer = nmt("sql", query, "--format", "csv", "--data", run_once.root)
    (row,) = csv.DictReader(answer.out.splitlines())
    assert row == {name: text for name, (_, text, _) in UNUSUAL.items()}
    for form in (("--format", "json"), ("--json",)):
        answer = nmt("sql", query, *form, "--data", run_once.root)
        read = json.loads(answer.out, parse_constant=pytest.fail)
        (row,) = read if isinstance(read, list) else read["rows"]
        assert row == {name: value for name, (_, _, value) in UNUSUAL.items()}


# What is scheduled beside the nightly run.


def test_the_research_flow_makes_the_standing_release_again(
    workspace: Workspace, protocol: Path, known_results: None
) -> None:
    from pipelines.flows.research import research

    before = release_bytes(workspace)
    research(str(workspace.root), protocol=str(protocol))
    assert release_bytes(workspace) == before
    assert list_runs(workspace)[-1].release_outcome == "stands"


def test_the_research_flow_ends_with_a_fault_when_other_bytes_come_out(
    workspace: Workspace, protocol: Path, known_results: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.flows.research import research

    before = release_bytes(workspace)
    monkeypatch.setattr("analysis.pages.render_site", lambda *_: {"index.html": b"other"})
    with pytest.raises(IntegrityError, match="made again with other bytes"):
        research(str(workspace.root), protocol=str(protocol))
    assert release_bytes(workspace) == before


def test_the_quality_flow_finds_a_changed_file_of_any_release(workspace: Workspace) -> None:
    from pipelines.flows.quality import quality

    quality(str(workspace.root))
    assert list_runs(workspace)[-1].purpose == "quality"
    release = workspace.releases_dir / str(current_release(workspace))
    (release / "results" / "verdicts.csv").write_text("forged")
    with pytest.raises(IntegrityError, match=r"verdicts\.csv"):
        quality(str(workspace.root))


# Broken off at any moment, the former release and registry stand, and the next run goes through.

SCRIPT = """
import os, sys
from pathlib import Path
import pipelines.publication.results as results
from pipelines.warehouse.versions import current_version
from pipelines.workspace import Workspace
import {module} as module
workspace = Workspace(Path({root!r}))
former = results.read_results(current_version(workspace))
results.compute_results = lambda *_: former
module.{name} = lambda *_, **__: os._exit(137)
from pipelines.cli import main
main(["run", {correction!r}, "--data", {root!r}])
"""


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("pipelines.warehouse.versions.build_tables", marks=pytest.mark.slow),
        "pipelines.publication.release._put_in_place",
        pytest.param("pipelines.publication.results.store_runs", marks=pytest.mark.slow),
        "pipelines.warehouse.versions.write_atomically",
    ],
)
def test_a_run_that_vanishes_leaves_the_former_release_and_registry(
    nmt: Nmt, workspace: Workspace, correction: Path, known_results: None, place: str
) -> None:
    former = current_release(workspace), current_version(workspace)
    before = release_bytes(workspace)
    module, _, name = place.rpartition(".")
    code = SCRIPT.format(
        module=module, name=name, root=str(workspace.root), correction=str(correction)
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.returncode == 137
    assert (current_release(workspace), current_version(workspace)) == former
    assert before.items() <= release_bytes(workspace).items()
    assert list_runs(workspace)[-1].status == "interrupted"
    assert nmt("sql", "SELECT count(*) FROM core.sessions", "--data", workspace.root).code == 0

    assert nmt("run", "--data", workspace.root).code == 0
    assert current_release(workspace) != former[0]
    assert not list(workspace.versions_dir.glob("*building*"))
    assert not list(workspace.releases_dir.glob(".*"))


def test_a_run_that_vanishes_before_the_site_moves_is_healed_by_the_next(
    nmt: Nmt, workspace: Workspace, correction: Path, known_results: None
) -> None:
    former = current_release(workspace)
    code = SCRIPT.format(
        module="pipelines.line",
        name="point_site",
        root=str(workspace.root),
        correction=str(correction),
    )
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert current_release(workspace) == former
    assert nmt("run", "--data", workspace.root).code == 0
    assert current_release(workspace) != former


# No value of a record is told anywhere but in the registry and its quarantine.


def planted_files(tables: dict[str, pl.DataFrame]) -> Iterator[tuple[str, str]]:
    """Tables with a planted value in every place where a careless message would quote it."""
    for name, rows in tables.items():
        lists = [column for column, kind in rows.schema.items() if isinstance(kind, pl.List)]
        flat = rows.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(";"))
        text = flat.cast(pl.String).head(40).write_csv()
        header, first, *others = text.splitlines()
        broken = [
            ",".join(PLANTED if at == place else cell for at, cell in enumerate(first.split(",")))
            for place in range(len(first.split(",")))
        ]
        too_short, too_long = PLANTED, f"{first},{PLANTED}"
        quoted = f'"{PLANTED}, in quotes",{first}'
        yield name, "\n".join([header, first, *others, *broken, too_short, too_long, quoted]) + "\n"


def test_no_value_of_a_record_is_told_anywhere(
    nmt: Nmt, tables: dict[str, pl.DataFrame], protocol: Path, tmp_path: Path
) -> None:
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    for name, text in planted_files(tables):
        (delivery / f"{name}.csv").write_text(text)
    workspace = Workspace(tmp_path / "data")
    told = [
        nmt(*call, "--data", workspace.root)
        for call in (
            ["check", delivery],
            ["check", delivery, "--json"],
            ["ingest", delivery],
            ["ingest", delivery, "--json"],
            ["run", "--protocol", protocol],
            ["status"],
            ["status", "--json"],
            ["sql", "SELECT rule, message FROM quarantine.rejections"],
        )
    ]
    assert [answer.code for answer in told[:5]] == [4, 4, 4, 4, 4]
    assert not [answer for answer in told if PLANTED in answer.out + answer.err]
    private = (workspace.quarantine_dir, workspace.registry_dir)
    open_files = [
        path
        for path in workspace.processed.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in private)
    ]
    assert open_files
    assert not [path for path in open_files if PLANTED.encode() in path.read_bytes()]
    assert workspace.quarantine_dir.stat().st_mode & 0o077 == 0
