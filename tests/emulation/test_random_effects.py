import numpy as np
import pytest

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.random_effects import PAULE_MANDEL, REML, heterogeneity, pool_groups
from tests.emulation.golden import golden_rows

# rma(yi, vi, test = "knha") of R's metafor 3.8-1 on the BCG trials (Colditz et al. 1994), its
# iterations run to 1e-14: mean, its error, interval, tau^2, I^2, prediction interval.
METAFOR = {
    REML: (
        -0.714532342158139, 0.180791744092848, -1.10844371368555, -0.320620970630728,
        0.313243258136481, 0.922213845212689, -1.9960168341962, 0.566952149879923,
    ),
    PAULE_MANDEL: (
        -0.714968153493444, 0.180892191537623, -1.10909838120224, -0.320837925784648,
        0.318068452205024, 0.923303379541532, -2.0054259229281, 0.575489615941215,
    ),
}  # fmt: skip
# Five of these trials that agree: test = "knha" and test = "adhoc".
FIVE_ALIKE = (4, 7, 2, 10, 3)
MEAN_OF_FIVE = -1.44626649764152
PLAIN_ERROR_OF_FIVE = 0.0333810080900676
WIDE_ERROR_OF_FIVE = 0.114935225968633


def bcg():
    rows = golden_rows("12_funnel_overdispersion", "bcg.csv")
    return rows["yi"].to_numpy(), np.sqrt(rows["vi"].to_numpy()), rows["trial"].to_list()


@pytest.mark.parametrize("method", [REML, PAULE_MANDEL])
def test_pooling_the_bcg_trials_gives_the_numbers_of_metafor(method):
    values, errors, _ = bcg()
    found = pool_groups(values, errors, method=method)
    own = (
        found.estimate, found.standard_error, found.low, found.high,
        found.tau**2, found.i_squared, found.predicted_low, found.predicted_high,
    )  # fmt: skip
    np.testing.assert_allclose(own, METAFOR[method], rtol=1e-8)
    assert found.heterogeneity.q == pytest.approx(152.233008082373, rel=1e-10)
    assert found.heterogeneity.p == pytest.approx(1.99676459084579e-26, rel=1e-8)


def test_trials_that_agree_have_no_variance_between_them_and_no_interval_too_narrow():
    values, errors, trials = bcg()
    own = [trials.index(trial) for trial in FIVE_ALIKE]
    wide = pool_groups(values[own], errors[own])
    plain = pool_groups(values[own], errors[own], is_never_narrower=False)
    assert wide.tau == plain.tau == wide.i_squared == 0.0
    assert wide.estimate == pytest.approx(MEAN_OF_FIVE, rel=1e-10)
    assert wide.standard_error == pytest.approx(WIDE_ERROR_OF_FIVE, rel=1e-10)
    assert plain.standard_error == pytest.approx(PLAIN_ERROR_OF_FIVE, rel=1e-10)
    assert (wide.predicted_low, wide.predicted_high) == (wide.low, wide.high)
    assert wide.heterogeneity.p == pytest.approx(0.987273277819701, rel=1e-10)


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
