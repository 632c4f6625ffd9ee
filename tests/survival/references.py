"""Numbers of R's survival and cmprsk on public data; the calls stand beside them in the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())

COX = "04_cox_ties_strata_lefttrunc_cluster"
RECURRENT = "05_recurrent_events"
COMPETING = "06_competing_risks_mgus2"
CURVES = "16_km_rmst_logrank_gcomp"


def public_rows(case: str, file: str = "data.csv") -> pl.DataFrame:
    """Return the public data, or skip the test where they are absent."""
    path = GOLDEN / case / file
    if not path.exists():
        pytest.skip(f"the public data {case} are not beside the project")
    return pl.read_csv(path, null_values=["", "NA", "."], infer_schema_length=None)


def given_fits(case: str) -> dict[str, Any]:
    path = GOLDEN / case / "given.json"
    if not path.exists():
        pytest.skip(f"the reference numbers of {case} are not beside the project")
    return json.loads(path.read_text())


def columns(people: pl.DataFrame, *expressions: pl.Expr | str) -> np.ndarray:
    return people.select(*expressions).cast(pl.Float64).to_numpy()
