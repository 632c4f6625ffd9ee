"""Where among the people hardly anybody stays with a strategy: a map over two or three columns.

Weights can only speak for a kind of people of whom some stay (positivity: Hernan and Robins 2020,
chapters 3 and 12; Petersen et al. 2012). The map shows, for every combination of levels, how many
decisions there were, how often people left, and how often the model leaves next to no chance of
staying. A combination that never occurred has a row as well: there the estimate is extrapolation.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.arrays import BoolArray, FloatArray
from analysis.emulation.design import UNKNOWN_LEVEL

MEASURES: Final = {
    "decisions": pl.Int64,
    "people": pl.Int64,
    "leaving_predicted": pl.Float64,
    "leaving_observed": pl.Float64,
    "smallest_staying": pl.Float64,
    "share_below_floor": pl.Float64,
}
DIGITS_OF_EDGES: Final = 6


def positivity_map(
    decisions: pl.DataFrame,
    by: Sequence[str],
    *,
    person: str,
    left: BoolArray,
    leaving: FloatArray,
    floor: float,
) -> pl.DataFrame:
    """Return a row for every combination of the levels of the columns `by`, sorted by them.

    `decisions` holds a row for each decision with the columns `by` and `person`; `left` (rows,)
    says whether the strategy was left there, `leaving` (rows,) the predicted probability of it.
    The result has the columns `by` as text (a null is the level `unknown`), `decisions`,
    `people`, `leaving_predicted` and `leaving_observed` (means, null without decisions),
    `smallest_staying` and `share_below_floor` (of the decisions, where the predicted probability
    of staying is below `floor`). An empty frame gives an empty map.
    """
    rows = decisions.select(
        *(pl.col(name).cast(pl.String).fill_null(UNKNOWN_LEVEL) for name in by),
        pl.col(person).alias("person"),
    ).with_columns(left=pl.Series(left), staying=pl.Series(1.0 - leaving))
    combinations = rows.select(pl.col(by[0]).unique())
    for name in by[1:]:
        combinations = combinations.join(rows.select(pl.col(name).unique()), how="cross")
    counted = (
        rows.sort(*by, "person", "staying")
        .group_by(by, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("decisions"),
            pl.col("person").n_unique().cast(pl.Int64).alias("people"),
            (1.0 - pl.col("staying").mean()).alias("leaving_predicted"),
            pl.col("left").mean().alias("leaving_observed"),
            pl.col("staying").min().alias("smallest_staying"),
            (pl.col("staying") < floor).mean().alias("share_below_floor"),
        )
    )
    return (
        combinations.join(counted, on=list(by), how="left")
        .with_columns(pl.col("decisions", "people").fill_null(0))
        .select(*by, *(pl.col(name).cast(kind) for name, kind in MEASURES.items()))
        .sort(by)
    )


def in_bands(values: pl.Series, edges: Sequence[float]) -> pl.Series:
    """Return the band of every number as text that sorts as the numbers do.

    Edges a < b < c give the bands `1: below a`, `2: a to below b`, `3: b to below c` and
    `4: c or more`; nulls and NaN stay null.
    """
    if list(edges) != sorted(set(edges)) or not edges:
        raise ValueError("Edges of bands rise from one to the next.")
    words = [f"{edge:.{DIGITS_OF_EDGES}g}" for edge in edges]
    spans = [f"{one} to below {other}" for one, other in pairwise(words)]
    names = [f"below {words[0]}", *spans, f"{words[-1]} or more"]
    width = len(str(len(names)))
    labels = [f"{number:0{width}d}: {name}" for number, name in enumerate(names, start=1)]
    numbers = values.cast(pl.Float64).fill_nan(None)
    known = numbers.fill_null(0.0).to_numpy()
    which = np.searchsorted(np.asarray(edges, dtype=np.float64), known, side="right")
    banded = pl.Series(values.name, [labels[each] for each in which], dtype=pl.String)
    return banded.to_frame().select(
        pl.when(pl.Series(numbers.is_not_null())).then(pl.col(values.name)).alias(values.name)
    )[values.name]
