"""Queries of people: they read the registry's tables, and nothing else can be done by them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.contracts.errors import UsageError
from pipelines.warehouse.connection import Connection, connect
from pipelines.warehouse.queries import run_query


@pytest.fixture
def version(tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "version.duckdb"
    with connect(path, create=True) as writer:
        writer.execute("CREATE SCHEMA core")
        writer.execute(
            "CREATE TABLE core.sessions AS "
            "SELECT range AS day, 'P0070000' || range AS episode_id FROM range(30)"
        )
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with connect(path, read_only=True) as reader:
        yield reader


def test_a_query_gives_columns_and_rows_in_its_order(version: Connection) -> None:
    rows = run_query(
        version, "SELECT day, episode_id FROM core.sessions WHERE day < 3 ORDER BY day DESC;"
    )

    assert rows.columns == ["day", "episode_id"]
    assert rows["day"].to_list() == [2, 1, 0]


@pytest.mark.parametrize(
    "query",
    [
        "WITH days AS (SELECT max(day) AS day FROM core.sessions) SELECT * FROM days",
        "FROM core.sessions LIMIT 1",
        "SHOW ALL TABLES",
        "DESCRIBE core.sessions",
        "SUMMARIZE core.sessions",
        "EXPLAIN SELECT * FROM core.sessions",
        "VALUES (1), (2)",
        "SELECT * FROM core.sessions WHERE false",
    ],
)
def test_every_way_of_reading_is_answered(version: Connection, query: str) -> None:
    assert run_query(version, query).width > 0


def test_columns_of_one_name_are_told_apart(version: Connection) -> None:
    assert run_query(version, "SELECT 1 AS a, 2 AS a, 3 AS a_2").columns == ["a", "a_2", "a_2_2"]


def test_values_that_a_frame_cannot_hold_become_text_or_whole_numbers(version: Connection) -> None:
    rows = run_query(
        version,
        "SELECT sum(day) AS total, to_days(2) AS span, NULL AS unknown, 'a'::ENUM('a') AS kind "
        "FROM core.sessions",
    )

    assert rows.rows() == [(435, "2 days", None, "a")]


def test_a_time_stands_as_it_is(version: Connection) -> None:
    (row,) = run_query(version, "SELECT TIMESTAMP '2026-01-02 12:00:00' AS moment").rows()

    assert row == (datetime(2026, 1, 2, 12, tzinfo=UTC).replace(tzinfo=None),)


@pytest.mark.parametrize(
    "query",
    [
        "COPY core.sessions TO 'out.csv'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "FROM read_csv('{folder}/secret.csv')",
        "FROM '{folder}/secret.csv'",
        "FROM read_text('{folder}/secret.csv')",
        "FROM glob('{folder}/*')",
        "FROM parquet_metadata('{folder}/x.parquet')",
        "ATTACH '{folder}/other.duckdb' AS other",
        "ATTACH ':memory:' AS other",
        "PRAGMA database_list",
        "PRAGMA enable_profiling",
        "SET memory_limit = '1GB'",
        "SET VARIABLE x = 1",
        "RESET threads",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE mine (day INTEGER)",
        "CREATE TEMP TABLE mine (day INTEGER)",
        "CREATE MACRO twice(x) AS 2 * x",
        "INSERT INTO core.sessions VALUES (1, 'a')",
        "UPDATE core.sessions SET day = 0",
        "DELETE FROM core.sessions",
        "DROP TABLE core.sessions",
        "EXPORT DATABASE '{folder}/out'",
        "IMPORT DATABASE '{folder}/out'",
        "CHECKPOINT",
        "BEGIN TRANSACTION",
        "USE core",
        "CALL pragma_version()",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE COPY core.sessions TO '{folder}/out.csv'",
        "SELECT 1; DROP TABLE core.sessions",
        "SELECT 1; SELECT 2",
        "",
        ";",
        "-- only a remark",
        "SELEC 1",
        "SELECT absent FROM core.sessions",
        "FROM core.absent",
    ],
)
def test_all_else_is_refused_and_leaves_nothing(
    version: Connection, tmp_path: Path, query: str
) -> None:
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(UsageError):
        run_query(version, query.format(folder=tmp_path))

    assert {path.name for path in tmp_path.iterdir()} == before
    assert run_query(version, "SELECT count(*) AS n FROM core.sessions").rows() == [(30,)]


def test_a_fault_of_the_text_is_told_and_a_fault_of_a_value_is_not(version: Connection) -> None:
    with pytest.raises(UsageError, match="absent"):
        run_query(version, "SELECT absent FROM core.sessions")
    with pytest.raises(UsageError) as fault:
        run_query(version, "SELECT CAST(episode_id AS INTEGER) FROM core.sessions")

    assert "P0070000" not in str(fault.value)
    assert "try_cast" in str(fault.value)
