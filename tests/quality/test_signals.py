"""Each rule fires where the literature says, and nowhere else."""

from typing import Any

import numpy as np

from analysis.quality.charts import (
    NO_CHART,
    P_CHART,
    RUN_CHART,
    Chart,
    fitting_chart,
    fitting_mean_chart,
    fitting_rate_chart,
)
from analysis.quality.signals import run_rules, signals


def chart_of(values: list[float], method: str = P_CHART, reach: float = 3.0) -> Chart:
    series = np.array(values, dtype=np.float64)
    limit = np.full(series.shape, reach)
    return Chart(method, series, 0.0, -limit, limit, 1.0)


def fired(values: list[float], method: str = P_CHART, counted: Any = None) -> list[str | None]:
    everything = np.ones(len(values), dtype=bool)
    return signals(chart_of(values, method), everything if counted is None else counted)


def test_a_point_beyond_a_limit_signals_and_one_on_it_does_not() -> None:
    assert fired([0, 3.1, 3.0, -3.1]) == [None, "beyond_limits", None, "beyond_limits"]


def test_eight_on_one_side_are_a_shift_and_seven_are_not() -> None:
    assert fired([1] * 7 + [-1]) == [None] * 8
    assert fired([-1] + [1] * 8) == [None] + ["shift"] * 8


def test_a_point_on_the_centre_neither_adds_to_a_run_nor_ends_it() -> None:
    assert fired([1] * 4 + [0] + [1] * 4) == ["shift"] * 4 + [None] + ["shift"] * 4


def test_two_rules_at_one_point_are_both_named() -> None:
    assert fired([4] + [1] * 7)[0] == "beyond_limits;shift"


def test_points_that_do_not_count_never_signal() -> None:
    counted = np.array([True] * 7 + [False])
    assert fired([1] * 7 + [9], counted=counted) == [None] * 8


def test_a_series_without_a_chart_has_no_signals() -> None:
    assert fired([9] * 9, NO_CHART) == [None] * 9


def test_a_series_that_crosses_at_every_point_breaks_no_rule() -> None:
    rules = run_rules(np.array([1.0, -1.0] * 10), 0.0)
    assert (rules.useful, rules.crossings) == (20, 19)
    assert not rules.is_shifted
    assert not rules.is_crossing_seldom


def test_a_run_chart_signals_a_shift_and_seldom_crossings() -> None:
    rules = fired([1] * 10 + [-1] * 10, RUN_CHART)
    assert rules[:-1] == ["shift"] * 19
    assert rules[-1] == "shift;few_crossings"


def test_values_all_on_the_median_signal_nothing() -> None:
    assert fired([0] * 12, RUN_CHART) == [None] * 12


def test_where_most_points_are_at_the_extreme_a_run_chart_signals_nothing() -> None:
    # Twelve months, of which seven have all exits recorded: nothing can lie above the median.
    recorded = np.array([20, 19, 20, 18, 20, 19, 20, 20, 19, 20, 18, 20] + [19] * 9, dtype=float)
    chart = fitting_chart(recorded, np.full(21, 20.0), np.ones(21, dtype=bool), first(21))
    assert (chart.method, chart.center) == (RUN_CHART, 1.0)
    assert signals(chart, np.ones(21, dtype=bool), first(21)) == [None] * 21


def test_small_months_in_which_hardly_anything_can_be_missed_make_no_run() -> None:
    large, small = np.array([183.0, 185.0, 180.0, 184.0] * 3), np.full(12, 16.0)
    months = np.concatenate([np.full(12, 186.0), small])
    chart = fitting_chart(
        np.concatenate([large, small]), months, np.ones(24, dtype=bool), first(24)
    )
    assert chart.method == RUN_CHART
    assert signals(chart, np.ones(24, dtype=bool), first(24)) == [None] * 24


def test_a_run_of_large_months_still_signals_close_to_all() -> None:
    recorded = np.array([183.0, 185.0, 180.0, 184.0] * 3 + [170.0] * 9)
    chart = fitting_chart(recorded, np.full(21, 186.0), np.ones(21, dtype=bool), first(21))
    fired = signals(chart, np.ones(21, dtype=bool), first(21))
    assert all(rules is not None and "shift" in rules for rules in fired[12:])


def first(points: int) -> Any:
    return np.arange(points) < 12


def test_unchanged_care_in_years_of_unequal_size_seldom_signals() -> None:
    draws = np.random.default_rng(5)
    sizes = np.concatenate([np.full(12, 150), np.full(12, 20)])
    every, series = np.ones(24, dtype=bool), 400
    signalling = 0
    for share in (0.02, 0.1, 0.5, 0.985):
        for _ in range(series // 4):
            counts = draws.binomial(sizes, share).astype(np.float64)
            chart = fitting_chart(counts, sizes.astype(np.float64), every, first(24))
            signalling += any(signals(chart, every, first(24)))
    # Only shares near a half are judged in the small year; were all, one in eight would signal.
    assert signalling / series < 0.06


def test_unchanged_means_and_rates_in_years_of_unequal_size_seldom_signal() -> None:
    draws = np.random.default_rng(6)
    sizes = np.concatenate([np.full(12, 150), np.full(12, 20)]).astype(np.float64)
    every, series = np.ones(24, dtype=bool), 200
    signalling = 0
    for _ in range(series // 2):
        means = fitting_mean_chart(draws.normal(10 * sizes, 4 * np.sqrt(sizes)), sizes, every)
        rates = fitting_rate_chart(draws.poisson(3 * sizes).astype(float), sizes, every)
        signalling += any(signals(means, every)) + any(signals(rates, every))
    assert signalling / series < 0.2
