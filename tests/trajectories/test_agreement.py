import numpy as np
import pytest

from analysis.trajectories.agreement import limits_of_agreement, reliability
from analysis.trajectories.reml import NotEstimableError


def test_raters_who_agree_to_the_point_are_perfectly_reliable():
    ours = reliability([[1, 1], [4, 4], [9, 9]])
    correlations = (ours.one_way, ours.two_way_random, ours.two_way_fixed)
    assert [each.value for each in correlations] == pytest.approx([1.0] * 3)
    assert ours.smallest_detectable_change == pytest.approx(0.0, abs=1e-12)


def test_a_rater_who_adds_two_is_consistent_but_does_not_agree():
    ours = reliability([[1, 3], [4, 6], [9, 11]])
    assert ours.two_way_fixed.value == pytest.approx(1.0)
    assert ours.two_way_random.value < 1.0
    assert ours.error_of_agreement > ours.error_of_consistency


@pytest.mark.parametrize(
    "scores", [[[1, 2]], [[1], [2]], [[1, np.nan], [2, 3]], [[5, 5], [5, 5]], []]
)
def test_too_few_or_missing_ratings_are_refused(scores):
    with pytest.raises(NotEstimableError):
        reliability(scores)


def test_one_pair_has_no_limits_of_agreement():
    with pytest.raises(NotEstimableError):
        limits_of_agreement([1.0], [2.0])
