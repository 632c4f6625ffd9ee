import numpy as np
import pytest

from analysis.emulation.multiplicity import benjamini_hochberg, holm


def test_adjusted_values_keep_the_order_of_the_hypotheses():
    p = np.array([0.04, 0.001, 0.03, 0.5])
    mixed = np.array([2, 0, 3, 1])
    for adjust in (holm, benjamini_hochberg):
        np.testing.assert_array_equal(adjust(p[mixed]), adjust(p)[mixed])


def test_a_hypothesis_that_was_not_tested_counts_only_when_planned():
    p = [0.01, np.nan, 0.04]
    assert holm(p) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert holm(p, planned=3) == pytest.approx([0.03, np.nan, 0.08], nan_ok=True)
    assert benjamini_hochberg(p, planned=3) == pytest.approx([0.03, np.nan, 0.06], nan_ok=True)


def test_one_hypothesis_needs_no_adjustment_and_none_gives_none():
    assert holm([0.03]) == benjamini_hochberg([0.03]) == pytest.approx([0.03])
    assert len(holm([])) == len(benjamini_hochberg([])) == 0


def test_what_is_no_probability_or_no_family_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.2, 1.2])
    with pytest.raises(ValueError, match="more than the 1 planned"):
        benjamini_hochberg([0.2, 0.3], planned=1)
