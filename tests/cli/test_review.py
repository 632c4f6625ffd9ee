"""`nmt review` gives a month's meeting its agenda, from what was released and nothing else."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, conform, empty
from pipelines.workspace import Workspace
from tests.cli.conftest import Nmt
from tests.pages.plausible import FACTS
from tests.publication.drawn import published

COVERED = replace(FACTS, first_month="2024-01", last_month="2025-03")
MARKUP = "\"quoted\" <script>alert(1)</script> & 'co'"
LONG = "x" * 200


def point(month: str, signal: str | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "chart": "missed_sessions",
        "unit_kind": "network",
        "unit_name": "network",
        "period": month,
        "numerator": 60.0,
        "denominator": 300.0,
        "value": 0.2,
        "center": 0.1,
        "lower": 0.05,
        "upper": 0.15,
        "signal": signal,
        "method": "p",
        "is_complete": True,
        "patients": 250,
    } | changed


def tables(*points: dict[str, Any], **others: pl.DataFrame) -> dict[str, pl.DataFrame]:
    clinics = {row["unit_name"] for row in points if row["unit_kind"] == "clinic"}
    summaries = [
        {"unit_kind": "clinic", "unit_name": name, "patients": 250, "episodes": 300}
        for name in sorted(clinics)
    ]
    return {
        **{name: empty(name) for name in RESULT_TABLES if name != "runs"},
        "quality_points": conform("quality_points", pl.DataFrame(points)),
        "unit_summaries": conform("unit_summaries", pl.DataFrame(summaries))
        if summaries
        else empty("unit_summaries"),
        **others,
    }


def of_clinic(name: str, month: str, signal: str | None = None) -> dict[str, Any]:
    return point(month, signal, unit_kind="clinic", unit_name=name)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    rebases = pl.DataFrame(
        [
            {
                "chart": "missed_sessions",
                "unit_kind": "network",
                "unit_name": "network",
                "period": "2024-06",
                "reason": "Reminders by text message <i>since</i> June",
                "date": "2024-09-01",
                "reviewer": "A. Reviewer",
            }
        ]
    )
    return published(
        tmp_path_factory.mktemp("review") / "data",
        tables(
            point("2024-02", "beyond_limits"),
            point("2025-01", "shift"),
            point("2025-02", "shift"),
            of_clinic("north", "2025-02", "beyond_limits"),
            of_clinic(MARKUP, "2025-03", "beyond_limits"),
            of_clinic(LONG, "2025-03"),
            rebases=conform("rebases", rebases),
        ),
        COVERED,
    )


def listed(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_last_months_list_is_written_as_csv_and_as_a_page(
    nmt: Nmt, drawn: Workspace, tmp_path: Path
) -> None:
    answer = nmt("review", "--data", drawn.root, "--output", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "3 signals in the twelve months from 2024-04 to 2025-03." in answer.out
    rows = listed(tmp_path / "out", "review-2025-03")
    assert [(row["unit_name"], row["first_period"], row["last_period"]) for row in rows] == [
        (MARKUP, "2025-03", "2025-03"),
        ("network", "2025-01", "2025-02"),
        ("north", "2025-02", "2025-02"),
    ]
    assert {row["what_we_found"] for row in rows} == {""}
    page = (tmp_path / "out" / "review-2025-03.html").read_text()
    for told in ("What we found", "What we do", "By when", "20% of 300", "2025-01 to 2025-02"):
        assert told in page
    assert "Reminders by text message &lt;i&gt;since&lt;/i&gt; June" in page
    assert "2024-09-01, A. Reviewer" in page


def test_the_page_needs_no_other_file_and_runs_no_script(
    nmt: Nmt, drawn: Workspace, tmp_path: Path
) -> None:
    nmt("review", "--data", drawn.root, "--output", tmp_path)
    page = (tmp_path / "review-2025-03.html").read_text()
    assert not re.findall(r"\b(?:src|href)=", page)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_month_may_be_named(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    nmt("review", "--data", drawn.root, "--output", tmp_path, "--month", "2024-12")
    rows = listed(tmp_path, "review-2024-12")
    assert [row["last_period"] for row in rows] == ["2024-02"]


def test_a_quiet_year_says_that_no_rule_fired(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    answer = nmt("review", "--data", drawn.root, "--output", tmp_path, "--month", "2026-08")
    assert answer.code == 0
    assert "No rule fired" in answer.out
    page = (tmp_path / "review-2026-08.html").read_text()
    assert "No rule fired in these twelve months." in page
    assert "nothing is known of later months" in page
    assert listed(tmp_path, "review-2026-08") == []


def test_a_clinics_list_is_about_that_clinic_alone(
    nmt: Nmt, drawn: Workspace, tmp_path: Path
) -> None:
    answer = nmt("review", "--data", drawn.root, "--output", tmp_path, "--clinic", "north")
    assert answer.code == 0
    (row,) = listed(tmp_path, "review-2025-03-north")
    assert row["unit_name"] == "north"
    page = (tmp_path / "review-2025-03-north.html").read_text()
    assert "All clinics together" not in page
    assert "quoted" not in page
    assert "None: every chart keeps the limits of its first baseline." in page


def test_a_clinic_of_any_name_has_a_list(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    for name in (MARKUP, LONG):
        answer = nmt("review", "--data", drawn.root, "--output", tmp_path, "--clinic", name)
        assert answer.code == 0
    assert len(list(tmp_path.glob("review-2025-03-clinic-*.html"))) == 2


def test_an_unknown_clinic_is_told_the_nearest(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    answer = nmt("review", "--data", drawn.root, "--output", tmp_path, "--clinic", "nort")
    assert answer.code == 2
    assert "did you mean north?" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("month", ["2025", "2025-13", "March", "2025-Q1", ""])
def test_what_is_no_month_is_refused(
    nmt: Nmt, drawn: Workspace, tmp_path: Path, month: str
) -> None:
    answer = nmt("review", "--data", drawn.root, "--output", tmp_path, "--month", month)
    assert answer.code == 2
    assert "--month must be a month such as 2025-03" in answer.err


def test_a_list_is_made_again_in_place_but_nothing_else_is_replaced(
    nmt: Nmt, drawn: Workspace, tmp_path: Path
) -> None:
    call = ("review", "--data", drawn.root, "--output", tmp_path)
    assert nmt(*call).code == 0
    first = (tmp_path / "review-2025-03.html").read_bytes()
    assert nmt(*call).code == 0
    assert (tmp_path / "review-2025-03.html").read_bytes() == first
    (tmp_path / "review-2025-03.html").write_text("minutes of the meeting")
    answer = nmt(*call)
    assert answer.code == 2
    assert "was not written by nmt review" in answer.err
    assert (tmp_path / "review-2025-03.html").read_text() == "minutes of the meeting"


def test_programs_get_one_object(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    told = json.loads(nmt("review", "--data", drawn.root, "--output", tmp_path, "--json").out)
    assert (told["month"], told["first_listed"]) == ("2025-03", "2024-04")
    assert len(told["signals"]) == 3
    assert [Path(name).name for name in told["files"]] == [
        "review-2025-03.csv",
        "review-2025-03.html",
    ]


def test_without_a_release_there_is_no_list(nmt: Nmt, tmp_path: Path) -> None:
    answer = nmt("review", "--data", tmp_path / "data", "--output", tmp_path / "out")
    assert answer.code == 2
    assert "nmt run" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_release_gives_no_list(nmt: Nmt, drawn: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    shutil.copytree(drawn.root, workspace.root, symlinks=True)
    folder = workspace.site.resolve().parent
    (folder / "results" / "quality_points.parquet").write_bytes(b"other")
    answer = nmt("review", "--data", workspace.root, "--output", tmp_path / "out")
    assert answer.code == 8
    assert not (tmp_path / "out").exists()


def test_a_cell_that_a_spreadsheet_would_reckon_with_is_made_inert(
    nmt: Nmt, tmp_path: Path
) -> None:
    workspace = published(
        tmp_path / "data", tables(of_clinic("=1+1", "2025-03", "beyond_limits")), COVERED
    )
    nmt("review", "--data", workspace.root, "--output", tmp_path)
    (row,) = listed(tmp_path, "review-2025-03")
    assert row["unit_name"] == "'=1+1"


# Charts that are re-based.


def rebased(nmt: Nmt, workspace: Workspace, *more: object, chart: str = "missed_sessions") -> Any:
    words = ("--reason", "Reminders since March", "--reviewer", "A. Reviewer")
    return nmt(
        "review", "rebase", chart, "--from", "2025-03", *words, "--data", workspace.root, *more
    )


def test_a_re_base_is_recorded_and_listed(nmt: Nmt, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    answer = rebased(nmt, workspace, "--date", "2025-04-01")
    assert (answer.code, answer.out) == (0, "Recorded; nmt run takes it.\n")
    told = nmt("review", "rebases", "--data", workspace.root).out
    for word in ("missed_sessions", "2025-03", "Reminders since March", "2025-04-01"):
        assert word in told
    assert rebased(nmt, workspace, "--date", "2025-04-01").out == "Was on record already.\n"
    listing = json.loads(nmt("review", "rebases", "--data", workspace.root, "--json").out)
    assert len(listing["rebases"]) == 1


def test_the_workspace_may_be_named_before_the_word_rebases(nmt: Nmt, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    rebased(nmt, workspace)
    assert "missed_sessions" in nmt("review", "--data", workspace.root, "rebases").out
    assert "No chart was re-based." in nmt("review", "rebases", "--data", tmp_path / "other").out


def test_a_re_base_of_an_unknown_chart_or_clinic_is_refused(
    nmt: Nmt, drawn: Workspace, tmp_path: Path
) -> None:
    answer = rebased(nmt, Workspace(tmp_path / "data"), chart="missed")
    assert (answer.code, "is no chart" in answer.err) == (2, True)
    answer = rebased(nmt, drawn, "--unit", "nort")
    assert (answer.code, "did you mean north?" in answer.err) == (2, True)


def test_a_re_base_of_a_day_to_come_is_refused(nmt: Nmt, tmp_path: Path) -> None:
    answer = rebased(nmt, Workspace(tmp_path / "data"), "--date", "2999-01-01")
    assert (answer.code, "still to come" in answer.err) == (2, True)
