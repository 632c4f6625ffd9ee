"""Means and shares of units with patients as clusters, because a patient can have episodes."""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.contracts.results import CLINIC, NETWORK

FloatArray = npt.NDArray[np.float64]
UNIT: Final = ("unit_kind", "unit_name")


def for_every_unit(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows twice, once for the network and once for their clinic.

    Reads `clinic_id`; adds `unit_kind` and `unit_name`.
    """
    network = rows.with_columns(unit_kind=pl.lit(NETWORK), unit_name=pl.lit(NETWORK))
    clinics = rows.with_columns(unit_kind=pl.lit(CLINIC), unit_name=pl.col("clinic_id"))
    return pl.concat([network, clinics])


def network_first(rows: pl.DataFrame, *then: str) -> pl.DataFrame:
    """Return the rows of the network, then those of the clinics by name, then by other columns."""
    return rows.sort(pl.col("unit_kind") == CLINIC, "unit_name", *then)


def clustered_means(rows: pl.DataFrame, by: list[str], columns: list[str]) -> pl.DataFrame:
    """Return mean and standard error of each column in each group of rows.

    Reads `patient_key` as the cluster. Adds `rows_count`, `patients`, and for each column
    `<column>_mean` and `<column>_error`: the linearised error of a mean of clusters, times
    patients / (patients - 1); null for a single patient. Groups come sorted.
    """
    ordered = rows.sort([*by, "patient_key", *columns])
    means = ordered.group_by(by, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows_count"),
        pl.col("patient_key").n_unique().cast(pl.Int64).alias("patients"),
        *(pl.col(column).mean().alias(f"{column}_mean") for column in columns),
    )
    deviations = (
        ordered.join(means, on=by, how="left", maintain_order="left")
        .group_by([*by, "patient_key"], maintain_order=True)
        .agg((pl.col(column) - pl.col(f"{column}_mean")).sum() for column in columns)
        .group_by(by, maintain_order=True)
        .agg((pl.col(column) ** 2).sum().alias(f"{column}_squares") for column in columns)
    )
    patients = pl.col("patients")
    return (
        means.join(deviations, on=by, how="left", maintain_order="left")
        .with_columns(
            pl.when(patients > 1)
            .then(
                (pl.col(f"{column}_squares") * patients / (patients - 1)).sqrt()
                / pl.col("rows_count")
            )
            .alias(f"{column}_error")
            for column in columns
        )
        .drop(f"{column}_squares" for column in columns)
    )


def with_mean_interval(means: pl.DataFrame, column: str, level: float) -> pl.DataFrame:
    """Add `<column>_low` and `<column>_high` by Student's t with patients - 1 degrees."""
    from scipy.special import stdtrit

    freedom = np.maximum(means["patients"].to_numpy() - 1, 1)
    reach = pl.Series(stdtrit(freedom, (1 + level) / 2)) * means[f"{column}_error"]
    mean = means[f"{column}_mean"]
    return means.with_columns(
        (mean - reach).alias(f"{column}_low"), (mean + reach).alias(f"{column}_high")
    )


def with_share_interval(means: pl.DataFrame, column: str, level: float) -> pl.DataFrame:
    """Add the limits of a share by Wilson's interval at the effective number of rows.

    The effective number is what independent rows would need for the same error (Korn and
    Graubard 1998), never more than there are rows; where all rows agree, the patients.
    """
    from scipy.special import ndtri

    share = means[f"{column}_mean"].to_numpy()
    error = means[f"{column}_error"].fill_null(0.0).to_numpy()
    varies = error > 0
    size = means["patients"].to_numpy().astype(np.float64)
    size[varies] = (share * (1 - share))[varies] / error[varies] ** 2
    size = np.minimum(size, means["rows_count"].to_numpy())
    low, high = wilson_interval(share, size, float(ndtri((1 + level) / 2)))
    return means.with_columns(pl.Series(f"{column}_low", low), pl.Series(f"{column}_high", high))


def wilson_interval(
    share: FloatArray, size: FloatArray, quantile: float
) -> tuple[FloatArray, FloatArray]:
    """Return the score interval of a share among `size` independent rows (Wilson 1927)."""
    square = quantile**2
    center = (share + square / (2 * size)) / (1 + square / size)
    spread = share * (1 - share) / size + square / (4 * size**2)
    reach = quantile * np.sqrt(spread) / (1 + square / size)
    return np.maximum(center - reach, 0.0), np.minimum(center + reach, 1.0)
