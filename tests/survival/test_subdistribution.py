"""Fine and Gray's model is Cox's where nothing competes or nobody is censored."""

import numpy as np
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from analysis.survival.refusal import NotEstimableError
from analysis.survival.subdistribution import fit_subdistribution


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
