"""When one clinic may be shown beside the others."""

from typing import Final

import polars as pl

# With fewer, or with one of them above half, "the others" is hardly more than one clinic's figures.
SMALLEST_PEER_CLINICS: Final = 5
LARGEST_PEER_SHARE: Final = 0.5


def why_no_comparison(unit_summaries: pl.DataFrame) -> str | None:
    """Return why clinics cannot be shown beside the network; None when they can.

    Reads released results.unit_summaries. A clinic knows its own exact figures, and would
    otherwise find another clinic's by subtraction.
    """
    clinics = unit_summaries.filter(
        (pl.col("unit_kind") == "clinic") & pl.col("patients").is_not_null()
    )
    if clinics.height < SMALLEST_PEER_CLINICS:
        return (
            f"The network is shown beside a clinic only when at least {SMALLEST_PEER_CLINICS} "
            "clinics are large enough to be counted, so that no clinic can work out another's "
            "figures."
        )
    if clinics["patients"].max() > LARGEST_PEER_SHARE * clinics["patients"].sum():  # type: ignore[operator]
        return (
            "More than half of the network's patients belong to one clinic, so the network is "
            "not shown beside a clinic: it would show that clinic's figures."
        )
    return None
