"""One clinic's page stands alone: with its own rows, and with no way to anybody else's."""

import re
from collections.abc import Mapping

import polars as pl

from analysis.contracts.release import ReleasedTable
from analysis.disclosure import release_tables
from analysis.disclosure.rules import TABLE_RULES
from analysis.pages import render_clinic
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results


def alone(tables: Mapping[str, pl.DataFrame], clinic: str) -> dict[str, bytes]:
    return render_clinic(release_tables(tables, DISCLOSURE), FACTS, PROTOCOL, clinic)


def test_every_link_of_the_page_leads_to_a_file_beside_it() -> None:
    files = alone(results(), "clinic-03")
    html = files["index.html"].decode()
    targets = re.findall(r'(?:href|src)="([^"#]+)', html)
    assert targets
    assert set(targets) <= set(files)


def test_the_page_names_no_other_clinic_and_holds_the_network_beside_it() -> None:
    html = alone(results(), "clinic-03")["index.html"].decode()
    assert set(re.findall(r"clinic-0\d", html)) == {"clinic-03"}
    assert "diamond-network" in html


def without_others(table: ReleasedTable) -> ReleasedTable:
    """Take every number of the other clinics away but how many people they are."""
    if "unit_kind" not in table.rows.columns:
        return table
    rule = TABLE_RULES[table.name]
    is_other = (pl.col("unit_kind") == "clinic") & (pl.col("unit_name") != "clinic-03")
    emptied = [number.name for number in rule.numbers() if number.name != rule.people]
    rows = table.rows.with_columns(pl.when(~is_other).then(pl.col(*emptied)) if emptied else ())
    return ReleasedTable(table.name, rows)


def test_of_other_clinics_only_how_many_people_they_are_counts_for_the_page() -> None:
    released = release_tables(results(), DISCLOSURE)
    own = {name: without_others(table) for name, table in released.items()}
    assert own["responders"].rows["improved"].null_count() > 0
    assert render_clinic(own, FACTS, PROTOCOL, "clinic-03") == render_clinic(
        released, FACTS, PROTOCOL, "clinic-03"
    )


def test_in_a_network_of_two_the_page_stands_without_the_other() -> None:
    html = alone(results([("harbour", 400), ("hill", 60)]), "hill")["index.html"].decode()
    assert "hill" in html
    assert "harbour" not in html
    assert "diamond-network" not in html


def test_a_clinic_of_three_patients_has_a_page_of_its_own() -> None:
    html = alone(results(), "clinic-09")["index.html"].decode()
    assert "Too few patients to say" in html
