"""Limits equal the formulas written out, and charts fit the counts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.quality.charts import (
    G_CHART,
    NO_CHART,
    P_CHART,
    P_PRIME_CHART,
    RUN_CHART,
    T_CHART,
    U_CHART,
    U_PRIME_CHART,
    XMR_CHART,
    fitting_chart,
    fitting_mean_chart,
    fitting_rate_chart,
    fitting_waits_chart,
    g_chart,
    means_chart,
    p_chart,
    p_prime_chart,
    run_chart,
    t_chart,
    xmr_chart,
)

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "11_qi_charts"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the public reference cases are not beside the project"
)


def all_of(counts: Any) -> Any:
    return np.ones(len(counts), dtype=bool)


@needs_golden
def test_overdispersed_accidents_get_limits_as_wide_as_their_neighbours_differ() -> None:
    weeks = pl.read_csv(GOLDEN / "nhs_accidents.csv")
    within_4_hours, attended = weeks["r"].to_numpy(), weeks["n"].to_numpy()

    chart = p_prime_chart(within_4_hours, attended, all_of(attended))

    share = within_4_hours.sum() / attended.sum()
    errors = [float(np.sqrt(share * (1 - share) / size)) for size in attended]
    scores = [
        (count / size - share) / error
        for count, size, error in zip(within_4_hours, attended, errors, strict=True)
    ]
    moves = [abs(later - before) for before, later in pairwise(scores)]
    spread = sum(moves) / len(moves) / 1.128
    assert chart.spread == pytest.approx(spread, abs=1e-8)
    np.testing.assert_allclose(
        chart.upper, [min(share + 3 * spread * error, 1) for error in errors], atol=1e-8
    )
    assert fitting_chart(within_4_hours, attended, all_of(attended)).method == P_PRIME_CHART


def test_laney_limits_of_three_points_by_hand() -> None:
    numerators, denominators = np.array([40.0, 60.0, 50.0]), np.full(3, 100.0)
    chart = p_prime_chart(numerators, denominators, all_of(numerators))
    # Errors 0.05; scores -2, 2, 0; moves 4, 2; spread 3 / 1.128.
    assert chart.center == 0.5
    assert chart.spread == pytest.approx(3 / 1.128)
    assert chart.upper[0] == pytest.approx(0.5 + 3 * 0.05 * 3 / 1.128)


def test_limits_stay_within_what_a_share_can_be() -> None:
    numerators, denominators = np.array([1.0, 0.0, 2.0]), np.full(3, 10.0)
    chart = p_chart(numerators, denominators, all_of(numerators))
    assert chart.lower.tolist() == [0, 0, 0]
    assert p_chart(10 - numerators, denominators, all_of(numerators)).upper.tolist() == [1, 1, 1]


def test_points_that_do_not_count_move_no_limit() -> None:
    numerators, denominators = np.array([5.0, 7.0, 90.0]), np.full(3, 100.0)
    chart = p_chart(numerators, denominators, np.array([True, True, False]))
    assert chart.center == pytest.approx(0.06)
    assert chart.values[2] == pytest.approx(0.9)


def test_the_median_is_the_centre_of_a_run_chart() -> None:
    chart = run_chart(np.array([1.0, 5.0, 2.0]), np.full(3, 10.0), np.full(3, fill_value=True))
    assert chart.center == pytest.approx(0.2)
    assert np.isnan(chart.lower).all()


@pytest.mark.parametrize(
    ("points", "share", "size", "method"),
    [
        (9, 0.5, 100, NO_CHART),
        (12, 0.01, 100, RUN_CHART),
        (12, 0.99, 100, RUN_CHART),
        (12, 0.0, 100, RUN_CHART),
        (12, 0.5, 100, P_CHART),
    ],
)
def test_the_chart_fits_the_counts(points: int, share: float, size: int, method: str) -> None:
    denominators = np.full(points, float(size))
    chart = fitting_chart(denominators * share, denominators, all_of(denominators))
    assert chart.method == method


def test_a_period_without_cases_has_no_value_and_disturbs_nothing() -> None:
    denominators = np.array([100.0] * 11 + [0.0])
    chart = fitting_chart(denominators / 2, denominators, all_of(denominators))
    assert np.isnan(chart.values[-1])
    assert chart.center == 0.5


def test_no_cases_at_all_give_an_empty_chart() -> None:
    chart = fitting_chart(np.zeros(3), np.zeros(3), np.ones(3, dtype=bool))
    assert chart.method == NO_CHART
    assert np.isnan(chart.center)


def test_a_period_with_few_expected_cases_has_no_limits_and_is_held_to_no_rule() -> None:
    denominators = np.array([200.0] * 12 + [60.0, 40.0])
    numerators = np.array([20.0, 22.0] * 6 + [6.0, 4.0])
    chart = fitting_chart(numerators, denominators, all_of(numerators))
    assert chart.method == P_CHART
    # Some 10 % of 60 are six cases, of 40 only four.
    assert np.isnan(chart.upper).tolist() == [False] * 13 + [True]
    assert chart.is_large is not None
    assert chart.is_large.tolist() == [True] * 13 + [False]


def test_the_baseline_alone_makes_centre_and_limits() -> None:
    denominators = np.full(20, 100.0)
    numerators = np.array([50.0, 52.0] * 6 + [90.0] * 8)
    first = np.arange(20) < 12
    chart = fitting_chart(numerators, denominators, all_of(numerators), first)
    assert chart.center == pytest.approx(0.51)
    np.testing.assert_allclose(chart.upper, 0.51 + 3 * np.sqrt(0.51 * 0.49 / 100))


@pytest.mark.parametrize(
    ("counts", "method"),
    [
        ([300.0, 301.0] * 6, U_CHART),
        ([200.0, 400.0] * 6, U_PRIME_CHART),
        ([3.0, 4.0] * 6, RUN_CHART),
        ([300.0] * 9, NO_CHART),
    ],
)
def test_rates_have_charts_by_what_their_counts_carry(counts: list[float], method: str) -> None:
    exposures = np.full(len(counts), 100.0)
    chart = fitting_rate_chart(np.array(counts), exposures, all_of(counts))
    assert chart.method == method


def test_means_of_equal_groups_have_the_plain_chart_of_single_values() -> None:
    values = np.array([4.0, 6.0, 5.0, 9.0, 4.0, 6.0])
    chart = means_chart(values * 30, np.full(6, 30.0), all_of(values))
    plain = xmr_chart(values, all_of(values))
    assert (chart.method, chart.center) == (XMR_CHART, pytest.approx(plain.center))
    np.testing.assert_allclose(chart.lower, plain.lower)
    np.testing.assert_allclose(chart.upper, plain.upper)


def test_the_mean_of_a_quarter_as_many_people_has_limits_twice_as_far() -> None:
    sizes = np.array([100.0] * 12 + [25.0, 0.0])
    sums = np.array([400.0, 600.0] * 6 + [125.0, 0.0])
    chart = fitting_mean_chart(sums, sizes, all_of(sums))
    reach = chart.upper - chart.center
    assert reach[12] == pytest.approx(2 * reach[0])
    assert np.isnan(chart.values[13])
    assert np.isnan(chart.upper[13])


def test_a_wait_for_one_event_has_the_usual_chart() -> None:
    waits = np.array([3.0, 9.0, 20.0, 1.0, 7.0, 30.0, 2.0, 11.0, 5.0, 8.0])
    for method, chart in ((G_CHART, g_chart), (T_CHART, t_chart)):
        every = all_of(waits)
        fitted = fitting_waits_chart(waits, np.ones(10), every, method=method, events=1)
        assert fitted.method == method
        np.testing.assert_array_equal(fitted.upper, chart(waits, every).upper)


def test_waits_for_several_events_spread_as_drawn_sums_of_waits_do() -> None:
    together, often = 13, 0.02
    draws = np.random.default_rng(20240101)
    cases = draws.negative_binomial(together, often, 40_000).astype(np.float64)
    chart = g_chart(cases, all_of(cases), together)
    assert (chart.upper[0] - cases.mean()) / 3 == pytest.approx(cases.std(), rel=0.02)
    days = draws.gamma(together, 9.0, 40_000)
    limits = t_chart(days, all_of(days), together)
    # Of each tail 0.00135 is expected, 54 of 40,000; four standard errors are 29.
    assert np.count_nonzero(days < limits.lower) == pytest.approx(54, abs=29)
    assert np.count_nonzero(days > limits.upper) == pytest.approx(54, abs=29)
    assert limits.center == pytest.approx(float(np.median(days)), rel=0.01)


def test_too_few_waits_have_no_limits() -> None:
    waits = np.arange(1.0, 10.0)
    chart = fitting_waits_chart(waits, np.ones(9), all_of(waits), method=T_CHART, events=13)
    assert chart.method == NO_CHART
    assert chart.values.tolist() == waits.tolist()
