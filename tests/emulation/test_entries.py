import numpy as np
import polars as pl
import pytest

from analysis.emulation.cohort import CENSORED, EVENT, Cohort, HazardRows
from analysis.emulation.curves import risk_standard_errors
from analysis.emulation.decision_trials import ACTED, NOT_ACTED, decision_trials
from analysis.emulation.design import Quantity, design_matrix
from analysis.emulation.emulation import NotEstimableError, Settings, emulate
from analysis.emulation.entries import RISK_OF_ENTRIES, acting_instead, arm_of_entries
from analysis.emulation.expectations import difference
from analysis.emulation.hazards import fit_hazards
from analysis.emulation.logistic import fit_logistic

DAYS = 40
INFLUENCE = Settings(intervals="influence")


def drawn(people, seed, *, per_unit=1, effect=0.0):
    """Weekly decisions; the worse x, the sooner the action, the event and the loss.

    Contacts are every ten days; `effect` is on the log rate of the event after the action.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=people)
    person = np.repeat(np.arange(people), 6)
    day = np.tile(np.arange(6) * 7, people)
    acts = random.random(6 * people) < 1 / (1 + np.exp(2.2 - 0.8 * x[person]))
    acted_on = np.where(acts, day, 10**6).reshape(people, 6).min(axis=1)
    wait, rate = random.exponential(size=people), 0.004 * np.exp(0.7 * x)
    later = acted_on + (wait - rate * acted_on) / (rate * np.exp(effect))
    event = np.ceil(np.where(wait < rate * acted_on, wait / rate, later)).astype(np.int64)
    contact, seen = np.repeat(np.arange(people), 11), np.tile(np.arange(11) * 10, people)
    loss = random.random(11 * people) < 1 / (1 + np.exp(3.5 - 0.6 * x[contact]))
    lost_on = np.where(loss, seen, 10**6).reshape(people, 11).min(axis=1)
    last = np.minimum(np.minimum(event, lost_on), 110)
    cohort = Cohort(
        np.arange(people) // per_unit, last, np.where(event <= last, EVENT, CENSORED), 110
    )
    kept = (day <= last[person]) & (day <= acted_on[person])
    decisions = HazardRows(person[kept], day[kept], acts[kept], _design(x[person[kept]]))
    known = np.where(cohort.ending == CENSORED, last, last - 1)
    kept = seen <= known[contact]
    contact, seen, is_lost = contact[kept], seen[kept], loss[kept]
    is_lost &= seen == lost_on[contact]
    follow_up = HazardRows(contact, seen, is_lost, _design(x[contact]))
    return cohort, decisions, follow_up


def _design(x):
    return design_matrix(pl.DataFrame({"x": x}), [Quantity("x", degree=2)])


def arms(cohort, decisions, follow_up, entries=None):
    models = fit_hazards(decisions, 0.01), follow_up and fit_hazards(follow_up, 0.01)
    entries = np.arange(len(decisions.day)) if entries is None else entries
    return [arm_of_entries(cohort, *models, entries, DAYS, acted=acted) for acted in (True, False)]


def refitted_risk(cohort, decisions, follow_up, counts, *, acted):
    """Entry by entry and day by day, with every person counted so often in models and sums."""
    p, q = (
        1 / (1 + np.exp(-rows.design.values @ fit_logistic(
            rows.design, rows.happened, counts[rows.person], precision=0.01
        ).coefficients))
        for rows in (decisions, follow_up)
    )  # fmt: skip
    at_risk, events = np.zeros(DAYS + 1), np.zeros(DAYS + 1)
    for row in np.flatnonzero(decisions.happened == acted):
        person, start = decisions.person[row], decisions.day[row]
        weight = counts[person] / (p[row] if acted else 1 - p[row])
        own = np.flatnonzero(follow_up.person == person)
        for day in range(min(cohort.last_day[person] - start, DAYS) + 1):
            now = weight / np.prod(
                1 - q[own][(follow_up.day[own] >= start) & (follow_up.day[own] < start + day)]
            )
            at_risk[day] += now
            if day == cohort.last_day[person] - start and cohort.ending[person] == EVENT:
                events[day] += now
    hazard = events / at_risk
    return float(np.sum(np.cumprod(np.r_[1, 1 - hazard])[:-1] * hazard))


def test_the_opposite_of_a_model_is_the_fit_of_the_opposite():
    _, decisions, _ = drawn(400, 1)
    model = fit_hazards(decisions, 0.01)
    opposite = HazardRows(decisions.person, decisions.day, ~decisions.happened, decisions.design)
    own, fitted = acting_instead(model), fit_hazards(opposite, 0.01)
    np.testing.assert_allclose(own.fit.coefficients, fitted.fit.coefficients, atol=1e-8)
    np.testing.assert_allclose(own.probability, fitted.probability, atol=1e-9)
    np.testing.assert_allclose(own.hazard, fitted.hazard, atol=1e-8)


def test_without_loss_the_arms_are_those_of_trials_whose_rows_were_copied():
    cohort, decisions, _ = drawn(700, 2, per_unit=2)
    acted, waited = arms(cohort, decisions, None)
    trials = decision_trials(cohort, decisions, DAYS)
    known = emulate(trials.cohort, trials.strategies, None, INFLUENCE)
    for arm, name in ((acted, ACTED), (waited, NOT_ACTED)):
        np.testing.assert_allclose(arm.curve.risk, known[name].curve.risk, atol=1e-9)
    own = difference(acted.risk, waited.risk, RISK_OF_ENTRIES, 0.95)
    other = known.difference(ACTED, NOT_ACTED)
    assert own.value == pytest.approx(other.value, abs=1e-9)
    assert own.standard_error == pytest.approx(other.standard_error, rel=1e-5)


@pytest.mark.parametrize("acted", [True, False])
def test_the_risk_and_its_influences_are_those_of_counting_by_hand(acted):
    cohort, decisions, follow_up = drawn(120, 3)
    arm = arms(cohort, decisions, follow_up)[0 if acted else 1]
    by_hand = refitted_risk(cohort, decisions, follow_up, np.ones(120), acted=acted)
    assert arm.curve.risk[-1] == pytest.approx(by_hand, abs=1e-9)
    size = np.max(np.abs(arm.risk.derivatives))
    for person in (5, 40, 77):
        moved = []
        for by in (1e-4, -1e-4):
            counts = np.ones(120)
            counts[person] += by
            moved.append(refitted_risk(cohort, decisions, follow_up, counts, acted=acted))
        numerical = (moved[0] - moved[1]) / 2e-4
        assert arm.risk.derivatives[person, 0] == pytest.approx(numerical, abs=1e-5 * size)


def test_without_an_effect_the_arms_do_not_differ_and_a_planted_one_is_seen():
    cohort, decisions, follow_up = drawn(8_000, 4)
    none = arms(cohort, decisions, follow_up)
    found = difference(none[0].risk, none[1].risk, RISK_OF_ENTRIES, 0.95)
    assert abs(found.value) < 2.5 * found.standard_error
    soon = cohort.last_day[decisions.person] - decisions.day <= DAYS
    had = soon & (cohort.ending[decisions.person] == EVENT)
    acted = decisions.happened
    assert had[acted].mean() - had[~acted].mean() > 4 * found.standard_error
    planted = arms(*drawn(8_000, 5, effect=0.7))
    seen = difference(planted[0].risk, planted[1].risk, RISK_OF_ENTRIES, 0.95)
    assert seen.low > 0.0


def test_a_part_of_the_decisions_is_weighted_by_the_models_of_all():
    cohort, decisions, follow_up = drawn(2_000, 6)
    late = np.flatnonzero(decisions.day >= 14)
    whole, part = arms(cohort, decisions, follow_up), arms(cohort, decisions, follow_up, late)
    assert part[1].entries == np.sum(~decisions.happened[late])
    assert part[1].people < whole[1].people
    assert part[0].risk.error(RISK_OF_ENTRIES) > whole[0].risk.error(RISK_OF_ENTRIES)


def test_an_arm_without_entries_or_events_or_follow_up_is_refused():
    cohort, decisions, follow_up = drawn(200, 7)
    with pytest.raises(NotEstimableError, match="no decision"):
        arms(cohort, decisions, follow_up, np.empty(0, dtype=np.int64))
    calm = Cohort(cohort.unit, cohort.last_day, np.zeros(200, dtype=np.int64), 110)
    with pytest.raises(NotEstimableError, match="No event"):
        arms(calm, decisions, follow_up)
    short = Cohort(cohort.unit, np.minimum(cohort.last_day, 5), cohort.ending, 110)
    with pytest.raises(NotEstimableError, match="so long"):
        arms(short, decisions, None)


def test_with_all_weights_cut_to_the_smallest_the_arm_is_the_plain_one():
    cohort, decisions, _ = drawn(2_000, 8)
    model, entries = fit_hazards(decisions, 0.01), np.arange(len(decisions.day))
    flat, cut, whole = (
        arm_of_entries(cohort, model, None, entries, DAYS, acted=True, truncation_quantile=share)
        for share in (0.0, 0.8, 1.0)
    )
    assert flat.largest_weight < cut.largest_weight < whole.largest_weight
    acted = decisions.happened
    apart = cohort.last_day[decisions.person[acted]] - decisions.day[acted]
    ending = np.where(apart <= DAYS, cohort.ending[decisions.person[acted]], CENSORED)
    plain, errors = risk_standard_errors(np.minimum(apart, DAYS), ending, DAYS)
    np.testing.assert_allclose(flat.curve.risk, plain.risk, atol=1e-12)
    assert flat.risk.error(RISK_OF_ENTRIES) == pytest.approx(errors[-1], rel=1e-3)
    assert plain.risk[-1] > cut.curve.risk[-1] > whole.curve.risk[-1]
