"""Where a domain was not measured, and how many of its values lie at an end of its scale."""

import polars as pl

from analysis.contracts.protocol import Domain, Protocol
from analysis.contracts.results import conform, empty

LONGEST_DAYS = 10_000


def measure_bounds(
    domain_exposure: pl.DataFrame, baseline: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.measure_bounds: values at the worst and the best end, by domain and stage.

    A value beyond an end counts as at it: the best end of a percent scale is the target. An end
    that the protocol does not name has no count. Reads marts.domain_exposure (values after the
    last session belong to no stage) and the patients of marts.episode_baseline.
    """
    patients = baseline.select("episode_key", "patient_key")
    counted = [
        _counted(domain_exposure.filter(pl.col("domain") == name), patients, domain).with_columns(
            domain=pl.lit(name)
        )
        for name, domain in protocol.domains.items()
    ]
    return conform("measure_bounds", pl.concat(counted)) if counted else empty("measure_bounds")


def missingness(
    domain_exposure: pl.DataFrame, study_sessions: pl.DataFrame, protocol: Protocol
) -> pl.DataFrame:
    """Return results.missingness: the sessions of each stage on whose day a domain was measured.

    `study_sessions` holds the rows of marts.study_sessions. An instrument counts as the session
    does, on its day.
    """
    moment = pl.col("episode_key").cast(pl.Int64) * LONGEST_DAYS + pl.col("day")
    sessions = study_sessions.select("patient_key", "stage", moment=moment)
    people = sessions.group_by("stage").agg(
        sessions=pl.len(), patients=pl.col("patient_key").n_unique()
    )
    counted = []
    for name in protocol.domains:
        measured = domain_exposure.filter(pl.col("domain") == name).select(moment=moment)
        on_day = sessions.join(measured, on="moment", how="semi")
        counts = on_day.group_by("stage").agg(measured=pl.len())
        counted.append(
            people.join(counts, on="stage", how="left").select(
                "stage",
                "sessions",
                "patients",
                pl.col("measured").fill_null(0),
                domain=pl.lit(name),
            )
        )
    if not counted:
        return empty("missingness")
    rows = pl.concat(counted).with_columns(share_measured=pl.col("measured") / pl.col("sessions"))
    return conform("missingness", rows.sort("domain", "stage"))


def _counted(points: pl.DataFrame, patients: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    at_lowest, at_highest = _at(domain.lowest, "<="), _at(domain.highest, ">=")
    best, worst = (at_lowest, at_highest) if domain.better == "lower" else (at_highest, at_lowest)
    return (
        points.drop_nulls("stage")
        .join(patients, on="episode_key")
        .group_by("stage")
        .agg(
            patients=pl.col("patient_key").n_unique(),
            values_count=pl.len(),
            at_worst=worst,
            at_best=best,
        )
        .with_columns(
            share_at_worst=pl.col("at_worst") / pl.col("values_count"),
            share_at_best=pl.col("at_best") / pl.col("values_count"),
        )
        .sort("stage")
    )


def _at(end: float | None, side: str) -> pl.Expr:
    if end is None:
        return pl.lit(None, dtype=pl.UInt32)
    is_there = pl.col("value") <= end if side == "<=" else pl.col("value") >= end
    return is_there.sum().cast(pl.UInt32)
