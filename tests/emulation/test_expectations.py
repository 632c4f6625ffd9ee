from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analysis.emulation.areas import (
    COMPETING_RISK,
    DAYS_IN_STATE,
    EITHER_RISK,
    EVENT_RISK,
    FREE_OF_EITHER,
    FREE_OF_EVENT,
    Spells,
    days_in_state,
    risks_and_times,
)
from analysis.emulation.arrays import NEVER
from analysis.emulation.bootstrap import WeightedPath, unit_counts
from analysis.emulation.cohort import CENSORED, COMPETING, EVENT, Strategy, natural_course
from analysis.emulation.curves import DailySums, daily_sums, incidence
from analysis.emulation.emulation import Settings, emulate, weighted_strategies
from analysis.emulation.expectations import (
    Worth,
    course,
    difference,
    expected_adjoint,
    expected_value,
    ratio,
)
from analysis.emulation.hazards import HazardModel
from analysis.emulation.influence import risk_adjoint
from analysis.emulation.logistic import fit_logistic
from analysis.emulation.recurrent import (
    MEAN_COUNT,
    RecurrentEvents,
    count_course,
    mean_count,
    mean_count_curve,
)
from analysis.emulation.weights import minus_log_staying
from analysis.survival.counting import counting_rows
from analysis.survival.incidence import aalen_johansen
from analysis.survival.recurrent import mean_cumulative_count
from analysis.survival.restricted_mean import restricted_mean
from tests.emulation.invented import HORIZON, world

PRECISION = 0.01
SETTINGS = Settings(intervals="influence", precision=PRECISION)


def weighted(made, *, needs_events=True):
    strategies = [made.strict, natural_course(made.cohort.people)]
    return weighted_strategies(
        made.cohort, strategies, made.follow_up, SETTINGS, needs_events=needs_events
    )


def unweighted(cohort):
    return weighted_strategies(
        cohort, [natural_course(cohort.people)], None, SETTINGS, needs_events=False
    )[0]


def spells_of(made, seed=1):
    """The state changes on random days, more often to well than to ill."""
    random = np.random.default_rng(seed)
    days = np.sort(random.integers(0, HORIZON, (made.cohort.people, 4)), axis=1)
    person = np.repeat(np.arange(made.cohort.people), 4)
    is_in = random.random(len(person)) < 0.6
    kept = np.r_[True, (np.diff(days.ravel()) != 0) | (np.diff(person) != 0)]
    return Spells(person[kept], days.ravel()[kept], is_in[kept])


def recurring(made, seed=1):
    """People who go on being followed after an event, and may have more of them."""
    random = np.random.default_rng(seed)
    cohort = made.cohort
    going_on = cohort.ending == EVENT
    last_day = np.where(going_on, HORIZON, cohort.last_day)
    later = random.integers(0, HORIZON + 1, (cohort.people, 2))
    has = going_on[:, None] & (later > cohort.last_day[:, None])
    person = np.r_[np.flatnonzero(going_on), *(np.flatnonzero(has[:, j]) for j in (0, 1))]
    day = np.r_[cohort.last_day[going_on], *(later[has[:, j], j] for j in (0, 1))]
    person, day = np.unique(np.c_[person, day], axis=0).T
    ending = np.where(going_on, CENSORED, cohort.ending)
    stays = going_on & (made.strict.leaves_on > cohort.last_day)
    strict = replace(made.strict, leaves_on=np.where(stays, NEVER, made.strict.leaves_on))
    again = replace(cohort, last_day=last_day, ending=ending)
    return replace(made, cohort=again, strict=strict), RecurrentEvents(person, day)


def refitted(made, clones, counts):
    """The same clones with every person counted so often in the models."""
    models = []
    for model in clones.pair:
        if model is None:
            models.append(None)
            continue
        rows = model.rows
        own = fit_logistic(
            rows.design,
            rows.happened,
            counts[rows.person],
            precision=PRECISION,
            start=model.fit.coefficients,
        ).coefficients
        models.append(HazardModel(rows, model.fit, model.probability, minus_log_staying(
            rows.design.values @ own
        )))  # fmt: skip
    return WeightedPath(clones.path, (models[0], models[1]), clones.cap)


def counted_risks_and_times(made, clones, counts):
    own = refitted(made, clones, counts)
    sums = daily_sums(own.path, own.weights, counts)
    curve = incidence(sums)
    survival = curve.survival
    return np.array(
        [
            curve.risk[-1],
            curve.competing_risk[-1],
            1.0 - survival[-1],
            np.sum(1.0 - curve.risk[:-1]),
            np.sum(survival[:-1]),
        ]
    )


class ByHand:
    """Days in a state day by day over everybody, without any running sum."""

    def __init__(self, path, spells):
        self.path = path
        people, self.days = len(path.last_day), np.arange(path.horizon + 1)
        self.row = np.full((people, len(self.days)), -1)
        self.is_in = np.zeros(self.row.shape, dtype=bool)
        for row, (person, day) in enumerate(zip(path.person, path.day, strict=True)):
            self.row[person, day:] = row
        for person, day, is_in in zip(spells.person, spells.day, spells.is_in, strict=True):
            self.is_in[person, day:] = is_in

    def __call__(self, weights, counts):
        path = self.path
        weight = np.where(self.row >= 0, weights[self.row], 1.0) * counts[:, None]
        weight *= path.last_day[:, None] >= self.days
        ends = (path.last_day[:, None] == self.days) & (path.ending != CENSORED)[:, None]
        at_risk = weight.sum(axis=0)
        before = np.r_[1.0, np.cumprod(1.0 - (weight * ends).sum(axis=0) / at_risk)[:-1]]
        return float(np.sum((before * (weight * self.is_in).sum(axis=0) / at_risk)[1:]))


def test_an_event_worth_one_has_the_value_and_the_derivatives_of_the_risk():
    random = np.random.default_rng(1)
    sums = DailySums(random.uniform(20, 30, 9), random.uniform(0, 2, 9), random.uniform(0, 2, 9))
    worth = Worth(np.ones(9), np.zeros(9), np.zeros(9))
    assert expected_value(course(sums), worth) == pytest.approx(incidence(sums).risk[-1])
    own, known = expected_adjoint(course(sums), [worth]), risk_adjoint(sums, np.array([8]))
    for name in ("at_risk_before", "events", "competing"):
        np.testing.assert_allclose(getattr(own, name), getattr(known, name), atol=1e-15)


@pytest.mark.parametrize("is_recurrent", [False, True])
def test_the_derivatives_in_the_daily_sums_are_those_of_small_changes(is_recurrent):
    random = np.random.default_rng(2)
    sums = DailySums(random.uniform(20, 30, 7), random.uniform(0, 2, 7), random.uniform(0, 2, 7))
    worth = Worth(random.normal(size=7), random.normal(size=7), random.normal(size=7), 3.0)
    adjoint = expected_adjoint(course(sums, is_recurrent=is_recurrent), [worth])
    given = {
        "at_risk": np.diff(adjoint.at_risk_before, axis=0),
        "events": adjoint.events,
        "competing": adjoint.competing,
    }
    for name, derivatives in given.items():
        for day in range(7):
            moved = []
            for by in (1e-5, -1e-5):
                column = getattr(sums, name).copy()
                column[day] += by
                nudged = course(replace(sums, **{name: column}), is_recurrent=is_recurrent)
                moved.append(expected_value(nudged, worth))
            assert derivatives[day, 0] == pytest.approx((moved[0] - moved[1]) / 2e-5, abs=1e-8)


def test_people_who_all_weigh_the_same_have_the_textbook_risks_times_and_errors():
    cohort = world(800, 4).cohort
    found = risks_and_times(unweighted(cohort), cohort.unit)
    days, endings = cohort.last_day.astype(float), cohort.ending
    risk = aalen_johansen(days, endings, HORIZON)
    competing = aalen_johansen(days, endings, HORIZON, cause=COMPETING)
    free = restricted_mean(days, endings != CENSORED, HORIZON)
    small = np.sqrt(800 / 799)
    assert found.value(EVENT_RISK) == pytest.approx(risk.values[0])
    assert found.error(EVENT_RISK) == pytest.approx(small * risk.standard_errors[0])
    assert found.value(COMPETING_RISK) == pytest.approx(competing.values[0])
    assert found.error(COMPETING_RISK) == pytest.approx(small * competing.standard_errors[0])
    assert found.value(FREE_OF_EITHER) == pytest.approx(free.mean)
    assert found.error(FREE_OF_EITHER) == pytest.approx(small * free.standard_error)


def test_the_time_free_of_the_event_is_the_area_above_the_risk_and_parts_add_up():
    made = world(600, 5)
    for clones in weighted(made):
        found = risks_and_times(clones, made.cohort.unit)
        curve = incidence(daily_sums(clones.path, clones.weights))
        assert found.value(FREE_OF_EVENT) == pytest.approx(np.sum(1.0 - curve.risk[:-1]))
        assert found.value(EITHER_RISK) == pytest.approx(
            found.value(EVENT_RISK) + found.value(COMPETING_RISK)
        )
        assert found.value(FREE_OF_EITHER) < found.value(FREE_OF_EVENT) < HORIZON


def test_the_contrast_of_risks_is_that_of_the_emulation():
    made = world(600, 6)
    strict, natural = (risks_and_times(each, made.cohort.unit) for each in weighted(made))
    plain = natural_course(made.cohort.people)
    known = emulate(made.cohort, [made.strict, plain], made.follow_up, SETTINGS)
    own, other = (
        difference(strict, natural, EVENT_RISK, 0.95),
        known.difference("strict", "natural"),
    )
    assert (own.low, own.high) == pytest.approx((other.low, other.high))
    own, other = ratio(strict, natural, EVENT_RISK, 0.95), known.ratio("strict", "natural")
    assert own.low == pytest.approx(other.low)
    assert strict.risk(EVENT_RISK, 0.95).high == pytest.approx(known.risk("strict").high)


def test_nobody_in_the_state_makes_no_days_and_everybody_the_time_free_of_events():
    made = world(500, 7)
    people = np.arange(500)
    always = Spells(people, np.zeros(500, dtype=np.int64), np.ones(500, dtype=bool))
    never = replace(always, is_in=np.zeros(500, dtype=bool))
    for clones in weighted(made):
        free = risks_and_times(clones, made.cohort.unit)
        found = days_in_state(clones, made.cohort.unit, always)
        assert found.value(DAYS_IN_STATE) == pytest.approx(free.value(FREE_OF_EITHER))
        np.testing.assert_allclose(
            found.moves(DAYS_IN_STATE), free.moves(FREE_OF_EITHER), atol=1e-9
        )
        none = days_in_state(clones, made.cohort.unit, never)
        assert none.value(DAYS_IN_STATE) == 0.0
        assert none.error(DAYS_IN_STATE) == 0.0


def test_the_days_in_a_state_are_those_counted_day_by_day():
    made = world(250, 8)
    spells = spells_of(made)
    for clones in weighted(made):
        found = days_in_state(clones, made.cohort.unit, spells)
        by_hand = ByHand(clones.path, spells)(clones.weights, np.ones(250))
        assert found.value(DAYS_IN_STATE) == pytest.approx(by_hand)


def test_events_that_nobody_survives_have_the_mean_count_of_the_risk():
    made = world(500, 9)
    cohort = made.cohort
    had = cohort.ending == EVENT
    events = RecurrentEvents(np.flatnonzero(had), cohort.last_day[had])
    for clones in weighted(made):
        along = count_course(clones.path, clones.weights, events.seen_in(clones.path))
        risk = incidence(daily_sums(clones.path, clones.weights)).risk
        # Nobody is at risk after the event, so the two differ by who is left to have it.
        assert np.all(mean_count_curve(along) >= risk - 1e-12)
        assert mean_count_curve(along)[1] == pytest.approx(risk[1])


def test_people_who_all_weigh_the_same_have_the_textbook_mean_count():
    made, events = recurring(world(700, 10))
    cohort = made.cohort
    found = mean_count(unweighted(cohort), cohort.unit, events)
    who = np.r_[events.person, np.arange(700)]
    # Whatever ends follow-up comes after an event of the same day.
    end = np.r_[events.day + 0.5, cohort.last_day + 0.6]
    order = np.lexsort((end, who))
    who, end, is_last = who[order], end[order], (order >= len(events.person))
    start = np.where(np.r_[True, is_last[:-1]], 0.0, np.r_[0.0, end[:-1]])
    rows = counting_rows(start, end, ~is_last, clusters=who)
    is_death = is_last & (cohort.ending[who] == COMPETING)
    known = mean_cumulative_count(rows, HORIZON + 1, is_terminal=is_death)
    assert found.value(MEAN_COUNT) == pytest.approx(known.values[0])
    assert found.error(MEAN_COUNT) == pytest.approx(
        np.sqrt(700 / 699) * known.standard_errors[0], rel=1e-9
    )


def test_the_mean_count_is_at_least_the_risk():
    made = world(900, 11)
    again, events = recurring(made)
    first = weighted(made)
    for clones, risk_clones in zip(weighted(again, needs_events=False), first, strict=True):
        count = mean_count(clones, again.cohort.unit, events).value(MEAN_COUNT)
        assert count > risks_and_times(risk_clones, made.cohort.unit).value(EVENT_RISK)


@pytest.mark.parametrize("which", [0, 1])
def test_influences_are_what_counting_a_person_a_little_more_does(which):
    made = world(300, 12)
    again, events = recurring(made)
    spells, step = spells_of(made), 1e-4
    clones, counted = weighted(made)[which], weighted(again, needs_events=False)[which]
    by_hand = ByHand(clones.path, spells)

    def numbers(counts):
        own, other = refitted(made, clones, counts), refitted(again, counted, counts)
        state = by_hand(own.weights, counts)
        seen = events.seen_in(other.path)
        along = count_course(other.path, other.weights, seen, counts)
        times = counted_risks_and_times(made, clones, counts)
        return np.r_[times, state, mean_count_curve(along)[-1]]

    moves = np.c_[
        risks_and_times(clones, made.cohort.unit).derivatives,
        days_in_state(clones, made.cohort.unit, spells).derivatives,
        mean_count(counted, again.cohort.unit, events).derivatives,
    ]
    for person in range(0, 300, 61):
        moved = []
        for by in (step, -step):
            counts = np.ones(300)
            counts[person] += by
            moved.append(numbers(counts))
        numerical = (moved[0] - moved[1]) / (2 * step)
        np.testing.assert_allclose(moves[person], numerical, atol=2e-6 * np.max(np.abs(moves)))


@cache
def truths(people=2_000_000):
    """Risk of what competes, time free of the event and mean count, had nobody left or been lost.

    As `recurring` has it: two further events on days at random, if they come after the first.
    """
    random = np.random.default_rng(3)
    rate = np.array([0.001, 0.003, 0.006])[random.integers(0, 3, people)]
    event = np.ceil(random.exponential(1.0, people) / rate).clip(1)
    competing = np.ceil(random.exponential(1 / 0.001, people))
    is_event = (event <= HORIZON) & (event <= competing)
    competes = (competing <= HORIZON) & ~is_event
    free = np.where(is_event, event, HORIZON)
    counts = np.where(is_event, 1 + 2 * (HORIZON - event) / (HORIZON + 1), 0.0)
    return competes.mean(), free.mean(), counts.mean()


@pytest.mark.parametrize("which", [0, 1])
def test_the_planted_times_and_counts_come_back_under_both_strategies(which):
    made = world(40_000, 22)
    again, events = recurring(made)
    times = risks_and_times(weighted(made)[which], made.cohort.unit)
    counts = mean_count(weighted(again, needs_events=False)[which], made.cohort.unit, events)
    competing, free, mean = truths()
    found = (
        (times, COMPETING_RISK, competing),
        (times, FREE_OF_EVENT, free),
        (counts, MEAN_COUNT, mean),
    )
    for numbers, name, truth in found:
        assert abs(numbers.value(name) - truth) < 3 * numbers.error(name)


def test_without_weights_the_planted_time_is_missed():
    made = world(40_000, 22)
    strict = Strategy("strict", made.strict.leaves_on)
    clones = weighted_strategies(made.cohort, [strict], None, SETTINGS)[0]
    careless = risks_and_times(clones, made.cohort.unit)
    free = truths()[1]
    assert careless.value(FREE_OF_EVENT) - free > 5 * careless.error(FREE_OF_EVENT)


def test_errors_by_influence_are_those_of_resamples():
    made = world(1_200, 13)
    again, events = recurring(made)
    unit, spells = made.cohort.unit, spells_of(made)
    pairs = list(zip(weighted(made), weighted(again, needs_events=False), strict=True))
    by_influence = [
        (
            risks_and_times(one, unit),
            days_in_state(one, unit, spells),
            mean_count(two, unit, events),
        )
        for one, two in pairs
    ]
    names = (FREE_OF_EVENT, DAYS_IN_STATE, MEAN_COUNT)
    errors = [
        difference(one, other, name, 0.95).standard_error
        for name, one, other in zip(names, *by_influence, strict=True)
    ]
    by_hand = [ByHand(one.path, spells) for one, _ in pairs]
    drawn = unit_counts(made.cohort.units, 150, 5).astype(float)
    draws = []
    for counts in drawn.T:
        both = []
        for (one, two), in_state in zip(pairs, by_hand, strict=True):
            counted = refitted(again, two, counts)
            along = count_course(counted.path, counted.weights, events.seen_in(two.path), counts)
            both.append(
                (
                    counted_risks_and_times(made, one, counts)[3],
                    in_state(refitted(made, one, counts).weights, counts),
                    mean_count_curve(along)[-1],
                )
            )
        draws.append(np.subtract(*both))
    np.testing.assert_allclose(errors, np.std(draws, axis=0, ddof=1), rtol=0.13)
