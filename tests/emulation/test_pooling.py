import numpy as np
import pytest
from scipy import stats

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.pooling import degrees_of_freedom, pool


def test_large_samples_have_rubins_degrees_of_freedom():
    assert degrees_of_freedom(5, [0.2], np.inf) == pytest.approx([100.0])
    assert degrees_of_freedom(5, [0.2], 1e9) == pytest.approx([100.0], rel=1e-5)
    assert degrees_of_freedom(5, [0.2], 10)[0] < 10


def test_imputations_that_all_agree_give_the_complete_analysis():
    pooled = pool([2.0, 2.0, 2.0], [0.25, 0.25, 0.25])
    reach = 0.5 * stats.norm.ppf(0.975)
    assert (pooled.between[0], pooled.relative_increase[0]) == (0.0, 0.0)
    assert (pooled.low[0], pooled.high[0]) == pytest.approx((2 - reach, 2 + reach), rel=1e-6)


@pytest.mark.parametrize(
    ("estimates", "variances"),
    [([1.0], [0.2]), ([1.0, np.nan], [0.2, 0.2]), ([1.0, 2.0], [0.2, 0.0])],
)
def test_what_cannot_be_pooled_is_refused(estimates, variances):
    with pytest.raises(NotEstimableError):
        pool(estimates, variances)
    with pytest.raises(NotEstimableError, match="degrees"):
        degrees_of_freedom(3, [0.2], 0)
