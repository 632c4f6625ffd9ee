import numpy as np
import pytest

from analysis.emulation.curves import (
    aalen_johansen,
    at_risk_counts,
    risk_standard_errors,
    unweighted_path,
)
from tests.emulation.golden import golden_rows


@pytest.mark.parametrize("file", ["aml.csv", "lung.csv", "data.csv"])
def test_without_competing_events_it_is_kaplan_meier_with_greenwoods_error(file):
    survfunc = pytest.importorskip("statsmodels.duration.survfunc")
    people = golden_rows("16_km_rmst_logrank_gcomp", file)
    days = people["time"].to_numpy()
    happened = (people["status"] == people["status"].max()).to_numpy().astype(int)
    theirs = survfunc.SurvfuncRight(days, happened)
    curve, errors = risk_standard_errors(days, happened, int(days.max()))
    at = theirs.surv_times.astype(int)
    np.testing.assert_allclose(1 - curve.risk[at], theirs.surv_prob, atol=1e-12)
    kept = theirs.surv_prob > 0
    np.testing.assert_allclose(errors[at][kept], theirs.surv_prob_se[kept], rtol=1e-8)


def test_people_at_risk_are_counted_on_every_day():
    #            day:  0 1 2 3
    # left on day 1, 3 and never at risk (left before day 0)
    path = unweighted_path(np.array([1, 3, -1]), np.array([1, 0, 0]), 3)
    assert at_risk_counts(path).tolist() == [2, 2, 1, 1]


def test_a_person_counted_twice_is_two_people():
    last_day, ending = np.array([1, 2, 4, 4]), np.array([1, 2, 0, 1])
    counted = aalen_johansen(last_day, ending, 4, np.array([2.0, 1.0, 1.0, 0.0]))
    repeated = aalen_johansen(last_day[[0, 0, 1, 2]], ending[[0, 0, 1, 2]], 4)
    np.testing.assert_allclose(counted.risk, repeated.risk, rtol=1e-14)
