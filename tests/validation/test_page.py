"""The page shows every quantity, calls a wrong number missed, and never writes part of itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import trajectory_coverage, validation
from benchmarks.kept_coverage import COVERAGE_FILE, coverage_table, read_kept, sealing_table
from benchmarks.public import FIELDS, Golden, MissingDataError, Row
from benchmarks.public.doubt import CASES as DOUBT
from benchmarks.public.pooling import CASES as POOLING

FEW = {
    "Pooling": {"lung_imputed": POOLING["lung_imputed"]},
    "Doubt": {"hypotheses": DOUBT["hypotheses"], "e_values": DOUBT["e_values"]},
}


def wrong(_golden: Golden) -> Iterator[Row]:
    yield Row("drawn", "right", "by hand", 2.0, 2.0, 1e-9, "by hand")
    yield Row("drawn", "wrong", "by hand", 2.0, 2.1, 1e-9, "by hand")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the command write here."""
    monkeypatch.setattr(validation, "PAGE", tmp_path / "validation.md")
    return tmp_path / "validation.md"


def few_found() -> dict[str, list[Row]]:
    try:
        return validation.measured(FEW, Golden())
    except MissingDataError as absent:
        pytest.skip(str(absent))


def test_the_page_shows_every_quantity_of_a_few_cases() -> None:
    found = few_found()
    text = validation.page(found)
    for field, rows in found.items():
        assert f"### {field}\n" in text
        for row in rows:
            assert f"| {' | '.join(row.cells())} |" in text
    count = sum(map(len, found.values()))
    assert f"{count} quantities of 4 public data sets: {count} reached, none missed." in text


def test_a_wrong_number_is_shown_as_missed_and_ends_the_command_with_1(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(validation, "FIELDS", {"Drawn": {"wrong": wrong}})
    assert validation.main(["--keep"]) == 1
    text = kept.read_text(encoding="utf-8")
    assert "| drawn | wrong | by hand | 2 | 2.1 | 5.0e-02 relative |" in text
    assert text.count("**missed**") == 1
    assert "1 reached, **1 missed**: drawn, wrong." in text
    assert "**1 missed**: drawn, wrong." in capsys.readouterr().out


def test_right_numbers_end_the_command_with_0(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "FIELDS", {"Drawn": {"right": lambda _: [*wrong(_)][:1]}})
    assert validation.main([]) == 0
    assert not kept.exists()


def test_without_the_public_data_nothing_is_written(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validation.main(["--keep", "--golden", str(tmp_path / "nowhere")]) == 2
    assert not kept.exists()
    assert "--golden" in capsys.readouterr().err


def test_a_part_of_the_cases_is_never_kept(kept: Path) -> None:
    with pytest.raises(SystemExit):
        validation.main(["--keep", "--only", "bcg"])
    assert not kept.exists()


def test_the_page_in_docs_holds_the_studies_that_are_kept_and_every_field() -> None:
    text = validation.PAGE.read_text(encoding="utf-8")
    studies = read_kept(COVERAGE_FILE)
    assert coverage_table(studies) in text
    assert sealing_table(studies) in text
    assert trajectory_coverage.coverage_table(trajectory_coverage.read_kept()) in text
    for field in FIELDS:
        assert f"### {field}\n" in text
