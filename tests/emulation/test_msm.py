"""Weights that change in time: against R's ipw on haartdat, R on msmdata, by hand, and planted."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.design import Category, Interaction, Quantity, design_matrix
from analysis.emulation.msm import (
    assignment_factors,
    censoring_weights,
    cox_censoring_weights,
    cox_treatment_weights,
    marginal_cox,
    running_products,
    treatment_weights,
    truncated,
)
from analysis.emulation.pooled import fit_pooled
from analysis.emulation.weights import effective_sample_size
from analysis.survival.counting import CountingRows, counting_rows
from tests.emulation.golden import golden_rows

BASELINE, HISTORY = ["sex", "age"], ["sex", "age", "cd4.sqrt"]
# R 4.2.2, ipw's ipwtm and coxph of survival 3.5-3, the example of its manual (van der Wal and
# Geskus 2011, section 4.2): mean, standard deviation, least and largest weight.
COX_WEIGHTS = [1.0389598597, 0.3925923888, 0.2458795855, 7.1257169517]
COX_WEIGHTS_CUT = [1.0296719986, 0.2993136868, 0.4781289272, 2.5180593409]
COX_CENSORING = [0.9988046040, 0.0497069968, 0.4571987677, 2.3347723878]
LOGISTIC_WEIGHTS = [1.0400000559, 0.4085441466, 0.2287303183, 7.4965780203]
LOGISTIC_UNSTABILISED = [14.5132943487, 26.7654244013, 1.0030370283, 308.9330111491]
# Log hazard ratio of having started therapy, its error by patient.
BOTH_WEIGHTS = (-0.936332979803, 0.452692385665)
TREATMENT_ONLY = (-0.992108453901, 0.461328136601)
CUT = (-0.952969832761, 0.458727220460)
LOGISTIC_ONLY = (-1.036336689609, 0.465917135776)


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return golden_rows("19_msm_cox_haart").sort("patient", "fuptime")


def person_of(visits: pl.DataFrame) -> np.ndarray:
    return visits["patient"].to_numpy().astype(np.int64)


def counted(visits: pl.DataFrame, what: str) -> CountingRows:
    return counting_rows(visits["tstart"], visits["fuptime"], visits[what])


def summary(weights: np.ndarray) -> list[float]:
    return [weights.mean(), weights.std(ddof=1), weights.min(), weights.max()]


def effect(visits: pl.DataFrame, weights: np.ndarray) -> tuple[float, float]:
    fit = marginal_cox(
        visits["tstart"],
        visits["fuptime"],
        visits["event"],
        visits["haartind"],
        weights=weights,
        person=person_of(visits),
        names=["haart"],
    )
    return float(fit.coefficients[0]), float(fit.standard_errors[0])


def cox_weights(visits: pl.DataFrame) -> np.ndarray:
    return cox_treatment_weights(
        counted(visits, "haartind"),
        person_of(visits),
        visits.select(HISTORY).to_numpy(),
        visits.select(BASELINE).to_numpy(),
    )


# Coefficients of both programs' Cox models are good to about 1e-9 relative, products of up to 38
# factors to a little less.
def test_cox_weights_of_therapy_and_of_dropout_as_in_ipw(visits):
    weights = cox_weights(visits)
    np.testing.assert_allclose(summary(weights), COX_WEIGHTS, rtol=1e-8)
    np.testing.assert_allclose(summary(truncated(weights, 0.01)), COX_WEIGHTS_CUT, rtol=1e-8)
    followed = cox_censoring_weights(
        counted(visits, "dropout"),
        person_of(visits),
        visits.select(HISTORY).to_numpy(),
        visits.select(BASELINE).to_numpy(),
    )
    np.testing.assert_allclose(summary(followed), COX_CENSORING, rtol=1e-8)
    np.testing.assert_allclose(effect(visits, weights), TREATMENT_ONLY, rtol=1e-7)
    np.testing.assert_allclose(effect(visits, truncated(weights, 0.01)), CUT, rtol=1e-7)
    np.testing.assert_allclose(effect(visits, weights * followed), BOTH_WEIGHTS, rtol=1e-7)


def test_logistic_weights_of_therapy_as_in_ipw(visits):
    therapy, person = (visits["haartind"] == 1).to_numpy(), person_of(visits)
    history = [Quantity(name) for name in HISTORY]
    weights = treatment_weights(visits, person, therapy, history, history[:2])
    # ipw leaves glm at its preset epsilon of 1e-8, which its products of 38 factors show.
    np.testing.assert_allclose(summary(weights), LOGISTIC_WEIGHTS, rtol=1e-6)
    np.testing.assert_allclose(effect(visits, weights), LOGISTIC_ONLY, rtol=1e-6)
    plain = treatment_weights(visits, person, therapy, history, None)
    np.testing.assert_allclose(summary(plain), LOGISTIC_UNSTABILISED, rtol=1e-6)


# R 4.2.2: glm to epsilon 1e-15 a period, products; then glm and vcovCL by person.
MSM_WEIGHTS = [8.0745788959, 14.6881698987, 1.0791247429, 403.4833199625, 1740.7248437879]
MSM_STABILISED = [0.9917836165, 1.5801075798, 0.1089376939, 57.0794403307, 2119.8769939891]
MSM_EFFECTS = [
    (0.63959026139, 0.07128413404),
    (-0.25999707819, 0.08166627572),
    (-0.71620748400, 0.08159439191),
    (-0.16713576202, 0.09249228271),
]


def three_periods(rows: pl.DataFrame, *, stabilised: bool) -> np.ndarray:
    history = ["X1_0", "X2_0", "A_1", "X1_1", "X2_1", "A_2", "X1_2", "X2_2"]
    earlier: list = [(), (Quantity("A_1"),), BOTH_EARLIER]
    weights = np.ones(rows.height)
    for period, seen in enumerate((2, 5, 8)):
        weights *= assignment_factors(
            rows,
            (rows[f"A_{period + 1}"] == 1).to_numpy(),
            [Quantity(name) for name in history[:seen]],
            earlier[period] if stabilised else None,
        )
    return weights


BOTH_EARLIER = (Quantity("A_1"), Quantity("A_2"), Interaction(Quantity("A_1"), Quantity("A_2")))


def test_three_periods_of_treatment_weigh_as_in_r():
    rows = golden_rows("17_balance_weights_lalonde", "msmdata.csv")
    plain = three_periods(rows, stabilised=False)
    stabilised = three_periods(rows, stabilised=True)
    for weights, theirs in ((plain, MSM_WEIGHTS), (stabilised, MSM_STABILISED)):
        found = [*summary(weights), effective_sample_size(weights)]
        np.testing.assert_allclose(found, theirs, rtol=1e-8)
    design = design_matrix(rows, [Quantity(name) for name in ("A_1", "A_2", "A_3")])
    fit = fit_pooled(design, (rows["Y_B"] == 1).to_numpy(), weights=stabilised)
    table = fit.table().select("estimate", "standard_error").to_numpy()
    np.testing.assert_allclose(table, MSM_EFFECTS, rtol=1e-8)


def test_the_same_weights_from_one_row_a_period():
    """A model of all periods at once with every term crossed by period is a model a period."""
    wide = golden_rows("17_balance_weights_lalonde", "msmdata.csv").with_row_index("id")
    parts = [
        wide.select(
            "id",
            pl.lit(period).alias("period"),
            pl.col(f"X1_{period}").alias("x1"),
            pl.col(f"X2_{period}").alias("x2"),
            pl.col(f"A_{period + 1}").alias("a"),
            (pl.col(f"A_{period}") if period else pl.lit(0)).alias("before").cast(pl.Int64),
        )
        for period in range(3)
    ]
    last = (pl.col("before") * (pl.col("period") == 2)).alias("before_last")
    rows = pl.concat(parts).sort("id", "period").with_columns(last)
    own = [Quantity("x1"), Quantity("x2"), Quantity("before")]
    crossed = [Interaction(Category("period"), each) for each in own[:2]]
    terms = [Category("period"), *own, *crossed, Quantity("before_last")]
    person, treated = rows["id"].to_numpy().astype(np.int64), (rows["a"] == 1).to_numpy()
    pooled = treatment_weights(rows, person, treated, terms, None, until_started=False)
    apart = np.ones(wide.height)
    for period in range(3):
        part = rows.filter(pl.col("period") == period)
        chosen = (part["a"] == 1).to_numpy()
        apart *= assignment_factors(part, chosen, own, None)
        np.testing.assert_allclose(pooled[period::3], apart, rtol=1e-8)


def test_until_treatment_starts_by_hand():
    """No covariate: of 5 rows at risk 2 start; of the two rows of those treated none counts on."""
    person = np.array([4, 4, 4, 9, 9])
    treated = np.array([False, True, True, False, True])
    rows = pl.DataFrame({"x": [0, 0, 0, 0, 0]})
    weights = treatment_weights(rows, person, treated, [], None)
    np.testing.assert_allclose(weights, [2, 4, 4, 2, 4])
    always = treatment_weights(rows, person, treated, [], None, until_started=False)
    thirds = 5 / 3
    np.testing.assert_allclose(always, [2.5, 2.5 * thirds, 2.5 * thirds**2, 2.5, 2.5 * thirds])
    np.testing.assert_allclose(treatment_weights(rows, person, treated, [], ()), 1.0)
    followed = censoring_weights(rows, person, treated, [], None)
    np.testing.assert_allclose(followed, [2.5, 2.5**2, 2.5**3, 2.5, 2.5**2])


def test_rows_of_a_person_must_stand_together():
    with pytest.raises(ValueError, match="stand together"):
        running_products(np.array([1, 2, 1]), np.ones(3))


def test_cutting_leaves_the_middle_as_it_is():
    weights = np.arange(101.0)
    assert truncated(weights, 0.1).min() == 10
    assert truncated(weights, 0.1, upper_only=True).min() == 0
    assert truncated(weights, 0.1).max() == 90
    with pytest.raises(ValueError, match="tail"):
        truncated(weights, 0.5)


def drawn_visits(people: int, seed: int) -> pl.DataFrame:
    """A marker drives therapy and death; therapy mends the marker and does nothing else.

    Its whole effect is through the marker, so that a model with the marker in it shows none.
    """
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        marker, therapy = random.normal(), 0
        for time in range(10):
            marker = 0.9 * marker - 0.25 * therapy + 0.3 * random.normal()
            if not therapy:
                therapy = int(random.random() < 1 / (1 + np.exp(2.2 - 1.5 * marker)))
            death = int(random.random() < -np.expm1(-0.03 * np.exp(0.9 * marker)))
            rows.append((person, time, marker, therapy, death))
            if death:
                break
    return pl.DataFrame(rows, schema=["id", "time", "marker", "therapy", "death"], orient="row")


def randomised_visits(people: int, seed: int) -> pl.DataFrame:
    """The same people, therapy by coin: what the weighted model must find."""
    random = np.random.default_rng(seed)
    marker, therapy = random.normal(size=people), np.zeros(people)
    alive, rows = np.ones(people, dtype=bool), []
    for time in range(10):
        marker = 0.9 * marker - 0.25 * therapy + 0.3 * random.normal(size=people)
        therapy = np.maximum(therapy, random.random(people) < 0.15)
        death = random.random(people) < -np.expm1(-0.03 * np.exp(0.9 * marker))
        who = np.flatnonzero(alive)
        rows.append(
            pl.DataFrame({"id": who, "time": time, "therapy": therapy[who], "death": death[who]})
        )
        alive &= ~death
    return pl.concat(rows).sort("id", "time")


def log_hazard_ratio(rows: pl.DataFrame, weights: np.ndarray | None = None) -> tuple[float, float]:
    fit = marginal_cox(
        rows["time"],
        rows["time"] + 1,
        rows["death"],
        rows["therapy"],
        weights=np.ones(rows.height) if weights is None else weights,
        person=rows["id"].to_numpy().astype(np.int64),
    )
    return float(fit.coefficients[0]), float(fit.standard_errors[0])


def test_the_weighted_model_finds_what_a_randomised_trial_would():
    truth, noise = log_hazard_ratio(randomised_visits(60_000, seed=30))
    rows = drawn_visits(6000, seed=31)
    person, therapy = rows["id"].to_numpy().astype(np.int64), (rows["therapy"] == 1).to_numpy()
    weights = treatment_weights(
        rows, person, therapy, [Quantity("marker"), Category("time")], [Category("time")]
    )
    weighted, error = log_hazard_ratio(rows, weights)
    naive, _ = log_hazard_ratio(rows)
    assert weighted == pytest.approx(truth, abs=3 * np.hypot(error, noise))
    assert abs(naive - truth) > 3 * np.hypot(error, noise)
