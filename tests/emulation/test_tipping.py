import numpy as np
import pytest

from analysis.emulation.curves import aalen_johansen
from analysis.emulation.intervals import difference_estimate
from analysis.emulation.tipping import (
    LostPeople,
    delta_curve,
    remaining_risks,
    shift_of_difference,
    shifted_risks,
    tipping_point,
)

CLEAR_BENEFIT = difference_estimate(-0.10, 0.02, 0.95)
# Forty people of a thousand were lost, each standing for two, with 0.2 of the way to go.
LOST = LostPeople(np.full(40, 2.0), np.full(40, 0.2), population=1000.0)


def test_the_lost_carry_what_is_left_of_the_risk():
    # Efron 1967: the curve's risk is the events seen and the remaining risks of the lost.
    random = np.random.default_rng(11)
    people, horizon = 300, 50
    ends = random.integers(0, horizon + 1, people)
    ending = np.where(ends == horizon, 0, random.choice([0, 1, 2], people, p=[0.4, 0.4, 0.2]))
    curve = aalen_johansen(ends, ending, horizon)
    is_lost = (ending == 0) & (ends < horizon)
    expected = remaining_risks(curve.risk, curve.survival, ends[is_lost])
    total = np.sum(ending == 1) + np.sum(expected)
    assert curve.risk[-1] == pytest.approx(total / people, rel=1e-12)


def test_had_every_lost_person_met_the_event_the_risk_would_be_theirs_and_the_seen():
    random = np.random.default_rng(12)
    people, horizon = 200, 30
    ends = random.integers(0, horizon, people)
    ending = random.choice([0, 1], people)
    curve = aalen_johansen(ends, ending, horizon)
    lost = LostPeople(
        np.ones(np.sum(ending == 0)),
        np.clip(remaining_risks(curve.risk, curve.survival, ends[ending == 0]), 0, 1),
        population=people,
    )
    moved = curve.risk[-1] + np.sum(lost.pull * (1 - lost.remaining_risks))
    assert moved == pytest.approx(1.0)


def test_delta_multiplies_the_odds():
    risks = np.array([0.0, 0.2, 0.5, 1.0])
    doubled = shifted_risks(risks, 2.0)
    np.testing.assert_allclose(doubled, [0.0, 1 / 3, 2 / 3, 1.0])
    np.testing.assert_allclose(shifted_risks(risks, 1.0), risks)
    np.testing.assert_allclose(shifted_risks(risks, 0.0)[:3], 0.0)


def test_the_interval_covers_no_effect_at_the_tipping_point():
    tip = tipping_point(CLEAR_BENEFIT, LOST)
    assert (tip.lost, tip.expected_events) == (40, pytest.approx(8.0))
    covers = tip.interval_covers
    curve = delta_curve(CLEAR_BENEFIT, LOST, [1.0, covers.delta])
    assert curve["high"].to_list() == pytest.approx([CLEAR_BENEFIT.high, 0.0], abs=1e-10)
    assert curve["events_among_lost"][1] == pytest.approx(8.0 + covers.further_events)


def test_equal_people_tip_by_counting():
    # The upper limit lies at -0.0608; a further event moves it by 2 / 1000.
    covers = tipping_point(CLEAR_BENEFIT, LOST).interval_covers
    assert covers.shift == pytest.approx(0.10 - 0.02 * 1.959963984540054)
    assert covers.further_events == pytest.approx(covers.shift / 0.002)
    assert covers.fewest_further_events == pytest.approx(covers.further_events)
    assert covers.share_of_lost == pytest.approx((8.0 + covers.further_events) / 40)


def test_what_all_of_the_lost_together_cannot_do_has_no_number():
    # All 32 further events move the difference by 0.064: enough to cover, not to cross.
    tip = tipping_point(CLEAR_BENEFIT, LOST)
    assert tip.interval_covers.delta is not None
    crosses = tip.estimate_crosses
    assert crosses.shift == pytest.approx(0.10)
    assert crosses.delta is crosses.further_events is crosses.fewest_further_events is None


def test_the_heaviest_first_need_fewer_events():
    lost = LostPeople(np.array([10.0] * 8 + [1.0] * 32), np.full(40, 0.2), 1000.0)
    covers = tipping_point(CLEAR_BENEFIT, lost).interval_covers
    # Eight people at 0.8 each and 0.01 an event: 0.064 in reach, 0.0608 needed.
    assert covers.fewest_further_events == pytest.approx(covers.shift / 0.01)
    assert covers.fewest_further_events < covers.further_events


def test_harm_is_taken_away_by_fewer_events():
    harm = difference_estimate(0.02, 0.005, 0.95)
    covers = tipping_point(harm, LOST).interval_covers
    assert covers.shift < 0
    assert covers.delta < 1
    assert covers.further_events == pytest.approx(covers.shift / 0.002)
    assert covers.fewest_further_events == pytest.approx(covers.further_events)


def test_an_unclear_difference_needs_nothing():
    tip = tipping_point(difference_estimate(-0.01, 0.02, 0.95), LOST)
    covers = tip.interval_covers
    assert (covers.shift, covers.delta) == (0.0, 1.0)
    assert covers.further_events == pytest.approx(0.0)
    assert covers.fewest_further_events == 0.0
    assert tip.estimate_crosses.delta > 1


def test_people_who_count_on_both_sides_pull_less():
    both = LostPeople(LOST.weights, LOST.remaining_risks, 1000.0, np.full(40, 1.0), 1000.0)
    assert shift_of_difference(both, 3.0) == pytest.approx(shift_of_difference(LOST, 3.0) / 2)


def test_with_nobody_lost_nothing_can_change():
    nobody = LostPeople(np.empty(0), np.empty(0), 1000.0)
    tip = tipping_point(CLEAR_BENEFIT, nobody)
    assert (tip.lost, tip.expected_events) == (0, 0.0)
    assert tip.interval_covers.delta is None
    assert tip.interval_covers.fewest_further_events is None
    assert delta_curve(CLEAR_BENEFIT, nobody, [0.5, 2.0])["difference"].to_list() == [-0.1, -0.1]


def test_numbers_that_are_no_risks_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        LostPeople(np.ones(2), np.array([0.1, 1.4]), 10.0)
    with pytest.raises(ValueError, match="needs a weight"):
        LostPeople(np.ones(2), np.array([0.1]), 10.0)
    with pytest.raises(ValueError, match="0 or more"):
        shifted_risks(np.array([0.3]), -1.0)
