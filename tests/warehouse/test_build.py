"""The SQL files: headers that tell the truth, an order by references, SQL that others can run."""

import re

import polars as pl
import pytest
import sqlglot
from polars.testing import assert_frame_equal
from sqlglot import expressions as exp

from analysis.contracts.protocol import load_protocol
from pipelines.warehouse.build import (
    SqlTable,
    in_order_of_references,
    ordered_sql_files,
    read_sql_file,
    registry_in_memory,
)
from pipelines.warehouse.connection import WarehouseError, list_tables, read_frame
from tests.drawing import registry_of

FILES = {table.name: table for table in ordered_sql_files()}
# As the interface to scripts outside the product names them.
INTERFACE = {
    "session_order": "order_name, episode_id, session_id, day, session_number, stage, "
    "is_violation, violation_kind, completed_stages_before",
    "episode_adherence": "order_name, episode_id, first_violation_day, "
    "first_violation_session_number, violation_kind, attended_sessions, premature_sessions, "
    "premature_share, inversion_share, longest_ordered_share, load_before_pain_exit, "
    "completed_stages, highest_stage_worked",
    "episode_outcomes": "episode_id, last_known_day, reinjury_day, competing_day, competing_kind, "
    "followed_days, is_event",
    "domain_points": "episode_id, domain, day, stage, value, unit, source",
    "stage_trajectories": "episode_id, domain, stage, first_day, last_day, values_count, "
    "first_value, last_value, slope_per_week",
    "attrition": "step, reason, episodes_left",
}


def table_reading(name: str, *references: str) -> SqlTable:
    query = "SELECT 1 " + " ".join(f"JOIN {reference}" for reference in references)
    return SqlTable(name, "table", "t", "m", "g", frozenset(references), "s", query)


@pytest.mark.parametrize("name", FILES)
def test_the_header_names_the_tables_that_the_query_reads(name: str) -> None:
    assert FILES[name].reads == FILES[name].references


@pytest.mark.parametrize("name", FILES)
def test_the_query_is_understood_by_another_dialect(name: str) -> None:
    (tree,) = sqlglot.parse(FILES[name].query, read="duckdb")

    assert tree is not None
    (written,) = sqlglot.transpile(
        FILES[name].query, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    assert sqlglot.parse_one(written, read="spark") is not None
    assert not list(tree.find_all(exp.PercentileCont, exp.Quantile, exp.ArrayAgg))


@pytest.mark.parametrize("name", FILES)
def test_every_numbering_ends_in_a_unique_key(name: str) -> None:
    unique = re.compile(r"episode_id|session_id|session_number|line_number|run_start|timing|day")
    for window in sqlglot.parse_one(FILES[name].query, read="duckdb").find_all(exp.Order):
        if isinstance(window.parent, exp.Window):
            assert unique.search(window.expressions[-1].sql()), f"{name}: {window.sql()}"


def test_tables_are_built_after_those_they_refer_to() -> None:
    built: set[str] = set()
    for table in ordered_sql_files():
        needed = {name for name in table.references if name in FILES}
        assert needed <= built, table.name
        built.add(table.name)


def test_tables_that_refer_to_one_another_are_a_fault() -> None:
    tables = [table_reading("marts.a", "marts.b"), table_reading("marts.b", "marts.a")]

    with pytest.raises(WarehouseError, match="refer to one another"):
        in_order_of_references({table.name: table for table in tables})


def test_a_reference_to_no_table_is_a_fault() -> None:
    with pytest.raises(WarehouseError, match=r"marts\.a refers to concepts\.absent"):
        in_order_of_references({"marts.a": table_reading("marts.a", "concepts.absent")})


def test_a_file_without_its_header_is_a_fault(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "marts").mkdir()
    path = tmp_path / "marts" / "bare.sql"
    path.write_text("-- Title: Bare\nSELECT 1\n")

    with pytest.raises(WarehouseError, match=r"marts\.bare lacks Grain, Meaning, Reads, Source"):
        read_sql_file(path)


def test_the_tables_that_scripts_rely_on_have_their_columns() -> None:
    with registry_in_memory(registry_of({"e1": "1[1], 2"}), load_protocol()) as registry:
        for name, columns in INTERFACE.items():
            expected = columns.split(", ")
            found = read_frame(registry, f"marts.{name}").columns
            assert found[: len(expected)] == expected


def test_a_registry_without_records_builds_to_empty_tables() -> None:
    with registry_in_memory({}, load_protocol()) as registry:
        for name in list_tables(registry, "marts"):
            rows = read_frame(registry, f"marts.{name}")
            assert rows.is_empty() or name in {"attrition", "record_quality", "stage_funnel"}


def test_the_same_records_build_to_the_same_tables() -> None:
    drawn = {f"e{number}": "1, 3, 1+2[1], 2[2], 1, 5" for number in range(40)}
    built: list[dict[str, pl.DataFrame]] = []
    for _ in range(2):
        with registry_in_memory(registry_of(drawn), load_protocol()) as registry:
            built.append(
                {name: read_frame(registry, name) for name in FILES if name.startswith("marts")}
            )

    for name, rows in built[0].items():
        assert_frame_equal(rows, built[1][name])
