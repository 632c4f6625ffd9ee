"""Studies of coverage are summarised, kept, gone on with, and judged against their goals."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.calibration.findings import Finding
from benchmarks import coverage
from benchmarks.kept_coverage import (
    Kept,
    coverage_table,
    goals_counted,
    keep,
    read_kept,
    sealing_table,
    statuses,
    summarised,
)

SETTINGS = ("null", 3_000, "influence")


def finding(value: float, *, closed_by: tuple[str, ...] = ()) -> Finding:
    return Finding(value, 0.01, value - 0.02, value + 0.02, 0.0, closed_by)


def study(values: list[float], *, has_gates: bool = True, code: str = "1") -> Kept:
    found = [finding(value) for value in values]
    found[0] = replace(found[0], closed_by=("balance", "overlap"))
    return summarised(SETTINGS, found, has_gates=has_gates, code=code, first_seed=7)


def test_the_measures_of_four_registries_by_hand() -> None:
    kept = study([0.01, -0.01, 0.03, 0.01])
    assert (kept.registries, kept.truth) == (4, 0.0)
    assert kept.bias == pytest.approx(0.01)
    assert kept.empirical_error == pytest.approx(math.sqrt(0.0008 / 3))
    assert kept.bias_error == pytest.approx(math.sqrt(0.0008 / 3) / 2)
    assert (kept.estimated_error, kept.coverage) == (pytest.approx(0.01), 0.75)
    assert kept.coverage_error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))
    assert (kept.sealed, kept.gates) == (0.25, "balance 1, overlap 1")


def test_studies_are_read_as_they_were_kept(tmp_path: Path) -> None:
    file = tmp_path / "coverage.csv"
    with_gates, without = study([0.01, 0.02]), study([0.01, -0.02, 0.0], has_gates=False)
    keep([with_gates, without], file)
    back = {row.gates: row for row in read_kept(file)}
    assert back["balance 1, overlap 1"].bias == pytest.approx(with_gates.bias, rel=1e-5)
    assert math.isnan(back["not asked"].sealed)
    assert back["not asked"].registries == 3
    before = file.read_bytes()
    keep([], file)
    assert file.read_bytes() == before


def test_a_later_study_replaces_one_of_the_same_settings_but_never_by_less(tmp_path: Path) -> None:
    file = tmp_path / "coverage.csv"
    keep([study([0.01] * 5)], file)
    keep([study([0.01] * 9)], file)
    (row,) = read_kept(file)
    assert row.registries == 9
    with pytest.raises(ValueError, match="holds 9 registries of null by this code"):
        keep([study([0.01] * 8)], file)
    keep([study([0.01] * 8, code="2")], file)
    (row,) = read_kept(file)
    assert (row.registries, row.code_version) == (8, "2")


LARGE = Kept(
    "null", 3_000, "influence", 1_000, 0.0, 0.0001, 0.0003, 0.009, 0.009, 0.95, 0.0069,
    0.02, 0.0044, "balance 20", "1", 1_000,
)  # fmt: skip


def test_goals_are_reached_missed_or_unclear() -> None:
    assert statuses(LARGE) == {
        "bias": "reached",
        "coverage": "reached",
        "type I error": "reached",
    }
    low = replace(LARGE, coverage=0.90, bias=0.002)
    assert statuses(low) == {"bias": "missed", "coverage": "missed", "type I error": "missed"}
    few = replace(LARGE, registries=40)
    assert set(statuses(few).values()) == {"unclear"}
    assert statuses(replace(LARGE, scenario="no_overlap")) == {}
    # An effect has no type I error, and its bias may be a share of it.
    harmful = replace(LARGE, scenario="harmful", truth=0.05, bias=0.0024)
    assert statuses(harmful) == {"bias": "reached", "coverage": "reached"}


def test_the_goals_are_counted() -> None:
    low = replace(LARGE, coverage=0.90, sealed=0.5)
    words = goals_counted([LARGE, low, replace(LARGE, registries=40, sealed=math.nan)])
    assert words == "11 goals of 3 simulation studies: 5 reached, **3 missed**, 3 unclear."
    assert goals_counted([LARGE]).endswith("4 reached, none missed, 0 unclear.")


def test_the_tables_show_misses_loudly_and_leave_out_what_was_not_asked() -> None:
    low = replace(LARGE, coverage=0.90, gates="not asked", sealed=math.nan)
    assert "coverage **missed**" in coverage_table([low])
    assert sealing_table([low]).count("\n") == 2
    open_gates = replace(LARGE, scenario="no_overlap", sealed=0.5, bias=math.nan)
    assert "| 50.0 % (0.4 %) | at least 95 % | **missed** |" in sealing_table([open_gates])
    assert coverage_table([open_gates]).count("\n") == 2


def line(seed: int, hand: int, code: str = "1") -> str:
    content = {
        "settings": ["null", 300, "influence", 2],
        "seed": seed,
        "hand": hand,
        "code": code,
        "seconds": 0.1,
        "finding": vars(finding(0.01)),
    }
    return json.dumps(content)


def test_worlds_that_were_cut_off_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "null.jsonl"
    whole = [line(5, 0), line(5, 1), line(6, 1), line(6, 0), line(6, 0)]
    file.write_text("\n".join([*whole, line(7, 0), line(8, 0), line(8, 1)[:60]]), encoding="utf-8")
    found = coverage.read_registries(file)
    assert [(each.seed, each.hand) for each in found] == [(5, 0), (5, 1), (6, 0), (6, 1)]
    assert found[0].finding == finding(0.01)
    assert coverage.read_registries(tmp_path / "none.jsonl") == []


@pytest.mark.slow
def test_a_study_is_gone_on_with_where_it_was_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "null.jsonl"
    wanted = "--scenario null --episodes 250 --primary-only --per-world 2 --intervals influence"
    asked = [*wanted.split(), "--into", str(file)]
    coverage.main([*asked, "--registries", "2", "--first-seed", "5"])
    first = file.read_text(encoding="utf-8")
    file.write_text(first + first[:40], encoding="utf-8")
    coverage.main([*asked, "--registries", "4", "--first-seed", "5", "--jobs", "2"])
    later = file.read_text(encoding="utf-8")
    assert later.startswith(first)
    found = coverage.read_registries(file)
    assert [(each.seed, each.hand) for each in found] == [(5, 0), (5, 1), (6, 0), (6, 1)]
    (kept,) = coverage.kept_rows(found)
    assert (kept.registries, kept.first_seed, kept.gates) == (4, 5, "not asked")
