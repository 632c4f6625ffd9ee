"""`nmt handover` gives a clinic its own page and figures, and nothing of any other clinic."""

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.release import ReleasedTable
from pipelines.handover import handover_files
from pipelines.other_names import first_named
from pipelines.publication.files import sha256
from pipelines.publication.reading import StandingRelease, read_release
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt
from tests.pages.plausible import results
from tests.publication.drawn import published

QUOTED = '"quoted" <b>&\''
LONG = "x" * 200
ODD = [
    ("clinic-1", 200),
    ("clinic-10", 180),
    ("12", 150),
    ("Knee", 140),
    (QUOTED, 120),
    (LONG, 100),
    ("North", 90),
    ("North Berlin", 80),
    ("../up", 70),
    ("=1+1", 60),
    ("\u00e9t\u00e9 & co", 50),
    ("tiny", 3),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return published(tmp_path_factory.mktemp("plain") / "data", results())


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> StandingRelease:
    return read_release(published(tmp_path_factory.mktemp("odd") / "data", results(ODD)))


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_clinic_gets_a_page_its_tables_and_what_they_are(
    nmt: Nmt, plain: Workspace, tmp_path: Path
) -> None:
    answer = nmt("handover", "clinic-03", "--data", plain.root, "--output", tmp_path / "c3")
    assert (answer.code, answer.out) == (0, f"{tmp_path / 'c3'}\n")
    files = everything(tmp_path / "c3")
    assert {"index.html", "README.txt", "manifest.json", "assets/pages.css"} <= set(files)
    assert "tables/unit_summaries.csv" in files
    assert b"Outcomes of clinic clinic-03" in files["README.txt"]
    assert b"clinic-03" in files["index.html"]


def test_no_file_but_the_programs_own_names_another_clinic(
    nmt: Nmt, plain: Workspace, tmp_path: Path
) -> None:
    nmt("handover", "clinic-03", "--data", plain.root, "--output", tmp_path / "c3")
    named = {
        name
        for content in everything(tmp_path / "c3").values()
        for name in re.findall(rb"clinic-0\d", content)
    }
    assert named == {b"clinic-03"}


def test_every_row_is_the_clinics_own_or_the_networks(plain: Workspace) -> None:
    files = handover_files(read_release(plain), "clinic-03")
    tables = {path: pl.read_csv(made) for path, made in files.items() if path.endswith(".csv")}
    assert tables
    for path, rows in tables.items():
        assert set(rows["unit_name"]) <= {"clinic-03", "network"}, path
    assert "network" in set(tables["tables/unit_summaries.csv"]["unit_name"])


def test_the_manifest_holds_the_hash_of_every_file(plain: Workspace) -> None:
    files = handover_files(read_release(plain), "clinic-03")
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["release_id"] == plain.site.resolve().parent.name
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()} == {
        name: sha256(made) for name, made in files.items()
    }


def test_in_a_network_of_two_nothing_stands_beside_a_clinic(tmp_path: Path) -> None:
    release = read_release(published(tmp_path / "data", results([("harbour", 400), ("hill", 300)])))
    files = handover_files(release, "hill")
    text = b"\n".join(made for path, made in files.items() if not path.startswith("assets/"))
    assert b"harbour" not in text
    for path, made in files.items():
        if path.endswith(".csv"):
            assert set(pl.read_csv(made)["unit_name"]) == {"hill"}, path


def test_the_page_says_what_changed_since_the_release_before(tmp_path: Path) -> None:
    sizes = [(f"c-{place}", 300) for place in range(6)]
    workspace = published(tmp_path / "data", results(sizes))
    first = workspace.site.resolve().parent.name
    published(workspace.root, results([*sizes[1:], ("c-0", 500)]), former=first)
    page = handover_files(read_release(workspace), "c-0")["index.html"].decode()
    assert first in page
    assert "figures changed" in page


def test_a_clinic_of_three_patients_gets_a_folder_without_a_count(plain: Workspace) -> None:
    files = handover_files(read_release(plain), "clinic-09")
    assert b"Too few patients to say" in files["index.html"]
    own = pl.read_csv(files["tables/unit_summaries.csv"]).filter(unit_name="clinic-09")
    assert own["patients"].to_list() == [None]
    assert own["patients_status"].to_list() == ["suppressed"]


@pytest.mark.parametrize("name", [name for name, _ in ODD])
def test_a_clinic_of_any_name_can_be_handed_its_folder(odd: StandingRelease, name: str) -> None:
    files = handover_files(odd, name)
    assert json.loads(files["manifest.json"])["clinic"] == name
    assert f"Outcomes of clinic {name}\n".encode() in files["README.txt"]


def planted(
    release: StandingRelease, own: str, text: str, column: str = "reason"
) -> StandingRelease:
    """Return the release with a text in one of the clinic's own rows."""
    table = release.tables["stage_endings"]
    is_own = (pl.col("unit_kind") == "clinic") & (pl.col("unit_name") == own)
    first = is_own & (pl.col("stage") == pl.col("stage").filter(is_own).min())
    rows = table.rows.with_columns(
        pl.when(first).then(pl.lit(text)).otherwise(pl.col(column)).alias(column)
    )
    assert rows.filter(pl.col(column) == text).height
    tables = {**release.tables, "stage_endings": ReleasedTable("stage_endings", rows)}
    return StandingRelease(release.release_id, tables, release.facts, release.protocol)


@pytest.mark.parametrize(
    "other", ["clinic-10", QUOTED, LONG, "North Berlin", "../up", "\u00e9t\u00e9 & co", "=1+1"]
)
def test_the_lock_closes_on_a_planted_name_of_any_kind(odd: StandingRelease, other: str) -> None:
    with pytest.raises(ReleaseRefusedError, match="would name the clinic"):
        handover_files(planted(odd, "clinic-1", f"referred to {other}"), "clinic-1")


def test_a_name_within_the_clinics_own_is_no_other_clinic(odd: StandingRelease) -> None:
    assert handover_files(planted(odd, "North Berlin", "back to North Berlin"), "North Berlin")
    with pytest.raises(ReleaseRefusedError):
        handover_files(planted(odd, "North Berlin", "back to North"), "North Berlin")
    with pytest.raises(ReleaseRefusedError):
        handover_files(planted(odd, "North", "back to North Berlin"), "North")


@pytest.mark.parametrize(
    ("text", "other", "is_named"),
    [
        ("<p>clinic-10</p>", "clinic-1", False),
        ("<p>clinic-1</p>", "clinic-1", True),
        ("<p>CLINIC-1</p>", "clinic-1", True),
        ("<p>about 12 of 30</p>", "12", False),
        ('<a href="clinics/12.html">', "12", True),
        ("<p>&lt;b&gt; &amp; co</p>", "<b> & co", True),
        (r'{"text": "\u003cb\u003e \u0026 co"}', "<b> & co", True),
        ('a,"the ""old"" mill"', 'the "old" mill', True),
        ("{'x': 'Old Mill<br>Street'}", "Old Mill Street", True),
        ("{'x': 'xxxx<br>xxxx'}", "x" * 8, True),
        ("<p>the old  mill\nstreet</p>", "old mill street", True),
        ('<a href="old%20mill.html">', "old mill", True),
        ('<path d="M12 25 l7 7 z"/>', "m12", False),
        ("<p>knee</p>", "Knee", False),
        ("<p>Knee Clinic</p>", "Knee Clinic", True),
    ],
)
def test_names_are_found_as_whole_words_in_every_spelling(
    text: str, other: str, *, is_named: bool
) -> None:
    named = first_named({"index.html": text.encode()}, [other], "own", "by region: knee, hip")
    assert (named is not None) is is_named


def test_a_row_of_another_unit_is_found_even_if_its_name_is_a_number() -> None:
    rows = b"unit_kind,unit_name,patients\nclinic,own,20\nclinic,12,30\n"
    named = first_named({"tables/x.csv": rows}, ["12"], "own", "")
    assert named is not None
    assert (named.path, named.clinic) == ("tables/x.csv", "12")


def test_where_a_name_is_found_nothing_is_written(
    nmt: Nmt, plain: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = planted(read_release(plain), "clinic-03", "as in clinic-05")
    monkeypatch.setattr("pipelines.handover.read_release", lambda _: release)
    for place in (("--output", tmp_path / "c3"), ("--zip", tmp_path / "c3.zip")):
        answer = nmt("handover", "clinic-03", "--data", plain.root, *place)
        assert answer.code == 6
        assert "Nothing was handed over" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_zip_holds_the_same_files_and_is_the_same_every_time(
    nmt: Nmt, plain: Workspace, tmp_path: Path
) -> None:
    archive = tmp_path / "deep" / "c3.zip"
    assert nmt("handover", "clinic-03", "--data", plain.root, "--zip", archive).code == 0
    first = archive.read_bytes()
    assert nmt("handover", "clinic-03", "--data", plain.root, "--zip", archive).code == 0
    assert archive.read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as content:
        zipped = {
            name.removeprefix("handover-clinic-03/"): content.read(name)
            for name in content.namelist()
        }
    assert zipped == handover_files(read_release(plain), "clinic-03")


def test_an_earlier_handover_of_the_clinic_is_replaced_whole_and_nothing_else_is(
    nmt: Nmt, plain: Workspace, tmp_path: Path
) -> None:
    place = tmp_path / "c3"
    call = ("handover", "clinic-03", "--data", plain.root, "--output", place)
    assert nmt(*call).code == 0
    (place / "old.txt").write_text("of the former handover")
    assert nmt(*call).code == 0
    assert not (place / "old.txt").exists()
    answer = nmt("handover", "clinic-04", "--data", plain.root, "--output", place)
    assert (answer.code, "is no earlier handover of this clinic" in answer.err) == (2, True)
    assert b"clinic-03" in (place / "index.html").read_bytes()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    answer = nmt("handover", "clinic-03", "--data", plain.root, "--output", tmp_path / "notes")
    assert answer.code == 2
    (tmp_path / "file.zip").write_text("mine")
    answer = nmt("handover", "clinic-03", "--data", plain.root, "--zip", tmp_path / "file.zip")
    assert answer.code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"c3", "notes", "file.zip"}


def test_an_unknown_clinic_is_told_the_nearest(nmt: Nmt, plain: Workspace, tmp_path: Path) -> None:
    answer = nmt("handover", "clinic-3", "--data", plain.root, "--output", tmp_path / "x")
    assert answer.code == 2
    assert "did you mean clinic-03?" in answer.err
    assert not (tmp_path / "x").exists()


def test_programs_get_one_object(nmt: Nmt, plain: Workspace, tmp_path: Path) -> None:
    answer = nmt(
        "handover", "clinic-03", "--data", plain.root, "--output", tmp_path / "x", "--json"
    )
    told = json.loads(answer.out)
    assert (told["clinic"], told["place"]) == ("clinic-03", str(tmp_path / "x"))


def test_a_damaged_release_is_not_handed_over(nmt: Nmt, plain: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    shutil.copytree(plain.root, workspace.root, symlinks=True)
    (workspace.site.resolve() / "index.html").write_bytes(b"other")
    answer = nmt("handover", "clinic-03", "--data", workspace.root, "--output", tmp_path / "x")
    assert answer.code == 8


def test_a_folder_and_a_zip_at_once_are_refused(nmt: Nmt, plain: Workspace, tmp_path: Path) -> None:
    answer = nmt(
        "handover", "clinic-03", "--data", plain.root, "--output", tmp_path, "--zip", tmp_path / "z"
    )
    assert answer.code == 2


def test_the_default_folder_is_named_after_the_clinic(
    nmt: Nmt, plain: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nmt("handover", "clinic-03", "--data", plain.root).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["handover-clinic-03"]
