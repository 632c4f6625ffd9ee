"""A page says what changed since the release before, and why."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from analysis.contracts.release import FormerRelease
from analysis.disclosure import release_tables
from analysis.pages import render_site
from analysis.pages.changes import Changes, before, changes, quarter_of
from analysis.pages.shelf import fill
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results

TABLES = results()


def former(tables: Mapping[str, pl.DataFrame] = TABLES, **own: object) -> FormerRelease:
    same = FormerRelease(
        release_id="r-20260401-aaaa",
        tables=release_tables(tables, DISCLOSURE),
        code_version=FACTS.code_version,
        protocol_hash=FACTS.protocol_hash,
        deliveries=FACTS.deliveries,
        quarter="2026-Q2",
    )
    return replace(same, **own)  # type: ignore[arg-type]


def changed(since: FormerRelease, clinic: str = "clinic-02") -> Changes:
    found = changes(
        before(since), fill(release_tables(TABLES, DISCLOSURE)), FACTS, "clinic", clinic
    )
    assert found is not None
    return found


def test_the_first_release_has_nothing_to_be_held_against() -> None:
    shelf = fill(release_tables(TABLES, DISCLOSURE))
    assert changes(None, shelf, FACTS, "network", None) is None


def test_the_same_figures_are_told_to_be_the_same() -> None:
    found = changed(former())
    assert found.told == "None of these figures changed."
    assert found.reasons[0] == "Deliveries, protocol and software are the same as before."
    assert "at least 16 more people" in found.reasons[1]


def test_a_figure_that_moved_stands_beside_its_former_value() -> None:
    smaller = results([("clinic-02", 300)])
    found = changed(former(smaller, deliveries=12))
    patients = found.figures[0]
    assert (patients.before.text, patients.now.text) == ("280", "380")
    assert not patients.is_same
    assert found.reasons[0] == "2 more deliveries came in."


def test_another_protocol_code_or_quarter_is_a_reason() -> None:
    told = " ".join(
        changed(former(protocol_hash="0" * 64, code_version="0.0.9", quarter="2026-Q1")).reasons
    )
    assert "study protocol is another" in told
    assert "software is another version" in told
    assert "another quarter (2026-Q2)" in told


def test_a_clinic_that_was_not_there_before_has_nothing_before() -> None:
    found = changed(former(results([("elsewhere", 300)])))
    assert {one.before.text for one in found.figures} == {"none"}


def test_a_page_shows_what_changed_and_names_no_other_clinic() -> None:
    smaller = results([("clinic-02", 300), ("clinic-01", 500)])
    files = render_site(release_tables(TABLES, DISCLOSURE), FACTS, PROTOCOL, former(smaller))
    html = files["clinics/clinic-02.html"].decode()
    assert "Release r-20260401-aaaa and this one" in html
    assert "clinic-01" not in html


def test_quarters_are_read_off_months() -> None:
    assert [quarter_of(month) for month in ("2026-01", "2026-06", "2026-12", None)] == [
        "2026-Q1", "2026-Q2", "2026-Q4", None,
    ]  # fmt: skip
