"""Pooled logistic hazards: errors by cluster as in statsmodels, influences, refusals."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.bootstrap import unit_counts
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.hazards import UnstableModelError
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.emulation.msm import assignment_factors, assignment_models
from analysis.emulation.pooled import (
    fit_pooled,
    influence_errors,
    shared_designs,
    standardised_survival,
)


def drawn_people(people: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), 5)
    frailty = random.normal(0, 1, people)[person]
    x = random.normal(0, 1, people)[person]
    period = np.tile(np.arange(5), people)
    happened = random.random(len(person)) < 1 / (1 + np.exp(1.5 - 0.5 * x - frailty))
    return pl.DataFrame({"person": person, "x": x, "period": period}), happened


@pytest.mark.filterwarnings("ignore:cov_type not fully supported")
def test_errors_by_cluster_are_those_of_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    rows, happened = drawn_people(150, seed=3)
    weights = np.random.default_rng(4).uniform(0.2, 3.0, rows.height)
    design = design_matrix(rows, [Quantity("x"), Quantity("period")])
    fit = fit_pooled(design, happened, weights=weights, cluster=rows["person"].to_numpy())
    theirs = sm.GLM(
        happened.astype(float), design.values, family=sm.families.Binomial(), var_weights=weights
    ).fit(
        tol=1e-12,
        cov_type="cluster",
        cov_kwds={"groups": rows["person"].to_numpy(), "use_correction": False},
    )
    uncorrected = np.sqrt(np.diag(fit.covariance) * 149 / 150)
    np.testing.assert_allclose(fit.coefficients, theirs.params, atol=1e-9)
    np.testing.assert_allclose(uncorrected, theirs.bse, rtol=1e-7)


def test_the_order_of_rows_and_the_names_of_clusters_do_not_matter():
    rows, happened = drawn_people(80, seed=5)
    terms = [Quantity("x"), Quantity("period")]
    fit = fit_pooled(design_matrix(rows, terms), happened, cluster=rows["person"].to_numpy())
    order = np.random.default_rng(6).permutation(rows.height)
    shuffled = rows[order]
    again = fit_pooled(
        design_matrix(shuffled, terms), happened[order], cluster=shuffled["person"].to_numpy() * 7
    )
    # Sums in another order differ in the last bits only.
    np.testing.assert_allclose(again.covariance, fit.covariance, rtol=1e-9)
    np.testing.assert_allclose(again.table()["estimate"], fit.table()["estimate"], rtol=1e-9)


def test_a_person_counted_twice_moves_the_survival_as_its_influence_says():
    rows, happened = drawn_people(60, seed=7)
    person = rows["person"].to_numpy()
    people = rows.filter(pl.col("period") == 0)
    (design,) = shared_designs([rows], [Quantity("x"), Quantity("period")])
    fit = fit_pooled(design, happened, cluster=person)
    curve = standardised_survival(fit, design, 5)
    step = 1e-5
    weights = np.where(person == 11, 1.0 + step, 1.0)
    moved = standardised_survival(fit_pooled(design, happened, weights=weights), design, 5)
    assert people.height == 60
    slope = (moved.survival - curve.survival) / step
    np.testing.assert_allclose(slope, curve.influences[11], rtol=1e-3, atol=1e-9)


def test_influences_of_a_mean_give_its_error():
    values = np.random.default_rng(8).normal(0, 2, 40)
    influences = ((values - values.mean()) / 40)[:, None]
    assert influence_errors(influences)[0] == pytest.approx(values.std(ddof=1) / np.sqrt(40))


def test_what_cannot_be_estimated_is_refused():
    rows, _ = drawn_people(10, seed=9)
    design = design_matrix(rows, [Quantity("x")])
    with pytest.raises(UnstableModelError):
        fit_pooled(design, np.zeros(rows.height, dtype=bool))
    other = rows.with_columns(pl.lit(2.0).alias("x"), kind=pl.lit("b"))
    with pytest.raises(ValueError, match="does not vary"):
        shared_designs([rows.with_columns(kind=pl.lit("a")), other], [Category("kind")])


def confounded(people: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray]:
    """Return people with a treatment that depends on x, their periods, and what happened."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, people)
    own = pl.DataFrame({"x": x, "treated": random.random(people) < 1 / (1 + np.exp(-x))})
    person = np.repeat(np.arange(people), 4)
    rows = own[person].with_columns(
        pl.col("treated").cast(pl.Float64),
        person=pl.Series(person),
        period=np.tile(range(4), people),
    )
    return own, rows, random.random(len(person)) < 1 / (1 + np.exp(2.0 - x[person]))


def refitted(own: pl.DataFrame, rows: pl.DataFrame, happened: np.ndarray, counts: np.ndarray):
    """Return the coefficients of weighting and pooling when people count so often."""
    treated = own["treated"].to_numpy()
    model = design_matrix(own, [Quantity("x")])
    chance = probabilities(model, fit_logistic(model, treated, counts).coefficients)
    share = counts @ treated / counts.sum()
    weights = np.where(treated, share / chance, (1 - share) / (1 - chance)) * counts
    person = rows["person"].to_numpy()
    design = design_matrix(rows, [Quantity("treated"), Quantity("period")])
    return fit_logistic(design, happened, weights[person]).coefficients


def test_a_person_moves_the_weighted_model_through_the_weights_as_well():
    own, rows, happened = confounded(90, seed=40)
    treated, person = own["treated"].to_numpy(), rows["person"].to_numpy()
    weights = assignment_factors(own, treated, [Quantity("x")])[person]
    design = design_matrix(rows, [Quantity("treated"), Quantity("period")])
    models = assignment_models(own, treated, [Quantity("x")], used_on=person)
    fit = fit_pooled(design, happened, weights=weights, cluster=person, weight_models=models)
    once, step = np.ones(90), 1e-5
    np.testing.assert_allclose(refitted(own, rows, happened, once), fit.coefficients, atol=1e-9)
    for one in (0, 17, 89):
        more = once + step * (np.arange(90) == one)
        less = once - step * (np.arange(90) == one)
        slope = refitted(own, rows, happened, more) - refitted(own, rows, happened, less)
        # Central differences: the error is of the order of the step squared and of rounding.
        np.testing.assert_allclose(slope / (2 * step), fit.influences[one], rtol=1e-5, atol=1e-8)


def test_carrying_the_weights_narrows_the_error_to_that_of_resamples():
    own, rows, happened = confounded(800, seed=41)
    treated, person = own["treated"].to_numpy(), rows["person"].to_numpy()
    weights = assignment_factors(own, treated, [Quantity("x")])[person]
    design = design_matrix(rows, [Quantity("treated"), Quantity("period")])
    models = assignment_models(own, treated, [Quantity("x")], used_on=person)
    known, carried = (
        np.sqrt(
            fit_pooled(
                design, happened, weights=weights, cluster=person, weight_models=each
            ).covariance[1, 1]
        )
        for each in ((), models)
    )
    counts = unit_counts(800, 200, seed=42).astype(float)
    drawn = [refitted(own, rows, happened, counts[:, draw])[1] for draw in range(200)]
    # Two hundred resamples tell a standard deviation to 5 %.
    assert carried == pytest.approx(np.std(drawn, ddof=1), rel=0.15)
    assert carried < 0.95 * known


def test_models_of_weights_must_hold_the_same_clusters():
    own, rows, happened = confounded(40, seed=43)
    treated = own["treated"].to_numpy()
    models = assignment_models(
        own.head(39),
        treated[:39],
        [Quantity("x")],
        used_on=np.minimum(rows["person"].to_numpy(), 38),
    )
    design = design_matrix(rows, [Quantity("treated")])
    with pytest.raises(ValueError, match="same ones"):
        fit_pooled(design, happened, cluster=rows["person"].to_numpy(), weight_models=models)
