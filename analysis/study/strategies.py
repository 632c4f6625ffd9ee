"""The strategies of the study: what each is, when everybody left it, and where leaving could be.

A strategy here is a `Strategy` of the core, made from the marts: the day on which every person left
it, and the sessions (or the one day) at which that could happen, with what was known before. All of
them go through the same cloning, censoring and weighting. Who cannot be told apart from care as
usual, because nobody ever left the strategy, is refused in plain words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import NEVER, IntArray
from analysis.emulation.cohort import Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.curves import unweighted_path
from analysis.emulation.emulation import (
    Emulation,
    NotEstimableError,
    Settings,
    StrategyRisk,
    emulate,
)
from analysis.study.models import (
    care_rows,
    decision_rows,
    loading_rows,
    order_rows,
    rows_of_both,
)
from analysis.study.population import CLINIC, Population
from analysis.study.rows import NATURAL, STRICT
from analysis.study.tables import StudyTables

IN_ORDER: Final = "in_order"
STAGE_5_COMPLETED: Final = "stage_5_completed"
EARLY_LOADING: Final = "early_loading"
STRICT_IN_CARE: Final = "strict_in_care"
# Fewer patients than this make no study; no model of their weights would mean anything.
FEWEST_PATIENTS: Final = 50
# With fewer clusters not even Student's distribution tells how far an interval reaches.
FEWEST_CLINICS: Final = 5
NO_DECISION: Final = "There is no session at which advancing early was possible."


@dataclass(frozen=True)
class Ground:
    """What every strategy is made from: the marts, the people, their endings, the parameters."""

    tables: StudyTables
    population: Population
    cohort: Cohort
    protocol: Protocol


@dataclass(frozen=True)
class Strategies:
    """The strategies that could be made, by name, and why others could not."""

    made: Mapping[str, Strategy]
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class StrategyRisks:
    """The risks under every strategy that has one, by name, and why others have none."""

    cohort: Cohort
    level: float
    risks: Mapping[str, StrategyRisk] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def emulation(self, names: Sequence[str]) -> Emulation:
        """Return the risks of these strategies beside each other, all of the same people."""
        return Emulation(self.cohort, tuple(self.risks[name] for name in names), self.level, 0)

    def missing(self, names: Sequence[str]) -> str:
        """Return why there is no risk of these strategies, empty where there is one of each."""
        reasons = [self.reasons[name] for name in names if name not in self.risks]
        return " ".join(dict.fromkeys(reasons))

    def renamed(self, name: str, new_name: str) -> "StrategyRisks":
        """Return the risks with one of them under a further name as well."""
        if name not in self.risks:
            return replace(self, reasons={**self.reasons, new_name: self.reasons[name]})
        again = replace(self.risks[name], name=new_name)
        return replace(self, risks={**self.risks, new_name: again})


def strict_name(order_name: str) -> str:
    """Return the name of the strategy that holds strictly to an order."""
    return f"{STRICT}_{order_name}"


def rival_orders(protocol: Protocol) -> list[str]:
    """Return the orders of the protocol other than the primary one, as they stand there."""
    return [name for name in protocol.orders if name != protocol.study.primary_order]


def refuse_if_too_few(population: Population, cohort: Cohort) -> None:
    """Raise `NotEstimableError` where there are too few patients for any model of weights."""
    if population.patients < FEWEST_PATIENTS or cohort.people == 0:
        raise NotEstimableError(
            f"There are fewer than {FEWEST_PATIENTS} patients in the study population."
        )
    if population.cluster == CLINIC and cohort.units < FEWEST_CLINICS:
        raise NotEstimableError(
            f"There are fewer than {FEWEST_CLINICS} clinics, too few for intervals by clinic."
        )


def make_strategies(ground: Ground, names: Sequence[str]) -> Strategies:
    """Return the strategies of these names; one that cannot be made leaves its reason."""
    made, reasons = {}, {}
    for name in names:
        try:
            made[name] = make_strategy(ground, name)
        except NotEstimableError as refusal:
            reasons[name] = str(refusal)
    return Strategies(made, reasons)


def make_strategy(ground: Ground, name: str) -> Strategy:
    """Return the strategy of this name: `strict`, `strict_<order>` or one of the others.

    Raises `NotEstimableError` where nobody ever left it or nobody could have.
    """
    refuse_if_too_few(ground.population, ground.cohort)
    if name in MAKERS:
        return MAKERS[name](ground)
    return _strict(ground, name.removeprefix(f"{STRICT}_"))


def strategy_risk(
    cohort: Cohort, strategy: Strategy, follow_up: HazardRows | None, settings: Settings
) -> StrategyRisk:
    """Return the risk under one strategy; others' are of the same people, asked alone or not.

    Raises `NotEstimableError` when the data hold no answer.
    """
    return emulate(cohort, [strategy], follow_up, settings).strategies[0]


def without_path(risk: StrategyRisk) -> StrategyRisk:
    """Return the risk without the weights of every day; only the balance needs them."""
    none = np.empty(0, dtype=np.int64)
    path = unweighted_path(none, none, risk.path.horizon)
    return replace(risk, path=path, weights=np.empty(0))


def _natural(ground: Ground) -> Strategy:
    return natural_course(ground.cohort.people, NATURAL)


def _primary_strict(ground: Ground) -> Strategy:
    population = ground.population
    if not population.ever_violated.any():
        raise NotEstimableError(
            "Nobody ever left the strict order, so it cannot be told apart from care as usual."
        )
    rows = decision_rows(ground.tables, population, ground.cohort, ground.protocol)
    return _where_possible(Strategy(STRICT, population.violated_on, rows), NO_DECISION)


def _strict(ground: Ground, order_name: str) -> Strategy:
    left_on = _days(ground, order_name, "first_violation_day")
    _refuse_if_nobody_left(left_on, ground, f"Nobody ever left the order {order_name}")
    rows = decision_rows(
        ground.tables, ground.population, ground.cohort, ground.protocol, order_name
    )
    return _where_possible(Strategy(strict_name(order_name), left_on, rows), NO_DECISION)


def _in_order(ground: Ground) -> Strategy:
    left_on = _days(ground, ground.protocol.study.primary_order, "first_skip_day")
    _refuse_if_nobody_left(left_on, ground, "Nobody ever skipped a stage")
    rows = order_rows(ground.tables, ground.population, ground.cohort, ground.protocol)
    reason = "There is no session at which skipping a stage was possible."
    return _where_possible(Strategy(IN_ORDER, left_on, rows), reason)


def _stage_5_completed(ground: Ground) -> Strategy:
    gap_days = ground.protocol.care.longest_gap_days
    rows = care_rows(ground.tables, ground.population, ground.cohort, ground.protocol)
    left_on = np.full(ground.cohort.people, NEVER, dtype=np.int64)
    np.minimum.at(left_on, rows.person[rows.happened], rows.day[rows.happened])
    words = (
        f"Nobody was seen to stay away for more than {gap_days} days before stage 5 was completed"
    )
    _refuse_if_nobody_left(left_on, ground, words)
    return Strategy(STAGE_5_COMPLETED, left_on, rows)


def _strict_in_care(ground: Ground) -> Strategy:
    """Return the strategy that keeps both: never a violation, and in care until stage 5."""
    strict, in_care = _primary_strict(ground), _stage_5_completed(ground)
    left_on = np.minimum(strict.leaves_on, in_care.leaves_on)
    if strict.decisions is None or in_care.decisions is None:
        raise NotEstimableError(NO_DECISION)
    return Strategy(STRICT_IN_CARE, left_on, rows_of_both(strict.decisions, in_care.decisions))


def _early_loading(ground: Ground) -> Strategy:
    loading, people = ground.protocol.early_loading, ground.cohort.people
    begun_on = _days(ground, ground.protocol.study.primary_order, "first_loading_day")
    rows = loading_rows(ground.population, ground.cohort, ground.protocol, begun_on)
    what = f"one of the stages {', '.join(map(str, loading.stages))} within {loading.within_days}"
    if rows.happened.all():
        raise NotEstimableError(f"Nobody who was followed for so long began {what} days.")
    left_on = np.full(people, NEVER, dtype=np.int64)
    left_on[rows.person[rows.happened]] = loading.within_days
    _refuse_if_nobody_left(left_on, ground, f"Everybody began {what} days")
    return Strategy(EARLY_LOADING, left_on, rows)


MAKERS: Final[Mapping[str, Callable[[Ground], Strategy]]] = {
    NATURAL: _natural,
    STRICT: _primary_strict,
    IN_ORDER: _in_order,
    STAGE_5_COMPLETED: _stage_5_completed,
    EARLY_LOADING: _early_loading,
    STRICT_IN_CARE: _strict_in_care,
}


def _refuse_if_nobody_left(left_on: IntArray, ground: Ground, words: str) -> None:
    if not np.any(left_on <= ground.population.horizon):
        raise NotEstimableError(f"{words}, so it cannot be told apart from care as usual.")


def _where_possible(strategy: Strategy, reason: str) -> Strategy:
    if strategy.decisions is None or strategy.decisions.happened.size == 0:
        raise NotEstimableError(reason)
    return strategy


def _days(ground: Ground, order_name: str, column: str) -> IntArray:
    """Return a day of every person's adherence to an order (people,), `NEVER` if there is none."""
    episodes = ground.tables.baseline.select("episode_id").sort("episode_id")
    adherence = ground.tables.adherence.filter(pl.col("order_name") == order_name)
    days = episodes.join(
        adherence.select("episode_id", column), on="episode_id", how="left", maintain_order="left"
    )[column]
    return days.cast(pl.Int64).fill_null(NEVER).to_numpy().astype(np.int64)
