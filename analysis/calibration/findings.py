"""What the study makes of one registry with a known truth, before any gate is heeded."""

from dataclasses import dataclass

import numpy as np

from analysis.contracts.protocol import Protocol
from analysis.emulation.emulation import Emulation
from analysis.study.gates import failing
from analysis.study.rows import NATURAL, STRICT
from analysis.study.study import open_primary, primary_analysis
from analysis.study.tables import StudyTables


@dataclass(frozen=True)
class Finding:
    """The primary risk difference of one registry, its truth, and the gates that did not pass.

    Shares from -1 to 1; value, error and interval are NaN where the registry held no answer.
    """

    value: float
    standard_error: float
    low: float
    high: float
    truth: float
    closed_by: tuple[str, ...]

    @property
    def is_estimated(self) -> bool:
        """Return whether the registry held an answer."""
        return bool(np.isfinite(self.value))

    @property
    def covers_truth(self) -> bool:
        """Return whether the interval covers the truth."""
        return self.low <= self.truth <= self.high

    @property
    def excludes_none(self) -> bool:
        """Return whether the interval says that there is a difference."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def is_sealed(self) -> bool:
        """Return whether a gate kept the estimate from being written."""
        return bool(self.closed_by)


def study_finding(tables: StudyTables, protocol: Protocol, truth: float) -> Finding:
    """Return what the primary contrast is, unsealed, with the gates that would seal it."""
    study = open_primary(tables, protocol)
    closed_by = tuple(gate.gate for gate in failing(study.gates))
    return _finding(study.primary.emulation, truth, closed_by)


def primary_finding(tables: StudyTables, protocol: Protocol, truth: float) -> Finding:
    """Return what the primary analysis alone finds; no gate is asked."""
    return _finding(primary_analysis(tables, protocol).emulation, truth, ())


def _finding(emulation: Emulation | None, truth: float, closed_by: tuple[str, ...]) -> Finding:
    if emulation is None:
        return Finding(np.nan, np.nan, np.nan, np.nan, truth, closed_by)
    found = emulation.difference(STRICT, NATURAL)
    return Finding(found.value, found.standard_error, found.low, found.high, truth, closed_by)
