"""Clone, censor, weight: the risk had everybody followed each strategy, with bootstrap intervals.

Every person is cloned into every strategy; a clone is censored when its person leaves the strategy,
and what remains is weighted by the inverse probability of staying and of being followed (Cain et
al. 2010; Hernan 2018; Maringe et al. 2020). Intervals come from resampling whole units with every
weight model refitted; contrasts are of paired draws, the same resample under both strategies.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray
from analysis.emulation.bootstrap import Counts, unit_counts
from analysis.emulation.cohort import EVENT, Cohort, HazardRows, Strategy
from analysis.emulation.curves import (
    Incidence,
    at_risk_counts,
    daily_sums,
    incidence,
)
from analysis.emulation.intervals import (
    Estimate,
    difference_estimate,
    ratio_estimate,
    risk_band,
    risk_estimate,
    standard_deviation,
)
from analysis.emulation.logistic import (
    WORKERS,
    LogisticFit,
    Resampling,
    fit_logistic,
    refit_logistic,
)
from analysis.emulation.weights import (
    WeightPath,
    minus_log_staying,
    path_weights,
    weight_path,
)

# Above this share of resamples without an answer there is no trustworthy interval.
LARGEST_FAILED_SHARE: Final = 0.05


class NotEstimableError(Exception):
    """The data do not hold an answer; the text says why in plain words, without a number."""


@dataclass(frozen=True)
class Settings:
    """How weights are fitted and cut, and how intervals are made."""

    precision: float = 0.01
    truncation_quantile: float = 1.0
    replicates: int = 200
    seed: int = 20250101
    level: float = 0.95


@dataclass(frozen=True)
class HazardModel:
    """A fitted model of one kind of hazard rows: probabilities (rows,) and every resample's fit.

    `coefficients` (columns x replicates) are NaN in resamples that did not converge; `fit` is
    None where the rows all ended alike, so that nothing could be fitted.
    """

    rows: HazardRows
    fit: LogisticFit | None
    probability: FloatArray
    coefficients: FloatArray


# The models of one strategy: leaving it, and being lost to follow-up.
ModelPair = tuple[HazardModel | None, HazardModel | None]


@dataclass(frozen=True)
class StrategyRisk:
    """The weighted risk under one strategy.

    `curve` and `at_risk` are by day (days,); `draws` (replicates x days) the same curve in every
    resample; `weights` those after each row of `path`; `events` how many events were seen in it;
    `staying` the probability of staying at each decision (decisions,).
    """

    name: str
    curve: Incidence
    draws: FloatArray
    at_risk: IntArray
    events: int
    path: WeightPath
    weights: FloatArray
    staying: FloatArray

    def band(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return pointwise lower and upper limits of the risk on every day."""
        return risk_band(self.curve.risk, standard_deviation(self.draws), level)


@dataclass(frozen=True)
class Emulation:
    """Risks under all strategies from the same resamples."""

    cohort: Cohort
    strategies: tuple[StrategyRisk, ...]
    level: float
    failed_replicates: int

    def __getitem__(self, name: str) -> StrategyRisk:
        """Return the strategy of this name."""
        return next(each for each in self.strategies if each.name == name)

    def risk(self, name: str, level: float | None = None) -> Estimate:
        """Return the risk by the horizon under a strategy, its interval on the logit scale."""
        own = self[name]
        error = float(standard_deviation(own.draws[:, -1]))
        return risk_estimate(float(own.curve.risk[-1]), error, level or self.level)

    def difference(self, name: str, comparator: str, level: float | None = None) -> Estimate:
        """Return the difference of the risks by the horizon, its error from paired draws."""
        one, other = self[name], self[comparator]
        error = float(standard_deviation(one.draws[:, -1] - other.draws[:, -1]))
        value = float(one.curve.risk[-1] - other.curve.risk[-1])
        return difference_estimate(value, error, level or self.level)

    def ratio(self, name: str, comparator: str, level: float | None = None) -> Estimate | None:
        """Return the ratio of the risks by the horizon; None where a resample has no event."""
        one, other = self[name], self[comparator]
        draws = one.draws[:, -1], other.draws[:, -1]
        if min(float(np.min(each)) for each in draws) <= 0.0:
            return None
        error = float(standard_deviation(np.log(draws[0]) - np.log(draws[1])))
        value = float(one.curve.risk[-1] / other.curve.risk[-1])
        return ratio_estimate(value, error, level or self.level)


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
    _refuse_if_empty(cohort)
    paths = [weight_path(cohort, strategy, follow_up) for strategy in strategies]
    for strategy, path in zip(strategies, paths, strict=True):
        _refuse_if_out_of_people(strategy.name, path)
    counts = unit_counts(cohort.units, settings.replicates, settings.seed)
    progress("fitting who is lost to follow-up")
    follow_model = _model(cohort, follow_up, counts, settings)
    progress("fitting who leaves a strategy")
    decision_models = [_model(cohort, each.decisions, counts, settings) for each in strategies]
    progress("weighting the risk curves")
    pairs = [(decisions, follow_model) for decisions in decision_models]
    points = [_point(path, pair, settings) for path, pair in zip(paths, pairs, strict=True)]
    draws = _draws(cohort, paths, pairs, [point.cap for point in points], counts)
    risks = tuple(
        _strategy_risk(strategy.name, path, point, draws[position])
        for position, (strategy, path, point) in enumerate(
            zip(strategies, paths, points, strict=True)
        )
    )
    return _with_sound_draws(Emulation(cohort, risks, settings.level, 0))


def _refuse_if_empty(cohort: Cohort) -> None:
    if cohort.people == 0:
        raise NotEstimableError("There is nobody in the study population.")
    if cohort.units < 2:
        raise NotEstimableError("There is one patient only; an interval needs more.")
    if not np.any(cohort.ending == EVENT):
        raise NotEstimableError("No event was seen by the horizon.")


def _refuse_if_out_of_people(name: str, path: WeightPath) -> None:
    at_risk = at_risk_counts(path)
    if at_risk[0] == 0:
        raise NotEstimableError(f"Nobody followed the strategy {name} on the first day.")
    if at_risk[-1] == 0:
        raise NotEstimableError(
            f"Nobody in the strategy {name} was still under observation at the horizon."
        )
    if not np.any(path.ending == EVENT):
        raise NotEstimableError(f"No event was seen among those following the strategy {name}.")


def _model(
    cohort: Cohort, rows: HazardRows | None, counts: Counts, settings: Settings
) -> HazardModel | None:
    if rows is None:
        return None
    replicates = counts.shape[1]
    if rows.happened.size == 0 or bool(rows.happened.all()) or not rows.happened.any():
        same = np.full(len(rows.happened), bool(rows.happened.any()), dtype=np.float64)
        return HazardModel(rows, None, same, np.empty((0, replicates)))
    fit = fit_logistic(rows.design, rows.happened, precision=settings.precision)
    if not fit.has_converged:
        raise NotEstimableError("A model of the weights has no stable solution in these data.")
    resampling = Resampling(cohort.unit[rows.person], counts)
    refits = refit_logistic(
        rows.design, rows.happened, fit, resampling, precision=settings.precision
    )
    coefficients = np.where(refits.has_converged[None, :], refits.coefficients, np.nan)
    linear = rows.design.values @ fit.coefficients
    return HazardModel(rows, fit, -np.expm1(-minus_log_staying(linear)), coefficients)


@dataclass(frozen=True)
class _Point:
    """Weights of the full sample after each row of a path, their cap, and staying (decisions,)."""

    weights: FloatArray
    cap: float | None
    staying: FloatArray


def _point(path: WeightPath, pair: ModelPair, settings: Settings) -> _Point:
    models = [model for model in pair if model is not None]
    hazards = np.concatenate([np.empty(0), *(_hazards(model) for model in models)])
    uncut = path_weights(hazards, path)
    cap = None
    if settings.truncation_quantile < 1.0 and uncut.size:
        cap = float(np.quantile(uncut, settings.truncation_quantile))
    staying = np.empty(0) if pair[0] is None else 1.0 - pair[0].probability
    return _Point(path_weights(hazards, path, cap), cap, staying)


def _strategy_risk(name: str, path: WeightPath, point: _Point, draws: FloatArray) -> StrategyRisk:
    return StrategyRisk(
        name,
        incidence(daily_sums(path, point.weights)),
        draws,
        at_risk_counts(path),
        int(np.sum(path.ending == EVENT)),
        path,
        point.weights,
        point.staying,
    )


def _draws(
    cohort: Cohort,
    paths: Sequence[WeightPath],
    pairs: Sequence[ModelPair],
    caps: Sequence[float | None],
    counts: Counts,
) -> FloatArray:
    """Return the risk curves of all resamples (strategies x replicates x days)."""
    replicates = counts.shape[1]
    draws = np.empty((len(paths), replicates, cohort.horizon + 1))

    def fill(replicate: int) -> None:
        people = counts[:, replicate].astype(np.float64)[cohort.unit]
        models = {id(model): model for pair in pairs for model in pair if model is not None}
        hazards = {key: _replicate_hazards(model, replicate) for key, model in models.items()}
        for position, (path, pair, cap) in enumerate(zip(paths, pairs, caps, strict=True)):
            parts = [hazards[id(model)] for model in pair if model is not None]
            weights = path_weights(np.concatenate([np.empty(0), *parts]), path, cap)
            sums = daily_sums(path, weights, people)
            has_people = sums.at_risk[-1] > 0.5
            draws[position, replicate] = incidence(sums).risk if has_people else np.nan

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(fill, range(replicates)))
    return draws


def _hazards(model: HazardModel) -> FloatArray:
    if model.fit is None:
        return np.zeros(len(model.probability))
    return minus_log_staying(model.rows.design.values @ model.fit.coefficients)


def _replicate_hazards(model: HazardModel, replicate: int) -> FloatArray:
    if model.fit is None:
        return np.zeros(len(model.probability))
    return minus_log_staying(model.rows.design.values @ model.coefficients[:, replicate])


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
