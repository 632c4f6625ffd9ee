"""When one clinic may be shown beside the others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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


def may_stand_beside(clinics: Sequence[Mapping[str, Any]], people: str) -> bool:
    """Say whether a network's row may stand beside one clinic's: enough others are in it too.

    `clinics` are the clinics' released rows of the same figure (the same stage, domain, ...);
    `people` names the count of people in them. A hidden count is of a clinic too small to count.
    """
    known = [row[people] for row in clinics if row[people]]
    enough = len(known) >= SMALLEST_PEER_CLINICS
    return enough and max(known) <= LARGEST_PEER_SHARE * sum(known)
