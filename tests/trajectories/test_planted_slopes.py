"""From simulated records through the marts, the population models find the planted slopes."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.simulation.registry import simulate_registry
from analysis.trajectories import TrajectoryTables, analyse_trajectories
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

PROTOCOL = load_protocol()


def distances(seed: int, scenario: str, episodes: int) -> list[float]:
    """Return how many standard errors each estimated slope is away from the planted one."""
    registry = simulate_registry(
        episodes=episodes, clinics=8, seed=seed, scenario=scenario, truth_people=1_000
    )
    connection = registry_in_memory(registry.tables, PROTOCOL)
    try:
        tables = TrajectoryTables.read(lambda mart: read_frame(connection, mart))
        result = analyse_trajectories(tables, PROTOCOL)
    finally:
        connection.close()
    planted = pl.DataFrame(
        [
            {"domain": domain, "term": f"slope_stage_{stage}", "planted": slope}
            for domain, course in registry.truth["domains"].items()
            for stage, slope in course["slope_per_week"].items()
        ]
    )
    of_population = result.trajectory_models.filter(model="population")
    found = of_population.join(planted, on=["domain", "term"])
    assert found.height == planted.height == 25
    assert result.trajectory_gaps.filter(model="population").is_empty()
    away = (pl.col("value") - pl.col("planted")) / pl.col("standard_error")
    return found.select(away.alias("away"))["away"].to_list()


@pytest.mark.parametrize(("seed", "scenario"), [(11, "null"), (12, "protective")])
def test_planted_slopes_come_back(seed: int, scenario: str) -> None:
    away = np.array(distances(seed, scenario, 2_500))
    assert np.abs(away).max() < 4
    assert np.sqrt(np.mean(away**2)) < 1.5


@pytest.mark.slow
def test_planted_slopes_come_back_in_other_worlds() -> None:
    scenarios = ["null", "harmful", "hidden_confounder", "unequal_followup", "no_overlap"]
    away = np.array([distances(20 + place, one, 10_000) for place, one in enumerate(scenarios)])
    assert np.abs(away).max() < 4
    assert 0.8 < np.sqrt(np.mean(away**2)) < 1.2
