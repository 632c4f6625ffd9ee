"""Predicted survival equals R's survfit; standardised risks and their errors follow definitions."""

import numpy as np
import polars as pl
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from analysis.survival.prediction import StandardisedRisks, predicted_hazard, standardised_risks
from tests.survival.references import COX, CURVES, REFERENCE, columns, public_rows


def lung() -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    people = public_rows(COX, "lung.csv").drop_nulls("ph.ecog")
    return people, people["time"].to_numpy(), people["status"].to_numpy() == 2


def test_predicted_survival_and_its_error_equal_survfit() -> None:
    people, times, is_dead = lung()
    reference = REFERENCE["lung_survival_at_60_2_1"]
    fit = fit_cox(counting_rows(0, times, is_dead), columns(people, "age", "sex", "ph.ecog"))
    found = predicted_hazard(fit, [60, 2, 1], reference["times"])
    np.testing.assert_allclose(found.survival[0], reference["survival"], rtol=1e-9)
    np.testing.assert_allclose(found.values[0], reference["cumulative_hazard"], rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors[0], reference["hazard_se"], rtol=1e-8)


def test_a_stratum_has_its_own_baseline() -> None:
    people, times, is_dead = lung()
    reference = REFERENCE["lung_survival_stratum_2_breslow"]
    rows = counting_rows(0, times, is_dead, strata=people["sex"].to_numpy())
    fit = fit_cox(rows, columns(people, "age", "ph.ecog"), ties="breslow")
    found = predicted_hazard(fit, [60, 1], reference["times"], stratum=1)
    np.testing.assert_allclose(found.survival[0], reference["survival"], rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors[0], reference["hazard_se"], rtol=1e-8)


def standardised(weights: np.ndarray | None = None, ties: str = "efron") -> StandardisedRisks:
    people = public_rows(CURVES, "lung_gcomp.csv")
    table = columns(people, "female", "age", "ph.ecog")
    women, men = table.copy(), table.copy()
    women[:, 0], men[:, 0] = 1.0, 0.0
    times, is_dead = people["time"].to_numpy().astype(float), people["st"].to_numpy() == 1
    at = [180.0, 365.0]
    return standardised_risks(times, is_dead, table, [women, men], at, ties=ties, weights=weights)


def test_standardised_risks_are_means_of_predicted_ones() -> None:
    people = public_rows(CURVES, "lung_gcomp.csv")
    table = columns(people, "female", "age", "ph.ecog")
    rows = counting_rows(0, people["time"].to_numpy(), people["st"].to_numpy() == 1)
    fit, found = fit_cox(rows, table), standardised()
    for place, female in enumerate([1.0, 0.0]):
        table[:, 0] = female
        predicted = predicted_hazard(fit, table, found.times)
        by_hand = 1 - predicted.survival.mean(axis=0)
        np.testing.assert_allclose(found.risks[place], by_hand, rtol=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_their_influences_are_derivatives_with_respect_to_each_persons_weight(ties: str) -> None:
    size, nudge = public_rows(CURVES, "lung_gcomp.csv").height, 1e-4
    found = standardised(np.ones(size), ties)
    for person in (0, 5, 100, 226):
        heavy, light = np.ones(size), np.ones(size)
        heavy[person], light[person] = 1 + nudge, 1 - nudge
        change = standardised(heavy, ties).risks - standardised(light, ties).risks
        np.testing.assert_allclose(found.influences[person], change / (2 * nudge), rtol=1e-4)


def test_the_error_of_a_difference_knows_that_both_share_a_model() -> None:
    found = standardised()
    apart = np.hypot(*found.standard_errors[:, 1])
    shift = found.influences[:, 0, 1] - found.influences[:, 1, 1]
    assert found.difference_errors(0, 1)[1] == pytest.approx(np.sqrt(shift @ shift))
    assert found.difference_errors(0, 1)[1] != pytest.approx(apart, rel=1e-3)
