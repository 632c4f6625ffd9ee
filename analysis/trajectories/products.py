"""Lines of values as cross-products: the rows of marts.domain_products, and sums for a model."""

from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES
from analysis.trajectories.cross_products import FloatArray, GroupSums, upper_triangle

TERMS: Final = ("intercept", *(f"slope_stage_{stage}" for stage in STAGES))
WEEKS: Final = tuple(f"weeks_stage_{stage}" for stage in STAGES)
MOST_DAYS: Final = tuple(f"most_days_{stage}" for stage in STAGES)
LINE: Final = ("domain", "episode_key", "line_number")
DAYS_PER_WEEK: Final = 7
# The cross-products count values in millionths of the domain's unit.
VALUE_PARTS: Final = 1_000_000
_COLUMNS: Final = (*(f"days_{stage}" for stage in STAGES), "value")


def _product_names() -> tuple[str, ...]:
    sums = [f"sum_{column}" for column in _COLUMNS]
    pairs = upper_triangle(len(_COLUMNS))
    products = [f"sum_{_COLUMNS[left]}_{_COLUMNS[right]}" for left, right in pairs]
    return ("values_count", *sums, *products)


# In the order of the upper triangle of [1, days in each stage, value]'[...], row by row.
PRODUCTS: Final = _product_names()


def line_products(domain_exposure: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of marts.domain_products from those of marts.domain_exposure.

    It is for frames that come from no registry. Reads `domain`, `episode_key`, `value`, the weeks
    in each stage, and `line_number` where there is one.
    """
    has_lines = "line_number" in domain_exposure.columns
    whole = (
        domain_exposure.drop_nulls(WEEKS)
        .with_columns(
            *(
                (pl.col(weeks) * DAYS_PER_WEEK).round().alias(f"days_{stage}")
                for stage, weeks in zip(STAGES, WEEKS, strict=True)
            ),
            value=(pl.col("value") * VALUE_PARTS).round(),
            line_number=pl.col("line_number") if has_lines else pl.lit(1),
        )
        .sort(LINE)
    )
    pairs = [(_COLUMNS[one], _COLUMNS[two]) for one, two in upper_triangle(len(_COLUMNS))]
    return whole.group_by(LINE, maintain_order=True).agg(
        pl.len().alias("values_count"),
        *(pl.col(column).sum().alias(f"sum_{column}") for column in _COLUMNS),
        *((pl.col(one) * pl.col(two)).sum().alias(f"sum_{one}_{two}") for one, two in pairs),
        *(pl.col(f"days_{stage}").max().alias(f"most_days_{stage}") for stage in STAGES),
    )


def lines_of(domain_products: pl.DataFrame, baseline: pl.DataFrame) -> pl.DataFrame:
    """Return one domain's lines with what is known of their episodes, sorted for `line_sums`."""
    known = [
        name
        for name in ("patient_key", "clinic_id", "condition", "region", "chronicity")
        if name in baseline.columns
    ]
    return domain_products.join(baseline.select("episode_key", *known), on="episode_key").sort(
        "clinic_id", "patient_key", "episode_key", "line_number"
    )


def line_sums(lines: pl.DataFrame) -> GroupSums:
    """Return the cross-products of [1, weeks in each stage, value] of every line.

    Lines are groups, patients clusters, and clinics outer groups; they come sorted by clinic,
    patient and episode.
    """
    products = np.empty((len(PRODUCTS), lines.height))
    for place, (name, scale) in enumerate(zip(PRODUCTS, _scales(), strict=True)):
        np.multiply(lines[name].to_numpy(), scale, out=products[place])
    return GroupSums(
        products,
        lines["patient_key"].to_numpy().astype(np.int64),
        int(lines["values_count"].sum()),
        lines["clinic_id"].rank("dense").to_numpy().astype(np.int64),
    )


def _scales() -> FloatArray:
    column = np.r_[1.0, np.full(len(STAGES), 1 / DAYS_PER_WEEK), 1 / VALUE_PARTS]
    return np.array([column[left] * column[right] for left, right in upper_triangle(column.size)])


def patients_told(lines: pl.DataFrame) -> list[int]:
    """Return for each term how many patients have values that tell about it."""
    in_stage = [pl.col("patient_key").filter(pl.col(f"sum_days_{one}") > 0) for one in STAGES]
    counts = lines.select(
        pl.col("patient_key").n_unique().alias(TERMS[0]),
        *(
            patients.n_unique().alias(term)
            for term, patients in zip(TERMS[1:], in_stage, strict=True)
        ),
    )
    return [int(count) for count in counts.row(0)]


def patients_with(values: int, lines: pl.DataFrame) -> int:
    """Return how many patients have a line of so many values."""
    return lines.filter(pl.col("values_count") >= values)["patient_key"].n_unique()
