"""A number that tells what the line of a domain hides, or the words why there is none."""

from dataclasses import dataclass

import numpy as np

from analysis.contracts.protocol import Domain
from analysis.survival.arrays import FloatArray

ESTIMATED = "estimated"
IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Doubt:
    """A row of results.trajectory_sensitivity but its domain."""

    method: str
    measure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    patients: int | None = None
    parameter: float | None = None
    status: str = ESTIMATED
    reason: str | None = None


@dataclass(frozen=True)
class Slopes:
    """Coefficients (terms,) of an intercept and the weeks in the stages kept, with covariance.

    patients : how many tell about each term. clusters : how many there are at all.
    """

    stages: tuple[int, ...]
    coefficients: FloatArray
    covariance: FloatArray
    patients: tuple[int, ...]
    clusters: int


def slope_doubts(
    slopes: Slopes, domain: Domain, method: str, level: float, suffix: str = ""
) -> list[Doubt]:
    """Return the slopes by stage with intervals by Student's t with clusters - 1 degrees."""
    from scipy.special import stdtrit

    errors = np.sqrt(np.diag(slopes.covariance))
    reach = float(stdtrit(slopes.clusters - 1, (1 + level) / 2)) * errors
    return [
        Doubt(
            method,
            f"slope_stage_{stage}{suffix}",
            value=float(slopes.coefficients[place]),
            low=float(slopes.coefficients[place] - reach[place]),
            high=float(slopes.coefficients[place] + reach[place]),
            unit=f"{domain.unit} per week",
            patients=slopes.patients[place],
        )
        for place, stage in enumerate(slopes.stages, 1)
    ]


def impossible(method: str, measure: str, reason: str) -> Doubt:
    """Return the row that says in words why there is no number."""
    return Doubt(method, measure, status=IMPOSSIBLE, reason=reason)
