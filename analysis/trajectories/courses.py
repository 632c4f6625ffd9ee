"""Where a domain stands when episodes enter and leave each stage."""

import polars as pl
import polars.selectors as cs

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform
from analysis.trajectories.clusters import (
    UNIT,
    clustered_means,
    for_every_unit,
    network_first,
    with_mean_interval,
)


def domain_courses(
    stage_trajectories: pl.DataFrame, baseline: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.domain_courses: first, last and changed means of each domain and stage.

    All three means are over the same episodes, those measured on at least two days of the
    stage, so that the last mean is the first plus the change. `stage_trajectories` holds the
    rows of marts.stage_trajectories, `baseline` those of marts.episode_baseline. It describes:
    people enter and leave a stage because they changed, so a change is not the stage's effect.
    """
    changes = (
        stage_trajectories.filter(pl.col("last_day") > pl.col("first_day"))
        .join(baseline.select("episode_id", "patient_key", "clinic_id"), on="episode_id")
        .select(
            "patient_key",
            "clinic_id",
            "domain",
            "stage",
            first=pl.col("first_value"),
            last=pl.col("last_value"),
            change=pl.col("last_value") - pl.col("first_value"),
        )
    )
    level = protocol.bootstrap.interval_level
    courses = clustered_means(
        for_every_unit(changes), [*UNIT, "domain", "stage"], ["first", "last", "change"]
    )
    for column in ("last", "change"):
        courses = with_mean_interval(courses, column, level)
    units = pl.DataFrame(
        {
            "domain": list(protocol.domains),
            "unit": [domain.unit for domain in protocol.domains.values()],
        }
    )
    named = courses.join(units, on="domain", how="left", maintain_order="left")
    return conform(
        "domain_courses",
        network_first(named, "domain", "stage")
        .rename({"rows_count": "episodes"})
        .drop(cs.ends_with("_error")),
    )
