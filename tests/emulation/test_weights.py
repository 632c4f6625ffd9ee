import numpy as np
import polars as pl

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import CENSORED, EVENT, Cohort, HazardRows, Strategy
from analysis.emulation.curves import daily_sums
from analysis.emulation.design import design_matrix
from analysis.emulation.weights import (
    effective_sample_size,
    path_weights,
    weight_path,
    weights_on,
)

HALF, QUARTER = -np.log(0.5), -np.log(0.75)


def rows_of(person, day, happened):
    return HazardRows(
        np.array(person),
        np.array(day),
        np.array(happened),
        design_matrix(pl.DataFrame({"any": [0] * len(person)}), []),
    )


# Two people over days 0 to 5. Person 0 decides on days 1 and 3 and stays, is seen on day 2, has
# the event on day 4. Person 1 decides on day 1 and stays, is seen on day 2, leaves on day 3.
COHORT = Cohort(np.array([0, 1]), np.array([4, 5]), np.array([EVENT, CENSORED]), 5)
STRICT = Strategy(
    "strict",
    np.array([NEVER, 3]),
    rows_of([0, 0, 1, 1], [1, 3, 1, 3], [False, False, False, True]),
)
SEEN = rows_of([0, 1], [2, 2], [False, False])
# Half stay at every decision, three quarters are followed after every contact.
HAZARDS = np.array([HALF, HALF, HALF, HALF, QUARTER, QUARTER])


def test_a_decision_counts_on_its_day_and_a_contact_on_the_next():
    path = weight_path(COHORT, STRICT, SEEN)
    weights = path_weights(HAZARDS, path)
    by_day = [weights_on(weights, path, np.array([day, day]))[0] for day in range(5)]
    np.testing.assert_allclose(by_day, [1, 2, 2, 16 / 3, 16 / 3])


def test_day_by_day_the_weights_at_risk_are_summed():
    path = weight_path(COHORT, STRICT, SEEN)
    sums = daily_sums(path, path_weights(HAZARDS, path))
    # Person 1 is gone from day 3 on, the day of leaving.
    np.testing.assert_allclose(sums.at_risk, [2, 4, 4, 16 / 3, 16 / 3, 0], atol=1e-12)
    np.testing.assert_allclose(sums.events, [0, 0, 0, 0, 16 / 3, 0])


def test_an_event_on_the_day_of_leaving_is_not_counted():
    cohort = Cohort(np.array([0]), np.array([3]), np.array([EVENT]), 5)
    path = weight_path(cohort, Strategy("strict", np.array([3])), None)
    assert path.last_day.tolist() == [2]
    assert daily_sums(path, np.empty(0)).events.sum() == 0


def test_weights_can_be_capped():
    path = weight_path(COHORT, STRICT, SEEN)
    assert path_weights(HAZARDS, path, cap=2.5).max() == 2.5


def test_the_effective_sample_size_is_the_count_for_equal_weights():
    assert effective_sample_size(np.full(7, 3.0)) == 7
    assert effective_sample_size(np.array([1.0, 1.0, 2.0])) == 16 / 6
    assert effective_sample_size(np.empty(0)) == 0
