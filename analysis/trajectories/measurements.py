"""Which instruments of a domain gave readings that could not be used, and why."""

from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform

MEASUREMENTS: Final = "measurements"
CONTRADICTORY: Final = "contradictory_units"
REASONS: Final = {
    CONTRADICTORY: "units contradict one another; readings in a unit that cannot be turned into "
    "the instrument's are left out",
    "other_unit": "readings in a unit that cannot be turned into the instrument's are left out",
    "out_of_range": "readings beyond what the instrument can show are left out",
    "no_target": "readings without an unaffected side, a norm or a goal to be set against are "
    "left out",
}


def measurement_gaps(instrument_use: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return rows of results.trajectory_gaps, one for each instrument and reason.

    `instrument_use` holds the rows of marts.instrument_use. Only what concerns as many readings as
    a released count must have is told; the other domains and instruments go on.
    """
    reason = (
        pl.when(pl.col("has_contradictory_units") & (pl.col("measurement_use") == "other_unit"))
        .then(pl.lit(CONTRADICTORY))
        .otherwise("measurement_use")
    )
    unused = (
        instrument_use.with_columns(reason=reason)
        .filter(pl.col("domain").is_not_null(), pl.col("reason").is_in(list(REASONS)))
        .group_by("domain", "instrument", "reason")
        .agg(pl.col("measurements").sum())
        .filter(pl.col("measurements") >= protocol.disclosure.smallest_count)
        .sort("domain", "instrument", "reason")
    )
    return conform(
        "trajectory_gaps",
        unused.select(
            "domain",
            pl.col("reason").replace_strict(REASONS, return_dtype=pl.String),
            model=pl.lit(MEASUREMENTS),
            term="instrument",
            subgroup_kind=pl.lit(None, dtype=pl.String),
            subgroup=pl.lit(None, dtype=pl.String),
        ),
    )
