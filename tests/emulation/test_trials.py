"""Sequences of nested trials: by hand, and with a planted truth."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import CENSORED, COMPETING, EVENT, Cohort, HazardRows
from analysis.emulation.decision_trials import (
    ACTED,
    NOT_ACTED,
    daily_difference,
    decision_trials,
    entry_periods,
    first_actions,
    start_weights,
)
from analysis.emulation.design import Quantity, design_matrix
from analysis.emulation.emulation import Settings, emulate
from analysis.emulation.pooled import fit_pooled
from analysis.emulation.trials import (
    expand_trials,
    start_factors,
    trial_risks,
    trial_weights,
    within_trials,
)
from benchmarks.public.trials import as_periods

INFLUENCE = Settings(precision=0.0, intervals="influence")


# Person 7 is eligible until treated (as in Hernan et al. 2008), person 3 all the time.
DRAWN = pl.DataFrame(
    {
        "id": [7, 7, 7, 7, 3, 3, 3, 3],
        "period": [0, 1, 2, 3, 5, 6, 7, 8],
        "treatment": [0, 0, 1, 1, 1, 0, 0, 1],
        "outcome": [0, 0, 0, 1, 0, 0, 1, 0],
        "eligible": [1, 1, 1, 0, 0, 1, 1, 1],
    }
)


def test_a_trial_starts_in_every_eligible_period_and_runs_to_the_end():
    periods = as_periods(DRAWN)
    # Period 5 of person 3 is before eligibility, period 8 after the event.
    assert periods.period.tolist() == [6, 7, 0, 1, 2, 3]
    trials = expand_trials(periods)
    drawn = list(zip(trials.trial, trials.followup, trials.assigned, trials.dose, strict=True))
    assert drawn == [
        (6, 0, False, 0),
        (6, 1, False, 0),
        (7, 0, False, 0),
        *[(0, 0, False, 0), (0, 1, False, 0), (0, 2, False, 1), (0, 3, False, 2)],
        *[(1, 0, False, 0), (1, 1, False, 1), (1, 2, False, 2)],
        *[(2, 0, True, 1), (2, 1, True, 2)],
    ]
    assert trials.happened.tolist() == [0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1]


def test_per_protocol_a_trial_ends_before_the_switch():
    periods = as_periods(DRAWN)
    trials = expand_trials(periods, until_switch=True, trials=(0, 3), last_followup=1)
    drawn = list(zip(trials.trial, trials.followup, trials.assigned, strict=True))
    assert drawn == [(0, 0, False), (0, 1, False), (1, 0, False), (2, 0, True), (2, 1, True)]
    assert trials.happened.tolist() == [0, 0, 0, 0, 1]


def test_rows_that_no_running_trial_covers_tell_nothing_of_switching():
    frame = pl.DataFrame(
        {
            "id": [1] * 7,
            "period": range(7),
            "treatment": [0, 1, 1, 0, 0, 1, 0],
            "outcome": [0] * 7,
            "eligible": [1, 0, 0, 1, 0, 0, 0],
        }
    )
    # Trial 0 ends at the switch of period 1; trial 3 runs to that of period 5.
    assert within_trials(as_periods(frame)).period.tolist() == [0, 1, 3, 4, 5]


def test_a_period_given_twice_is_refused():
    with pytest.raises(ValueError, match="two rows for one period"):
        as_periods(pl.concat([DRAWN, DRAWN.head(1)]))


def drawn_periods(people: int, seed: int, effect: float = 0.0) -> pl.DataFrame:
    """People of 6 periods: the worse x, the more treated and the more events; effect planted."""
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        x, was = random.normal(), 0
        for period in range(6):
            x = 0.8 * x + 0.6 * random.normal()
            treated = int(random.random() < 1 / (1 + np.exp(1.2 - 1.2 * x - 1.5 * was)))
            risk = 1 / (1 + np.exp(3.0 - 0.8 * x - effect * treated))
            event = int(random.random() < risk)
            rows.append((person, period, x, treated, event, int(was == 0)))
            was = treated
            if event:
                break
    names = ["id", "period", "x", "treatment", "outcome", "eligible"]
    return pl.DataFrame(rows, schema=names, orient="row")


def test_weighting_the_start_takes_away_who_is_treated():
    """No effect: the weighted difference is within three errors of none, the plain one is not."""
    periods = as_periods(drawn_periods(4000, seed=11))
    trials = expand_trials(periods, last_followup=2)
    plain = trial_risks(trials)
    weights = trial_weights(trials, at_start=start_factors(periods, [Quantity("x", degree=2)]))
    weighted = trial_risks(trials, weights)
    assert plain.difference[-1] > 5 * plain.difference_errors[-1]
    assert abs(weighted.difference[-1]) < 3 * weighted.difference_errors[-1]


def test_without_weights_the_risks_are_plain_shares():
    trials = expand_trials(as_periods(DRAWN))
    risks = trial_risks(trials)
    # Untreated at the start: 5 trials of which one has the event at once, and so on.
    np.testing.assert_allclose(risks.risk[0], 1 - np.cumprod([3 / 4, 2 / 3, 1 / 2, 0]))
    np.testing.assert_allclose(risks.risk[1, :2], [0, 1])


def test_errors_of_trial_risks_are_those_of_leaving_people_out():
    periods = as_periods(drawn_periods(150, seed=12))
    trials = expand_trials(periods)
    whole = trial_risks(trials)
    people = periods.person.max() + 1
    without = np.array(
        [
            trial_risks(trials, (trials.person != one).astype(float)).difference
            for one in range(people)
        ]
    )
    jackknife = np.sqrt(
        (people - 1) / people * np.sum((without - without.mean(axis=0)) ** 2, axis=0)
    )
    # To first order in one over the number of people.
    np.testing.assert_allclose(whole.difference_errors[:4], jackknife[:4], rtol=0.05)


# Person 0 acts on day 9, person 1 never, person 2 at once; event, competing event, censored.
DECISIONS = HazardRows(
    np.array([0, 0, 0, 1, 1, 2]),
    np.array([0, 4, 9, 0, 6, 3]),
    np.array([False, False, True, False, False, True]),
    design_matrix(pl.DataFrame({"x": [1.0, 2.0, 3.0, 1.0, 5.0, 4.0]}), [Quantity("x")]),
)
COHORT = Cohort(
    np.array([0, 1, 0]), np.array([12, 8, 30]), np.array([EVENT, COMPETING, CENSORED]), 30
)


def test_entries_count_days_from_their_own_decision():
    trials = decision_trials(COHORT, DECISIONS, 10)
    assert trials.person.tolist() == [0, 0, 0, 1, 1, 2]
    assert trials.acted.tolist() == [0, 0, 1, 0, 0, 1]
    assert trials.cohort.last_day.tolist() == [10, 8, 3, 8, 2, 10]
    endings = [CENSORED, EVENT, EVENT, COMPETING, COMPETING, CENSORED]
    assert trials.cohort.ending.tolist() == endings
    assert trials.cohort.unit.tolist() == [0, 0, 0, 1, 1, 0]
    acted, not_acted = trials.strategies
    assert acted.leaves_on.tolist() == [0, 0, NEVER, 0, 0, NEVER]
    assert not_acted.leaves_on.tolist() == [NEVER, NEVER, 0, NEVER, NEVER, 0]
    assert not_acted.decisions is not None
    assert not_acted.decisions.day.tolist() == [0] * 6


def test_per_protocol_an_entry_leaves_at_the_first_later_action():
    trials = decision_trials(COHORT, DECISIONS, 10, hold=(NOT_ACTED,))
    not_acted = trials.strategies[1]
    assert not_acted.leaves_on.tolist() == [9, 5, 0, NEVER, NEVER, 0]
    assert not_acted.decisions is not None
    drawn = list(zip(not_acted.decisions.person, not_acted.decisions.day, strict=True))
    assert drawn == [(0, 0), (0, 4), (0, 9), (1, 0), (1, 5), (2, 0), (3, 0), (3, 6), (4, 0), (5, 0)]
    assert trials.strategies[0].leaves_on.tolist() == [0, 0, NEVER, 0, 0, NEVER]


def test_nobody_starts_a_trial_after_having_acted_or_after_the_end():
    late = Cohort(COHORT.unit, np.array([8, 8, 30]), COHORT.ending, 30)
    assert decision_trials(late, DECISIONS, 10).decision.tolist() == [0, 1, 3, 4, 5]
    again = HazardRows(
        DECISIONS.person,
        DECISIONS.day,
        np.array([True, False, True, False, True, True]),
        DECISIONS.design,
    )
    assert first_actions(again).tolist() == [True, False, False, True, True, True]


def test_contacts_after_the_start_are_followed_up_in_each_entry():
    contacts = HazardRows(
        np.array([0, 0, 1, 2]),
        np.array([3, 9, 8, 30]),
        np.array([False, False, True, True]),
        design_matrix(pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]}), [Quantity("x")]),
    )
    trials = decision_trials(COHORT, DECISIONS, 10, follow_up=contacts)
    assert trials.follow_up is not None
    drawn = list(zip(trials.follow_up.person, trials.follow_up.day, strict=True))
    assert drawn == [(0, 3), (0, 9), (1, 5), (2, 0), (3, 8), (4, 2)]
    assert trials.follow_up.happened.tolist() == [0, 0, 0, 0, 1, 1]


def drawn_days(people: int, seed: int) -> tuple[Cohort, HazardRows]:
    """Decisions about weekly; the worse x, the sooner the action and the event; no effect."""
    random = np.random.default_rng(seed)
    x = random.normal(size=people)
    end = np.floor(random.exponential(120 * np.exp(-0.7 * x))).astype(np.int64)
    last, ending = np.minimum(end, 100), np.where(end <= 100, EVENT, CENSORED)
    person = np.repeat(np.arange(people), 8)
    day = (np.tile(np.arange(8) * 7, people) + random.integers(0, 7, 8 * people)).astype(np.int64)
    acts = random.random(8 * people) < 1 / (1 + np.exp(1.6 - 0.9 * x[person]))
    kept = day <= last[person]
    person, day, acts = person[kept], day[kept], acts[kept]
    design = design_matrix(pl.DataFrame({"x": x[person]}), [Quantity("x", degree=2)])
    return Cohort(np.arange(people), last, ending, 100), HazardRows(person, day, acts, design)


def test_without_an_effect_the_weighted_difference_is_none_by_day_and_arm():
    cohort, decisions = drawn_days(2500, seed=13)
    trials = decision_trials(cohort, decisions, 40)
    both = emulate(trials.cohort, trials.strategies, trials.follow_up, INFLUENCE)
    difference, errors = daily_difference(both, ACTED, NOT_ACTED)
    assert len(difference) == 41
    assert abs(difference[40]) < 3 * errors[40]
    assert errors[40] == pytest.approx(both.difference(ACTED, NOT_ACTED).standard_error)
    plain = [
        (cohort.ending[trials.person] == EVENT)
        & (trials.cohort.last_day < 40)
        & (trials.acted == arm)
        for arm in (True, False)
    ]
    crude = plain[0].sum() / trials.acted.sum() - plain[1].sum() / (~trials.acted).sum()
    assert crude > 5 * errors[40]


def test_clustered_errors_of_entries_are_those_of_resampled_people():
    cohort, decisions = drawn_days(400, seed=14)
    trials = decision_trials(cohort, decisions, 40, hold=(NOT_ACTED,))
    both = emulate(
        trials.cohort,
        trials.strategies,
        trials.follow_up,
        Settings(precision=0.01, replicates=200, intervals="both"),
    )
    errors = both.difference_errors(ACTED, NOT_ACTED)
    assert errors.bootstrap is not None
    assert errors.influence is not None
    # Two hundred resamples tell a standard deviation to about 5 %; three times that, and small
    # samples' own difference.
    assert errors.influence == pytest.approx(errors.bootstrap, rel=0.2)
    assert daily_difference(both, ACTED, NOT_ACTED)[1][40] == pytest.approx(errors.bootstrap)


def test_the_pooled_model_of_entries_agrees_with_their_weighted_curves():
    """One saturated arm effect a period gives the weighted risks of the arms themselves."""
    cohort, decisions = drawn_days(1500, seed=15)
    trials = decision_trials(cohort, decisions, 29)
    weights = start_weights(trials, decisions, precision=0.0)
    # Stabilised weights have mean one when the model holds.
    assert weights.mean() == pytest.approx(1.0, abs=0.02)
    entry, period, happened = entry_periods(trials.cohort, 10)
    rows = pl.DataFrame({"acted": trials.acted[entry].astype(float), "period": period})
    design = design_matrix(rows, [Quantity("acted"), Quantity("period")])
    fit = fit_pooled(design, happened, weights=weights[entry], cluster=trials.cohort.unit[entry])
    log_odds = fit.table().filter(pl.col("name") == "acted").row(0, named=True)
    assert abs(log_odds["estimate"]) < 3 * log_odds["standard_error"]
    plain = fit_pooled(design, happened, cluster=trials.cohort.unit[entry]).table()
    crude = plain.filter(pl.col("name") == "acted").row(0, named=True)
    assert crude["estimate"] > 5 * crude["standard_error"]
