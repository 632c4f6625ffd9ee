"""Clone, censor, weight: the risk had everybody followed each strategy, with intervals.

Every person is cloned into every strategy; a clone is censored when its person leaves the strategy,
and what remains is weighted by the inverse probability of staying and of being followed (Cain et
al. 2010; Hernan 2018; Maringe et al. 2020). Intervals come from resampling whole units with every
weight model refitted, or from influence functions that carry these models, or from both; contrasts
are of the same resample, or the same person's influences, under both strategies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.bootstrap import WeightedPath, resampled_risks, unit_counts
from analysis.emulation.cohort import EVENT, Cohort, HazardRows, Strategy
from analysis.emulation.curves import Incidence, at_risk_counts, daily_sums, incidence
from analysis.emulation.hazards import ModelPair, UnstableModelError, fit_hazards, pair_hazards
from analysis.emulation.influence import (
    RiskInfluence,
    clustered_errors,
    grid_of_days,
    risk_influence,
)
from analysis.emulation.intervals import (
    BOOTSTRAP,
    BOTH,
    INFLUENCE,
    Estimate,
    StandardErrors,
    difference_estimate,
    ratio_estimate,
    risk_band,
    risk_estimate,
    standard_deviation,
)
from analysis.emulation.weights import WeightPath, path_weights, weight_path

# Above this share of resamples without an answer there is no trustworthy interval.
LARGEST_FAILED_SHARE: Final = 0.05


class NotEstimableError(Exception):
    """The data do not hold an answer; the text says why in plain words, without a number."""


@dataclass(frozen=True)
class Settings:
    """How weights are fitted and cut, and how intervals are made.

    `intervals` is `bootstrap`, `influence` or `both`; estimates then stand on the bootstrap's error
    and tell the other one. `grid_steps` is how many steps of days a band by influences has.
    """

    precision: float = 0.01
    truncation_quantile: float = 1.0
    replicates: int = 200
    seed: int = 20250101
    level: float = 0.95
    intervals: str = BOOTSTRAP
    grid_steps: int = 48

    def __post_init__(self) -> None:
        if self.intervals not in {BOOTSTRAP, INFLUENCE, BOTH}:
            raise ValueError(f"There is no way to make intervals called {self.intervals}.")


@dataclass(frozen=True)
class StrategyRisk:
    """The weighted risk under one strategy.

    `curve` and `at_risk` are by day (days,); `draws` (replicates x days) the same curve in every
    resample, without rows when nothing was resampled; `influence` each person's influence on it,
    None when intervals are of resamples alone; `weights` those after each row of `path`; `events`
    how many events were seen in it; `staying` the probability of staying at each decision
    (decisions,).
    """

    name: str
    curve: Incidence
    draws: FloatArray
    influence: RiskInfluence | None
    at_risk: IntArray
    events: int
    path: WeightPath
    weights: FloatArray
    staying: FloatArray
    units: int

    @property
    def daily_errors(self) -> FloatArray:
        """Return the standard error of the risk on every day (days,)."""
        if len(self.draws):
            return standard_deviation(self.draws)
        if self.influence is None:
            raise ValueError("There are neither resamples nor influences to tell an error.")
        return self.influence.daily_errors()

    def band(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return pointwise lower and upper limits of the risk on every day."""
        return risk_band(self.curve.risk, self.daily_errors, level, self.units)


@dataclass(frozen=True)
class Emulation:
    """Risks under all strategies from the same people, the same resamples."""

    cohort: Cohort
    strategies: tuple[StrategyRisk, ...]
    level: float
    failed_replicates: int

    def __getitem__(self, name: str) -> StrategyRisk:
        """Return the strategy of this name."""
        return next(each for each in self.strategies if each.name == name)

    def risk(self, name: str, level: float | None = None) -> Estimate:
        """Return the risk by the horizon under a strategy, its interval on the logit scale."""
        value, error = float(self[name].curve.risk[-1]), self.risk_errors(name).chosen
        return risk_estimate(value, error, level or self.level, self.cohort.units)

    def difference(self, name: str, comparator: str, level: float | None = None) -> Estimate:
        """Return the difference of the risks by the horizon, both of the same people."""
        value = float(self[name].curve.risk[-1] - self[comparator].curve.risk[-1])
        error = self.difference_errors(name, comparator).chosen
        return difference_estimate(value, error, level or self.level, self.cohort.units)

    def ratio(self, name: str, comparator: str, level: float | None = None) -> Estimate | None:
        """Return the ratio of the risks by the horizon; None where a resample has no event."""
        errors = self.ratio_errors(name, comparator)
        if errors is None:
            return None
        value = float(self[name].curve.risk[-1] / self[comparator].curve.risk[-1])
        return ratio_estimate(value, errors.chosen, level or self.level, self.cohort.units)

    def risk_errors(self, name: str) -> StandardErrors:
        """Return the standard errors of the risk by the horizon, one of each way asked for."""
        return self._errors([(name, 1.0)])

    def difference_errors(self, name: str, comparator: str) -> StandardErrors:
        """Return the standard errors of the difference, one of each way asked for."""
        return self._errors([(name, 1.0), (comparator, -1.0)])

    def ratio_errors(self, name: str, comparator: str) -> StandardErrors | None:
        """Return the standard errors of the log ratio; None where a resample has no event."""
        risks = [float(self[each].curve.risk[-1]) for each in (name, comparator)]
        draws = [self[each].draws[:, -1] for each in (name, comparator)]
        if min([*risks, *draws[0], *draws[1]]) <= 0.0:
            return None
        own = self._errors([(name, 1.0 / risks[0]), (comparator, -1.0 / risks[1])])
        if len(draws[0]) == 0:
            return own
        error = float(standard_deviation(np.log(draws[0]) - np.log(draws[1])))
        return replace(own, bootstrap=error)

    def _errors(self, parts: Sequence[tuple[str, float]]) -> StandardErrors:
        """Return the standard errors of a sum of risks by the horizon with these factors."""
        bootstrap = influence = None
        if all(len(self[name].draws) for name, _ in parts):
            draws = sum(factor * self[name].draws[:, -1] for name, factor in parts)
            bootstrap = float(standard_deviation(np.asarray(draws)))
        own = [(self[name].influence, factor) for name, factor in parts]
        moves = [factor * each.at_horizon for each, factor in own if each is not None]
        if len(moves) == len(parts):
            total = np.sum(moves, axis=0)[:, None]
            influence = float(clustered_errors(total, self.cohort.unit)[0])
        return StandardErrors(bootstrap, influence)


def _silent(_: str) -> None:
    """Say nothing."""


def emulate(
    cohort: Cohort,
    strategies: Sequence[Strategy],
    follow_up: HazardRows | None,
    settings: Settings | None = None,
    *,
    progress: Callable[[str], None] = _silent,
) -> Emulation:
    """Return the risk by every day had everybody followed each strategy, with resamples.

    Raises `NotEstimableError` when the data hold no answer.
    """
    settings = settings or Settings()
    weighted = weighted_strategies(cohort, strategies, follow_up, settings, progress=progress)
    progress("weighting the risk curves")
    draws = _draws(cohort, weighted, settings)
    risks = tuple(
        _strategy_risk(cohort, strategy.name, own, draws[position], settings)
        for position, (strategy, own) in enumerate(zip(strategies, weighted, strict=True))
    )
    emulation = Emulation(cohort, risks, settings.level, 0)
    return emulation if settings.intervals == INFLUENCE else _with_sound_draws(emulation)


def weighted_strategies(
    cohort: Cohort,
    strategies: Sequence[Strategy],
    follow_up: HazardRows | None,
    settings: Settings,
    *,
    needs_events: bool = True,
    progress: Callable[[str], None] = _silent,
) -> list[WeightedPath]:
    """Return every strategy's clones with the fitted models of their weights.

    `needs_events` refuses where the event of the cohort was not seen; counts of recurrent events,
    which end nobody's follow-up, do without. Raises `NotEstimableError` when the data hold no
    answer.
    """
    _refuse_if_empty(cohort)
    if needs_events and not np.any(cohort.ending == EVENT):
        raise NotEstimableError("No event was seen by the horizon.")
    paths = [weight_path(cohort, strategy, follow_up) for strategy in strategies]
    for strategy, path in zip(strategies, paths, strict=True):
        _refuse_if_out_of_people(strategy.name, path)
        if needs_events and not np.any(path.ending == EVENT):
            raise NotEstimableError(
                f"No event was seen among those following the strategy {strategy.name}."
            )
    progress("fitting who is lost to follow-up")
    precision = settings.precision
    try:
        follow_model = fit_hazards(follow_up, precision)
        progress("fitting who leaves a strategy")
        pairs = [(fit_hazards(each.decisions, precision), follow_model) for each in strategies]
    except UnstableModelError as fault:
        raise NotEstimableError(str(fault)) from None
    return [_weighted(path, pair, settings) for path, pair in zip(paths, pairs, strict=True)]


def _refuse_if_empty(cohort: Cohort) -> None:
    if cohort.people == 0:
        raise NotEstimableError("There is nobody in the study population.")
    if cohort.units < 2:
        raise NotEstimableError("There is one patient only; an interval needs more.")


def _refuse_if_out_of_people(name: str, path: WeightPath) -> None:
    at_risk = at_risk_counts(path)
    if at_risk[0] == 0:
        raise NotEstimableError(f"Nobody followed the strategy {name} on the first day.")
    if at_risk[-1] == 0:
        raise NotEstimableError(
            f"Nobody in the strategy {name} was still under observation at the horizon."
        )


def _weighted(path: WeightPath, pair: ModelPair, settings: Settings) -> WeightedPath:
    uncut = path_weights(pair_hazards(pair), path)
    cap = None
    if settings.truncation_quantile < 1.0 and uncut.size:
        cap = float(np.quantile(uncut, settings.truncation_quantile))
    return WeightedPath(path, pair, cap)


def _draws(cohort: Cohort, weighted: Sequence[WeightedPath], settings: Settings) -> FloatArray:
    """Return the resampled curves (strategies x replicates x days), no replicates if not asked."""
    if settings.intervals == INFLUENCE:
        return np.empty((len(weighted), 0, cohort.horizon + 1))
    counts = unit_counts(cohort.units, settings.replicates, settings.seed)
    return resampled_risks(cohort, weighted, counts, settings.precision)


def _strategy_risk(
    cohort: Cohort, name: str, own: WeightedPath, draws: FloatArray, settings: Settings
) -> StrategyRisk:
    path, decisions, weights = own.path, own.pair[0], own.weights
    influence = None
    if settings.intervals != BOOTSTRAP:
        days = grid_of_days(cohort.horizon, settings.grid_steps)
        influence = risk_influence(path, weights, own.pair, cohort.unit, days=days, cap=own.cap)
    return StrategyRisk(
        name,
        incidence(daily_sums(path, weights)),
        draws,
        influence,
        at_risk_counts(path),
        int(np.sum(path.ending == EVENT)),
        path,
        weights,
        np.empty(0) if decisions is None else 1.0 - decisions.probability,
        cohort.units,
    )


def _with_sound_draws(emulation: Emulation) -> Emulation:
    """Keep the resamples that have an answer under every strategy, the same ones for all."""
    sound = np.all(
        [np.all(np.isfinite(each.draws), axis=1) for each in emulation.strategies], axis=0
    )
    failed = int(np.sum(~sound))
    if failed > LARGEST_FAILED_SHARE * len(sound) or int(np.sum(sound)) < 2:
        raise NotEstimableError(
            f"{failed} of {len(sound)} resamples of the patients have no answer, because a "
            "strategy ran out of people or a model of the weights has no stable solution."
        )
    strategies = tuple(replace(each, draws=each.draws[sound]) for each in emulation.strategies)
    return replace(emulation, strategies=strategies, failed_replicates=failed)
