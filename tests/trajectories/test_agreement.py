import numpy as np
import pytest

from analysis.trajectories.agreement import limits_of_agreement, reliability
from analysis.trajectories.reml import NotEstimableError
from tests.emulation.golden import golden_numbers, golden_rows

CASE = "18_reliability_multiplicity"


def ratings_of_shrout_and_fleiss():
    rows = golden_rows(CASE).sort("subject", "rater")
    return rows["score"].to_numpy().reshape(rows["subject"].n_unique(), -1)


def test_the_six_correlations_of_shrout_and_fleiss():
    given = golden_numbers(CASE)
    ours = reliability(ratings_of_shrout_and_fleiss())
    correlations = {
        "ICC(1,1)": ours.one_way.value,
        "ICC(2,1)": ours.two_way_random.value,
        "ICC(3,1)": ours.two_way_fixed.value,
        "ICC(1,4)": ours.one_way_mean,
        "ICC(2,4)": ours.two_way_random_mean,
        "ICC(3,4)": ours.two_way_fixed_mean,
    }
    assert correlations == pytest.approx(given["icc"], abs=1e-10)
    assert [ours.one_way.low, ours.one_way.high] == pytest.approx(given["icc11_ci"], abs=1e-8)
    fixed = ours.two_way_fixed
    assert [fixed.low, fixed.high] == pytest.approx(given["icc31_ci"], abs=1e-8)


def test_the_random_raters_interval_is_that_of_the_psych_package():
    # Revelle, psych: ICC of the same ratings, ICC2 0.29 (0.019 to 0.76).
    ours = reliability(ratings_of_shrout_and_fleiss()).two_way_random
    assert (ours.low, ours.high) == pytest.approx((0.0188, 0.7611), abs=5e-4)


def test_mean_squares_errors_and_the_smallest_detectable_change():
    given = golden_numbers(CASE)
    ours = reliability(ratings_of_shrout_and_fleiss())
    squares = ours.squares
    table = {
        "BMS": squares.between_subjects,
        "JMS": squares.between_raters,
        "EMS": squares.residual,
        "WMS": squares.within_subjects,
    }
    assert table == pytest.approx(given["anova"], abs=1e-10)
    assert ours.error_of_agreement == pytest.approx(given["SEM_agreement"]["value"], abs=1e-10)
    assert ours.error_of_consistency == pytest.approx(given["SEM_consistency"], abs=1e-10)
    assert ours.smallest_detectable_change == pytest.approx(given["MDC95_agreement"], abs=1e-8)


def test_the_peak_flow_meters_of_bland_and_altman():
    meters = golden_rows(CASE, "bland_altman_pef.csv")
    given = golden_numbers(CASE)["bland_altman"]
    one, other = meters["wright"].to_numpy(), meters["mini"].to_numpy()
    ours = limits_of_agreement(one, other)
    assert (ours.mean, ours.deviation) == pytest.approx(
        (given["mean_diff"], given["sd_diff"]), abs=1e-10
    )
    assert [ours.low, ours.high] == pytest.approx(given["loa196"], abs=1e-10)
    published = limits_of_agreement(one, other, reach=2)
    assert [published.low, published.high] == pytest.approx(given["loa"], abs=1e-10)


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
