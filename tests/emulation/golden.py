"""The door to the public data; a test is skipped with a reason where they are absent."""

import json
from pathlib import Path

import polars as pl
import pytest

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"


def golden_rows(case: str, file: str = "data.csv") -> pl.DataFrame:
    path = GOLDEN / case / file
    if not path.exists():
        pytest.skip(f"the public data {case} are not beside the project")
    return pl.read_csv(path, null_values=["", "NA"], infer_schema_length=None)


def golden_numbers(case: str) -> dict:
    path = GOLDEN / case / "given.json"
    if not path.exists():
        pytest.skip(f"the reference numbers of {case} are not beside the project")
    return json.loads(path.read_text())
