"""The chance that specifications agree so well although none of them has an effect.

Specifications share their data, so they agree by chance as well. Their estimates together are about
normal, with a covariance that the influences of the same patients tell; drawn around no effect,
they give what the median and the share of clear results would have been by chance (the inference of
Simonsohn, Simmons and Nelson 2020, by Gaussian draws instead of resamples: Chernozhukov,
Chetverikov and Kato 2013).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.emulation.arrays import FloatArray
from analysis.emulation.intervals import interval_quantile

DRAWS: Final = 4_000


@dataclass(frozen=True)
class JointTest:
    """Probabilities, without any effect, of a median so far from none and of so many clear results.

    Clear are intervals of one specification that exclude no effect, all on the same side.
    """

    median_p: float
    share_p: float


def joint_test(estimates: FloatArray, moves: FloatArray, level: float, seed: int) -> JointTest:
    """Return the joint test of the estimates (specifications,).

    `moves` (units x specifications) is what each unit does to each estimate.
    """
    units = len(moves)
    centred = moves - moves.mean(axis=0)
    covariance = centred.T @ centred * (units / (units - 1.0))
    errors = np.sqrt(np.maximum(np.diag(covariance), np.finfo(np.float64).tiny))
    roots, axes = np.linalg.eigh(covariance)
    factor = axes * np.sqrt(np.maximum(roots, 0.0))
    normal = np.random.default_rng(seed).standard_normal((DRAWS, len(estimates)))
    draws = normal @ factor.T
    reach = interval_quantile(level, units) * errors
    medians = np.abs(np.median(draws, axis=1)) >= abs(float(np.median(estimates)))
    shares = _clear_share(draws, reach) >= _clear_share(estimates[None, :], reach)[0]
    return JointTest(_p_value(int(np.sum(medians))), _p_value(int(np.sum(shares))))


def _clear_share(estimates: FloatArray, reach: FloatArray) -> FloatArray:
    """Return the larger of the shares clearly below and clearly above no effect (draws,)."""
    below, above = np.mean(estimates < -reach, axis=1), np.mean(estimates > reach, axis=1)
    return np.asarray(np.maximum(below, above), dtype=np.float64)


def _p_value(as_extreme: int) -> float:
    """Return the share of draws as extreme, the data themselves counted as one."""
    return (1.0 + as_extreme) / (1.0 + DRAWS)
