"""Rows of `results.sensitivity`, which name an argument and a number, or why there is none."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import polars as pl

from analysis.study.rows import ESTIMATED, IMPOSSIBLE, NOT_RUN, PRIMARY, SEALED, framed

E_VALUE: Final = "e_value"
TIPPING_POINT: Final = "tipping_point"
EMPIRICAL_NULL: Final = "empirical_null"
EXPOSURES_NULL: Final = "empirical_null_exposures"
CALIBRATED: Final = "calibrated"
POSITIVE_CONTROL: Final = "positive_control"
IMMORTAL_TIME: Final = "immortal_time"
SPECIFICATION_CURVE: Final = "specification_curve"
SUPPRESSED: Final = "suppressed"
# From these the primary effect cannot be computed: they are about other outcomes and exposures.
NEVER_SEALED: Final = (EMPIRICAL_NULL, EXPOSURES_NULL, POSITIVE_CONTROL)


@dataclass(frozen=True)
class SensitivityRow:
    """One row of `results.sensitivity`; numbers are null where the status says why."""

    method: str
    measure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    status: str = ESTIMATED
    reason: str = ""
    analysis: str = PRIMARY

    def sealed(self, reason: str) -> "SensitivityRow":
        """Return the row without numbers, unless it is about other outcomes and exposures."""
        if self.method in NEVER_SEALED or self.status != ESTIMATED:
            return self
        return replace(self, value=None, low=None, high=None, status=SEALED, reason=reason)


def found(
    method: str, measure: str, value: float | None, *, without: str = "", reason: str = ""
) -> SensitivityRow:
    """Return the row of a number, impossible for the reason `without` where there is none."""
    if value is None or not math.isfinite(value):
        return impossible(method, measure, without)
    return SensitivityRow(method, measure, float(value), reason=reason)


def interval(
    method: str, measure: str, value: float, limits: tuple[float, float], reason: str = ""
) -> SensitivityRow:
    """Return the row of a number with an interval; an infinite limit is left out."""
    low, high = (float(each) if math.isfinite(each) else None for each in limits)
    return SensitivityRow(method, measure, float(value), low, high, reason=reason)


def impossible(method: str, measure: str, reason: str) -> SensitivityRow:
    """Return the row of a number that these data cannot give."""
    return SensitivityRow(method, measure, status=IMPOSSIBLE, reason=reason)


def not_run(method: str, measure: str, reason: str) -> SensitivityRow:
    """Return the row of a number that nobody asked for."""
    return SensitivityRow(method, measure, status=NOT_RUN, reason=reason)


def suppressed(method: str, measure: str) -> SensitivityRow:
    """Return the row of a number that is about too few people to be told."""
    reason = "This is about too few people to be shown."
    return SensitivityRow(method, measure, status=SUPPRESSED, reason=reason)


def sensitivity_rows(rows: Sequence[SensitivityRow]) -> pl.DataFrame:
    """Return `results.sensitivity`."""
    return framed("sensitivity", [asdict(row) for row in rows])


def read_rows(frame: pl.DataFrame) -> list[SensitivityRow]:
    """Return the rows of `results.sensitivity`."""
    return [SensitivityRow(**row) for row in frame.iter_rows(named=True)]
