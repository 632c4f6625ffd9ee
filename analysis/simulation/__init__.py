"""Synthetic registries in which the truth is known.

How the planted effect stays identified: the latent severity drives both measured pain and the
hazard of re-injury, and care changes only the pain. Whether a session moves on early depends on
what is recorded up to that moment (last pain, stage due, visits in it, baseline, clinic) and on
nothing else; whether a person is lost depends likewise on the record alone. So cloning, censoring
and weighting with correct models recovers the truth in `null`, `protective` and `harmful`, and the
other scenarios each break one of its conditions, which one of the study's gates must notice.
"""

from analysis.simulation.registry import SyntheticRegistry, simulate_registry
from analysis.simulation.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Scenario", "SyntheticRegistry", "simulate_registry"]
