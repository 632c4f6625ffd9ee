"""Limits equal the formulas written out, and charts fit the counts."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.quality.charts import (
    NO_CHART,
    P_CHART,
    P_PRIME_CHART,
    RUN_CHART,
    fitting_chart,
    p_chart,
    p_prime_chart,
    run_chart,
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
