"""Rare harm: how many episodes, and how many weeks, from one group of adverse endings to the next.

One ending is one patient, so a point spans as many endings as may be shown. Where endings are
frequent enough for a chart of shares by month, that is the better one, and these are left out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Disclosure
from analysis.contracts.results import CLINIC, NETWORK
from analysis.disclosure.rounding import largest_small_count
from analysis.quality.charts import (
    FEWEST_POINTS,
    G_CHART,
    SMALLEST_EXPECTED_COUNT,
    T_CHART,
    FloatArray,
)

CASES: Final = "adverse_endings_cases"
WEEKS: Final = "adverse_endings_weeks"
DAYS_OF_A_WEEK: Final = 7.0
# Two groups that end on one day are half a day apart.
SHORTEST_DAYS: Final = 0.5
# From which marts.adverse_endings counts days.
FIRST_DAY: Final = pl.date(2000, 1, 1)

Unit = tuple[str, str]


@dataclass(frozen=True)
class Waits:
    """The waits from one group of adverse endings to the next in one unit.

    method : g or t. values : (groups,), in cases or weeks. periods : the month in which each
    group's last episode began (cases) or ended (weeks). patients : people behind each group.
    """

    chart: str
    method: str
    unit_kind: str
    unit_name: str
    values: FloatArray
    periods: list[str]
    patients: list[int]


def smallest_shown(disclosure: Disclosure) -> int:
    """Return the smallest number of people that may be shown."""
    return largest_small_count(disclosure.smallest_count, disclosure.rounding_base) + 1


def rare_waits(
    adverse_endings: pl.DataFrame, quality_cohorts: pl.DataFrame, days_needed: int, together: int
) -> list[Waits]:
    """Return the waits of every unit in which adverse endings are rare, cases and then weeks.

    Rows of the marts of the same names. Endings of `together` patients make a point; a unit with
    fewer points than a chart needs has none. Cases are counted over the cohorts that could be
    followed for `days_needed`.
    """
    complete = quality_cohorts.filter(
        ~pl.col("is_quarter") & (pl.col("observed_days") >= days_needed)
    )
    found = []
    for unit, months in _units(complete):
        endings = adverse_endings.filter(_is_of(unit))
        followed = endings.filter(pl.col("start_month").is_in(months["period"].to_list()))
        if _are_rare(months) and followed.height >= FEWEST_POINTS * together:
            found += [_cases(followed, unit, together), _weeks(endings, unit, together)]
    return found


def _units(months: pl.DataFrame) -> list[tuple[Unit, pl.DataFrame]]:
    return [
        ((NETWORK, NETWORK) if clinic is None else (CLINIC, str(clinic)), rows)
        for (clinic,), rows in months.group_by("clinic_id", maintain_order=True)
    ]


def _is_of(unit: Unit) -> pl.Expr:
    kind, name = unit
    return pl.lit(value=True) if kind == NETWORK else pl.col("clinic_id") == name


def _are_rare(months: pl.DataFrame) -> bool:
    usual = np.median(months["adverse_endings"].to_numpy())
    return bool(usual < SMALLEST_EXPECTED_COUNT)


def _cases(endings: pl.DataFrame, unit: Unit, together: int) -> Waits:
    """Return the episodes without an adverse ending that began between the groups."""
    begun = "episodes_begun" if unit[0] == NETWORK else "episodes_begun_in_clinic"
    lasts, patients = _grouped(endings.sort(begun), together)
    waits = np.diff(lasts[begun].to_numpy().astype(np.float64), prepend=0.0) - together
    return Waits(CASES, G_CHART, *unit, waits, lasts["start_month"].to_list(), patients)


def _weeks(endings: pl.DataFrame, unit: Unit, together: int) -> Waits:
    """Return the weeks between the groups; the first group has none before it."""
    ordered = endings.sort("ended_day_number", "episodes_begun")
    lasts, patients = _grouped(ordered, together)
    days = np.diff(lasts["ended_day_number"].to_numpy().astype(np.float64))
    waits = np.maximum(days, SHORTEST_DAYS) / DAYS_OF_A_WEEK
    ended = FIRST_DAY + pl.duration(days=pl.col("ended_day_number"))
    periods = lasts.select(period=ended.dt.strftime("%Y-%m"))["period"].to_list()
    return Waits(WEEKS, T_CHART, *unit, waits, periods[1:], patients[1:])


def _grouped(endings: pl.DataFrame, together: int) -> tuple[pl.DataFrame, list[int]]:
    """Return the last ending of each full group, and how many people are behind each."""
    groups = endings.height // together
    full = endings.head(groups * together).with_columns(group=pl.int_range(pl.len()) // together)
    patients = full.group_by("group", maintain_order=True).agg(pl.col("patient_key").n_unique())
    return full.gather_every(together, offset=together - 1), patients["patient_key"].to_list()
