"""What a clinic records, by what the analyses need: the tiers of data quality.

T0 has appointments only, T1 stages and pain, T2 dated exits with evidence, T3 scheduled follow-up.
A unit is on the highest tier whose requirements, and those of all tiers below, it meets; which
that is follows from the rows.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.contracts.protocol import Disclosure, Protocol
from analysis.contracts.results import CLINIC, NETWORK, conform, empty
from analysis.disclosure.rounding import is_small, round_count

# A line through an episode's values needs two of them; with fewer sessions recorded than this, the
# usual course of care of six sessions in a stage leaves many stages without.
PAIN_NEEDED: Final = 0.7
# Half of the attempts find nobody in many registries; below this even perfect success would leave
# the status of most people unknown.
ATTEMPTS_NEEDED: Final = 0.6


@dataclass(frozen=True)
class Requirement:
    """A share that a tier asks for: columns of its counts, and what is needed.

    With `is_past_horizon` only episodes count that could have been followed to the horizon.
    """

    name: str
    tier: int
    numerator: str
    denominator: str
    needed: float
    is_past_horizon: bool = False


def requirements(protocol: Protocol) -> tuple[Requirement, ...]:
    """Return what the tiers ask for; the gates of the study ask for the same shares."""
    gates = protocol.gates
    return (
        Requirement(
            "stage_recorded", 1, "stage_known", "attended_sessions", gates.stage_known_smallest
        ),
        Requirement("pain_recorded", 1, "sessions_with_pain", "attended_sessions", PAIN_NEEDED),
        Requirement(
            "exit_evidence",
            2,
            "stage_changes_with_evidence",
            "stage_changes",
            gates.exit_evidence_smallest,
        ),
        Requirement(
            "follow_up_attempted", 3, "has_attempt", "is_episode", ATTEMPTS_NEEDED,
            is_past_horizon=True,
        ),
        Requirement(
            "status_known", 3, "is_known", "is_episode", gates.status_known_smallest,
            is_past_horizon=True,
        ),
    )  # fmt: skip


def data_quality(
    episode_records: pl.DataFrame,
    observed_episodes: pl.DataFrame,
    record_quality: pl.DataFrame,
    start_months: pl.DataFrame,
    protocol: Protocol,
) -> pl.DataFrame:
    """Return results.data_quality: the requirements of the network, then of every clinic by name.

    `episode_records` and `record_quality` hold the rows of the marts of these names,
    `observed_episodes` one row for each episode (`episode_id`, `is_known`), `start_months` each
    month of start (`period`) with its `observed_days`. is_met is told from counts rounded as they
    are released, and not where one of them is too small to be.
    """
    if episode_records.is_empty():
        return empty("data_quality")
    episodes = _episodes(episode_records, observed_episodes, start_months, protocol)
    counted = pl.concat(
        _from_gate(record_quality, each)
        if each.name == "stage_recorded"
        else _counts(episodes, each)
        for each in requirements(protocol)
    )
    rows = counted.with_columns(
        share=pl.when(pl.col("denominator") > 0).then(pl.col("numerator") / pl.col("denominator")),
        is_met=_is_met(protocol.disclosure),
    )
    return conform("data_quality", rows.sort(pl.col("unit_kind") == CLINIC, "unit_name", "tier"))


def _episodes(
    records: pl.DataFrame,
    observed: pl.DataFrame,
    start_months: pl.DataFrame,
    protocol: Protocol,
) -> pl.DataFrame:
    past = start_months.filter(pl.col("observed_days") >= protocol.study.horizon_days)["period"]
    return records.join(
        observed.select("episode_id", "is_known"), on="episode_id", how="left"
    ).with_columns(
        is_past_horizon=pl.col("start_month").is_in(past.to_list()),
        has_attempt=pl.col("follow_up_attempts") > 0,
        is_episode=True,
    )


def _counts(episodes: pl.DataFrame, requirement: Requirement) -> pl.DataFrame:
    """Return the requirement's counts for the network and every clinic."""
    counts = pl.col("is_past_horizon") if requirement.is_past_horizon else pl.lit(value=True)
    asked = episodes.with_columns(
        numerator=pl.when(counts).then(pl.col(requirement.numerator).cast(pl.Int64)),
        denominator=pl.when(counts).then(pl.col(requirement.denominator).cast(pl.Int64)),
    )
    units = pl.concat(
        [
            asked.with_columns(unit_kind=pl.lit(NETWORK), unit_name=pl.lit(NETWORK)),
            asked.with_columns(unit_kind=pl.lit(CLINIC), unit_name=pl.col("clinic_id")),
        ]
    )
    summed = units.group_by("unit_kind", "unit_name").agg(
        pl.col("numerator", "denominator").sum(),
        patients=pl.col("patient_key").filter(pl.col("denominator") > 0).n_unique().cast(pl.Int64),
    )
    return _named(summed, requirement)


def _from_gate(record_quality: pl.DataFrame, requirement: Requirement) -> pl.DataFrame:
    """Return the share of sessions with a stage, as the study's gate on records counts it."""
    is_network = pl.col("clinic_id").is_null()
    return _named(
        record_quality.select(
            unit_kind=pl.when(is_network).then(pl.lit(NETWORK)).otherwise(pl.lit(CLINIC)),
            unit_name=pl.col("clinic_id").fill_null(NETWORK),
            numerator=pl.col(requirement.numerator).cast(pl.Int64),
            denominator=pl.col(requirement.denominator).cast(pl.Int64),
            patients=pl.col("patients").cast(pl.Int64),
        ),
        requirement,
    )


def _named(counts: pl.DataFrame, requirement: Requirement) -> pl.DataFrame:
    return counts.with_columns(
        tier=pl.lit(requirement.tier, dtype=pl.Int16),
        requirement=pl.lit(requirement.name),
        needed=pl.lit(requirement.needed),
    )


def _is_met(disclosure: Disclosure) -> pl.Expr:
    """Return whether the rounded share reaches what is needed; null where a count is hidden."""
    base = disclosure.rounding_base

    def rounded(column: str) -> pl.Expr:
        return pl.col(column).map_elements(lambda count: round_count(count, base), pl.Int64)

    def hidden(column: str) -> pl.Expr:
        return pl.col(column).map_elements(
            lambda count: is_small(count, disclosure.smallest_count, base), pl.Boolean
        )

    is_hidden = hidden("numerator") | hidden("denominator") | hidden("patients")
    share = (rounded("numerator") / rounded("denominator")).clip(upper_bound=1.0)
    return pl.when(~is_hidden & (pl.col("denominator") > 0)).then(share >= pl.col("needed"))
