"""Surgery within six months for lung cancer: the public tutorial data of Maringe et al. (2020)."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import Cohort, HazardRows, Strategy
from analysis.emulation.curves import daily_sums, incidence
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.emulation import Settings, emulate
from analysis.emulation.weights import path_weights, weight_path
from analysis.survival.counting import counting_rows
from analysis.survival.cox import fit_cox
from tests.emulation.golden import golden_rows

GRACE_DAYS, HORIZON = 182, 365
COVARIATES = ["age", "sex", "perf", "stage", "deprivation", "charlson", "emergency"]
TERMS = [Quantity(name) for name in COVARIATES]


@pytest.fixture(scope="module")
def patients() -> pl.DataFrame:
    return golden_rows("02_ccw_maringe").with_columns(
        end=pl.col("fup_obs").floor().cast(pl.Int64).clip(upper_bound=HORIZON),
        operated=pl.when(pl.col("timetosurgery") <= GRACE_DAYS)
        .then(pl.col("timetosurgery").floor())
        .otherwise(NEVER)
        .cast(pl.Int64),
    )


def cohort_of(patients: pl.DataFrame) -> Cohort:
    people = np.arange(patients.height)
    return Cohort(people, patients["end"].to_numpy(), patients["death"].to_numpy(), HORIZON)


def without_surgery(patients: pl.DataFrame) -> Strategy:
    """Nobody is operated in the grace period: every day of it somebody could be."""
    operated = patients["operated"].to_numpy()
    last = np.minimum(np.minimum(patients["end"].to_numpy(), operated), GRACE_DAYS)
    person = np.repeat(np.arange(patients.height), last + 1)
    day = np.concatenate([np.arange(days + 1) for days in last])
    rows = patients[person].with_columns(pl.Series("day", day))
    design = design_matrix(rows, [*TERMS, Quantity("day", degree=3)])
    return Strategy(
        "no surgery", operated, HazardRows(person, day, day == operated[person], design)
    )


def with_surgery(patients: pl.DataFrame) -> Strategy:
    """Everybody is operated in the grace period: who is not, by its end, leaves."""
    operated = (patients["operated"] < NEVER).to_numpy()
    alive = patients["fup_obs"].to_numpy() > GRACE_DAYS + 0.62
    person = np.flatnonzero(alive)
    leaves = alive & ~operated
    design = design_matrix(patients[person], TERMS)
    rows = HazardRows(person, np.full(len(person), GRACE_DAYS + 1), leaves[person], design)
    return Strategy("surgery", np.where(leaves, GRACE_DAYS + 1, NEVER), rows)


def one_year(patients: pl.DataFrame, *, weighted: bool) -> tuple[float, float, float]:
    arms = [with_surgery(patients), without_surgery(patients)]
    if not weighted:
        arms = [Strategy(arm.name, arm.leaves_on) for arm in arms]
    both = emulate(cohort_of(patients), arms, None, Settings(precision=0.0, replicates=20))
    difference = -both.difference("surgery", "no surgery").value
    restricted = [np.sum(1 - np.r_[0.0, both[arm.name].curve.risk[:-1]]) for arm in arms]
    return (
        difference,
        float(restricted[0] - restricted[1]),
        both["surgery"].weights.max(initial=1.0),
    )


def test_who_is_censored_when_is_as_in_the_tutorial(patients):
    surgery, control = with_surgery(patients), without_surgery(patients)
    operated = (patients["operated"] < NEVER).to_numpy()
    assert np.array_equal(control.leaves_on < NEVER, operated)
    survivors = (patients["fup_obs"] > 182.62).to_numpy()
    assert np.array_equal(surgery.leaves_on < NEVER, survivors & ~operated)


def test_surgery_helps_less_than_the_unweighted_curves_say(patients):
    weighted, _, largest = one_year(patients, weighted=True)
    unweighted, _, _ = one_year(patients, weighted=False)
    assert weighted > 0
    assert weighted != unweighted
    assert largest > 1


def test_pooled_logistic_weights_agree_with_the_tutorials_cox_weights(patients):
    """The tutorial models leaving by Cox models; survivals then differ by less than 2 points."""
    phreg = pytest.importorskip("statsmodels.duration.hazard_regression")
    difference, _, _ = one_year(patients, weighted=True)
    assert difference == pytest.approx(_cox_difference(patients, phreg.PHReg), abs=0.02)


def _cox_difference(patients: pl.DataFrame, phreg) -> float:
    operated = patients["operated"].to_numpy()
    end, death = patients["end"].to_numpy(), patients["death"].to_numpy()
    x = patients.select(COVARIATES).to_numpy().astype(float)
    x = x - x.mean(axis=0)
    control_end = np.minimum(np.minimum(end, operated), GRACE_DAYS)
    control = _cox_survival(phreg, control_end, operated <= control_end, x)
    alive = end > GRACE_DAYS
    leaves = alive & (operated == NEVER)
    surgery = _cox_survival(phreg, np.minimum(end, GRACE_DAYS + 1), leaves, x)
    return _weighted_survival(
        end, death, np.where(leaves, GRACE_DAYS + 1, NEVER), surgery
    ) - _weighted_survival(end, death, operated, control)


def _cox_survival(phreg, days, happened, x):
    """Return the probability of not having left by each day (people x days), after Breslow."""
    fit = phreg(days, x, status=happened.astype(int), ties="breslow").fit()
    relative = np.exp(x @ fit.params)
    hazard = np.zeros(HORIZON + 1)
    for day in np.unique(days[happened]):
        hazard[day] = np.sum(happened & (days == day)) / relative[days >= day].sum()
    return np.exp(-np.outer(relative, np.cumsum(hazard)))


def _weighted_survival(end, death, leaves_on, staying):
    survival = 1.0
    for day in range(HORIZON + 1):
        weights = (end >= day) & (leaves_on > day)
        weights = weights / staying[:, day]
        died = weights[(end == day) & (death == 1)].sum()
        survival *= 1 - died / weights.sum()
    return survival


# The tutorial's R code on its own data (R 4.2.2, survival 3.5-3): survival to one year with and
# without surgery, the difference of restricted means to 365.24 days, and the largest weights.
GRACE, YEAR = 182.62, 365.24
UNWEIGHTED = (0.81734694, 0.67380542, 11.87570394)
WEIGHTED = (0.81596567, 0.69528755, 4.71103358)
LARGEST_WEIGHTS = (6.53490052, 21.62293777)


@pytest.mark.parametrize(("weighted", "theirs"), [(False, UNWEIGHTED), (True, WEIGHTED)])
def test_the_tutorials_cox_weights_give_its_survival_and_restricted_means(
    patients, weighted, theirs
):
    """The same clones in continuous time: an even day for each time, an odd one just after it."""
    arms = [tutorial_arm(patients, surgery=surgery, weighted=weighted) for surgery in (True, False)]
    found = [*(survival for survival, _, _ in arms), arms[0][1] - arms[1][1]]
    # To the digits noted; Cox models of both programs agree to about 1e-9.
    np.testing.assert_allclose(found, theirs, atol=2e-8)
    if weighted:
        np.testing.assert_allclose([arm[2] for arm in arms], LARGEST_WEIGHTS, atol=2e-8)


def tutorial_arm(
    patients: pl.DataFrame, *, surgery: bool, weighted: bool
) -> tuple[float, float, float]:
    """Return survival and restricted mean to one year in an arm, and its largest weight."""
    observed, operated_at = patients["fup_obs"].to_numpy(), patients["timetosurgery"].to_numpy()
    operated = operated_at <= GRACE
    if surgery:
        leaves, leaving_time = ~operated & (observed > GRACE), np.full(len(observed), GRACE)
    else:
        leaves, leaving_time = operated, operated_at
    until = np.where(leaves, leaving_time, observed)
    x = patients.select(COVARIATES).to_numpy().astype(float)
    fit = fit_cox(counting_rows(0.0, until, leaves), x)
    times = np.unique(np.r_[observed, operated_at[operated], GRACE])
    day = 2 * np.searchsorted(times, observed)
    left = 2 * np.searchsorted(times, np.where(leaves, leaving_time, 0.0)) + 1
    person, step = np.nonzero(fit.baseline.times[None, :] <= until[:, None])
    rows = HazardRows(
        person,
        2 * np.searchsorted(times, fit.baseline.times)[step] + 1,
        leaves[person] & (fit.baseline.times[step] == until[person]),
        design_matrix(patients[person], []),
    )
    horizon = 2 * len(times)
    cohort = Cohort(np.arange(len(day)), day, patients["death"].to_numpy(), horizon)
    path = weight_path(cohort, Strategy("arm", np.where(leaves, left, NEVER), rows), None)
    risk = np.exp((x - fit.means) @ fit.coefficients)
    weights = path_weights(weighted * fit.baseline.increments[step] * risk[person], path)
    at_times = 1.0 - incidence(daily_sums(path, weights)).risk[: 2 * len(times) : 2]
    before = np.r_[1.0, at_times[times < YEAR]]
    restricted = np.sum(before * np.diff(np.r_[0.0, times[times < YEAR], YEAR]))
    at_risk = path.day <= path.last_day[path.person] - 1
    return float(at_times[times <= 365][-1]), float(restricted), weights[at_risk].max(initial=1.0)


def test_pooled_logistic_weights_come_close_to_the_tutorials_figures(patients):
    """A model of whole days, smooth in time, beside one of free hazards in continuous time."""
    difference, restricted, _ = one_year(patients, weighted=True)
    assert difference == pytest.approx(WEIGHTED[0] - WEIGHTED[1], abs=0.02)
    assert restricted == pytest.approx(WEIGHTED[2], abs=1.5)
    difference, restricted, _ = one_year(patients, weighted=False)
    # Without weights only the whole days differ: half a day for each of some deaths in 200.
    assert difference == pytest.approx(UNWEIGHTED[0] - UNWEIGHTED[1], abs=0.003)
    assert restricted == pytest.approx(UNWEIGHTED[2], abs=0.5)


def test_levels_that_are_text_enter_as_well(patients):
    text = patients.with_columns(pl.col("stage").cast(pl.String))
    assert design_matrix(text, [Category("stage")]).values.shape[1] > 1
