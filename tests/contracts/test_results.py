"""A results frame enters the registry with the columns that its table declares, and no row more."""

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, SchemaError, conform


@pytest.mark.parametrize("table", RESULT_TABLES)
def test_nothing_conforms_to_a_table_without_rows(table: str) -> None:
    rows = conform(table, pl.DataFrame([]))
    assert rows.height == 0
    assert rows.columns == list(RESULT_TABLES[table])


def test_what_is_left_out_is_null_and_what_is_not_declared_is_refused() -> None:
    (row,) = conform("attrition", pl.DataFrame({"reason": ["begun"]})).rows()
    assert row == (None, "begun", None)
    with pytest.raises(SchemaError, match="surprise"):
        conform("attrition", pl.DataFrame({"surprise": [1]}))
