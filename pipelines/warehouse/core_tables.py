"""Frames of records as the tables `core.*`, without ingestion: for tests and simulation studies."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.contracts.records import CONTRACT, Field, Table
from pipelines.warehouse.templates import column_type

if TYPE_CHECKING:
    import polars as pl


def core_tables(tables: Mapping[str, "pl.DataFrame"]) -> dict[str, "pl.DataFrame"]:
    """Return the six tables, typed, with the integer keys and delivery_id of the registry.

    Lists may be given as lists or as the contract's delimited text.
    """
    import polars as pl

    typed = {
        table.name: _typed(table, tables.get(table.name, pl.DataFrame()))
        for table in CONTRACT.tables
    }
    patients = typed["patients"].with_row_index("patient_key", offset=1)
    episodes = typed["episodes"].with_row_index("episode_key", offset=1)
    patient_keys = patients.select("patient_id", pl.col("patient_key").cast(pl.Int32))
    episode_keys = episodes.select("episode_id", pl.col("episode_key").cast(pl.Int32))
    keyed = {
        name: rows.join(episode_keys, on="episode_id", how="left", maintain_order="left")
        for name, rows in typed.items()
        if name not in ("patients", "episodes")
    }
    keyed["patients"] = typed["patients"].with_columns(patient_keys["patient_key"])
    keyed["episodes"] = (
        typed["episodes"]
        .with_columns(episode_keys["episode_key"])
        .join(patient_keys, on="patient_id", how="left", maintain_order="left")
    )
    keyed["sessions"] = keyed["sessions"].with_row_index("session_key", offset=1)
    return {name: rows.with_columns(delivery_id=pl.lit("drawn")) for name, rows in keyed.items()}


def no_rejections() -> "pl.DataFrame":
    """Return quarantine.rejections without a row."""
    import polars as pl

    texts = ("delivery_id", "file", "column_name", "rule", "message")
    return pl.DataFrame(schema={**dict.fromkeys(texts, pl.String), "line": pl.Int32})


def _typed(table: Table, rows: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    typed = pl.DataFrame(
        schema={field.name: _polars_type(column_type(field)) for field in table.fields}
    )
    given = rows.select(
        _column(field, rows) for field in table.fields if field.name in rows.columns
    )
    return pl.concat([typed, given], how="diagonal")


def _column(field: Field, rows: "pl.DataFrame") -> "pl.Expr":
    import polars as pl

    column = pl.col(field.name)
    if field.kind == "list" and rows.schema[field.name] == pl.String:
        column = column.str.split(field.delimiter or ";")
    return column.cast(_polars_type(column_type(field)))


def _polars_type(name: str) -> Any:
    import polars as pl

    if name.endswith("[]"):
        return pl.List(_polars_type(name.removesuffix("[]")))
    types: dict[str, Any] = {
        "UTINYINT": pl.UInt8,
        "SMALLINT": pl.Int16,
        "INTEGER": pl.Int32,
        "DOUBLE": pl.Float64,
        "BOOLEAN": pl.Boolean,
        "VARCHAR": pl.String,
    }
    return types[name]
