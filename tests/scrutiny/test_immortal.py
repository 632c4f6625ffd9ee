"""Immortal time: a comparison that finds an effect where there is none, and what is left by day."""

import numpy as np
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import CENSORED, EVENT, Cohort
from analysis.scrutiny.immortal import Membership, immortal_rows, immortal_time
from tests.scrutiny.grounds import ground


def waiting(people: int, hazard_ratio: float = 1.0, seed: int = 3) -> tuple[Cohort, Membership]:
    """People who join a group on a random day, unless the event comes first; known effect."""
    random = np.random.default_rng(seed)
    joins = random.integers(1, 365, people)
    before = random.exponential(300.0, people)
    after = joins + random.exponential(300.0 / hazard_ratio, people)
    day = np.floor(np.where(before < joins, before, after)).astype(np.int64)
    ending = np.where(day <= 365, EVENT, CENSORED)
    cohort = Cohort(np.arange(people), np.minimum(day, 365), ending, 365)
    joined = joins <= cohort.last_day
    never = np.full(people, NEVER)
    return cohort, Membership(joined, np.where(joined, joins, NEVER), never)


def test_time_waited_is_all_of_the_effect_where_there_is_none():
    fixed, by_day, part = immortal_time(*waiting(20_000), 0.95)
    assert fixed.value < 0.6
    assert by_day.low < 1.0 < by_day.high
    assert part.value == pytest.approx(fixed.value / by_day.value)
    assert part.high < 0.65


def test_a_real_effect_is_left_when_immortal_time_is_gone():
    fixed, by_day, part = immortal_time(*waiting(20_000, hazard_ratio=1.5), 0.95)
    assert by_day.low < 1.5 < by_day.high
    assert fixed.value < 1.0
    assert part.value < 0.8


def test_a_group_from_the_first_day_on_has_no_immortal_time():
    cohort, _ = waiting(2_000)
    half = np.arange(2_000) % 2 == 0
    start = np.where(half, 0, NEVER)
    group = Membership(half, start, np.full(2_000, NEVER))
    fixed, by_day, part = immortal_time(cohort, group, 0.95)
    assert fixed.value == pytest.approx(by_day.value, rel=1e-9)
    assert (part.value, part.standard_error) == pytest.approx((1.0, 0.0), abs=1e-9)


def test_leaving_a_group_counts_from_its_day_on():
    # Everybody leaves on day 100: only the first hundred days are compared within the group.
    cohort, _ = waiting(4_000)
    half = np.arange(4_000) % 2 == 0
    until = np.where(half, 100, 0)
    group = Membership(half, np.zeros(4_000, dtype=np.int64), until)
    early = cohort.last_day < 100
    short = Cohort(
        cohort.unit, np.minimum(cohort.last_day, 99), np.where(early, cohort.ending, CENSORED), 99
    )
    start = np.where(half, 0, NEVER)
    expected = immortal_time(short, Membership(half, start, np.full(4_000, NEVER)), 0.95)
    assert immortal_time(cohort, group, 0.95)[1].value == pytest.approx(expected[1].value, rel=1e-9)


def test_careless_and_designed_ratios_stand_side_by_side():
    rows = {row.measure: row for row in immortal_rows(ground())}
    designed = ground().emulation.ratio("strict", "natural")
    assert rows["designed_risk_ratio"].value == pytest.approx(designed.value)
    for name in ("completed_all", "never_violated"):
        assert rows[f"naive_risk_ratio_{name}"].status == "estimated"
        one, other, part = (
            rows[f"{measure}_{name}"].value
            for measure in ("hazard_ratio_in_the_end", "hazard_ratio_by_day", "immortal_time_ratio")
        )
        assert part == pytest.approx(one / other)
    # Waiting to complete makes completing look good, having had time to violate makes violating.
    assert rows["immortal_time_ratio_completed_all"].high < 1.0
    assert rows["immortal_time_ratio_never_violated"].low > 1.0
