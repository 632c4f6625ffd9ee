import numpy as np
import polars as pl

from analysis.emulation.balance import (
    balance_on_day,
    covariate_levels,
)
from analysis.emulation.cohort import natural_course
from analysis.emulation.design import Category, Quantity
from analysis.emulation.emulation import Settings, emulate
from tests.emulation.invented import world


def test_weights_restore_the_balance_that_leaving_destroys():
    made = world(8_000, 1)
    people = pl.DataFrame({"severity": made.severity})
    both = emulate(
        made.cohort,
        [made.strict, natural_course(8_000)],
        made.follow_up,
        Settings(replicates=2),
    )
    strict = both["strict"]
    balance = balance_on_day(
        made.cohort,
        "strict",
        strict.path,
        strict.weights,
        covariates=covariate_levels(people, [Category("severity")]),
        day=made.cohort.horizon,
    )
    assert balance.names == ("severity=0", "severity=1", "severity=2")
    assert np.abs(balance.unweighted).max() > 0.2
    assert balance.largest < 0.05
    assert balance.effective < balance.people


def test_people_with_the_event_in_the_strategy_stay_in_the_balance():
    made = world(3_000, 2)
    strict = emulate(made.cohort, [made.strict], made.follow_up, Settings(replicates=2))["strict"]
    covariates = covariate_levels(pl.DataFrame({"severity": made.severity}), [Category("severity")])
    balance = balance_on_day(
        made.cohort, "strict", strict.path, strict.weights, covariates=covariates, day=100
    )
    known = (made.cohort.last_day >= 100) | (made.cohort.ending > 0)
    reached = np.where(made.cohort.ending > 0, np.minimum(made.cohort.last_day, 100), 100)
    assert balance.people == np.sum(known & (made.strict.leaves_on > reached))


def test_constant_covariates_have_no_difference():
    covariates = covariate_levels(
        pl.DataFrame({"clinic": ["a", "a"], "pain": [3.0, 3.0]}),
        [Category("clinic"), Quantity("pain")],
    )
    assert covariates.names == ()
    assert covariates.values.shape == (2, 0)
