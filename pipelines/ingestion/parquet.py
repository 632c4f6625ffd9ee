"""Holds the types of a Parquet file's columns to the contract."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from analysis.contracts.errors import FileRefusedError
from analysis.contracts.records import Field, Table

WHOLE: Final = r"U?(TINYINT|SMALLINT|INTEGER|BIGINT)|HUGEINT|UHUGEINT"
TEXT: Final = r"VARCHAR|ENUM\(.*\)"
DECIMAL: Final = r"FLOAT|DOUBLE|DECIMAL\(.*\)"
# A column of nothing but missing values is stored with any type; some writers choose INTEGER.
NUMERIC: Final = rf"{WHOLE}|{DECIMAL}|{TEXT}"
ALLOWED_TYPES: Final = {
    "string": rf"{TEXT}|{WHOLE}",
    "integer": NUMERIC,
    "number": NUMERIC,
    "boolean": rf"BOOLEAN|{TEXT}|INTEGER",
    "list": rf"({TEXT}|{WHOLE})(\[\])?",
}
WORDS: Final = {
    "string": "text",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true and false",
    "list": "text or lists",
}


def require_types(file: str, table: Table, types: Mapping[str, str]) -> None:
    """Raise `FileRefusedError` naming every column whose type can hold no such value."""
    faults = list(_faults(table, types))
    if faults:
        raise FileRefusedError(f"{file}: {' '.join(faults)}")


def _faults(table: Table, types: Mapping[str, str]) -> Iterator[str]:
    for name, kind in types.items():
        field = table.field(name)
        if not _fits(field, kind):
            yield f"The column {name} must hold {WORDS[field.kind]}; its type is another one."


def _fits(field: Field, kind: str) -> bool:
    return re.fullmatch(ALLOWED_TYPES[field.kind], kind, re.DOTALL) is not None
