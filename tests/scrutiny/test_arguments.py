"""E-values and tipping points of the primary estimate."""

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


def test_the_lost_are_those_who_kept_the_order_until_then(clear):
    cohort, broken = clear.arms.cohort, clear.population.violated_on
    lost = np.sum(
        (cohort.ending == CENSORED) & (cohort.last_day < 365) & (broken > cohort.last_day)
    )
    rows = {row.measure: row for row in tipping_rows(clear)}
    assert rows["lost"].value == lost
    assert 0.0 < rows["expected_events"].value < lost


def test_a_clear_benefit_needs_further_events_and_more_to_cross(clear):
    rows = {row.measure: row.value for row in tipping_rows(clear)}
    assert clear.emulation.difference("strict", "natural").high < 0.0
    assert 0.0 < rows["fewest_events_to_cover"] < rows["further_events_to_cover"]
    assert rows["further_events_to_cover"] < rows["further_events_to_cross"]
    assert rows["odds_ratio_among_lost_to_cover"] > 1.0
    share = (rows["expected_events"] + rows["further_events_to_cover"]) / rows["lost"]
    assert rows["share_of_lost_to_cover"] == pytest.approx(share)


def test_an_unclear_effect_needs_nothing_to_be_unclear():
    rows = {row.measure: row for row in tipping_rows(ground())}
    difference = ground().emulation.difference("strict", "natural")
    assert difference.low < 0.0 < difference.high
    assert rows["further_events_to_cover"].value == pytest.approx(0.0)
    assert "covers no effect" in rows["further_events_to_cover"].reason
