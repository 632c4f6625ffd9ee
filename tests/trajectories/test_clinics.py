"""Clinics' courses are drawn towards their mean by how little is known of them."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.trajectories.clinics import shrunken
from analysis.trajectories.cross_products import NotEstimableError
from analysis.trajectories.modelling import course_models
from analysis.trajectories.products import line_products
from tests.trajectories.test_models import baseline_of, drawn_course, in_clinics

PROTOCOL = load_protocol()
# Efron and Morris (1975), table 1: 18 batters' first 45 turns, arcsine scale, error 1.
BATTERS = (
    -1.35, -1.66, -1.97, -2.28, -2.60, -2.60, -2.92, -3.26, -3.60, -3.60, -3.95, -3.95, -3.95,
    -3.95, -3.95, -4.32, -4.70, -5.10,
)  # fmt: skip


def test_batters_are_drawn_as_by_efron_and_morris() -> None:
    drawn = shrunken(BATTERS, np.ones(18))
    np.testing.assert_allclose(drawn.values, 0.209 * np.array(BATTERS) - 2.624, atol=0.002)


def test_intervals_of_drawn_values_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(400):
        errors = rng.uniform(0.5, 2, 12)
        truth = rng.normal(3, 1, 12)
        drawn = shrunken(rng.normal(truth, errors), errors)
        held += [*(np.abs(drawn.values - truth) < 1.96 * drawn.errors)]
    assert 0.93 < np.mean(held) < 0.98


@pytest.mark.parametrize(
    ("values", "errors", "reason"),
    [([1, 2, 3, 4], [1, 1, 1, 1], "fewer than 5"), ([1, 2, 3, 4, 5], [1, 1, 0, 1, 1], "no error")],
)
def test_too_few_or_errorless_estimates_are_refused(
    values: list[float], errors: list[float], reason: str
) -> None:
    with pytest.raises(NotEstimableError, match=reason):
        shrunken(values, errors)


def test_clinics_that_differ_in_level_are_told_apart_and_slopes_are_not() -> None:
    points = in_clinics(drawn_course(3), 2.0)
    found = course_models(line_products(points), baseline_of(points), PROTOCOL)
    clinics = found.clinic_courses.filter(domain="pain")
    assert set(clinics["unit_name"]) == {f"C{number}" for number in range(6)}
    reliability = clinics.group_by("term").agg(pl.col("reliability").mean())
    by_term = dict(reliability.rows())
    assert by_term["intercept"] > 0.95
    assert max(value for term, value in by_term.items() if term != "intercept") < 0.7
    slopes = clinics.filter(term="slope_stage_1")
    assert slopes["shrunken"].std() < slopes["value"].std()
    assert (slopes["low"] < slopes["shrunken"]).all()
    assert clinics["patients"].max() <= 67


def test_a_clinic_of_few_patients_has_no_course_of_its_own() -> None:
    points = drawn_course(3, people=120)
    baseline = baseline_of(points).with_columns(
        clinic_id=pl.when(pl.col("episode_key") < 9)
        .then(pl.lit("small"))
        .otherwise(pl.col("clinic_id"))
    )
    found = course_models(line_products(points), baseline, PROTOCOL)
    assert "small" not in found.clinic_courses["unit_name"]
    assert found.clinic_courses["unit_name"].n_unique() == 6


def test_few_clinics_are_not_drawn_together() -> None:
    points = drawn_course(3, people=60)
    baseline = baseline_of(points).with_columns(
        clinic_id=pl.format("C{}", pl.col("episode_key") % 4)
    )
    found = course_models(line_products(points), baseline, PROTOCOL)
    assert found.clinic_courses.is_empty()
    gaps = found.trajectory_gaps.filter(model="by_clinic", domain="pain")
    assert gaps.select("term", "reason").rows() == [
        (None, "fewer than 5 clinics measured this domain")
    ]
