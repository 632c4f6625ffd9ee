"""Who improved by a change that matters, with the unmeasured as a group of their own."""

from typing import Final

import polars as pl

from analysis.contracts.protocol import Domain, Protocol
from analysis.contracts.results import conform, empty
from analysis.trajectories.clusters import (
    UNIT,
    clustered_means,
    for_every_unit,
    network_first,
    with_share_interval,
)

IMPORTANT: Final = "important"
SUBSTANTIAL: Final = "substantial"
# Forgives the last bits of a product such as 0.3 * 7, so that a change of exactly the limit counts.
ROUNDING: Final = 1e-9


def responders(
    domain_points: pl.DataFrame, baseline: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.responders: episodes improved, not improved and unmeasured.

    A change runs from the first to the last measured day of the episode, so it needs two days;
    an episode without them is unmeasured and stays in the denominator. An episode that began
    without room to improve (pain 0) counts as not improved. The interval is of the share of all
    episodes; a unit that measured nobody has no share.
    """
    changes = _changes(domain_points)
    kinds = [
        _judged(changes, baseline, domain, change, condition)
        for domain, change, condition in _conditions(protocol)
    ]
    if not kinds or baseline.is_empty():
        return empty("responders")
    judged = for_every_unit(pl.concat(kinds))
    by = [*UNIT, "domain", "change"]
    shares = with_share_interval(
        clustered_means(judged, by, ["improved", "unmeasured"]),
        "improved",
        protocol.bootstrap.interval_level,
    )
    return conform("responders", network_first(_counted(shares), "domain", "change"))


def _changes(domain_points: pl.DataFrame) -> pl.DataFrame:
    """Return first and last value of every episode and domain measured on two days or more.

    Several values of one day count as their mean.
    """
    days = (
        domain_points.sort("episode_key", "domain", "day", "value")
        .group_by("episode_key", "domain", "day", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    return (
        days.group_by("episode_key", "domain", maintain_order=True)
        .agg(first=pl.col("value").first(), last=pl.col("value").last(), days=pl.len())
        .filter(pl.col("days") > 1)
    )


def _conditions(protocol: Protocol) -> list[tuple[str, str, pl.Expr]]:
    conditions = []
    for name, domain in protocol.domains.items():
        conditions.append((name, IMPORTANT, _is_important(domain)))
        if domain.substantial_share is not None:
            conditions.append((name, SUBSTANTIAL, _is_share(domain, domain.substantial_share)))
    return conditions


def _gain(domain: Domain) -> pl.Expr:
    change = pl.col("last") - pl.col("first")
    return -change if domain.better == "lower" else change


def _is_important(domain: Domain) -> pl.Expr:
    is_enough = _gain(domain) >= domain.important_change - ROUNDING
    if domain.important_share is None:
        return is_enough
    return is_enough | _is_share(domain, domain.important_share)


def _is_share(domain: Domain, share: float) -> pl.Expr:
    gain = _gain(domain)
    return (gain > 0) & (gain >= share * pl.col("first").abs() - ROUNDING)


def _judged(
    changes: pl.DataFrame, baseline: pl.DataFrame, domain: str, change: str, condition: pl.Expr
) -> pl.DataFrame:
    measured = changes.filter(pl.col("domain") == domain)
    return (
        baseline.select("episode_key", "patient_key", "clinic_id")
        .join(measured, on="episode_key", how="left")
        .select(
            "patient_key",
            "clinic_id",
            domain=pl.lit(domain),
            change=pl.lit(change),
            improved=condition.fill_null(value=False).cast(pl.Float64),
            unmeasured=pl.col("days").is_null().cast(pl.Float64),
        )
    )


def _counted(shares: pl.DataFrame) -> pl.DataFrame:
    def count(column: str) -> pl.Expr:
        return (pl.col(f"{column}_mean") * pl.col("rows_count")).round().cast(pl.Int64)

    def if_measured(column: str) -> pl.Expr:
        return pl.when(pl.col("unmeasured") < pl.col("rows_count")).then(pl.col(column))

    counted = shares.with_columns(improved=count("improved"), unmeasured=count("unmeasured"))
    return counted.select(
        *UNIT,
        "domain",
        "change",
        "patients",
        "improved",
        "unmeasured",
        episodes=pl.col("rows_count"),
        not_improved=pl.col("rows_count") - pl.col("improved") - pl.col("unmeasured"),
        share_improved=if_measured("improved_mean"),
        low=if_measured("improved_low"),
        high=if_measured("improved_high"),
    )
