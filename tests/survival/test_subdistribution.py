"""Fine and Gray's model equals R's cmprsk::crr, and Cox's where nothing competes or censors."""

import numpy as np
import polars as pl
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from analysis.survival.refusal import NotEstimableError
from analysis.survival.subdistribution import fit_subdistribution
from tests.survival.references import COMPETING, REFERENCE, columns, public_rows

IS_MALE = (pl.col("sex") == "M").alias("is_male")


@pytest.mark.parametrize(
    ("name", "cause", "covariates"),
    [
        ("mgus2_crr_age_male", 1, ["age", IS_MALE]),
        ("mgus2_crr_death", 2, ["age", IS_MALE]),
        ("mgus2_crr_age_male_mspike", 1, ["age", IS_MALE, "mspike"]),
    ],
)
def test_mgus2_equals_crr(name: str, cause: int, covariates: list[str | pl.Expr]) -> None:
    named = [covariate for covariate in covariates if isinstance(covariate, str)]
    people = public_rows(COMPETING).drop_nulls(named)
    months, causes = people["etime"].to_numpy().astype(float), people["ev"].to_numpy()
    found = fit_subdistribution(months, causes, columns(people, *covariates), cause=cause)
    reference = REFERENCE[name]
    np.testing.assert_allclose(found.coefficients, reference["coef"], rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, reference["se"], rtol=1e-6)
    assert found.cox.log_likelihood == pytest.approx(reference["loglik"][0], abs=1e-8)


def test_the_cause_specific_hazard_of_mgus2_equals_r() -> None:
    people, reference = public_rows(COMPETING), REFERENCE["mgus2_cause_specific"]
    rows = counting_rows(0, people["etime"].to_numpy(), people["ev"].to_numpy() == 1)
    found = fit_cox(rows, columns(people, "age", IS_MALE))
    np.testing.assert_allclose(found.coefficients, reference["coef"], rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, reference["se"], rtol=1e-8)


def drawn(causes: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.integers(1, 20, 80).astype(float), rng.choice(causes, 80), rng.normal(size=(80, 2))


def test_without_competing_events_it_is_coxs_model() -> None:
    times, causes, x = drawn([0, 1])
    rows = counting_rows(0, times, causes == 1, clusters=np.arange(80))
    cox, found = fit_cox(rows, x, ties="breslow"), fit_subdistribution(times, causes, x)
    np.testing.assert_allclose(found.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(found.standard_errors, cox.standard_errors, rtol=1e-10)


def test_without_censoring_whoever_had_a_competing_event_stays_forever() -> None:
    times, causes, x = drawn([1, 2])
    rows = counting_rows(0, np.where(causes == 2, 99.0, times), causes == 1, clusters=np.arange(80))
    cox, found = fit_cox(rows, x, ties="breslow"), fit_subdistribution(times, causes, x)
    np.testing.assert_allclose(found.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(found.standard_errors, cox.standard_errors, rtol=1e-10)


def test_without_the_event_there_is_no_model() -> None:
    times, causes, x = drawn([0, 2])
    with pytest.raises(NotEstimableError, match="No event"):
        fit_subdistribution(times, causes, x)
