"""Who improved or got worse by a change that matters; the unmeasured are a group of their own."""

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
from analysis.trajectories.lines import Lines, first_and_last, main_line

IMPORTANT: Final = "important"
SUBSTANTIAL: Final = "substantial"
# Important, and more than two measurements of an unchanged person may differ by.
DETECTABLE: Final = "detectable"
WORSE: Final = "worse"
# Forgives the last bits of a product such as 0.3 * 7, so that a change of exactly the limit counts.
ROUNDING: Final = 1e-9

PAIN: Final = "pain"

# Domain, kind of change, and what must hold of a first and a last value.
Condition = tuple[str, str, pl.Expr]


def responders(lines: Lines, baseline: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return results.responders: episodes improved, not improved and unmeasured.

    A change runs from the first to the last measured day of the episode's main line, so it needs
    two days; an episode without them is unmeasured and stays in the denominator. An episode that
    began without room to improve (pain 0) counts as not improved. The interval is of the share of
    all episodes; a unit that measured nobody has no share.
    """
    shares = _shares(_conditions(protocol), lines, baseline, protocol, "improved")
    return empty("responders") if shares is None else conform("responders", shares)


def deteriorations(lines: Lines, baseline: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return results.deteriorations: who got worse by an important change, counted likewise.

    Worse is measured in the domain's unit alone: a share of a small first value is soon reached.
    """
    conditions = [(name, WORSE, _is_worse(domain)) for name, domain in protocol.domains.items()]
    shares = _shares(conditions, lines, baseline, protocol, "deteriorated")
    if shares is None:
        return empty("deteriorations")
    return conform("deteriorations", shares.drop("change"))


def pain_changes(domain_exposure: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Return how pain changed in every episode with pain on two days or more.

    Columns: episode_key, first, last (in points), is_improved, is_worse, by the very conditions of
    `responders` (important change) and `deteriorations`. `domain_exposure` holds the rows of
    marts.domain_exposure.
    """
    line = main_line(domain_exposure.filter(pl.col("domain") == PAIN))
    pain = protocol.domains[PAIN]
    return first_and_last(line).select(
        "episode_key", "first", "last", is_improved=_is_important(pain), is_worse=_is_worse(pain)
    )


def _shares(
    conditions: list[Condition],
    lines: Lines,
    baseline: pl.DataFrame,
    protocol: Protocol,
    outcome: str,
) -> pl.DataFrame | None:
    """Return counts and share of the outcome for every unit, domain and kind of change."""
    if not conditions or baseline.is_empty():
        return None
    changes = {name: first_and_last(line) for name, line in lines.items()}
    judged = [
        _judged(changes[domain], baseline, domain, change, condition)
        for domain, change, condition in conditions
    ]
    means = clustered_means(
        for_every_unit(pl.concat(judged)), [*UNIT, "domain", "change"], ["is_so", "unmeasured"]
    )
    shares = with_share_interval(means, "is_so", protocol.bootstrap.interval_level)
    return network_first(_counted(shares, outcome), "domain", "change")


def _conditions(protocol: Protocol) -> list[Condition]:
    conditions: list[Condition] = []
    for name, domain in protocol.domains.items():
        conditions.append((name, IMPORTANT, _is_important(domain)))
        if domain.substantial_share is not None:
            conditions.append((name, SUBSTANTIAL, _is_share(domain, domain.substantial_share)))
        if domain.smallest_detectable_change is not None:
            is_seen = _gain(domain) >= domain.smallest_detectable_change - ROUNDING
            conditions.append((name, DETECTABLE, _is_important(domain) & is_seen))
    return conditions


def _gain(domain: Domain) -> pl.Expr:
    change = pl.col("last") - pl.col("first")
    return -change if domain.better == "lower" else change


def _is_important(domain: Domain) -> pl.Expr:
    is_enough = _gain(domain) >= domain.important_change - ROUNDING
    if domain.important_share is None:
        return is_enough
    return is_enough | _is_share(domain, domain.important_share)


def _is_worse(domain: Domain) -> pl.Expr:
    return -_gain(domain) >= domain.important_change - ROUNDING


def _is_share(domain: Domain, share: float) -> pl.Expr:
    gain = _gain(domain)
    return (gain > 0) & (gain >= share * pl.col("first").abs() - ROUNDING)


def _judged(
    changes: pl.DataFrame, baseline: pl.DataFrame, domain: str, change: str, condition: pl.Expr
) -> pl.DataFrame:
    return (
        baseline.select("episode_key", "patient_key", "clinic_id")
        .join(changes, on="episode_key", how="left")
        .select(
            "patient_key",
            "clinic_id",
            domain=pl.lit(domain),
            change=pl.lit(change),
            is_so=condition.fill_null(value=False).cast(pl.Float64),
            unmeasured=pl.col("days").is_null().cast(pl.Float64),
        )
    )


def _counted(shares: pl.DataFrame, outcome: str) -> pl.DataFrame:
    def count(column: str) -> pl.Expr:
        return (pl.col(f"{column}_mean") * pl.col("rows_count")).round().cast(pl.Int64)

    def if_measured(column: str) -> pl.Expr:
        return pl.when(pl.col("unmeasured") < pl.col("rows_count")).then(pl.col(column))

    counted = shares.with_columns(is_so=count("is_so"), unmeasured=count("unmeasured"))
    return counted.select(
        *UNIT,
        "domain",
        "change",
        "patients",
        "unmeasured",
        pl.col("is_so").alias(outcome),
        (pl.col("rows_count") - pl.col("is_so") - pl.col("unmeasured")).alias(f"not_{outcome}"),
        if_measured("is_so_mean").alias(f"share_{outcome}"),
        episodes=pl.col("rows_count"),
        low=if_measured("is_so_low"),
        high=if_measured("is_so_high"),
    )
