"""What a unit's page says first: how many, how far, how many were injured again."""

from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES, Protocol
from analysis.contracts.results import CLINIC, NETWORK, conform, empty
from analysis.survival.incidence import CENSORED, COMPETING, EVENT, cumulative_incidence

UNIT: Final = ("unit_kind", "unit_name")


def unit_summaries(
    baseline: pl.DataFrame, adherence: pl.DataFrame, outcomes: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.unit_summaries of the network and every clinic, in this order.

    Reads marts.episode_baseline, marts.episode_adherence (of the primary order when it holds
    several) and marts.episode_outcomes. The risk of re-injury describes what was seen; it
    compares nothing. Status is known for an episode that was followed to the horizon or to an
    event before it.
    """
    episodes = observed_episodes(baseline, adherence, outcomes, protocol)
    if episodes.is_empty():
        return empty("unit_summaries")
    units = [_summary(episodes, NETWORK, NETWORK, protocol)]
    for (clinic,), own in episodes.group_by("clinic_id", maintain_order=True):
        units.append(_summary(own, CLINIC, str(clinic), protocol))
    return conform("unit_summaries", pl.DataFrame(units, infer_schema_length=None))


def stage_funnel(funnel: pl.DataFrame) -> pl.DataFrame:
    """Return results.stage_funnel from marts.stage_funnel, whose network rows have no clinic."""
    is_network = pl.col("clinic_id").is_null()
    named = funnel.select(
        pl.when(is_network).then(pl.lit(NETWORK)).otherwise(pl.lit(CLINIC)).alias("unit_kind"),
        pl.col("clinic_id").fill_null(NETWORK).alias("unit_name"),
        "stage",
        "episodes_worked",
        "episodes_completed",
        "patients_worked",
    )
    is_clinic = pl.col("unit_kind") == CLINIC
    return conform("stage_funnel", named.sort(is_clinic, "unit_name", "stage"))


def attrition(steps: pl.DataFrame) -> pl.DataFrame:
    """Return results.attrition from marts.attrition."""
    return conform("attrition", steps.sort("step"))


def observed_episodes(
    baseline: pl.DataFrame, adherence: pl.DataFrame, outcomes: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return what was seen of every episode, by clinic and episode.

    Reads the marts that `unit_summaries` reads. `cause` says what ended `followed_days`, in the
    codes of `analysis.survival.incidence`; `is_known` that status is known: the episode was
    followed to the horizon or to an event before it.
    """
    if "order_name" in adherence.columns:
        adherence = adherence.filter(pl.col("order_name") == protocol.study.primary_order)
    horizon = protocol.study.horizon_days
    is_competing = ~pl.col("is_event") & (pl.col("competing_day") <= pl.col("followed_days"))
    cause = (
        pl.when(pl.col("is_event"))
        .then(EVENT)
        .when(is_competing.fill_null(value=False))
        .then(COMPETING)
        .otherwise(CENSORED)
    )
    return (
        baseline.select("episode_id", "patient_key", "clinic_id")
        .join(
            adherence.select(
                "episode_id",
                "first_violation_day",
                "first_skip_day",
                "attended_sessions",
                "completed_stages",
            ),
            on="episode_id",
            how="left",
        )
        .join(
            outcomes.select("episode_id", "is_event", "competing_day", "followed_days"),
            on="episode_id",
            how="left",
        )
        .with_columns(
            pl.col("is_event").fill_null(value=False), pl.col("followed_days").fill_null(0)
        )
        .with_columns(cause=cause)
        .with_columns(is_known=(pl.col("cause") != CENSORED) | (pl.col("followed_days") >= horizon))
        .sort("clinic_id", "episode_id")
    )


def _summary(
    episodes: pl.DataFrame, unit_kind: str, unit_name: str, protocol: Protocol
) -> dict[str, object]:
    return {
        "unit_kind": unit_kind,
        "unit_name": unit_name,
        "patients": episodes["patient_key"].n_unique(),
        "episodes": episodes.height,
        "attended_sessions": int(episodes["attended_sessions"].sum()),
        "episodes_ever_violated": episodes["first_violation_day"].count(),
        "episodes_ever_skipped": episodes["first_skip_day"].count(),
        "episodes_completed_all": int((episodes["completed_stages"] == len(STAGES)).sum()),
        "reinjuries": int((episodes["cause"] == EVENT).sum()),
        "status_known": int(episodes["is_known"].sum()),
        **reinjury_risk(episodes, protocol),
    }


def reinjury_risk(episodes: pl.DataFrame, protocol: Protocol) -> dict[str, float | None]:
    """Return the risk of re-injury by the horizon and its interval, null where nobody got there.

    `episodes` are some of `observed_episodes`.
    """
    incidence = cumulative_incidence(
        episodes["followed_days"].to_numpy().astype(np.float64),
        episodes["cause"].to_numpy().astype(np.int64),
        episodes["patient_key"].to_numpy().astype(np.int64),
        protocol.study.horizon_days,
        protocol.bootstrap.interval_level,
    )
    return {
        "reinjury_risk": _or_null(incidence.risk),
        "reinjury_risk_low": _or_null(incidence.low),
        "reinjury_risk_high": _or_null(incidence.high),
    }


def _or_null(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
