"""How the parts of a unit's patients fare, by condition and by region."""

from typing import Final

import polars as pl

from analysis.contracts.protocol import STAGES, Protocol
from analysis.contracts.results import CLINIC, NETWORK, conform, empty
from analysis.outcomes.summaries import reinjury_risk
from analysis.survival.incidence import EVENT

SUBGROUP_KINDS: Final = ("condition", "region")


def group_summaries(
    episodes: pl.DataFrame, baseline: pl.DataFrame, pain_changes: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.group_summaries of the network, then of the clinics by name.

    `episodes` are those of `observed_episodes`, `baseline` the rows of marts.episode_baseline;
    `pain_changes` holds the episodes with pain on two days or more (`episode_key`, `is_improved`).
    Episodes without them stay in the denominator of the share improved; a group in which nobody
    has them has no share.
    """
    if episodes.is_empty():
        return empty("group_summaries")
    judged = episodes.join(
        baseline.select("episode_id", "episode_key", *SUBGROUP_KINDS), on="episode_id", how="inner"
    ).join(pain_changes.select("episode_key", "is_improved"), on="episode_key", how="left")
    rows = []
    for kind in SUBGROUP_KINDS:
        for (group,), own in judged.sort(kind).group_by(kind, maintain_order=True):
            rows.append(_named(_summary(own, protocol), NETWORK, NETWORK, kind, group))
        for (clinic, group), own in judged.sort("clinic_id", kind).group_by(
            "clinic_id", kind, maintain_order=True
        ):
            rows.append(_named(_summary(own, protocol), CLINIC, clinic, kind, group))
    framed = conform("group_summaries", pl.DataFrame(rows, infer_schema_length=None))
    return framed.sort(pl.col("unit_kind") == CLINIC, "unit_name", "subgroup_kind", "subgroup")


def _named(
    summary: dict[str, object], unit_kind: str, unit_name: object, kind: str, group: object
) -> dict[str, object]:
    named = {"unit_kind": unit_kind, "unit_name": unit_name}
    return {**named, "subgroup_kind": kind, "subgroup": group, **summary}


def _summary(episodes: pl.DataFrame, protocol: Protocol) -> dict[str, object]:
    improved = int(episodes["is_improved"].sum())
    is_measured = episodes["is_improved"].is_not_null().any()
    return {
        "patients": episodes["patient_key"].n_unique(),
        "episodes": episodes.height,
        "improved": improved,
        "episodes_completed_all": int((episodes["completed_stages"] == len(STAGES)).sum()),
        "reinjuries": int((episodes["cause"] == EVENT).sum()),
        "status_known": int(episodes["is_known"].sum()),
        "share_improved": improved / episodes.height if is_measured else None,
        **reinjury_risk(episodes, protocol),
    }
