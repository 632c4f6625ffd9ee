"""Connections reach no other file, create nothing unasked, and tell faults without records."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.contracts.errors import IntegrityError, NmtError
from pipelines.warehouse.connection import (
    WarehouseError,
    connect,
    frame_of,
    list_tables,
    read_frame,
    translated_errors,
    write_frame,
)

EVERY_TYPE = pl.DataFrame(
    {
        "stage": [1, None, 5],
        "day": [0, 3650, -1],
        "number": [0.1, None, float("inf")],
        "is_event": [True, None, False],
        "name": ["a", None, "é;,'\""],
        "also_stages": [[2, 3], None, []],
        "techniques": [["pnf"], [], None],
    },
    schema={
        "stage": pl.UInt8,
        "day": pl.Int16,
        "number": pl.Float64,
        "is_event": pl.Boolean,
        "name": pl.String,
        "also_stages": pl.List(pl.UInt8),
        "techniques": pl.List(pl.String),
    },
)


def test_a_frame_comes_back_as_it_went_in() -> None:
    with connect() as connection:
        write_frame(connection, "results.points", EVERY_TYPE)

        assert_frame_equal(read_frame(connection, "results.points"), EVERY_TYPE)
        assert read_frame(connection, "results.points", ["day", "stage"]).columns == [
            "day",
            "stage",
        ]


def test_a_frame_without_rows_keeps_its_types() -> None:
    with connect() as connection:
        write_frame(connection, "results.points", EVERY_TYPE.clear())

        assert_frame_equal(read_frame(connection, "results.points"), EVERY_TYPE.clear())


def test_writing_again_replaces_the_table() -> None:
    with connect() as connection:
        write_frame(connection, "results.points", EVERY_TYPE)
        write_frame(connection, "results.points", EVERY_TYPE.head(1))

        assert read_frame(connection, "results.points").height == 1
        assert list_tables(connection, "results") == ["points"]


def test_enumerations_come_back_as_text() -> None:
    with connect() as connection:
        rows = frame_of(connection.sql("SELECT 'seed'::ENUM('seed', 'alt23') AS order_name"))

        assert rows.schema == {"order_name": pl.String}


@pytest.mark.parametrize("table", ["results", "a.b; DROP TABLE c", 'a."b"', "a.b c"])
def test_only_plain_table_names_are_moved(table: str) -> None:
    with connect() as connection, pytest.raises(WarehouseError, match=r"schema\.table"):
        write_frame(connection, table, EVERY_TYPE)


def test_no_other_file_can_be_reached_and_no_setting_changed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with connect(tmp_path / "registry.duckdb", create=True) as connection:
        for statement in (
            f"FROM read_csv('{secret}')",
            f"FROM '{secret}'",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'other.duckdb'}' AS other",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "INSTALL httpfs",
        ):
            with pytest.raises(NmtError), translated_errors():
                connection.execute(statement)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry.duckdb", "secret.csv"]


def test_an_allowed_folder_can_be_read(tmp_path: Path) -> None:
    pl.DataFrame({"day": [3]}).write_parquet(tmp_path / "sessions.parquet")

    with connect(allowed=[tmp_path]) as connection:
        rows = frame_of(connection.sql(f"FROM read_parquet('{tmp_path / 'sessions.parquet'}')"))

    assert rows["day"].to_list() == [3]


def test_a_missing_file_is_said_and_not_created(tmp_path: Path) -> None:
    missing = tmp_path / "missing.duckdb"

    with pytest.raises(IntegrityError, match=r"missing\.duckdb is missing"):
        connect(missing, read_only=True)

    assert not missing.exists()


def test_a_damaged_file_is_an_integrity_fault(tmp_path: Path) -> None:
    whole = tmp_path / "whole.duckdb"
    with connect(whole, create=True) as connection:
        write_frame(connection, "core.sessions", pl.DataFrame({"day": list(range(200_000))}))
    content = whole.read_bytes()
    cut, flipped, foreign = (tmp_path / name for name in ("cut", "flipped", "foreign"))
    cut.write_bytes(content[: len(content) // 2])
    flipped.write_bytes(content[:20_000] + bytes([content[20_000] ^ 1]) + content[20_001:])
    foreign.write_bytes(b"episode_id,day\n" * 1000)

    for damaged in (cut, flipped, foreign):
        with pytest.raises(IntegrityError) as fault, connect(damaged, read_only=True) as connection:
            read_frame(connection, "core.sessions")
        assert fault.value.exit_code == 8


def test_an_error_does_not_tell_the_record() -> None:
    with connect() as connection, pytest.raises(NmtError) as fault, translated_errors():
        connection.execute("SELECT CAST('P0070000123' AS INTEGER)").fetchall()

    assert "P0070000123" not in str(fault.value)
    assert fault.value.__cause__ is None
