"""Opened registries and their primary designs, made once for the tests that share them."""

from functools import cache

from analysis.contracts.protocol import Protocol, load_protocol
from analysis.study import StudyTables
from analysis.study.designs import PrimaryDesign, primary_design
from analysis.study.population import study_population
from analysis.study.rows import EstimateRow
from analysis.study.strategies import Ground
from tests.study.registries import simulated

EPISODES = 4_000


def ground_of(tables: StudyTables, protocol: Protocol | None = None) -> Ground:
    protocol = protocol or load_protocol()
    population = study_population(tables, protocol)
    outcome = protocol.outcome
    cohort = population.cohort(outcome.event, outcome.competing)
    return Ground(tables, population, cohort, protocol)


@cache
def design_of(scenario: str) -> PrimaryDesign:
    return primary_design(ground_of(simulated(scenario, EPISODES)))


def the(rows: list[EstimateRow], analysis: str, measure: str, **named: object) -> EstimateRow:
    """The one row of these names."""
    found = [
        row
        for row in rows
        if row.analysis == analysis
        and row.measure == measure
        and all(getattr(row, name) == value for name, value in named.items())
    ]
    assert len(found) == 1, [analysis, measure, named, len(found)]
    return found[0]


def covers(row: EstimateRow, value: float) -> bool:
    assert row.low is not None
    assert row.high is not None
    return row.low <= value <= row.high
