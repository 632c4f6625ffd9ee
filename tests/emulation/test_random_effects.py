import numpy as np
import pytest

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.random_effects import PAULE_MANDEL, REML, heterogeneity, pool_groups
from benchmarks.public.pooling import BCG, FIVE_ALIKE
from tests.emulation.golden import golden_rows


def bcg():
    rows = golden_rows(BCG, "bcg.csv")
    return rows["yi"].to_numpy(), np.sqrt(rows["vi"].to_numpy()), rows["trial"].to_list()


def test_trials_that_agree_have_no_variance_between_them_and_no_interval_too_narrow():
    values, errors, trials = bcg()
    own = [trials.index(trial) for trial in FIVE_ALIKE]
    wide = pool_groups(values[own], errors[own])
    plain = pool_groups(values[own], errors[own], is_never_narrower=False)
    assert wide.tau == plain.tau == wide.i_squared == 0.0
    assert wide.standard_error > plain.standard_error
    assert (wide.predicted_low, wide.predicted_high) == (wide.low, wide.high)


def test_the_planted_mean_and_spread_of_many_groups_come_back():
    random = np.random.default_rng(7)
    errors = random.uniform(0.02, 0.06, 4_000)
    values = random.normal(-0.05, 0.03, 4_000) + random.normal(0.0, errors)
    for method in (REML, PAULE_MANDEL):
        found = pool_groups(values, errors, method=method)
        assert found.estimate == pytest.approx(-0.05, abs=3 * found.standard_error)
        assert found.tau == pytest.approx(0.03, rel=0.06)
        outside = (values < found.predicted_low) | (values > found.predicted_high)
        assert np.mean(outside) > 0.05


def test_equal_errors_make_the_pooled_interval_that_of_students_mean():
    values = np.array([0.1, -0.2, 0.4, 0.25, 0.05])
    found = pool_groups(values, np.full(5, 0.01), is_never_narrower=False)
    assert found.estimate == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(5))


def test_groups_without_spread_or_error_or_company_are_refused():
    assert heterogeneity([0.1, 0.1], [0.2, 0.3]).q == 0.0
    with pytest.raises(NotEstimableError):
        heterogeneity([0.1], [0.2])
    with pytest.raises(NotEstimableError):
        pool_groups([0.1, 0.2], [0.1, 0.1])
    with pytest.raises(NotEstimableError):
        pool_groups([0.1, 0.2, 0.3], [0.1, 0.1, 0.0])
    with pytest.raises(ValueError, match="no way"):
        pool_groups([0.1, 0.2, 0.3], [0.1, 0.1, 0.2], method="guess")
