"""Repeated answers of people: logistic models with independence and errors by person."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.design import Quantity, design_matrix
from analysis.emulation.pooled import fit_pooled
from benchmarks.public.comparing import ROUNDING, Case, Golden, Row

GEE: Final = "08_gee"
# R 4.2.2: glm to epsilon 1e-15, vcovCL of sandwich 3.0-2 by child and by patient.
CLUSTERED: Final = "R 4.2.2, glm, and sandwich 3.0-2, vcovCL by person"
OHIO: Final = {
    "intercept": (-1.88373472892944, 0.114346719523736),
    "age": (-0.113412766652829, 0.0439185787971211),
    "smoke": (0.272138564525097, 0.178147795731463),
}
RESPIRATORY: Final = {
    "intercept": (-0.807939275154092, 0.467559827594095),
    "active": (1.28287900135209, 0.352446913796504),
    "woman": (0.271336295939026, 0.42454745562724),
    "baseline": (1.99667444947807, 0.328795999370104),
    "age": (-0.0137116034420766, 0.013403501163752),
}


def _row(
    data: str, people: pl.DataFrame, outcome: str, theirs: dict[str, tuple[float, float]]
) -> Iterator[Row]:
    names = [name for name in theirs if name != "intercept"]
    design = design_matrix(people, [Quantity(name) for name in names])
    happened = (people[outcome] == 1).to_numpy()
    table = fit_pooled(design, happened, cluster=people["person"].to_numpy()).table()
    numbers = np.array([theirs[name] for name in table["name"]])
    what = "logistic model, independence within people"
    for place, column, quantity, reason in (
        (0, "estimate", "coefficients", ROUNDING),
        (1, "standard_error", "robust errors", "the weights of glm are one step behind"),
    ):
        ours = table[column].to_numpy()
        yield Row(
            data, f"{what}: {quantity}", CLUSTERED, numbers[:, place], ours, 1e-8,
            reason, names=table["name"].to_list(),
        )  # fmt: skip


def _ohio(golden: Golden) -> Iterator[Row]:
    people = golden.rows(GEE).with_columns(person="id")
    yield from _row("ohio", people, "resp", OHIO)


def _respiratory(golden: Golden) -> Iterator[Row]:
    people = golden.rows(GEE, "respiratory.csv").with_columns(
        person=1_000 * pl.col("center") + pl.col("id"),
        active=(pl.col("treat") == "A").cast(pl.Int64),
        woman=(pl.col("sex") == "F").cast(pl.Int64),
    )
    yield from _row("respiratory", people, "outcome", RESPIRATORY)


CASES: Final[dict[str, Case]] = {"ohio": _ohio, "respiratory": _respiratory}
