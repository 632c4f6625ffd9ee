"""How many events a person has had by a time, on average, when they recur and death ends them."""

import numpy as np
import numpy.typing as npt

from analysis.survival.arrays import FloatArray
from analysis.survival.counting import CountingRows
from analysis.survival.incidence import Curve, expected_events


def mean_cumulative_count(
    rows: CountingRows, at: npt.ArrayLike, *, is_terminal: npt.ArrayLike | None = None
) -> Curve:
    """Return the mean count of events by the times asked, with errors by cluster.

    Rows are a person's stretches under observation, clusters the persons. `is_terminal` (rows,)
    marks rows that end with a death: the dead stay in the mean and have no more events (Ghosh and
    Lin 2000). Without it the mean is Nelson's, with the variance of Lawless and Nadeau (1995).
    """
    none = np.zeros(rows.exit.size, dtype=np.bool_)
    return expected_events(rows, none if is_terminal is None else is_terminal, at)[0]


def event_rate(counts: FloatArray, person_time: FloatArray) -> Curve:
    """Return events per time of one group and its error, robust to people who differ.

    counts, person_time (people,). The error is the sandwich of a Poisson model with one mean.
    """
    total = float(np.sum(person_time))
    rate = float(np.sum(counts)) / total
    error = float(np.sqrt(np.sum((counts - rate * person_time) ** 2))) / total
    return Curve(np.array([np.nan]), np.array([rate]), np.array([error]))
