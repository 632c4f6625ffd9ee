"""The marginal model from sums equals statsmodels' GEE from all values."""

from typing import Any

import numpy as np
import pytest

from analysis.trajectories.marginal import fit_marginal
from analysis.trajectories.reml import NotEstimableError, group_sums


def drawn_values(seed: int, people: int = 25) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, 8, people))
    weeks = rng.uniform(0, 10, person.size)
    terms = np.column_stack([np.ones(person.size), np.minimum(weeks, 4), np.maximum(weeks - 4, 0)])
    values = terms @ [6, -0.5, -0.1] + rng.normal(0, 2, people)[person]
    return terms, values + rng.normal(0, 1 + weeks / 10, person.size), person


@pytest.mark.parametrize("working", ["Exchangeable", "Independence"])
@pytest.mark.parametrize(("corrected", "theirs"), [(False, "robust"), (True, "bias_reduced")])
def test_coefficients_and_errors_equal_those_of_statsmodels(
    working: str, corrected: bool, theirs: str
) -> None:
    import statsmodels.api as sm

    terms, values, person = drawn_values(seed=2)
    structure = getattr(sm.cov_struct, working)()
    reference = sm.GEE(values, terms, person, cov_struct=structure).fit(
        cov_type=theirs, maxiter=200, ctol=1e-12, scale="X2"
    )
    # Two episodes of a person are two groups of one cluster.
    halves = np.arange(person.size) % 2
    order = np.lexsort((halves, person))
    sums = group_sums(terms[order], values[order], 2 * person[order] + halves[order], person[order])
    fit = fit_marginal(sums, exchangeable=working == "Exchangeable", corrected=corrected)
    np.testing.assert_allclose(fit.coefficients, reference.params, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), reference.bse, rtol=1e-9)
    if working == "Exchangeable":
        assert fit.correlation == pytest.approx(structure.dep_params, rel=1e-8)


def test_few_clusters_are_corrected_and_many_are_not() -> None:
    few = fit_marginal(group_sums(*drawn_values(seed=1)))
    many = fit_marginal(group_sums(*drawn_values(seed=1, people=1_000)))
    assert (few.is_corrected, many.is_corrected) == (True, False)


def test_one_value_each_shows_no_correlation() -> None:
    terms, values, _ = drawn_values(seed=1)
    with pytest.raises(NotEstimableError, match="two values"):
        fit_marginal(group_sums(terms, values, np.arange(values.size)))
