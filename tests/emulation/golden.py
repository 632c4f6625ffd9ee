"""The door to the public data; a test is skipped with a reason where they are absent."""

import polars as pl
import pytest

from benchmarks.public import GOLDEN, Golden, MissingDataError

__all__ = ["GOLDEN", "golden_rows"]


def golden_rows(case: str, file: str = "data.csv") -> pl.DataFrame:
    try:
        return Golden().rows(case, file)
    except MissingDataError:
        pytest.skip(f"the public data {case} are not beside the project")
