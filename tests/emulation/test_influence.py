from dataclasses import replace

import numpy as np
import pytest

from analysis.emulation.cohort import Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.curves import DailySums, daily_sums, incidence, risk_standard_errors
from analysis.emulation.design import Design
from analysis.emulation.emulation import Emulation, Settings, emulate
from analysis.emulation.hazards import fit_hazards, pair_hazards
from analysis.emulation.influence import (
    clustered_errors,
    grid_of_days,
    risk_adjoint,
    risk_derivatives,
    risk_influence,
)
from analysis.emulation.intervals import StandardErrors, interval_quantile, normal_quantile
from analysis.emulation.logistic import fit_logistic
from analysis.emulation.weights import minus_log_staying, path_weights, weight_path
from tests.emulation.invented import HORIZON, World, world

PRECISION = 0.01
BY_INFLUENCE = Settings(intervals="influence", precision=PRECISION)


def emulated(made: World, settings: Settings = BY_INFLUENCE) -> Emulation:
    natural = natural_course(made.cohort.people)
    return emulate(made.cohort, [made.strict, natural], made.follow_up, settings)


def refitted_risk(made: World, strategy: Strategy, counts, cap=None):
    """The curve with every person counted so often, in the models as in the sums."""
    models = [rows for rows in (strategy.decisions, made.follow_up) if rows is not None]
    hazards = [
        minus_log_staying(
            rows.design.values
            @ fit_logistic(
                rows.design, rows.happened, counts[rows.person], precision=PRECISION
            ).coefficients
        )
        for rows in models
    ]
    path = weight_path(made.cohort, strategy, made.follow_up)
    return incidence(daily_sums(path, path_weights(np.concatenate(hazards), path, cap), counts))


def nudged(made: World, strategy: Strategy, person: int, cap=None, step=1e-4):
    """The numerical derivative of the curve in how often one person counts."""
    curves = []
    for by in (step, -step):
        counts = np.ones(made.cohort.people)
        counts[person] += by
        curves.append(refitted_risk(made, strategy, counts, cap).risk)
    return (curves[0] - curves[1]) / (2 * step)


def test_the_derivatives_of_the_risk_in_the_daily_sums_are_those_of_small_changes():
    random = np.random.default_rng(1)
    sums = DailySums(random.uniform(20, 30, 9), random.uniform(0, 2, 9), random.uniform(0, 2, 9))
    days = np.array([0, 3, 8])
    adjoint = risk_adjoint(sums, days)
    given = {
        "at_risk": np.diff(adjoint.at_risk_before, axis=0),
        "events": adjoint.events,
        "competing": adjoint.competing,
    }
    for name, derivatives in given.items():
        for day in range(9):
            moved = []
            for by in (1e-5, -1e-5):
                column = getattr(sums, name).copy()
                column[day] += by
                moved.append(incidence(replace(sums, **{name: column})).risk[days])
            numerical = (moved[0] - moved[1]) / 2e-5
            np.testing.assert_allclose(derivatives[day], numerical, atol=1e-9)


def test_the_derivatives_of_the_risk_in_the_coefficients_are_those_of_small_changes():
    made = world(500, 2)
    pair = fit_hazards(made.strict.decisions, PRECISION), fit_hazards(made.follow_up, PRECISION)
    path = weight_path(made.cohort, made.strict, made.follow_up)
    days = np.array([0, 20, 77, HORIZON])
    found = risk_derivatives(path, path_weights(pair_hazards(pair), path), pair, days=days)
    assert len(found.in_coefficients) == 2
    for which, (model, gradient) in enumerate(found.in_coefficients):
        for column in range(len(gradient)):
            moved = []
            for by in (1e-5, -1e-5):
                beta = model.fit.coefficients.copy()
                beta[column] += by
                hazards = [each.hazard for each in pair]
                hazards[which] = minus_log_staying(model.rows.design.values @ beta)
                weights = path_weights(np.concatenate(hazards), path)
                moved.append(incidence(daily_sums(path, weights)).risk[days])
            numerical = (moved[0] - moved[1]) / 2e-5
            np.testing.assert_allclose(gradient[column], numerical, atol=1e-9)


@pytest.mark.parametrize("strategy", ["strict", "natural"])
def test_the_influence_is_what_counting_a_person_a_little_more_does(strategy):
    made = world(400, 3)
    plan = made.strict if strategy == "strict" else natural_course(400)
    influence = emulated(made)[strategy].influence
    size = np.max(np.abs(influence.values))
    for person in range(0, 400, 23):
        numerical = nudged(made, plan, person)[influence.days]
        np.testing.assert_allclose(influence.values[person], numerical, atol=1e-6 * size)


def test_without_its_own_part_the_influence_is_what_leaving_a_unit_out_does():
    made = world(400, 11, per_unit=2)
    influence = emulated(made)["strict"].influence
    without_own = influence.values[:, -1] - influence.own[:, -1]
    left_out = without_own.reshape(-1, 2).sum(axis=1)
    derivative = influence.values[:, -1].reshape(-1, 2).sum(axis=1)
    risk = refitted_risk(made, made.strict, np.ones(400)).risk[-1]
    heaviest = np.argsort(-np.abs(derivative))[:40]
    found = np.empty(40)
    for position, unit in enumerate(heaviest):
        counts = np.where(made.cohort.unit == unit, 0.0, 1.0)
        found[position] = risk - refitted_risk(made, made.strict, counts).risk[-1]
    misses = np.sum((left_out[heaviest] - found) ** 2), np.sum((derivative[heaviest] - found) ** 2)
    assert misses[0] < 0.35 * misses[1]
    assert np.sum(left_out[heaviest] ** 2) == pytest.approx(np.sum(found**2), rel=0.03)


def test_errors_lie_between_those_of_plain_derivatives_and_of_leaving_out():
    made = world(400, 11, per_unit=2)
    influence = emulated(made)["strict"].influence
    plain, left_out, half = (
        clustered_errors(each, made.cohort.unit)[-1]
        for each in (influence.values, influence.values - influence.own, influence.corrected)
    )
    assert plain < half < left_out
    # Half of the own part gives the middle of the errors to the first order in its size.
    assert half == pytest.approx((plain + left_out) / 2, rel=0.2 * (left_out / plain - 1))


def test_weights_that_are_cut_carry_nothing_of_their_models():
    made = world(400, 3)
    pair = fit_hazards(made.strict.decisions, PRECISION), fit_hazards(made.follow_up, PRECISION)
    path = weight_path(made.cohort, made.strict, made.follow_up)
    uncut = np.unique(path_weights(pair_hazards(pair), path))
    cap = float(np.mean(uncut[-8:-6]))
    weights = path_weights(pair_hazards(pair), path, cap)
    days = np.array([HORIZON])
    found = risk_influence(path, weights, pair, made.cohort.unit, days=days, cap=cap)
    moved = found.values
    for person in range(0, 400, 41):
        numerical = nudged(made, made.strict, person, cap)[HORIZON]
        assert moved[person, 0] == pytest.approx(numerical, abs=1e-6 * np.max(np.abs(moved)))


def test_without_models_the_error_is_that_of_the_plain_cumulative_incidence():
    made = world(700, 4)
    plain = emulate(made.cohort, [natural_course(700)], None, replace(BY_INFLUENCE, grid_steps=120))
    _, errors = risk_standard_errors(made.cohort.last_day, made.cohort.ending, HORIZON)
    found = plain["natural"].daily_errors
    np.testing.assert_allclose(found, errors * np.sqrt(700 / 699), rtol=1e-9)


def test_what_everybody_does_together_leaves_the_risk_alone():
    influence = emulated(world(700, 5))["natural"].influence
    assert abs(np.sum(influence.at_horizon)) < 1e-3 * np.sum(np.abs(influence.at_horizon))


def test_nobody_who_leaves_means_no_error_of_the_difference():
    made = world(500, 5)
    rows = made.strict.decisions
    nobody = HazardRows(rows.person, rows.day, np.zeros_like(rows.happened), rows.design)
    strict = Strategy("strict", np.full(500, 2**40), nobody)
    both = emulate(made.cohort, [strict, natural_course(500)], made.follow_up, BY_INFLUENCE)
    assert both.difference("strict", "natural").standard_error == 0


def copied(made: World, people: np.ndarray, unit: np.ndarray) -> World:
    """The world of these people, in this order, people who are copies included."""
    cohort = Cohort(unit, made.cohort.last_day[people], made.cohort.ending[people], HORIZON)
    strict = Strategy(
        "strict", made.strict.leaves_on[people], _rows_of(made.strict.decisions, people)
    )
    return World(cohort, strict, _rows_of(made.follow_up, people), made.severity[people])


def _rows_of(rows: HazardRows, people: np.ndarray) -> HazardRows:
    own = [np.flatnonzero(rows.person == person) for person in people]
    at = np.concatenate(own)
    design = Design(
        rows.design.names, rows.design.values[at], rows.design.centers, rows.design.scales
    )
    person = np.repeat(np.arange(len(people)), [len(each) for each in own])
    return HazardRows(person, rows.day[at], rows.happened[at], design)


def test_doubling_everybody_halves_the_variance_and_copies_in_one_unit_do_not():
    settings = replace(BY_INFLUENCE, precision=1e-9)
    made = world(500, 6)
    people = np.r_[np.arange(500), np.arange(500)]
    one = emulated(made, settings)
    apart = emulated(copied(made, people, np.arange(1_000)), settings)
    together = emulated(copied(made, people, people), settings)
    variances = [
        clustered_errors(each["strict"].influence.values[:, -1:], each.cohort.unit)[0] ** 2
        for each in (one, apart)
    ]
    assert variances[0] / variances[1] == pytest.approx(2.0 * 999 / 998, rel=1e-6)
    errors = [
        each.difference("strict", "natural").standard_error for each in (one, apart, together)
    ]
    assert errors[0] ** 2 / errors[1] ** 2 == pytest.approx(2.0, rel=0.05)
    assert errors[2] == pytest.approx(errors[0], rel=1e-6)


def test_the_order_of_the_people_does_not_matter():
    made = world(500, 7)
    mixed = np.random.default_rng(1).permutation(500)
    one, other = emulated(made), emulated(copied(made, mixed, np.arange(500)))
    for name in ("strict", "natural"):
        given, found = one[name].influence.values, other[name].influence.values
        np.testing.assert_allclose(found, given[mixed], atol=1e-9)


def test_small_blocks_of_people_give_the_same_influences(monkeypatch):
    made = world(500, 8)
    whole = emulated(made)["strict"].influence.values
    monkeypatch.setattr("analysis.emulation.influence.BLOCK_ROWS", 64)
    np.testing.assert_allclose(emulated(made)["strict"].influence.values, whole, atol=1e-12)


def test_estimates_are_the_same_whichever_way_their_intervals_are_made():
    made = world(500, 9)
    by_both = emulated(made, Settings(intervals="both", replicates=50))
    by_draws = emulated(made, Settings(replicates=50))
    by_influence = emulated(made)
    one = by_both.difference("strict", "natural")
    assert one == by_draws.difference("strict", "natural")
    other = by_influence.difference("strict", "natural")
    assert one.value == other.value
    assert by_both.difference_errors("strict", "natural") == StandardErrors(
        one.standard_error, other.standard_error
    )
    assert by_influence.ratio("strict", "natural").standard_error == pytest.approx(
        by_draws.ratio("strict", "natural").standard_error, rel=0.3
    )
    low, high = by_influence["strict"].band(0.95)
    assert np.all(low <= high)
    assert high[0] == low[0] == 0


def test_few_units_reach_as_far_as_students_distribution():
    assert interval_quantile(0.95, 5) == pytest.approx(2.776445)
    assert interval_quantile(0.95, 50) == normal_quantile(0.95)
    made = world(400, 10)
    few = copied(made, np.arange(400), np.arange(400) % 8)
    found = emulated(few).difference("strict", "natural")
    assert found.high - found.value == pytest.approx(2.364624 * found.standard_error)


def test_one_unit_has_no_error():
    assert np.isnan(clustered_errors(np.ones((3, 1)), np.zeros(3, dtype=np.int64)))[0]


def test_the_days_of_a_band_go_from_the_first_to_the_horizon():
    assert grid_of_days(3).tolist() == [0, 1, 2, 3]
    days = grid_of_days(365)
    assert (days[0], days[-1], len(days)) == (0, 365, 49)


def test_an_unknown_way_to_make_intervals_is_refused():
    with pytest.raises(ValueError, match="no way to make intervals"):
        Settings(intervals="jackknife")


@pytest.mark.slow
def test_influences_and_resamples_agree_on_the_error():
    made = world(4_000, 5)
    both = emulated(made, Settings(intervals="both", replicates=1_000))
    pairs = [
        both.risk_errors("strict"),
        both.risk_errors("natural"),
        both.difference_errors("strict", "natural"),
        both.ratio_errors("strict", "natural"),
    ]
    for errors in pairs:
        assert errors.influence == pytest.approx(errors.bootstrap, rel=0.07)
