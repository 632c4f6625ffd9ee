"""Means as if nobody had left: closed forms, planted truths, and deltas that tip them."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.survival.arrays import FloatArray
from analysis.trajectories.doubts import Doubt
from analysis.trajectories.pattern_mixture import (
    Occasions,
    fit_occasions,
    mixture_doubts,
    occasions,
)
from analysis.trajectories.reml import NotEstimableError

PROTOCOL = load_protocol()
PAIN = PROTOCOL.domains["pain"]
STRENGTH = PROTOCOL.domains["strength"]


def seen_of(values: FloatArray, patients: int | None = None) -> Occasions:
    is_gone = np.isnan(values[:, -1])
    return Occasions(values, is_gone, np.arange(len(values)) % (patients or len(values)))


def pain_of(people: int, strength: float, worse: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Draw pain at five occasions, whole and as seen when leaving depends on the last seen.

    Those who leave are worse by `worse` from then on.
    """
    draw = np.random.default_rng(2)
    steady = 1.5 * draw.normal(size=(people, 1)) + 6 - 0.6 * np.arange(5)
    whole = steady + draw.normal(size=(people, 5))
    leaves = draw.random((people, 5)) < 1 / (1 + np.exp(2 - strength * (whole - 4)))
    left = np.cumsum(leaves, axis=1) - leaves > 0
    truth = whole + worse * left
    return truth, np.where(left, np.nan, whole)


def points_of(seen: FloatArray, end: int = 200) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the points and the endings of people seen every three weeks."""
    person, place = np.nonzero(~np.isnan(seen))
    points = pl.DataFrame(
        {
            "episode_key": person,
            "patient_key": person,
            "day": 21 * place,
            "value": seen[person, place],
        }
    )
    last = 21 * (np.count_nonzero(~np.isnan(seen), axis=1) - 1)
    people = np.arange(len(seen))
    stays = ~np.isnan(seen[:, -1])
    endings = pl.DataFrame(
        {
            "episode_key": people,
            "patient_key": people,
            "last_session_day": np.where(stays, end, last),
            "has_ended": True,
        }
    )
    return points, endings


def by_measure(doubts: list[Doubt], method: str) -> dict[tuple[str, float | None], Doubt]:
    return {(one.measure, one.parameter): one for one in doubts if one.method == method}


def test_two_occasions_give_andersons_closed_form() -> None:
    # Anderson 1957: the mean of the second is moved by the regression on the first.
    draw = np.random.default_rng(1)
    first = draw.normal(5, 2, 90)
    second = 1 + 0.7 * first + draw.normal(0, 1, 90)
    second[first > 6] = np.nan
    seen = ~np.isnan(second)
    slope = np.polyfit(first[seen], second[seen], 1)[0]
    expected = second[seen].mean() + slope * (first.mean() - first[seen].mean())

    estimate = fit_occasions(seen_of(np.column_stack([first, second])))

    observed, mean, change, left = estimate.value
    assert observed == pytest.approx(second[seen].mean())
    assert mean == pytest.approx(expected, abs=1e-5)
    assert change == pytest.approx(expected - first.mean(), abs=1e-5)
    assert left == pytest.approx(1 - seen.mean())


def test_with_nothing_missing_means_and_errors_are_the_plain_ones() -> None:
    values = np.random.default_rng(2).normal(5, 2, (50, 5))
    estimate = fit_occasions(seen_of(values))
    assert estimate.value[1] == pytest.approx(values[:, -1].mean())
    errors = np.sqrt(np.diag(estimate.covariance))
    assert errors[1] == pytest.approx(values[:, -1].std(ddof=1) / np.sqrt(50), rel=1e-6)
    change = values[:, -1] - values[:, 0]
    assert errors[2] == pytest.approx(change.std(ddof=1) / np.sqrt(50), rel=1e-6)


def test_the_mean_of_all_is_found_although_leaving_depends_on_the_last_seen() -> None:
    truth, seen = pain_of(5_000, 0.6)
    points, endings = points_of(seen)
    found = by_measure(mixture_doubts(points, endings, PAIN, 0.95), "pattern_mixture")
    mean = found["mean_week_12", None]
    observed = found["mean_week_12_observed", None]
    assert abs(mean.value - truth[:, -1].mean()) < 1.5 * (mean.high - mean.low) / 2
    assert observed.high < truth[:, -1].mean() - 0.2
    assert found["share_left_week_12", None].value == pytest.approx(np.isnan(seen[:, -1]).mean())


def test_a_delta_finds_the_mean_of_those_who_left_worse() -> None:
    truth, seen = pain_of(5_000, 0.3, worse=2.0)
    points, endings = points_of(seen)
    found = by_measure(mixture_doubts(points, endings, PAIN, 0.95), "delta")
    mean = found["mean_week_12", 2.0]
    assert abs(mean.value - truth[:, -1].mean()) < 1.5 * (mean.high - mean.low) / 2
    assert sorted(delta for measure, delta in found if measure == "mean_week_12") == [
        -4,
        -3,
        -2,
        -1,
        0,
        1,
        2,
        3,
        4,
    ]


def test_deltas_are_worse_in_the_scales_own_direction() -> None:
    _, seen = pain_of(400, 0.3)
    points, endings = points_of(10 * seen)
    deltas = [one for one in mixture_doubts(points, endings, STRENGTH, 0.95) if one.parameter]
    means = {one.parameter: one.value for one in deltas if one.measure == "mean_week_12"}
    assert list(means) == [20, 15, 10, 5, -5, -10, -15, -20]
    assert means[-20] < means[20]


def test_the_tipping_points_undo_the_change() -> None:
    _, seen = pain_of(2_000, 0.3)
    points, endings = points_of(seen)
    doubts = mixture_doubts(points, endings, PAIN, 0.95)
    found = by_measure(doubts, "delta")
    change = found["change_week_12", 0.0].value
    left = by_measure(doubts, "pattern_mixture")["share_left_week_12", None].value
    important = found["tipping_not_important", None].value
    assert change + important * left == pytest.approx(-2)
    clear = found["tipping_not_clear", None].value
    assert clear > important > 0
    estimate = fit_occasions(occasions(points, endings))
    weights = np.array([0, 0, 1, clear])
    error = np.sqrt(weights @ estimate.covariance @ weights)
    assert weights @ estimate.value == pytest.approx(-2.009575 * error, rel=1e-5)


def test_without_an_important_change_there_is_nothing_to_tip() -> None:
    values = np.random.default_rng(5).normal(5, 2, (200, 5))
    values[:80, 3:] = np.nan
    points, endings = points_of(values)
    found = by_measure(mixture_doubts(points, endings, PAIN, 0.95), "delta")
    assert found["tipping_not_important", None].status == "impossible"
    assert found["tipping_not_clear", None].reason == (
        "the mean change is no clear improvement anyway"
    )


def test_the_day_nearest_to_an_occasion_counts() -> None:
    points = pl.DataFrame(
        {
            "episode_key": [1, 1, 1, 1, 1],
            "patient_key": [7] * 5,
            "day": [0, 9, 13, 22, 95],
            "value": [8.0, 7.0, 6.0, 5.0, 1.0],
        }
    )
    endings = pl.DataFrame(
        {"episode_key": [1], "patient_key": [7], "last_session_day": [22], "has_ended": [True]}
    )
    seen = occasions(points, endings)
    assert seen.values[0].tolist()[:2] == [8, 5]
    assert np.isnan(seen.values[0, 2:]).all()
    assert seen.is_gone.tolist() == [True]


def test_too_few_or_equal_values_are_said_in_words() -> None:
    points, endings = points_of(np.random.default_rng(1).normal(size=(9, 5)))
    doubts = mixture_doubts(points, endings, PAIN, 0.95)
    assert [(one.method, one.status) for one in doubts] == [
        ("pattern_mixture", "impossible"),
        ("delta", "impossible"),
    ]
    with pytest.raises(NotEstimableError, match="all values are the same"):
        fit_occasions(seen_of(np.full((30, 5), 3.0)))
    (first, _) = mixture_doubts(points.clear(), endings, PAIN, 0.95)
    assert first.value is None


def test_what_tells_how_many_left_rests_on_them() -> None:
    _, seen = pain_of(300, 0.3)
    few = seen.copy()
    few[:, -1] = np.where(np.arange(300) < 5, np.nan, 4.0 + 0.01 * np.arange(300))
    few[:, :-1] = np.where(np.isnan(few[:, :-1]), 5.0, few[:, :-1])
    points, endings = points_of(few)
    doubts = mixture_doubts(points, endings, PAIN, 0.95)
    told = {(one.measure, one.parameter): one.patients for one in doubts}
    assert told["share_left_week_12", None] == told["mean_week_12", 2.0] == 5
    assert told["mean_week_12", 0.0] == told["mean_week_12", None] == 300
    assert told["mean_week_12_observed", None] == 295
    assert told["tipping_not_clear", None] == 5
