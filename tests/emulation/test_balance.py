import numpy as np
import polars as pl
import pytest

from analysis.emulation.balance import (
    balance_on_day,
    covariate_levels,
    standardised_differences,
)
from analysis.emulation.cohort import natural_course
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.emulation import Settings, emulate
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.emulation.weights import effective_sample_size
from tests.emulation.golden import golden_numbers, golden_rows
from tests.emulation.invented import world

LALONDE = [
    Quantity("age"),
    Quantity("educ"),
    Category("race"),
    Quantity("married"),
    Quantity("nodegree"),
    Quantity("re74"),
    Quantity("re75"),
]


def test_differences_and_effective_size_of_lalonde_equal_cobalt():
    people = golden_rows("17_balance_weights_lalonde")
    given = golden_numbers("17_balance_weights_lalonde")["weighting"]["ps_ATT"]
    treated = (people["treat"] == 1).to_numpy()
    design = design_matrix(people, LALONDE)
    p = probabilities(design, fit_logistic(design, treated).coefficients)
    weights = (p / (1 - p))[~treated]
    assert effective_sample_size(weights) == pytest.approx(given["ess"]["control"], rel=1e-6)
    numbers = people.select("age", "educ", "re74", "re75").to_numpy().astype(float)
    ours = standardised_differences(
        numbers[~treated], weights, numbers[treated], np.std(numbers[treated], axis=0, ddof=1)
    )
    theirs = {row["var"]: row["Diff.Adj"] for row in given["balance"]}
    expected = [-theirs[name] for name in ("age", "educ", "re74", "re75")]
    np.testing.assert_allclose(ours, expected, atol=1e-6)


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
