"""All that the records say about the stage order, sealed before any of it can be written.

The study is opened once; what is asked of parts of the population, of other outcomes and of other
designs, and what speaks against the answer, all rest on that one opening. Where a gate of the
primary analysis does not pass, their numbers are dropped with those of the primary analysis,
because it could be computed from them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.scrutiny import scrutinise, sealed_scrutiny
from analysis.study.further import further_rows
from analysis.study.gates import failing, sealing_reason
from analysis.study.rows import estimate_rows
from analysis.study.strategies import Ground
from analysis.study.study import open_study, sealed
from analysis.study.tables import StudyTables


@dataclass(frozen=True)
class Findings:
    """Frames of the tables of these names in `analysis.contracts.results`."""

    estimates: pl.DataFrame
    risk_curves: pl.DataFrame
    gates: pl.DataFrame
    verdicts: pl.DataFrame
    balance: pl.DataFrame
    weights: pl.DataFrame
    positivity: pl.DataFrame
    sensitivity: pl.DataFrame
    negative_exposures: pl.DataFrame
    specification_curve: pl.DataFrame


def _silent(_: str) -> None:
    """Say nothing."""


def find(
    tables: StudyTables, protocol: Protocol, *, progress: Callable[[str], None] = _silent
) -> Findings:
    """Return the findings of the study; the same tables and protocol give the same bytes.

    A study that these data cannot answer is no error: its verdicts say so, with the reason.
    """
    study = open_study(tables, protocol, progress=progress)
    ground = Ground(tables, study.population, study.cohort, protocol)
    further = further_rows(ground, progress=progress)
    scrutiny = scrutinise(study, tables, progress=progress)
    if failing(study.gates):
        reason = sealing_reason(study.gates)
        scrutiny = sealed_scrutiny(scrutiny, reason)
        further = [row.sealed(reason) for row in further]
    result = sealed(study)
    return Findings(
        pl.concat([result.estimates, estimate_rows(further)]),
        result.risk_curves,
        result.gates,
        result.verdicts,
        result.balance,
        scrutiny.weights,
        scrutiny.positivity,
        scrutiny.sensitivity,
        scrutiny.negative_exposures,
        scrutiny.specification_curve,
    )
