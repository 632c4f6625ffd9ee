import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.contracts.dictionary import data_dictionary
from analysis.contracts.records import CONTRACT, Field
from pipelines.warehouse.templates import list_pattern

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = json.loads((ROOT / "analysis/contracts/records.json").read_text(encoding="utf-8"))
FIELDS = [
    pytest.param(field, id=f"{table.name}.{field.name}")
    for table in CONTRACT.tables
    for field in table.fields
]
# What Frictionless knows; everything else in the file is an addition that readers may ignore.
KINDS = {"string", "integer", "number", "boolean", "list"}


def test_the_page_of_the_data_dictionary_is_made_from_the_contract() -> None:
    page = (ROOT / "docs/data-dictionary.md").read_text(encoding="utf-8")
    assert page == data_dictionary(CONTRACT)


def test_the_six_tables_stand_in_the_order_in_which_they_refer_to_one_another() -> None:
    assert CONTRACT.names == (
        "patients", "episodes", "sessions", "events", "followups", "measurements",
    )  # fmt: skip
    for table in CONTRACT.tables:
        for reference in table.references:
            assert CONTRACT.names.index(reference.table) < CONTRACT.names.index(table.name)


def test_every_resource_is_a_table_schema_that_others_can_read() -> None:
    for resource in PACKAGE["resources"]:
        schema = resource["schema"]
        names = [field["name"] for field in schema["fields"]]
        assert len(set(names)) == len(names)
        assert {field["type"] for field in schema["fields"]} <= KINDS
        assert set(schema["primaryKey"]) <= set(names)
        assert schema["missingValues"] == [""]
        for field in schema["fields"]:
            assert field["title"]
            assert field["description"].endswith(".")
            if field["type"] == "boolean":
                assert (field["trueValues"], field["falseValues"]) == (["true"], ["false"])


def test_every_foreign_key_names_a_key_of_another_table() -> None:
    keys = {resource["name"]: resource["schema"]["primaryKey"] for resource in PACKAGE["resources"]}
    for resource in PACKAGE["resources"]:
        for key in resource["schema"]["foreignKeys"]:
            assert keys[key["reference"]["resource"]] == key["reference"]["fields"]


@pytest.mark.parametrize("field", FIELDS)
def test_every_number_is_bounded_and_every_text_closed(field: Field) -> None:
    if field.kind in ("integer", "number") or field.item_kind == "integer":
        assert field.minimum is not None
        assert field.maximum is not None
        assert field.minimum < field.maximum
    if field.kind == "string":
        assert field.enum or field.pattern


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["a,b", 'a"b', "a\nb", "a b", "=1", "@a", "-1+1", "?"])
def test_no_pattern_lets_text_pass_that_breaks_a_row_or_starts_a_formula(
    field: Field, value: str
) -> None:
    pattern = list_pattern(field) if field.kind == "list" else field.pattern
    assert pattern is None or not re.fullmatch(pattern, value)
    assert value not in field.enum


@pytest.mark.parametrize(
    ("table", "column", "right", "wrong"),
    [
        ("episodes", "start_month", "2025-01 2025-12 1999-10", "2025-13 2025-00 25-01 2025-1"),
        ("patients", "patient_id", "P1 a-b_C 0 _x", "P.1 Jürg a/b -x .. " + "x" * 65),
        ("patients", "bmi_band", "<18.5 18.5-24.9 30+ obese", "24.93 heavy 180"),
        ("measurements", "unit", "deg kg % {score} mm[Hg] N.m m/s2", "kg;N "),
        ("measurements", "instrument", "NRS goniometer_2 dyn-1.a", "1a a;b"),
        ("events", "source", "phone clinic gp_letter", "Phone a-b"),
    ],
)
def test_texts_have_the_form_of_their_column(
    table: str, column: str, right: str, wrong: str
) -> None:
    pattern = CONTRACT.table(table).field(column).pattern
    assert pattern is not None
    assert [text for text in right.split() if not re.fullmatch(pattern, text)] == []
    assert [text for text in wrong.split() if re.fullmatch(pattern, text)] == []


def test_bands_of_age_follow_one_another() -> None:
    *bands, _ = CONTRACT.table("patients").field("age_band").enum
    ends = [tuple(map(int, band.split("-"))) for band in bands]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ends))
