"""E-values and tipping points of the primary estimate."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.emulation.cohort import CENSORED
from analysis.emulation.evalue import RatioInterval, e_values
from analysis.scrutiny.arguments import e_value_rows, tipping_rows
from tests.scrutiny.grounds import ground


@pytest.fixture(scope="module")
def clear():
    return ground("protective", 3_000, 5)


def test_e_values_are_of_the_ratio_and_its_nearer_limit(clear):
    ratio = clear.emulation.ratio("strict", "natural")
    expected = e_values(RatioInterval(ratio.value, ratio.low, ratio.high))
    rows = {row.measure: row.value for row in e_value_rows(clear)}
    assert rows == {
        "risk_ratio": pytest.approx(expected.estimate),
        "limit_nearest_no_effect": pytest.approx(expected.limit),
    }
    assert rows["risk_ratio"] > rows["limit_nearest_no_effect"] >= 1.0


def lost_while_strict(own):
    cohort, broken = own.arms.cohort, own.population.violated_on
    is_lost = (cohort.ending == CENSORED) & (cohort.last_day < 365) & (broken > cohort.last_day)
    return int(np.sum(is_lost))


def test_the_lost_are_those_who_kept_the_order_until_then(clear):
    lost = lost_while_strict(clear)
    rows = {row.measure: row for row in tipping_rows(clear)}
    assert rows["share_lost"].value == pytest.approx(lost / 3_000)
    assert rows["lost"].value == lost
    assert 0.0 < rows["share_expected"].value < 1.0


def test_a_clear_benefit_needs_further_events_and_more_to_cross(clear):
    rows = {row.measure: row.value for row in tipping_rows(clear)}
    assert clear.emulation.difference("strict", "natural").high < 0.0
    assert 0.0 < rows["fewest_events_to_cover"] < rows["further_events_to_cover"]
    assert rows["further_events_to_cover"] < rows["further_events_to_cross"]
    assert rows["odds_ratio_among_lost_to_cover"] > 1.0
    further = rows["share_of_lost_to_cover"] - rows["share_expected"]
    assert further * lost_while_strict(clear) == pytest.approx(
        rows["further_events_to_cover"], abs=2.5
    )


def test_numbers_of_events_are_rounded_as_counts_are(clear):
    for row in tipping_rows(clear):
        if row.value is not None and "events" in row.measure:
            assert row.value % 5 == 0
            assert "multiples of 5" in row.reason


def test_an_unclear_effect_needs_nothing_to_be_unclear():
    rows = {row.measure: row for row in tipping_rows(ground())}
    difference = ground().emulation.difference("strict", "natural")
    assert difference.low < 0.0 < difference.high
    assert rows["further_events_to_cover"].value == 0.0
    assert "covers no effect" in rows["further_events_to_cover"].reason


@pytest.mark.parametrize(
    ("kept", "status"), [(0, "impossible"), (7, "suppressed"), (12, "suppressed")]
)
def test_few_lost_are_not_told(kept, status):
    # All but a few of the lost were followed to the end after all.
    own = ground()
    cohort = own.arms.cohort
    is_lost = (cohort.ending == CENSORED) & (cohort.last_day < 365)
    found_again = np.flatnonzero(is_lost & (own.population.violated_on > cohort.last_day))[kept:]
    last_day = cohort.last_day.copy()
    last_day[found_again] = 365
    arms = replace(own.arms, cohort=replace(cohort, last_day=last_day))
    rows = [row for row in tipping_rows(replace(own, arms=arms)) if row.measure != "lost"]
    assert {row.status for row in rows} == {status}
    assert all(row.value is None and row.reason for row in rows)
