"""When one clinic may be shown beside the others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from analysis.contracts.results import NETWORK
from analysis.disclosure.relations import key_of
from analysis.disclosure.rules import TABLE_RULES, UNIT

Row = Mapping[str, Any]
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


def rows_beside(table: str, rows: Sequence[Row]) -> list[Row]:
    """Return the network's rows of a released table that may stand beside one clinic's.

    Each figure is judged for itself: enough clinics are shown in the very stage, domain or week,
    and none of them has more than half of its people.
    """
    people = TABLE_RULES[table].people
    key = [name for name in key_of(table) if name not in UNIT]
    network = [row for row in rows if row["unit_kind"] == NETWORK]
    if people is None:
        return network
    known: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        if row["unit_kind"] != NETWORK and row[people]:
            known.setdefault(tuple(row[name] for name in key), []).append(row[people])
    return [row for row in network if _are_peers(known.get(tuple(row[name] for name in key), []))]


def _are_peers(people: Sequence[int]) -> bool:
    """Say whether so many people of each clinic hide every one of the clinics."""
    return len(people) >= SMALLEST_PEER_CLINICS and max(people) <= LARGEST_PEER_SHARE * sum(people)
