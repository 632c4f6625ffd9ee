"""Which points of a chart make its centre and limits, and from when on others do.

Limits are frozen: they come from the first complete points and are held for all that follow, so
that a slow change cannot pull them along. Only a recorded re-base begins a new phase, with a
baseline of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.quality.charts import BoolArray, IntArray

MONTHS_OF_A_QUARTER = 3


@dataclass(frozen=True)
class Rebase:
    """A recorded decision to begin a new phase of a chart, with a baseline of its own.

    chart : the indicator's key. unit_kind, unit_name : whose chart, as in results.quality_points;
    a `unit_name` of None means every unit of that kind. start_period : the first period of the
    new phase, YYYY-MM or YYYY-Qn. reason : why, in a sentence. date : when it was decided,
    YYYY-MM-DD. reviewer : who decided.
    """

    chart: str
    unit_kind: str
    unit_name: str | None
    start_period: str
    reason: str
    date: str
    reviewer: str

    def is_about(self, chart: str, unit_kind: str, unit_name: str) -> bool:
        """Say whether the decision is about this chart of this unit."""
        is_unit = self.unit_kind == unit_kind and self.unit_name in (None, unit_name)
        return is_unit and self.chart == chart


def phases(periods: Sequence[str], rebases: Sequence[Rebase]) -> IntArray:
    """Return the number of each period's phase, from 0 (points,).

    `rebases` are those about the chart. A month and a quarter are compared by their first month:
    a phase begins with the first period that does not begin before its re-base.
    """
    starts = np.unique([first_month(rebase.start_period) for rebase in rebases])
    months = np.array([first_month(period) for period in periods], dtype=np.intp)
    return np.asarray(np.searchsorted(starts, months, side="right"), dtype=np.intp)


def baseline(counted: BoolArray, points: int) -> BoolArray:
    """Return the first so many counted points, or all of them while there are fewer."""
    is_first: BoolArray = counted & (np.cumsum(counted) <= points)
    return is_first


def first_month(period: str) -> int:
    """Return the number of the first month of a period, YYYY-MM or YYYY-Qn.

    Raises `ValueError` where the text is neither.
    """
    year, _, part = period.partition("-")
    if part.startswith("Q") and part[1:] in {"1", "2", "3", "4"}:
        month = MONTHS_OF_A_QUARTER * (int(part[1:]) - 1)
    elif len(part) == len("MM") and part.isdigit() and 1 <= int(part) <= 12:
        month = int(part) - 1
    else:
        raise ValueError(f"{period!r} is neither a month (2024-03) nor a quarter (2024-Q1).")
    return 12 * int(year) + month
