"""Each rule fires where the literature says, and nowhere else."""

from typing import Any

import numpy as np

from analysis.quality.charts import NO_CHART, P_CHART, RUN_CHART, Chart
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
