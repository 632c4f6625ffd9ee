"""Means and shares of units with patients as clusters, because a patient can have episodes."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.contracts.results import CLINIC, NETWORK
from analysis.survival.arrays import FloatArray, IntArray

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
    patients / (patients - 1); null for a single patient. Groups come sorted. The sums are taken in
    an order that does not depend on that of the rows.
    """
    text = [name for name in by if rows.schema[name] == pl.String]
    # Names as numbers: groups are then found and sorted in a fraction of the time.
    coded = rows.select(by).with_columns(
        pl.col(name).cast(pl.Enum(rows[name].unique().drop_nulls().sort())) for name in text
    )
    groups = coded.unique().sort(by).with_row_index("group")
    joined = coded.join(groups, on=by, how="left", nulls_equal=True, maintain_order="left")
    values = [rows[column].to_numpy().astype(np.float64) for column in columns]
    clusters = _Clusters.of(joined["group"].to_numpy(), rows["patient_key"].to_numpy(), values)
    added: dict[str, pl.Series] = {
        "rows_count": pl.Series(clusters.rows_count, dtype=pl.Int64),
        "patients": pl.Series(clusters.patients, dtype=pl.Int64),
    }
    for column, given in zip(columns, values, strict=True):
        mean, error = clusters.mean(given)
        added[f"{column}_mean"] = pl.Series(mean)
        added[f"{column}_error"] = pl.Series(error).fill_nan(None)
    return groups.drop("group").with_columns(
        *(pl.col(name).cast(pl.String) for name in text),
        *(each.alias(name) for name, each in added.items()),
    )


@dataclass(frozen=True)
class _Clusters:
    """Rows put in order of their group and patient.

    order, group : (rows,). starts : place of each patient's first row in each group.
    rows_count, patients : (groups,).
    """

    order: IntArray
    group: IntArray
    starts: IntArray
    rows_count: IntArray
    patients: IntArray

    @classmethod
    def of(
        cls, group: npt.NDArray[Any], patient: npt.NDArray[Any], values: list[FloatArray]
    ) -> "_Clusters":
        _, person = np.unique(patient, return_inverse=True)
        key = group.astype(np.int64) * (int(person.max(initial=0)) + 1) + person
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: key.size])
        counts = np.diff(starts, append=key.size)
        # A patient's rows are put in order of their values, so that their sum is always the same.
        shared = np.flatnonzero(np.repeat(counts > 1, counts))
        own = order[shared]
        order[shared] = own[np.lexsort((*(each[own] for each in values), key[own]))]
        sorted_group = group[order].astype(np.int64)
        return cls(
            order,
            sorted_group,
            starts,
            np.bincount(sorted_group),
            np.bincount(sorted_group[starts]),
        )

    def mean(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean and its error (groups,), nan for a single patient."""
        if not self.starts.size:
            return np.zeros(0), np.zeros(0)
        ordered = values[self.order]
        mean = np.bincount(self.group, ordered) / self.rows_count
        deviations = np.add.reduceat(ordered - mean[self.group], self.starts)
        squares = np.bincount(self.group[self.starts], deviations**2)
        spare = np.where(self.patients > 1, self.patients - 1.0, np.nan)
        return mean, np.sqrt(squares * self.patients / spare) / self.rows_count


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
