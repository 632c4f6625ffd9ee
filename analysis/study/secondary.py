"""Secondary outcomes under strict and natural: what competes, counts, and time spent well.

- Competing events: the risk of surgery or death before any re-injury, and of any of the three.
- Recurrent re-injury: the mean number of days with a re-injury by the horizon. A re-injury ends
  nobody's follow-up there; surgery and death do.
- Restricted mean time: the days free of re-injury by the horizon, those after surgery or death
  among them (the area above the risk). That of the composite ends with any of the three.
- Recovered days: days by the horizon on which a person is free of all three and the latest pain
  known at their beginning is at most the protocol's limit. Pain is known at sessions only and is
  carried forward, also after care has ended; who never told of any pain has not recovered.

All have the clones, models and weights of the primary analysis, and intervals by influences that
carry these models. The contrasts do not say which of the days are due to which session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.emulation.areas import (
    COMPETING_RISK,
    DAYS_IN_STATE,
    EITHER_RISK,
    FREE_OF_EITHER,
    FREE_OF_EVENT,
    Spells,
    days_in_state,
    risks_and_times,
)
from analysis.emulation.arrays import IntArray
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.cohort import COMPETING, EVENT, natural_course
from analysis.emulation.emulation import NotEstimableError, weighted_strategies
from analysis.emulation.expectations import Expected, difference, ratio
from analysis.emulation.intervals import DIFFERENCE, RATIO, RISK, Estimate
from analysis.emulation.recurrent import MEAN_COUNT, RecurrentEvents, mean_count
from analysis.study.designs import PrimaryDesign, influence_settings
from analysis.study.models import follow_up_rows
from analysis.study.population import Population
from analysis.study.rows import COMPLETION, NATURAL, STRICT, EstimateRow
from analysis.study.strategies import Ground, make_strategy
from analysis.study.tables import StudyTables

COMPETING_EVENTS: Final = "competing_events"
COMPOSITE: Final = "composite"
RECURRENT: Final = "recurrent_reinjury"
RESTRICTED_MEAN: Final = "restricted_mean"
RECOVERED: Final = "recovered_days"
RESTRICTED_MEAN_DAYS: Final = "restricted_mean_days"
RECOVERED_DAYS: Final = "recovered_days"
WEIGHTED_INCIDENCE: Final = "weighted_cumulative_incidence"
WEIGHTED_AREA: Final = "weighted_restricted_mean"
WEIGHTED_COUNT: Final = "weighted_mean_cumulative_count"
WEIGHTED_STATE: Final = "weighted_days_in_state"
# A kind of event that no delivery holds: nothing but what competes ends this follow-up.
NO_EVENT: Final = "no event"


@dataclass(frozen=True)
class Outcome:
    """One secondary outcome: its rows' names, and the number of the core that it is.

    `kind` says how its interval is made (`risk`, `time` or `count`), `has_ratio` whether the ratio
    of the strategies is told as well.
    """

    analysis: str
    estimator: str
    measure: str
    number: str
    kind: str
    has_ratio: bool = False

    @property
    def difference(self) -> str:
        """Return the name of the difference of this measure."""
        return DIFFERENCE if self.measure == RISK else f"{self.measure}_difference"


OF_COMPETING: Final = Outcome(
    COMPETING_EVENTS, WEIGHTED_INCIDENCE, RISK, COMPETING_RISK, "risk", has_ratio=True
)
OF_COMPOSITE: Final = Outcome(
    COMPOSITE, WEIGHTED_INCIDENCE, RISK, EITHER_RISK, "risk", has_ratio=True
)
COMPOSITE_TIME: Final = Outcome(
    COMPOSITE, WEIGHTED_AREA, RESTRICTED_MEAN_DAYS, FREE_OF_EITHER, "time"
)
TIME_FREE: Final = Outcome(
    RESTRICTED_MEAN, WEIGHTED_AREA, RESTRICTED_MEAN_DAYS, FREE_OF_EVENT, "time"
)
TIME_WELL: Final = Outcome(RECOVERED, WEIGHTED_STATE, RECOVERED_DAYS, DAYS_IN_STATE, "time")
COUNTED: Final = Outcome(RECURRENT, WEIGHTED_COUNT, MEAN_COUNT, MEAN_COUNT, "count")
OF_FIRST_EVENTS: Final = (OF_COMPETING, OF_COMPOSITE, COMPOSITE_TIME, TIME_FREE)


@dataclass(frozen=True)
class _Found:
    """A number under strict and natural, and how many people had the event in each."""

    strict: Expected
    natural: Expected
    events: tuple[int, int]


def first_event_rows(design: PrimaryDesign) -> list[EstimateRow]:
    """Return the unsealed rows of the secondary outcomes that end with the first event."""
    ground, weighted = design.ground, design.weighted
    unit = ground.cohort.unit
    if weighted is None:
        everything = (*OF_FIRST_EVENTS, TIME_WELL)
        return [row for each in everything for row in _rows(each, None, design.reason, ground)]
    strict, natural = (risks_and_times(each, unit) for each in weighted)
    rows = []
    for outcome in OF_FIRST_EVENTS:
        events = tuple(_events(each, outcome) for each in weighted)
        found = _Found(strict, natural, (events[0], events[1]))
        rows += _rows(outcome, found, _none_seen(found, outcome), ground)
    return rows + _rows(TIME_WELL, _recovered(weighted, ground), "", ground)


def recurrent_rows(ground: Ground) -> list[EstimateRow]:
    """Return the unsealed rows of recurrent re-injury, on a cohort that no re-injury ends."""
    try:
        return _rows(COUNTED, _recurrent(ground), "", ground)
    except NotEstimableError as refusal:
        return _rows(COUNTED, None, str(refusal), ground)


def recovered_spells(tables: StudyTables, population: Population, pain_at_most: float) -> Spells:
    """Return from which day on each person's latest known pain is within the limit, or not.

    Pain of a contact counts from the day after; who has not told of any has not recovered.
    """
    contacts = tables.contacts.select(
        pl.Series("person", population.person_of(tables.contacts["episode_key"])),
        (pl.col("day").cast(pl.Int64) + 1).alias("day"),
        (pl.col("last_pain_nrs") <= pain_at_most).fill_null(value=False).alias("is_in"),
    )
    known = contacts.filter(pl.col("person") >= 0).sort("person", "day")
    return Spells(_whole(known["person"]), _whole(known["day"]), known["is_in"].to_numpy())


def reinjury_days(tables: StudyTables, population: Population) -> RecurrentEvents:
    """Return every day of a re-injury by the horizon."""
    days = tables.reinjuries.select(
        pl.Series("person", population.person_of(tables.reinjuries["episode_key"])),
        pl.col("day").cast(pl.Int64),
    )
    own = days.filter((pl.col("person") >= 0) & (pl.col("day") <= population.horizon))
    own = own.unique().sort("person", "day")
    return RecurrentEvents(_whole(own["person"]), _whole(own["day"]))


def _recovered(weighted: Sequence[WeightedPath], ground: Ground) -> _Found:
    limit = ground.protocol.recovery.pain_at_most
    spells = recovered_spells(ground.tables, ground.population, limit)
    unit = ground.cohort.unit
    strict, natural = (days_in_state(each, unit, spells) for each in weighted)
    events = [_events(each, TIME_WELL) for each in weighted]
    return _Found(strict, natural, (events[0], events[1]))


def _recurrent(ground: Ground) -> _Found:
    tables, population, protocol = ground.tables, ground.population, ground.protocol
    events = reinjury_days(tables, population)
    if events.person.size == 0:
        raise NotEstimableError("No day of a re-injury by the horizon is recorded.")
    cohort = population.cohort(NO_EVENT, protocol.outcome.competing)
    strict_order = make_strategy(replace(ground, cohort=cohort), STRICT)
    weighted = weighted_strategies(
        cohort,
        (strict_order, natural_course(cohort.people, NATURAL)),
        follow_up_rows(tables, population, cohort, protocol),
        influence_settings(protocol),
        needs_events=False,
    )
    strict, natural = (mean_count(each, cohort.unit, events) for each in weighted)
    had = [len(np.unique(events.seen_in(each.path).person)) for each in weighted]
    if min(had) == 0:
        raise NotEstimableError("No re-injury was seen among those following the strict order.")
    return _Found(strict, natural, (had[0], had[1]))


def _events(clones: WeightedPath, outcome: Outcome) -> int:
    """Return how many people had what the outcome is about while in the strategy."""
    counted = {
        COMPETING_EVENTS: (COMPETING,),
        COMPOSITE: (EVENT, COMPETING),
        RESTRICTED_MEAN: (EVENT,),
        RECOVERED: (EVENT, COMPETING),
    }
    return int(np.isin(clones.path.ending, counted[outcome.analysis]).sum())


def _none_seen(found: _Found, outcome: Outcome) -> str:
    if outcome.kind == "risk" and min(found.events) == 0:
        return "No event of this kind was seen in one of the strategies."
    return ""


def _rows(outcome: Outcome, found: _Found | None, reason: str, ground: Ground) -> list[EstimateRow]:
    """Return the number under each strategy and the contrasts, or why there are none."""
    level = ground.protocol.bootstrap.interval_level
    row = EstimateRow(
        outcome.analysis, COMPLETION, STRICT, None, outcome.estimator, outcome.measure,
        ground.population.horizon, episodes=ground.population.episodes,
    )  # fmt: skip
    rows = [row, replace(row, strategy=NATURAL)]
    contrast = replace(row, comparator=NATURAL, measure=outcome.difference)
    rows.append(contrast)
    if outcome.has_ratio:
        rows.append(replace(contrast, measure=RATIO))
    if found is None or reason:
        return [each.holding(None, reason) for each in rows]
    number = outcome.number
    own: list[Estimate | None] = [
        _interval(outcome, found.strict, level),
        _interval(outcome, found.natural, level),
        difference(found.strict, found.natural, number, level),
    ]
    if outcome.has_ratio:
        own.append(ratio(found.strict, found.natural, number, level))
    strict, natural = found.events
    events = (strict, natural, strict, strict)
    return [
        replace(each, events=seen).holding(estimate)
        for each, estimate, seen in zip(rows, own, events, strict=False)
    ]


def _interval(outcome: Outcome, found: Expected, level: float) -> Estimate:
    ways: dict[str, Callable[[str, float], Estimate]] = {
        "risk": found.risk,
        "time": found.time,
        "count": found.count,
    }
    return ways[outcome.kind](outcome.number, level)


def _whole(column: pl.Series) -> IntArray:
    return column.cast(pl.Int64).to_numpy().astype(np.int64)
