"""Risk-adjusted cumulative sums: whether the odds of an outcome changed, case by case.

Each case adds the log-likelihood ratio of changed odds against the expected ones, given its own
risk; a sum that never falls below zero signals when it crosses a limit (Steiner, Cook, Farewell and
Treasure 2000). The limit is chosen by the average number of cases until a false signal, from a
Markov chain of the sum (Brook and Evans 1972). The variable life-adjusted display, expected less
observed cases so far (Lovegrove et al. 1997), shows the same story and does not judge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

CHAIN_STATES: Final = 600
LARGEST_LIMIT: Final = 50.0
LIMIT_PRECISION: Final = 1e-4


@dataclass(frozen=True)
class Cusum:
    """A cumulative sum after each case; arrays (cases,). A signal starts it anew."""

    values: FloatArray
    signals: BoolArray


def case_scores(
    outcomes: npt.ArrayLike, risks: npt.ArrayLike, odds_ratio: float, expected: float = 1.0
) -> FloatArray:
    """Return the log-likelihood ratio of every case (cases,).

    `outcomes` are 0 or 1, `risks` their probabilities; `odds_ratio` is the change looked for
    against `expected`: above it for worse, below for better, where the outcome is unwanted.
    """
    happened, risk = np.asarray(outcomes, np.float64), np.asarray(risks, np.float64)
    nothing = 1.0 - risk + expected * risk
    change = 1.0 - risk + odds_ratio * risk
    return np.asarray(np.log(nothing / change) + happened * np.log(odds_ratio / expected))


def cumulative_sum(scores: FloatArray, limit: float) -> Cusum:
    """Return the sum of the scores held at or above 0, begun anew after each signal."""
    values, signals = np.empty(len(scores)), np.zeros(len(scores), dtype=bool)
    so_far = 0.0
    for place, score in enumerate(scores):
        so_far = max(0.0, so_far + float(score))
        values[place], signals[place] = so_far, so_far > limit
        if signals[place]:
            so_far = 0.0
    return Cusum(values, signals)


def life_adjusted_display(outcomes: npt.ArrayLike, risks: npt.ArrayLike) -> FloatArray:
    """Return expected less observed cases after each case (cases,)."""
    return np.cumsum(np.asarray(risks, np.float64) - np.asarray(outcomes, np.float64))


def average_run_length(
    risks: npt.ArrayLike, odds_ratio: float, limit: float, true_odds_ratio: float = 1.0
) -> float:
    """Return the mean number of cases until a signal when cases come with these risks.

    `true_odds_ratio` is that of the outcome against its expected odds: 1 for false signals. The sum
    moves on a grid from 0 to the limit; a score between two steps is shared out between them so
    that its mean is kept (Knoth, Wittenberg and Gan 2019). Raises `ValueError` for a limit that is
    not greater than zero.
    """
    if not limit > 0.0:
        raise ValueError("The limit must be greater than zero.")
    values, chances = _score_distribution(risks, odds_ratio, true_odds_ratio)
    step = limit / CHAIN_STATES
    moves = values / step
    below = np.floor(moves)
    share_above = moves - below
    states = np.arange(CHAIN_STATES + 1)
    stays = np.zeros((CHAIN_STATES + 1, CHAIN_STATES + 1))
    for move, chance in (
        (below, chances * (1.0 - share_above)),
        (below + 1.0, chances * share_above),
    ):
        target = np.maximum(states[:, None] + move[None, :].astype(np.int64), 0)
        inside = target <= CHAIN_STATES
        start = np.broadcast_to(states[:, None], target.shape)
        weight = np.broadcast_to(chance, target.shape)
        np.add.at(stays, (start[inside], target[inside]), weight[inside])
    lengths = np.linalg.solve(np.eye(CHAIN_STATES + 1) - stays, np.ones(CHAIN_STATES + 1))
    return float(lengths[0])


def limit_of(risks: npt.ArrayLike, odds_ratio: float, run_length: float) -> float:
    """Return the limit with so many cases on average until a false signal.

    Raises `ValueError` where no limit has so few or so many.
    """
    from scipy.optimize import brentq

    def excess(limit: float) -> float:
        # The logarithm of the run length is nearly a line in the limit, so few steps are enough.
        return float(np.log(average_run_length(risks, odds_ratio, limit) / run_length))

    low, high = LIMIT_PRECISION, 1.0
    if excess(low) > 0.0:
        raise ValueError("Every limit has more cases until a false signal than that.")
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
        if high > LARGEST_LIMIT:
            raise ValueError("No limit has so many cases until a false signal.")
    return float(brentq(excess, low, high, xtol=LIMIT_PRECISION))


def _score_distribution(
    risks: npt.ArrayLike, odds_ratio: float, true_odds_ratio: float
) -> tuple[FloatArray, FloatArray]:
    """Return the values that a case's score can have, and their probabilities."""
    kinds, counts = np.unique(np.asarray(risks, np.float64), return_counts=True)
    often = counts / counts.sum()
    odds = true_odds_ratio * kinds / (1.0 - kinds)
    happens = odds / (1.0 + odds)
    values = np.r_[
        case_scores(np.zeros(len(kinds)), kinds, odds_ratio),
        case_scores(np.ones(len(kinds)), kinds, odds_ratio),
    ]
    return values, np.r_[often * (1.0 - happens), often * happens]
