"""Standardised risks and their errors follow definitions."""

import numpy as np
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from analysis.survival.prediction import StandardisedRisks, predicted_hazard
from benchmarks.public import Golden
from benchmarks.public.comparing import columns
from benchmarks.public.curves import CURVES
from benchmarks.public.curves import standardised as standardised_lung
from tests.emulation.golden import golden_rows


def standardised(weights: np.ndarray | None = None, ties: str = "efron") -> StandardisedRisks:
    return standardised_lung(Golden(), weights, ties)


def test_standardised_risks_are_means_of_predicted_ones() -> None:
    people = golden_rows(CURVES, "lung_gcomp.csv")
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
    size, nudge = golden_rows(CURVES, "lung_gcomp.csv").height, 1e-4
    found = standardised(np.ones(size), ties)
    for person in (0, 5, 100, 226):
        heavy, light = np.ones(size), np.ones(size)
        heavy[person], light[person] = 1 + nudge, 1 - nudge
        change = standardised(heavy, ties).risks - standardised(light, ties).risks
        np.testing.assert_allclose(found.influences[person], change / (2 * nudge), rtol=1e-4)


def test_the_error_of_a_difference_knows_that_both_share_a_model() -> None:
    golden_rows(CURVES, "lung_gcomp.csv")
    found = standardised()
    apart = np.hypot(*found.standard_errors[:, 1])
    shift = found.influences[:, 0, 1] - found.influences[:, 1, 1]
    assert found.difference_errors(0, 1)[1] == pytest.approx(np.sqrt(shift @ shift))
    assert found.difference_errors(0, 1)[1] != pytest.approx(apart, rel=1e-3)
