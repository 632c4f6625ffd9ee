"""What a record holds: the six tables of a delivery, read from `records.json`.

The file is a Frictionless data package, so that others can read it too. Checks, messages, column
types and the page of the data dictionary are made from these objects and from nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

Kind = Literal["string", "integer", "number", "boolean", "list"]
MISSING: Final = ""
TRUE: Final = "true"
FALSE: Final = "false"


@dataclass(frozen=True)
class Condition:
    """Holds for a record whose `field` is one of `values`."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One column: what it may hold, and how it is told to people.

    `minimum` and `maximum` bound numbers, or the numbers in a list; `enum` and `pattern` bound
    text, or the texts in a list. `item_kind` and `max_items` are set for lists only.
    """

    name: str
    kind: Kind
    title: str
    description: str
    required: bool
    is_identifier: bool = False
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str | None = None
    required_when: Condition | None = None
    item_kind: Kind | None = None
    delimiter: str | None = None
    max_items: int | None = None


@dataclass(frozen=True)
class Reference:
    """The values of `field` stand in the column of the same name of `table`."""

    field: str
    table: str


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, its key, and what it refers to."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]
    references: tuple[Reference, ...]
    is_required_first: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def identifiers(self) -> tuple[Field, ...]:
        """The columns that hold pseudonyms."""
        return tuple(field for field in self.fields if field.is_identifier)

    def field(self, name: str) -> Field:
        """Return the column of that name; raise KeyError where there is none."""
        return {field.name: field for field in self.fields}[name]


@dataclass(frozen=True)
class DayColumn:
    """The days at which the records of a table happened, or those that meet a condition."""

    table: str
    field: str
    when: Condition | None


@dataclass(frozen=True)
class EndRule:
    """`end` of an episode is not before any of the days `last`."""

    name: str
    title: str
    end: DayColumn
    last: DayColumn


@dataclass(frozen=True)
class DeathRule:
    """None of the `happenings` of an episode comes after its `death`."""

    name: str
    title: str
    death: DayColumn
    happenings: tuple[DayColumn, ...]


@dataclass(frozen=True)
class TextForms:
    """How numbers are written, and what a likely national number looks like (full matches)."""

    integer: str
    number: str
    national_number: str


@dataclass(frozen=True)
class Contract:
    """The six tables in the order in which they refer to one another, and the rules over rows."""

    title: str
    description: str
    version: str
    tables: tuple[Table, ...]
    text_forms: TextForms
    end_rule: EndRule
    death_rule: DeathRule

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables, in order."""
        return tuple(table.name for table in self.tables)

    def table(self, name: str) -> Table:
        """Return the table of that name; raise KeyError where there is none."""
        return {table.name: table for table in self.tables}[name]


def parse_contract(text: str) -> Contract:
    """Return the contract that a data package in JSON describes."""
    package = json.loads(text)
    forms = package["textForms"]
    rules = {rule["name"]: rule for rule in package["rules"]}
    return Contract(
        title=package["title"],
        description=package["description"],
        version=package["version"],
        tables=tuple(_table(resource) for resource in package["resources"]),
        text_forms=TextForms(forms["integer"], forms["number"], forms["nationalNumber"]),
        end_rule=_end_rule(rules["before_last_session"]),
        death_rule=_death_rule(rules["after_death"]),
    )


def _table(resource: Mapping[str, Any]) -> Table:
    schema = resource["schema"]
    return Table(
        name=resource["name"],
        title=resource["title"],
        description=resource["description"],
        fields=tuple(_field(field) for field in schema["fields"]),
        primary_key=tuple(schema["primaryKey"]),
        references=tuple(
            Reference(key["fields"][0], key["reference"]["resource"])
            for key in schema["foreignKeys"]
        ),
        is_required_first=resource["requiredInFirstDelivery"],
    )


def _field(field: Mapping[str, Any]) -> Field:
    constraints = field["constraints"]
    bounds = field.get("items", constraints)
    return Field(
        name=field["name"],
        kind=field["type"],
        title=field["title"],
        description=field["description"],
        required=constraints["required"],
        is_identifier=field.get("identifier", False),
        enum=tuple(bounds.get("enum", ())),
        pattern=bounds.get("pattern"),
        minimum=bounds.get("minimum"),
        maximum=bounds.get("maximum"),
        unit=field.get("unit"),
        required_when=_condition(field.get("requiredWhen")),
        item_kind=field.get("itemType"),
        delimiter=field.get("delimiter"),
        max_items=constraints.get("maxLength"),
    )


def _condition(condition: Mapping[str, Any] | None) -> Condition | None:
    if condition is None:
        return None
    return Condition(condition["field"], tuple(condition["in"]))


def _days(column: Mapping[str, Any]) -> DayColumn:
    return DayColumn(column["resource"], column["field"], _condition(column.get("when")))


def _end_rule(rule: Mapping[str, Any]) -> EndRule:
    return EndRule(rule["name"], rule["title"], _days(rule), _days(rule["notBefore"]))


def _death_rule(rule: Mapping[str, Any]) -> DeathRule:
    happenings = tuple(_days(column) for column in rule["happenings"])
    return DeathRule(rule["name"], rule["title"], _days(rule["death"]), happenings)


CONTRACT: Final = parse_contract(
    files("analysis.contracts").joinpath("records.json").read_text(encoding="utf-8")
)
