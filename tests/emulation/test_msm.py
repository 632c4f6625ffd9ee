"""Weights that change in time: by hand, by another way, and planted."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.design import Category, Interaction, Quantity
from analysis.emulation.msm import (
    assignment_factors,
    censoring_weights,
    cox_censoring_weights,
    marginal_cox,
    running_products,
    treatment_weights,
    truncated,
)
from analysis.survival.counting import counting_rows
from benchmarks.public.msm import THREE_PERIODS
from tests.emulation.golden import golden_rows


def test_the_same_weights_from_one_row_a_period():
    """A model of all periods at once with every term crossed by period is a model a period."""
    wide = golden_rows(*THREE_PERIODS).with_row_index("id")
    parts = [
        wide.select(
            "id",
            pl.lit(period).alias("period"),
            pl.col(f"X1_{period}").alias("x1"),
            pl.col(f"X2_{period}").alias("x2"),
            pl.col(f"A_{period + 1}").alias("a"),
            (pl.col(f"A_{period}") if period else pl.lit(0)).alias("before").cast(pl.Int64),
        )
        for period in range(3)
    ]
    last = (pl.col("before") * (pl.col("period") == 2)).alias("before_last")
    rows = pl.concat(parts).sort("id", "period").with_columns(last)
    own = [Quantity("x1"), Quantity("x2"), Quantity("before")]
    crossed = [Interaction(Category("period"), each) for each in own[:2]]
    terms = [Category("period"), *own, *crossed, Quantity("before_last")]
    person, treated = rows["id"].to_numpy().astype(np.int64), (rows["a"] == 1).to_numpy()
    pooled = treatment_weights(rows, person, treated, terms, None, until_started=False)
    apart = np.ones(wide.height)
    for period in range(3):
        part = rows.filter(pl.col("period") == period)
        chosen = (part["a"] == 1).to_numpy()
        apart *= assignment_factors(part, chosen, own, None)
        np.testing.assert_allclose(pooled[period::3], apart, rtol=1e-8)


def test_until_treatment_starts_by_hand():
    """No covariate: of 5 rows at risk 2 start; of the two rows of those treated none counts on."""
    person = np.array([4, 4, 4, 9, 9])
    treated = np.array([False, True, True, False, True])
    rows = pl.DataFrame({"x": [0, 0, 0, 0, 0]})
    weights = treatment_weights(rows, person, treated, [], None)
    np.testing.assert_allclose(weights, [2, 4, 4, 2, 4])
    always = treatment_weights(rows, person, treated, [], None, until_started=False)
    thirds = 5 / 3
    np.testing.assert_allclose(always, [2.5, 2.5 * thirds, 2.5 * thirds**2, 2.5, 2.5 * thirds])
    np.testing.assert_allclose(treatment_weights(rows, person, treated, [], ()), 1.0)
    followed = censoring_weights(rows, person, treated, [], None)
    np.testing.assert_allclose(followed, [2.5, 2.5**2, 2.5**3, 2.5, 2.5**2])


def test_rows_of_a_person_must_stand_together():
    with pytest.raises(ValueError, match="stand together"):
        running_products(np.array([1, 2, 1]), np.ones(3))


def test_cutting_leaves_the_middle_as_it_is():
    weights = np.arange(101.0)
    assert truncated(weights, 0.1).min() == 10
    assert truncated(weights, 0.1, upper_only=True).min() == 0
    assert truncated(weights, 0.1).max() == 90
    with pytest.raises(ValueError, match="tail"):
        truncated(weights, 0.5)


def drawn_visits(people: int, seed: int) -> pl.DataFrame:
    """A marker drives therapy and death; therapy mends the marker and does nothing else.

    Its whole effect is through the marker, so that a model with the marker in it shows none.
    """
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        marker, therapy = random.normal(), 0
        for time in range(10):
            marker = 0.9 * marker - 0.25 * therapy + 0.3 * random.normal()
            if not therapy:
                therapy = int(random.random() < 1 / (1 + np.exp(2.2 - 1.5 * marker)))
            death = int(random.random() < -np.expm1(-0.03 * np.exp(0.9 * marker)))
            rows.append((person, time, marker, therapy, death))
            if death:
                break
    return pl.DataFrame(rows, schema=["id", "time", "marker", "therapy", "death"], orient="row")


def randomised_visits(people: int, seed: int) -> pl.DataFrame:
    """The same people, therapy by coin: what the weighted model must find."""
    random = np.random.default_rng(seed)
    marker, therapy = random.normal(size=people), np.zeros(people)
    alive, rows = np.ones(people, dtype=bool), []
    for time in range(10):
        marker = 0.9 * marker - 0.25 * therapy + 0.3 * random.normal(size=people)
        therapy = np.maximum(therapy, random.random(people) < 0.15)
        death = random.random(people) < -np.expm1(-0.03 * np.exp(0.9 * marker))
        who = np.flatnonzero(alive)
        rows.append(
            pl.DataFrame({"id": who, "time": time, "therapy": therapy[who], "death": death[who]})
        )
        alive &= ~death
    return pl.concat(rows).sort("id", "time")


def log_hazard_ratio(rows: pl.DataFrame, weights: np.ndarray | None = None) -> tuple[float, float]:
    fit = marginal_cox(
        rows["time"],
        rows["time"] + 1,
        rows["death"],
        rows["therapy"],
        weights=np.ones(rows.height) if weights is None else weights,
        person=rows["id"].to_numpy().astype(np.int64),
    )
    return float(fit.coefficients[0]), float(fit.standard_errors[0])


def test_the_weighted_model_finds_what_a_randomised_trial_would():
    truth, noise = log_hazard_ratio(randomised_visits(60_000, seed=30))
    rows = drawn_visits(6000, seed=31)
    person, therapy = rows["id"].to_numpy().astype(np.int64), (rows["therapy"] == 1).to_numpy()
    weights = treatment_weights(
        rows, person, therapy, [Quantity("marker"), Category("time")], [Category("time")]
    )
    weighted, error = log_hazard_ratio(rows, weights)
    naive, _ = log_hazard_ratio(rows)
    assert weighted == pytest.approx(truth, abs=3 * np.hypot(error, noise))
    assert abs(naive - truth) > 3 * np.hypot(error, noise)


def test_the_hazard_of_all_alike_is_that_of_a_cox_model_with_a_useless_covariate():
    """Ties and late entries: a covariate that cannot matter leaves the same probabilities."""
    random = np.random.default_rng(44)
    entry = random.integers(0, 5, 300).astype(float)
    rows = counting_rows(entry, entry + random.integers(1, 9, 300), random.random(300) < 0.4)
    person = np.arange(300)
    for ties in ("efron", "breslow"):
        # Two copies of every row, one with each value: their coefficient is exactly zero.
        doubled = counting_rows(
            np.tile(rows.entry, 2), np.tile(rows.exit, 2), np.tile(rows.is_event, 2)
        )
        half = np.repeat([0.0, 1.0], 300)[:, None]
        useless = cox_censoring_weights(doubled, np.arange(600), half, ties=ties)
        alike = cox_censoring_weights(doubled, np.arange(600), (), ties=ties)
        np.testing.assert_allclose(alike, useless, rtol=1e-9)
        stabilised = cox_censoring_weights(rows, person, (), (), ties=ties)
        np.testing.assert_allclose(stabilised, 1.0)
