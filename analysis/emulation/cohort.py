"""People followed in days, the strategies they are cloned into, and what they might deviate on.

Day conventions, the same everywhere in this package. A decision on day t comes before an event on
day t: who leaves a strategy on day t is not at risk in it on that day. A contact on day t comes
after it: who is lost after a contact on day t was at risk on day t and not on day t + 1.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.arrays import NEVER, BoolArray, IntArray
from analysis.emulation.design import Design

CENSORED: Final = 0
EVENT: Final = 1
COMPETING: Final = 2


@dataclass(frozen=True)
class Cohort:
    """The people, in rows 0 to n - 1 of every array (people,).

    `unit` is the resampling unit of a person, numbered from 0 without gaps; `last_day` the last
    day at risk, not beyond the horizon; `ending` what happened on it (`CENSORED`, `EVENT`,
    `COMPETING`). A person whose status is known throughout is censored on the horizon itself.
    """

    unit: IntArray
    last_day: IntArray
    ending: IntArray
    horizon: int

    @property
    def people(self) -> int:
        """Return the number of people."""
        return len(self.last_day)

    @property
    def units(self) -> int:
        """Return the number of resampling units."""
        return int(self.unit.max()) + 1 if self.people else 0


@dataclass(frozen=True)
class HazardRows:
    """Occasions on which something could happen, one row each, sorted by person and day.

    `happened` says whether it did: leaving the strategy at a decision point, or being lost after
    a contact. `design` holds what was known just before. All arrays (rows,).
    """

    person: IntArray
    day: IntArray
    happened: BoolArray
    design: Design

    def __post_init__(self) -> None:
        order = self.person * (NEVER // 2**20) + self.day
        if order.size and bool(np.any(np.diff(order) < 0)):
            raise ValueError("Hazard rows must be sorted by person and day.")


@dataclass(frozen=True)
class Strategy:
    """A strategy, the day each person leaves it (`NEVER` if not), and where leaving was possible.

    Without decisions, people are not weighted for staying with the strategy.
    """

    name: str
    leaves_on: IntArray
    decisions: HazardRows | None = None


def natural_course(people: int, name: str = "natural") -> Strategy:
    """Return the strategy that nobody leaves."""
    return Strategy(name, np.full(people, NEVER, dtype=np.int64))
