import math

import pytest

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.evalue import (
    EValues,
    RatioInterval,
    as_risk_ratio,
    bias_factor,
    difference_as_risk_ratio,
    e_value,
    e_values,
    e_values_of_difference,
    risks_of_counts,
)
from benchmarks.public.doubt import SMOKING


def test_the_e_value_of_a_difference_is_that_of_its_risks_ratio():
    values = e_values_of_difference(risks_of_counts(*SMOKING))
    assert values.estimate == pytest.approx(e_value((397 / 78954) / (51 / 108829)), rel=1e-12)


def test_a_confounder_of_the_e_value_just_explains_the_ratio():
    strength = e_value(3.9)
    assert bias_factor(strength, strength) == pytest.approx(3.9, rel=1e-12)


def test_protection_and_harm_of_the_same_size_have_the_same_e_value():
    assert e_values(RatioInterval(0.5, 0.4, 0.8)) == e_values(RatioInterval(2.0, 1.25, 2.5))
    down = e_values_of_difference(risks_of_counts(10, 500, 40, 400))
    up = e_values_of_difference(risks_of_counts(40, 400, 10, 500))
    assert (down.estimate, down.limit) == pytest.approx((up.estimate, up.limit))


def test_an_interval_that_covers_no_effect_needs_no_confounder():
    assert e_values(RatioInterval(1.2, 0.9, 1.6)).limit == 1.0
    assert e_values(RatioInterval(1.0, 1.0, 1.6)) == EValues(1.0, 1.0)
    assert e_values_of_difference(risks_of_counts(11, 100, 10, 100)).limit == 1.0


def test_a_difference_is_a_ratio_to_the_reference_risk():
    ratio = difference_as_risk_ratio(-0.05, -0.30, -0.01, reference=0.2)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.75, 0.0, 0.95))
    assert e_values(ratio).limit == pytest.approx(e_value(0.95))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: e_value(0.0),
        lambda: e_value(math.nan),
        lambda: as_risk_ratio("hazard_ratio_common", 0.5, 0.0, 0.9),
        lambda: difference_as_risk_ratio(-0.1, -0.2, 0.0, reference=0.0),
        lambda: e_values_of_difference(risks_of_counts(5, 10, 0, 10)),
        lambda: e_values_of_difference(risks_of_counts(0, 10, 0, 10)),
        lambda: risks_of_counts(0, 0, 1, 10),
    ],
)
def test_what_has_no_ratio_is_refused_in_words(ask):
    with pytest.raises(NotEstimableError):
        ask()


def test_an_unknown_measure_is_named():
    with pytest.raises(ValueError, match="relative_risk"):
        as_risk_ratio("relative_risk", 1.0, 0.5, 2.0)
