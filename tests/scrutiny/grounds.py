"""Small registries with their primary analysis done, for all tests of the scrutiny."""

from dataclasses import replace
from functools import cache

from analysis.contracts.protocol import Protocol
from analysis.scrutiny.ground import Ground, ground_of
from analysis.study.study import OpenStudy, open_study
from tests.study.registries import open_protocol, simulated


def influence_protocol(**sensitivity: int) -> Protocol:
    """The shipped protocol with wide gates and intervals by influences."""
    protocol = open_protocol()
    return replace(
        protocol,
        intervals=replace(protocol.intervals, method="influence"),
        sensitivity=replace(protocol.sensitivity, **sensitivity),
    )


@cache
def opened(scenario: str = "null", episodes: int = 1_500, seed: int = 12) -> OpenStudy:
    protocol = influence_protocol(permutations=5)
    return open_study(simulated(scenario, episodes, seed), protocol)


@cache
def ground(scenario: str = "null", episodes: int = 1_500, seed: int = 12) -> Ground:
    return ground_of(opened(scenario, episodes, seed), simulated(scenario, episodes, seed))
