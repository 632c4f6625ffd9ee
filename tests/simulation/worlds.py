"""Each scenario simulated once for all tests: 20,000 episodes in 10 clinics."""

from functools import cache

from analysis.simulation import SyntheticRegistry, simulate_registry


@cache
def simulated(scenario: str) -> SyntheticRegistry:
    """Return the registry of a scenario."""
    return simulate_registry(
        episodes=20_000, clinics=10, seed=11, scenario=scenario, truth_people=50_000
    )
