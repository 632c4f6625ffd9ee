"""The latent severity of a problem, week by week; nothing done in care can change it."""

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.people import People
from analysis.simulation.scenarios import HORIZON_DAYS, Severity

DAYS_PER_WEEK = 7
WEEKS = HORIZON_DAYS // DAYS_PER_WEEK + 1


def draw_severity(
    rng: np.random.Generator, people: People, severity: Severity
) -> NDArray[np.float64]:
    """Draw each episode's severity in every week, in points of pain around zero.

    Returns episodes x WEEKS. A path is the person's level, a straight drift over the first months
    (the exogenous course that pain shows and that the hazard follows) and short flares.
    """
    drift = rng.normal(0, severity.drift_sd_per_week, people.count)
    weeks = np.minimum(np.arange(WEEKS), severity.drift_weeks)
    flares = _draw_flares(rng, people.count, severity)
    return people.frailty[:, None] + drift[:, None] * weeks + flares


def _draw_flares(rng: np.random.Generator, count: int, severity: Severity) -> NDArray[np.float64]:
    """Draw stationary first-order autoregressive flares, episodes x WEEKS."""
    flares = severity.flare_sd * rng.standard_normal((count, WEEKS))
    renewal = np.sqrt(1 - severity.flare_persistence**2)
    for week in range(1, WEEKS):
        flares[:, week] = (
            severity.flare_persistence * flares[:, week - 1] + renewal * flares[:, week]
        )
    return flares
