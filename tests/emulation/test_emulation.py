import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import Cohort, HazardRows, Strategy, natural_course
from analysis.emulation.curves import aalen_johansen
from analysis.emulation.design import Design
from analysis.emulation.emulation import Emulation, NotEstimableError, Settings, emulate
from tests.emulation.invented import HORIZON, World, true_risk, world

FEW = Settings(replicates=40, seed=7)


def emulated(made: World, settings: Settings = FEW) -> Emulation:
    natural = natural_course(made.cohort.people)
    return emulate(made.cohort, [made.strict, natural], made.follow_up, settings)


def test_the_planted_risk_comes_out_under_the_strategy():
    truth = true_risk()
    for seed, effect in ((1, 0.0), (2, 0.7)):
        risk = emulated(world(12_000, seed, effect=effect)).risk("strict")
        assert abs(risk.value - truth) < 3 * risk.standard_error


def test_without_an_effect_the_difference_covers_zero_and_the_naive_one_does_not():
    made = world(12_000, 3)
    difference = emulated(made).difference("strict", "natural")
    assert difference.low < 0 < difference.high
    stays = made.strict.leaves_on > HORIZON
    naive = [
        aalen_johansen(made.cohort.last_day[who], made.cohort.ending[who], HORIZON).risk[-1]
        for who in (stays, ~stays)
    ]
    assert naive[0] - naive[1] < -0.05


def test_weights_of_one_give_the_unweighted_curve():
    made = world(800, 4)
    strict = Strategy("strict", made.strict.leaves_on)
    curve = emulate(made.cohort, [strict], None, FEW)["strict"].curve.risk
    last_day = np.minimum(made.cohort.last_day, made.strict.leaves_on - 1)
    stays = made.strict.leaves_on > made.cohort.last_day
    ending = np.where(stays, made.cohort.ending, 0)
    kept = last_day >= 0
    plain = aalen_johansen(last_day[kept], ending[kept], HORIZON).risk
    np.testing.assert_allclose(curve, plain, rtol=1e-12)


def test_strict_is_natural_when_nobody_leaves():
    made = world(800, 5)
    rows = made.strict.decisions
    nobody = HazardRows(rows.person, rows.day, np.zeros_like(rows.happened), rows.design)
    strict = Strategy("strict", np.full(800, NEVER), nobody)
    both = emulate(made.cohort, [strict, natural_course(800)], made.follow_up, FEW)
    difference = both.difference("strict", "natural")
    assert difference.value == 0
    assert difference.standard_error == 0


def test_doubling_everybody_leaves_the_estimate_and_shrinks_the_error():
    made = world(1_500, 6)
    single = emulated(made, Settings(replicates=200, precision=1e-9))
    person = np.r_[np.arange(1_500), np.arange(1_500)]
    copies = np.r_[np.arange(1_500), np.arange(1_500) + 1_500]
    cohort = Cohort(copies, made.cohort.last_day[person], made.cohort.ending[person], HORIZON)
    doubled = World(
        cohort,
        Strategy("strict", made.strict.leaves_on[person], _twice(made.strict.decisions)),
        _twice(made.follow_up),
        made.severity[person],
    )
    double = emulated(doubled, Settings(replicates=200, precision=1e-9))
    one, two = (each.difference("strict", "natural") for each in (single, double))
    assert two.value == pytest.approx(one.value, rel=1e-6)
    assert one.standard_error / two.standard_error == pytest.approx(np.sqrt(2), rel=0.2)


def _twice(rows: HazardRows) -> HazardRows:
    values = np.r_[rows.design.values, rows.design.values]
    design = Design(rows.design.names, values, rows.design.centers, rows.design.scales)
    return HazardRows(
        np.r_[rows.person, rows.person + 1_500],
        np.r_[rows.day, rows.day],
        np.r_[rows.happened, rows.happened],
        design,
    )


def test_a_unit_with_two_people_is_drawn_whole():
    made = world(600, 8, per_unit=2)
    copied = made.cohort.unit[1::2]
    assert np.array_equal(made.cohort.unit[::2], copied)
    alone = emulated(world(600, 8))
    together = emulated(made)
    assert alone.risk("strict").value == together.risk("strict").value
    assert alone.risk("strict").standard_error != together.risk("strict").standard_error


def test_the_same_seed_gives_the_same_bytes():
    made = world(700, 9)
    one, two = emulated(made), emulated(made)
    assert one["strict"].draws.tobytes() == two["strict"].draws.tobytes()


def test_truncated_weights_are_no_larger_than_their_cap():
    made = world(2_000, 10)
    cut = emulated(made, Settings(replicates=10, truncation_quantile=0.9))
    assert cut["strict"].weights.max() < emulated(made)["strict"].weights.max()


@pytest.mark.slow
def test_the_bootstrap_error_is_that_of_other_registries():
    estimates = [emulated(world(1_500, seed)).difference("strict", "natural") for seed in range(40)]
    spread = np.std([each.value for each in estimates], ddof=1)
    mean_error = np.mean([each.standard_error for each in estimates])
    assert mean_error == pytest.approx(spread, rel=0.35)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nobody", "nobody in the study population"),
        ("no event", "No event was seen by the horizon"),
        ("everyone lost", "still under observation at the horizon"),
        ("nobody strict", "Nobody followed the strategy strict on the first day"),
        ("no event in strict", "No event was seen among those following the strategy strict"),
        ("one unit", "one patient only"),
    ],
)
def test_data_that_hold_no_answer_say_why(what, said):
    cohort, strict = _hopeless(what)
    with pytest.raises(NotEstimableError, match=said):
        emulate(cohort, [strict], None, FEW)


def _hopeless(what: str) -> tuple[Cohort, Strategy]:
    none = np.empty(0, dtype=np.int64)
    unit, last_day = np.arange(4), np.array([5, 9, 9, 3])
    ending, leaves_on = np.array([1, 0, 0, 1]), np.array([NEVER, NEVER, 2, NEVER])
    if what == "nobody":
        unit = last_day = ending = leaves_on = none
    if what == "no event":
        ending = np.zeros(4, dtype=np.int64)
    if what == "everyone lost":
        last_day = np.array([5, 6, 7, 3])
    if what == "nobody strict":
        leaves_on = np.zeros(4, dtype=np.int64)
    if what == "no event in strict":
        leaves_on = np.array([4, NEVER, NEVER, 2])
    if what == "one unit":
        unit = np.zeros(4, dtype=np.int64)
    return Cohort(unit, last_day, ending, 9), Strategy("strict", leaves_on)


def test_rows_out_of_order_are_refused():
    design = Design(("intercept",), np.ones((2, 1)), np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="sorted by person and day"):
        HazardRows(np.array([1, 0]), np.array([0, 0]), np.array([False, True]), design)


def test_the_world_of_these_tests_is_confounded():
    made = world(5_000, 1)
    left = made.strict.leaves_on < NEVER
    assert pl.Series(made.severity[left]).mean() > pl.Series(made.severity[~left]).mean() + 0.3
