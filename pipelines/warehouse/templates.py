"""Renders the SQL under `sql/ingestion` from the contract."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis.contracts.records import CONTRACT, Field

if TYPE_CHECKING:
    from jinja2 import Environment

# Whole numbers up to a stage's size stay small; all others leave room for differences.
LARGEST_TINY: Final = 9
LARGEST_SMALL: Final = 32767


def render(name: str, **values: object) -> str:
    """Return the statement `sql/ingestion/<name>.sql.j2` with the contract and values filled in."""
    template = environment().get_template(f"{name}.sql.j2")
    return template.render(contract=CONTRACT, **values)


def column_type(field: Field) -> str:
    """Return the type that the registry stores a column of the contract in."""
    if field.kind == "list":
        return f"{_whole_number(field) if field.item_kind == 'integer' else 'VARCHAR'}[]"
    if field.kind == "integer":
        return _whole_number(field)
    return {"number": "DOUBLE", "boolean": "BOOLEAN"}.get(field.kind, "VARCHAR")


def list_pattern(field: Field) -> str:
    """Return the pattern of a whole list cell: allowed items, joined by the delimiter."""
    allowed = field.enum or _whole_numbers(field)
    item = "(" + "|".join(re.escape(value) for value in allowed) + ")"
    return f"{item}({field.delimiter}{item}){{0,{(field.max_items or 1) - 1}}}"


def text_literal(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_literals(values: tuple[str, ...]) -> str:
    """Return texts as literals of SQL, separated by commas."""
    return ", ".join(text_literal(value) for value in values)


def sql_folder() -> Path:
    """Return the folder of the SQL files, installed or in the source tree."""
    installed = Path(str(files("pipelines"))) / "sql"
    return installed if installed.is_dir() else installed.parents[1] / "sql"


def _whole_number(field: Field) -> str:
    largest = max(abs(field.minimum or 0), abs(field.maximum or 0))
    if largest <= LARGEST_TINY:
        return "UTINYINT"
    return "SMALLINT" if largest <= LARGEST_SMALL else "INTEGER"


def _whole_numbers(field: Field) -> tuple[str, ...]:
    return tuple(str(number) for number in range(field.minimum or 0, (field.maximum or 0) + 1))


@cache
def environment() -> "Environment":
    """Return the templates under `sql/ingestion`, with the filters that they use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(sql_folder() / "ingestion"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - SQL, no HTML; texts pass through the literal filter
    )
    environment.filters["literal"] = text_literal
    environment.filters["literals"] = text_literals
    environment.filters["column_type"] = column_type
    environment.filters["list_pattern"] = list_pattern
    return environment
