"""The mixed model equals lme4, nlme, statsmodels and its own formulas written out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.trajectories.reml import (
    GroupSums,
    MixedFit,
    NotEstimableError,
    fit_mixed_model,
    group_sums,
    independent_terms,
)

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "07_mixed_models"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the public reference cases are not beside the project"
)


def sums_of(rows: pl.DataFrame, terms: list[pl.Expr], value: str, group: str) -> GroupSums:
    ordered = rows.sort(group)
    columns = ordered.select(
        term.cast(pl.Float64).alias(str(place)) for place, term in enumerate(terms)
    )
    return group_sums(
        columns.to_numpy(),
        ordered[value].cast(pl.Float64).to_numpy(),
        ordered[group].rank("dense").cast(pl.Int64).to_numpy(),
    )


def errors_of(fit: MixedFit) -> Any:
    return np.sqrt(np.diag(fit.covariance))


def given() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GOLDEN / "given.json").read_text())
    return content


@needs_golden
@pytest.mark.parametrize(("name", "restricted"), [("REML", True), ("ML", False)])
def test_sleepstudy_equals_lme4(name: str, restricted: bool) -> None:
    reference = given()["fits"][f"sleepstudy_{name}"]
    rows = pl.read_csv(GOLDEN / "data.csv")
    sums = sums_of(rows, [pl.lit(1), pl.col("Days")], "Reaction", "Subject")

    fit = fit_mixed_model(sums, np.eye(2), restricted=restricted)

    variance, slope_variance, covariance, residual = (row["vcov"] for row in reference["varcomp"])
    np.testing.assert_allclose(fit.coefficients, list(reference["fixef"].values()), rtol=1e-9)
    np.testing.assert_allclose(errors_of(fit), list(reference["se"].values()), rtol=1e-6)
    np.testing.assert_allclose(
        fit.random_covariance, [[variance, covariance], [covariance, slope_variance]], rtol=1e-4
    )
    assert fit.residual_variance == pytest.approx(residual, rel=1e-6)
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-8)
    assert fit.log_likelihood >= reference["logLik"] - 1e-9


@needs_golden
def test_orthodont_equals_nlme() -> None:
    reference = given()["nlme_orthodont"]["lme_random_slope"]
    rows = pl.read_csv(GOLDEN / "orthodont.csv")
    is_female = pl.col("Sex") == "Female"
    terms = [pl.lit(1), pl.col("age"), is_female, is_female * pl.col("age")]

    fit = fit_mixed_model(sums_of(rows, terms, "distance", "Subject"), np.eye(4)[:, :2])

    np.testing.assert_allclose(fit.coefficients, list(reference["coef"].values()), rtol=1e-6)
    np.testing.assert_allclose(errors_of(fit), list(reference["se"].values()), rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-7)
    assert np.sqrt(fit.residual_variance) == pytest.approx(reference["sigma"], rel=1e-6)
    np.testing.assert_allclose(np.diag(fit.random_covariance), [5.78643480, 0.03252449], rtol=1e-6)


@needs_golden
@pytest.mark.parametrize(
    ("file", "terms", "value", "group", "slope"),
    [
        ("chickweight.csv", ["p1", "p2"], "weight", "Chick", [0.0, 1.0, 1.0]),
        ("exam_4059.csv", ["standLRT"], "normexam", "school", [0.0, 1.0]),
    ],
    ids=["ChickWeight in two pieces", "Exam"],
)
def test_equals_statsmodels(
    file: str, terms: list[str], value: str, group: str, slope: list[float]
) -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    rows = pl.read_csv(GOLDEN / file).sort(group)
    random_terms = np.column_stack([np.eye(len(slope))[:, 0], slope])
    columns = np.column_stack([np.ones(len(rows)), rows.select(terms).to_numpy().astype(float)])
    fit = fit_mixed_model(
        sums_of(rows, [pl.lit(1), *map(pl.col, terms)], value, group), random_terms
    )

    # Started from the optimum, because from afar it can stop short of it.
    reference = MixedLM(
        rows[value].to_numpy().astype(float),
        columns,
        rows[group].to_numpy(),
        exog_re=columns @ random_terms,
    ).fit(
        reml=True,
        start_params=MixedLMParams.from_components(
            fe_params=fit.coefficients, cov_re=fit.random_covariance / fit.residual_variance
        ),
        method="lbfgs",
    )

    np.testing.assert_allclose(fit.coefficients, reference.fe_params, rtol=1e-6)
    np.testing.assert_allclose(fit.random_covariance, reference.cov_re, rtol=1e-4)
    assert fit.residual_variance == pytest.approx(reference.scale, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-7)
    # Its errors come from a Hessian over all parameters, ours like lme4's from X'V^-1 X.
    np.testing.assert_allclose(errors_of(fit), reference.bse_fe, rtol=1e-2)


@needs_golden
def test_a_search_is_not_held_by_a_variance_of_zero() -> None:
    rows = pl.read_csv(GOLDEN / "chickweight.csv")
    sums = sums_of(rows, [pl.lit(1), pl.col("p1"), pl.col("p2")], "weight", "Chick")

    fit = fit_mixed_model(sums, LEVEL_AND_SLOPE)

    assert not fit.is_singular
    assert fit.log_likelihood == pytest.approx(-2368.817866, abs=1e-5)


def drawn_people(seed: int, people: int = 30) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(people), rng.integers(1, 7, people))
    weeks = rng.uniform(0, 10, groups.size)
    terms = np.column_stack([np.ones(groups.size), np.minimum(weeks, 4), np.maximum(weeks - 4, 0)])
    level, slope = rng.normal(0, 2, people), rng.normal(0, 0.4, people)
    values = terms @ [6, -0.5, -0.1] + level[groups] + slope[groups] * weeks
    return terms, values + rng.normal(0, 1, groups.size), groups


LEVEL_AND_SLOPE = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


def test_covariances_and_likelihood_equal_the_formulas_written_out() -> None:
    terms, values, groups = drawn_people(seed=4)
    fit = fit_mixed_model(group_sums(terms, values, groups), LEVEL_AND_SLOPE)

    random = terms @ LEVEL_AND_SLOPE
    together = groups[:, None] == groups[None, :]
    variance = together * (random @ fit.random_covariance @ random.T)
    variance += fit.residual_variance * np.eye(values.size)
    inverse = np.linalg.inv(variance)
    information = terms.T @ inverse @ terms
    residual = values - terms @ fit.coefficients
    scores = terms.T * (inverse @ residual)
    by_person = np.array([scores[:, groups == person].sum(axis=1) for person in np.unique(groups)])
    bread = np.linalg.inv(information)
    people = by_person.shape[0]
    sandwich = bread @ (by_person.T @ by_person) @ bread * people / (people - 1)
    likelihood = -0.5 * (
        np.linalg.slogdet(variance)[1]
        + np.linalg.slogdet(information)[1]
        + residual @ inverse @ residual
        + (values.size - 3) * np.log(2 * np.pi)
    )

    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-8)
    np.testing.assert_allclose(fit.covariance, bread, rtol=1e-8)
    np.testing.assert_allclose(fit.robust_covariance, sandwich, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-8)


def test_no_other_variance_is_more_likely() -> None:
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    terms, values, groups = drawn_people(seed=7, people=12)
    random, together = terms @ LEVEL_AND_SLOPE, groups[:, None] == groups[None, :]

    def deviance(free: Any) -> float:
        root = np.array([[free[3], 0], [free[4], free[5]]])
        variance = together * (random @ root @ root.T @ random.T) + free[6] ** 2 * np.eye(
            values.size
        )
        return -2 * float(multivariate_normal.logpdf(values, terms @ free[:3], variance))

    start = np.array([6, -0.5, -0.1, 2, 0, 0.4, 1.0])
    found = minimize(deviance, start, method="BFGS", options={"gtol": 1e-4})
    fit = fit_mixed_model(group_sums(terms, values, groups), LEVEL_AND_SLOPE, restricted=False)

    assert -2 * fit.log_likelihood == pytest.approx(found.fun, abs=1e-5)
    np.testing.assert_allclose(fit.coefficients, found.x[:3], rtol=1e-3)


def test_a_fit_does_not_depend_on_units() -> None:
    terms, values, groups = drawn_people(seed=2)
    one = fit_mixed_model(group_sums(terms, values, groups), LEVEL_AND_SLOPE)
    other = fit_mixed_model(group_sums(terms * [1, 7, 7], values * 1000, groups), LEVEL_AND_SLOPE)

    np.testing.assert_allclose(
        other.coefficients, one.coefficients * 1000 / np.array([1, 7, 7]), rtol=1e-6
    )
    np.testing.assert_allclose(
        errors_of(other), errors_of(one) * 1000 / np.array([1, 7, 7]), rtol=1e-5
    )


def test_people_without_spread_fit_singularly_and_not_with_a_crash() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 4)
    terms = np.column_stack([np.ones(160), np.tile(np.arange(4.0), 40)])
    values = terms @ [5, -1] + np.tile([1.0, -1.0, -1.0, 1.0], 40) + rng.normal(0, 0.01, 160)

    fit = fit_mixed_model(group_sums(terms, values, groups), np.eye(2))

    assert fit.is_singular
    np.testing.assert_allclose(fit.coefficients, [5, -1], atol=0.01)


def test_values_on_one_line_are_said_to_show_no_variation() -> None:
    terms = np.column_stack([np.ones(40), np.tile(np.arange(4.0), 10)])
    sums = group_sums(terms, terms @ [5, -1], np.repeat(np.arange(10), 4))
    with pytest.raises(NotEstimableError, match="no variation"):
        fit_mixed_model(sums, np.eye(2))


def test_people_each_on_a_line_of_their_own_leave_no_residual() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(10), 4)
    terms = np.column_stack([np.ones(40), np.tile(np.arange(4.0), 10)])
    values = rng.normal(5, 2, 10)[groups] + rng.normal(-1, 1, 10)[groups] * terms[:, 1]
    with pytest.raises(NotEstimableError, match="without any residual"):
        fit_mixed_model(group_sums(terms, values, groups), np.eye(2))


def test_a_term_that_repeats_earlier_terms_is_found() -> None:
    terms, values, groups = drawn_people(seed=1)
    repeated = np.column_stack([terms, terms[:, 1] + terms[:, 2], np.zeros(values.size)])
    assert independent_terms(group_sums(repeated, values, groups)) == [0, 1, 2]


def test_values_must_come_sorted_by_group() -> None:
    with pytest.raises(ValueError, match="sorted"):
        group_sums(np.ones((3, 1)), np.arange(3.0), np.array([1, 2, 1]))
