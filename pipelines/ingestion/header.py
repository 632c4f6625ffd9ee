"""Holds the names of a file's columns to the contract."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from analysis.contracts.errors import FileRefusedError
from analysis.contracts.records import Field, Table

MOST_COLUMNS: Final = 200
# Only a name that looks like a name is repeated: in a file without header, it is a record's value.
NAME_LIKE: Final = re.compile(r"[a-z][a-z_]{0,39}[0-9]{0,2}")
OTHER_DELIMITERS: Final = ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"))


def read_header(file: str, table: Table, header: bytes) -> tuple[str, ...]:
    """Return the names of a CSV's columns; raise `FileRefusedError` naming all that is wrong."""
    text = header.decode("utf-8")
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        raise FileRefusedError(f"The quotes in the first line of {file} are not closed.") from None
    names = tuple(rows[0])
    _refuse_delimiter(file, table, text, names)
    return require_columns(file, table, names)


def require_columns(file: str, table: Table, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names if the contract allows them, in whatever order they stand."""
    if len(names) > MOST_COLUMNS:
        raise FileRefusedError(
            f"{file} has {len(names):,} columns; {table.name} has at most {len(table.fields)}."
        )
    if not set(names) & set(table.names):
        raise FileRefusedError(
            f"The first line of {file} holds none of the columns of {table.name}. It must hold "
            f"their names: {', '.join(table.names)}."
        )
    faults = [*_repeated(table, names), *_undeclared(table, names), *_missing(table, names)]
    if faults:
        raise FileRefusedError(f"{file}: {' '.join(faults)}")
    return tuple(names)


def is_needed(field: Field) -> bool:
    """Return whether a file must have the column."""
    return field.required or field.required_when is not None


def _refuse_delimiter(file: str, table: Table, text: str, names: Sequence[str]) -> None:
    for delimiter, what in OTHER_DELIMITERS:
        if len(names) == 1 and set(text.split(delimiter)) & set(table.names) - {text}:
            raise FileRefusedError(
                f"The columns of {file} are separated by {what}. Export with commas."
            )


def _missing(table: Table, names: Sequence[str]) -> Iterator[str]:
    absent = [field.name for field in table.fields if is_needed(field) and field.name not in names]
    if absent:
        yield f"Columns that must be there are missing: {', '.join(absent)}."


def _repeated(table: Table, names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1 and name in table.names:
            places = [str(place) for place, other in enumerate(names, 1) if other == name]
            yield f"The column {name} stands {times} times (columns {', '.join(places)})."


def _undeclared(table: Table, names: Sequence[str]) -> Iterator[str]:
    for place, name in enumerate(names, 1):
        if name in table.names:
            continue
        shown = f"Column {place}"
        if NAME_LIKE.fullmatch(name):
            shown += f" ({name})"
        elif not name:
            shown += ", which has no name,"
        near = get_close_matches(name.strip().lower().replace("-", "_"), table.names, n=1)
        if near and near[0] not in names:
            yield f"{shown} is not declared; is it meant to be {near[0]}?"
        else:
            yield f"{shown} is not declared for {table.name}; take it out of the export."
