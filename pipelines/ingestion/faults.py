"""What is said about a fault: what is wrong and what to do, never a value."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from analysis.contracts.records import CONTRACT, Field, Table

if TYPE_CHECKING:
    import polars as pl

REJECTION_COLUMNS: Final = ("delivery_id", "file", "line", "column_name", "rule", "message")

# Faults of a whole line.
ROW_RULES: Final = {
    "too_few_cells": "The row has fewer cells than the header. Look for a lost comma.",
    "too_many_cells": "The row has more cells than the header. Look for a comma inside a cell.",
    "open_quotes": "A quote of the row is not closed, or stands inside a cell. Export it again.",
}

# Faults of one cell that read the same in every column.
CELL_RULES: Final = {
    "formula": "The cell starts like a formula of a spreadsheet. Export the value itself.",
    "surrounding_space": "The cell starts or ends with a space. Export it without.",
    "likely_national_number": (
        "A bare number of 9 or 10 digits is likely a national number. Send a pseudonym."
    ),
    "not_an_identifier": (
        "An identifier has 1 to 64 letters, digits, - and _, and does not start with -. "
        "Send such a pseudonym."
    ),
    "not_true_or_false": "Write true or false, or leave the cell empty.",
    "not_finite": "The value is not a finite number. Leave the cell empty when it is unknown.",
    "not_a_number": (
        "Write a number in digits with a point for decimals, or leave the cell empty when it "
        "is unknown."
    ),
    "repeated_key": (
        "Rows of this file have the same key and differ, so none was taken. Send the right one."
    ),
    "before_last_session": (
        "The episode has an attended session after this day. Correct the end or the session."
    ),
    "after_end_of_episode": (
        "The session lies after the registered end of its episode. Correct one of them."
    ),
    "after_death": "The record lies after the patient's death. Correct the day or the death.",
    "before_registered": (
        "The registry knows of something that happened after this death. Correct one of them."
    ),
}


def message_of(table: Table, column: str | None, rule: str) -> str:
    """Return the sentence for a fault of a row or of one of its cells."""
    if column is None:
        return ROW_RULES[rule]
    if rule in CELL_RULES:
        return CELL_RULES[rule]
    return BY_FIELD[rule](table, table.field(column))


def no_rejections() -> "pl.DataFrame":
    """Return quarantine.rejections without rows."""
    import polars as pl

    kinds = {"line": pl.Int32}
    return pl.DataFrame(schema={name: kinds.get(name, pl.String) for name in REJECTION_COLUMNS})


def rejections_of(
    faults: "pl.DataFrame", files: dict[str, str], delivery_id: str
) -> "pl.DataFrame":
    """Return the rows of quarantine.rejections.

    `faults` has table_name, line, column_name and rule; `files` names the file of each table.
    """
    import polars as pl

    kinds = faults.select("table_name", "column_name", "rule").unique().rows()
    messages = pl.DataFrame(
        [(*kind, message_of(CONTRACT.table(kind[0]), kind[1], kind[2])) for kind in kinds],
        schema=dict.fromkeys(("table_name", "column_name", "rule", "message"), pl.String),
        orient="row",
    )
    order = {name: place for place, name in enumerate(CONTRACT.names)}
    return (
        faults.join(
            messages, on=["table_name", "column_name", "rule"], how="left", nulls_equal=True
        )
        .sort(pl.col("table_name").replace_strict(order, default=None), "line", "column_name")
        .select(
            pl.lit(delivery_id, dtype=pl.String).alias("delivery_id"),
            pl.col("table_name").replace(files).alias("file"),
            pl.col("line").cast(pl.Int32),
            "column_name",
            "rule",
            "message",
        )
    )


def _required(table: Table, field: Field) -> str:
    condition = field.required_when
    if condition is None:
        return f"{field.title} must be given in every row of {table.name}."
    return f"{field.title} must be given when {condition.field} is {' or '.join(condition.values)}."


def _not_in_list(_: Table, field: Field) -> str:
    return f"Write one of {', '.join(field.enum)}{_or_empty(field)}, spelt exactly so."


def _not_a_list(_: Table, field: Field) -> str:
    allowed = ", ".join(field.enum) or f"whole numbers from {field.minimum} to {field.maximum}"
    return (
        f"Separate entries by {field.delimiter} without spaces, at most {field.max_items}; "
        f"allowed are {allowed}."
    )


def _out_of_range(_: Table, field: Field) -> str:
    unit = f" {field.unit}" if field.unit and field.unit[0] != "{" else ""
    return (
        f"{field.title} must lie from {field.minimum} to {field.maximum}{unit}. "
        f"Correct it{_or_empty(field)}."
    )


def _not_whole(_: Table, field: Field) -> str:
    return f"Write a whole number in digits, from {field.minimum} to {field.maximum}."


def _wrong_form(_: Table, field: Field) -> str:
    return f"The cell does not have the form of this column. {field.description}"


def _unknown_reference(table: Table, field: Field) -> str:
    parent = next(other.table for other in table.references if other.field == field.name)
    return (
        f"This {field.title.lower()} stands neither in {parent} of the delivery, as an accepted "
        f"row, nor in the registry. Send it in {parent}, or correct it."
    )


def _or_empty(field: Field) -> str:
    may_be_empty = not field.required and field.required_when is None
    return ", or leave the cell empty when it is unknown" if may_be_empty else ""


BY_FIELD: Final[dict[str, Callable[[Table, Field], str]]] = {
    "required": _required,
    "not_in_list": _not_in_list,
    "not_a_list": _not_a_list,
    "out_of_range": _out_of_range,
    "not_a_whole_number": _not_whole,
    "wrong_form": _wrong_form,
    "unknown_reference": _unknown_reference,
}
