"""The mixed model equals its own formulas written out, and no other variance is likelier."""

from typing import Any

import numpy as np
import pytest

from analysis.trajectories import search
from analysis.trajectories.likelihood import profile, scaled_problem
from analysis.trajectories.reml import (
    MixedFit,
    NotEstimableError,
    fit_mixed_model,
    group_sums,
    independent_terms,
    start_near,
)


def errors_of(fit: MixedFit) -> Any:
    return np.sqrt(np.diag(fit.covariance))


def drawn_people(seed: int, people: int = 30) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(people), rng.integers(1, 7, people))
    weeks = rng.uniform(0, 10, groups.size)
    terms = np.column_stack([np.ones(groups.size), np.minimum(weeks, 4), np.maximum(weeks - 4, 0)])
    level, slope = rng.normal(0, 2, people), rng.normal(0, 0.4, people)
    values = terms @ [6, -0.5, -0.1] + level[groups] + slope[groups] * weeks
    return terms, values + rng.normal(0, 1, groups.size), groups


def written_out_sandwich(
    terms: Any, inverse: Any, scores: Any, clusters: Any, information: Any = None
) -> Any:
    """Return the sandwich with half of each cluster's own part taken back, from all values."""
    whole = terms.T @ inverse @ terms if information is None else information
    bread = np.linalg.inv(whole)
    meat = np.zeros_like(bread)
    for cluster in np.unique(clusters):
        own = clusters == cluster
        information = terms[own].T @ inverse[np.ix_(own, own)] @ terms[own]
        taken = np.eye(terms.shape[1]) - information @ bread / 2
        score = np.linalg.solve(taken, scores[:, own].sum(axis=1))
        meat += np.outer(score, score)
    people = np.unique(clusters).size
    return bread @ meat @ bread * people / (people - 1)


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
    bread = np.linalg.inv(information)
    sandwich = written_out_sandwich(terms, inverse, scores, groups)
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


def drawn_clinics(seed: int, clinics: int = 6) -> tuple[Any, Any, Any, Any, Any]:
    """Draw episodes of patients in clinics: sorted columns terms, values, groups, owners, clinics.

    Every seventh patient has an episode in the next clinic too.
    """
    rng = np.random.default_rng(seed)
    people = np.arange(clinics * 9)
    owners = np.r_[people, people[::7]]
    places = np.r_[people % clinics, (people[::7] + 1) % clinics]
    order = np.lexsort((np.arange(owners.size), owners, places))
    sizes = rng.integers(1, 7, owners.size)
    group = np.repeat(np.arange(owners.size), sizes)
    owner, clinic = owners[order][group], places[order][group]
    weeks = rng.uniform(0, 10, group.size)
    terms = np.column_stack([np.ones(group.size), np.minimum(weeks, 4), np.maximum(weeks - 4, 0)])
    values = terms @ [6, -0.5, -0.1] + rng.normal(0, 1.5, clinics)[clinic]
    values += rng.normal(0, 2, owners.size)[group] + rng.normal(0, 0.4, owners.size)[group] * weeks
    return terms, values + rng.normal(0, 1, group.size), group, owner, clinic


def test_levels_of_clinics_equal_the_formulas_written_out() -> None:
    terms, values, groups, owners, clinics = drawn_clinics(seed=3)
    fit = fit_mixed_model(group_sums(terms, values, groups, owners, clinics), LEVEL_AND_SLOPE)
    assert fit.outer_variance > 0.1

    random = terms @ LEVEL_AND_SLOPE
    within = (groups[:, None] == groups) * (random @ fit.random_covariance @ random.T)
    within += fit.residual_variance * np.eye(values.size)
    in_clinic = np.equal.outer(clinics, np.unique(clinics)).astype(float)
    variance = within + fit.outer_variance * in_clinic @ in_clinic.T
    inverse = np.linalg.inv(variance)
    information = terms.T @ inverse @ terms
    bread = np.linalg.inv(information)
    residual = values - terms @ fit.coefficients
    likelihood = -0.5 * (
        np.linalg.slogdet(variance)[1]
        + np.linalg.slogdet(information)[1]
        + residual @ inverse @ residual
        + (values.size - 3) * np.log(2 * np.pi)
    )
    levels = fit.outer_variance * in_clinic.T @ inverse @ residual
    scores = (terms.T @ inverse) * (residual - in_clinic @ levels)
    # Residuals and terms without what the clinics' predicted levels take from both.
    means = fit.outer_variance * in_clinic @ in_clinic.T @ inverse @ terms
    pull = bread @ terms.T @ inverse @ in_clinic
    by_clinics = fit.outer_variance * pull @ pull.T
    sandwich = written_out_sandwich(
        terms - means, np.linalg.inv(within), scores, owners, information
    )

    np.testing.assert_allclose(terms.T @ inverse @ residual, 0, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, bread, rtol=1e-8)
    np.testing.assert_allclose(fit.outer_covariance, by_clinics, rtol=1e-7)
    np.testing.assert_allclose(fit.robust_covariance, sandwich + by_clinics, rtol=1e-7)
    assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-8)


@pytest.mark.parametrize("restricted", [True, False])
def test_the_gradient_is_the_slope_of_the_likelihood(restricted: bool) -> None:
    sums = group_sums(*drawn_clinics(seed=8))
    problem = scaled_problem(sums, LEVEL_AND_SLOPE, restricted=restricted)
    theta = np.array([0.9, 0.1, 0.4, 0.3])
    steps = 1e-6 * np.eye(theta.size)
    slopes = [
        (profile(problem, theta + step).deviance - profile(problem, theta - step).deviance) / 2e-6
        for step in steps
    ]
    np.testing.assert_allclose(profile(problem, theta).gradient, slopes, rtol=1e-5, atol=1e-6)


def test_clinics_that_do_not_differ_have_no_variance() -> None:
    terms, values, people = drawn_people(seed=4)
    clinics = np.repeat(np.arange(5), values.size)
    terms, values = np.tile(terms, (5, 1)), np.tile(values, 5)
    groups = np.tile(people, 5) + 100 * clinics
    fit = fit_mixed_model(group_sums(terms, values, groups, groups, clinics), LEVEL_AND_SLOPE)
    without = fit_mixed_model(group_sums(terms, values, groups), LEVEL_AND_SLOPE)
    assert fit.outer_variance == pytest.approx(0, abs=1e-6)
    assert fit.is_singular
    np.testing.assert_allclose(fit.coefficients, without.coefficients, rtol=1e-5)
    np.testing.assert_allclose(errors_of(fit), errors_of(without), rtol=1e-5)


def test_very_many_groups_are_fitted_from_a_part_first(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = group_sums(*drawn_clinics(seed=5, clinics=40))
    whole = fit_mixed_model(sums, LEVEL_AND_SLOPE)
    monkeypatch.setattr(search, "MANY_GROUPS", 100)
    monkeypatch.setattr(search, "PART", 130)
    stepped = fit_mixed_model(sums, LEVEL_AND_SLOPE)
    np.testing.assert_allclose(stepped.coefficients, whole.coefficients, rtol=1e-8)
    np.testing.assert_allclose(stepped.random_covariance, whole.random_covariance, rtol=1e-5)
    assert stepped.outer_variance == pytest.approx(whole.outer_variance, rel=1e-5)
    assert stepped.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-8)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_start_from_similar_groups_changes_nothing_but_the_way(seed: int) -> None:
    whole = group_sums(*drawn_clinics(seed=5, clinics=20))
    near = start_near(whole, LEVEL_AND_SLOPE, fit_mixed_model(whole, LEVEL_AND_SLOPE))
    assert near is not None
    others = group_sums(*drawn_clinics(seed=seed))
    cold = fit_mixed_model(others, LEVEL_AND_SLOPE)
    warm = fit_mixed_model(others, LEVEL_AND_SLOPE, near=near)
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, rtol=1e-6)
    np.testing.assert_allclose(warm.robust_covariance, cold.robust_covariance, rtol=1e-4)
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=1e-8)


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
