"""Writes the page of the data dictionary from the contract.

`python -m analysis.contracts.dictionary > docs/data-dictionary.md` makes it anew.
"""

import sys
from collections.abc import Iterator
from typing import Final

from analysis.contracts.records import CONTRACT, Contract, Field, Table

WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "list": "list",
}
HEAD: Final = """# Data dictionary

{description}

A delivery is a folder that holds each table as `.csv`, `.csv.gz` or `.parquet`; the first one of
a registry must hold {first}. Text files are CSV in UTF-8: commas between cells, one header line
with these column names in any order, an empty cell for what is unknown, `true` and `false`, a
point for decimals. Spaces around a value, undeclared columns and free text are refused. The
machine-readable contract is `analysis/contracts/records.json`, a Frictionless data package; this
page is made from it.
"""


def data_dictionary(contract: Contract) -> str:
    """Return the page in Markdown."""
    first = [f"`{table.name}`" for table in contract.tables if table.is_required_first]
    head = HEAD.format(
        description=contract.description, first=f"{', '.join(first[:-1])} and {first[-1]}"
    )
    return head + "".join(_section(table) for table in contract.tables) + _rules(contract)


def _section(table: Table) -> str:
    rows = "\n".join(_row(field) for field in table.fields)
    key = ", ".join(f"`{name}`" for name in table.primary_key)
    return (
        f"\n## {table.name}\n\n{table.description} A later row with the same {key} replaces the "
        "earlier one.\n\n| column | needed | holds | meaning |\n|---|---|---|---|\n"
        f"{rows}\n"
    )


def _row(field: Field) -> str:
    holds = "; ".join(_holds(field)).replace("|", "\\|")
    return f"| `{field.name}` | {_needed(field)} | {holds} | {field.description} |"


def _needed(field: Field) -> str:
    condition = field.required_when
    if condition is not None:
        return f"when `{condition.field}` is {' or '.join(f'`{v}`' for v in condition.values)}"
    return "yes" if field.required else "no"


def _holds(field: Field) -> Iterator[str]:
    if field.is_identifier:
        yield "identifier: 1 to 64 letters, digits, `-` and `_`, no bare number of 9 or 10 digits"
        return
    yield WORDS[field.kind] + (f", at most {field.max_items} entries" if field.max_items else "")
    if field.enum:
        yield "one of " + ", ".join(f"`{value}`" for value in field.enum)
    if field.pattern:
        yield f"of the form `{field.pattern}`"
    if field.minimum is not None:
        yield f"{field.minimum} to {field.maximum}"
    if field.unit:
        yield f"unit `{field.unit}`"


def _rules(contract: Contract) -> str:
    titles = "\n".join(f"- {rule.title}." for rule in (contract.end_rule, contract.death_rule))
    return f"\n## Rules over rows\n\n- Keys are unique, and what is referred to exists.\n{titles}\n"


if __name__ == "__main__":
    sys.stdout.write(data_dictionary(CONTRACT))
