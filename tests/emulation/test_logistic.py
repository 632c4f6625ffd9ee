import numpy as np
import polars as pl
import pytest

from analysis.emulation.bootstrap import unit_counts
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.logistic import Resampling, fit_logistic, probabilities, refit_logistic


def drawn_rows(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "pain": random.normal(5, 2, rows),
            "clinic": random.choice(["a", "b", "c", "d"], rows),
            "visits": random.integers(0, 4, rows),
        }
    )
    linear = -2.5 + 0.3 * frame["pain"].to_numpy() - 0.4 * (frame["clinic"] == "b").to_numpy()
    return frame, random.random(rows) < 1 / (1 + np.exp(-linear))


TERMS = [Quantity("pain", degree=2), Category("clinic"), Category("visits")]


def test_a_weighted_fit_without_ridge_equals_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    frame, happened = drawn_rows(800, seed=1)
    weights = np.random.default_rng(2).integers(0, 4, 800).astype(float)
    design = design_matrix(frame, TERMS)
    fit = fit_logistic(design, happened, weights)
    theirs = sm.GLM(
        happened.astype(float), design.values, family=sm.families.Binomial(), freq_weights=weights
    ).fit(tol=1e-12)
    np.testing.assert_allclose(fit.coefficients, theirs.params, atol=1e-9)
    errors = np.sqrt(np.diag(np.linalg.inv(fit.information)))
    np.testing.assert_allclose(errors, theirs.bse, rtol=1e-6)


def test_refits_of_all_resamples_equal_naive_refits():
    frame, happened = drawn_rows(3_000, seed=3)
    unit_of_row = np.repeat(np.arange(500), 6)
    design = design_matrix(frame, TERMS)
    counts = unit_counts(500, 30, seed=4)
    fit = fit_logistic(design, happened, precision=0.01)
    refits = refit_logistic(design, happened, fit, Resampling(unit_of_row, counts), precision=0.01)
    assert refits.has_converged.all()
    for replicate in range(30):
        weights = counts[unit_of_row, replicate].astype(float)
        naive = fit_logistic(design, happened, weights, precision=0.01)
        np.testing.assert_allclose(refits.coefficients[:, replicate], naive.coefficients, atol=1e-8)


def test_perfect_separation_stays_finite_and_refits_still_agree():
    frame = pl.DataFrame({"clinic": ["a"] * 60 + ["b"] * 60})
    happened = np.r_[np.ones(60, dtype=bool), np.zeros(60, dtype=bool)]
    design = design_matrix(frame, [Category("clinic")])
    fit = fit_logistic(design, happened, precision=0.01)
    assert fit.has_converged
    p = probabilities(design, fit.coefficients)
    assert p[0] > 0.99
    assert p[-1] < 0.01
    counts = unit_counts(120, 10, seed=1)
    refits = refit_logistic(
        design, happened, fit, Resampling(np.arange(120), counts), precision=0.01
    )
    assert refits.has_converged.all()
    naive = fit_logistic(design, happened, counts[:, 3].astype(float), precision=0.01)
    np.testing.assert_allclose(refits.coefficients[:, 3], naive.coefficients, atol=1e-6)


def test_a_resample_in_which_nothing_happened_has_an_answer():
    frame, _ = drawn_rows(40, seed=5)
    happened = np.zeros(40, dtype=bool)
    happened[7] = True
    design = design_matrix(frame, [Category("clinic")])
    fit = fit_logistic(design, happened, precision=0.01)
    counts = np.ones((40, 2), dtype=np.float32)
    counts[7, 1] = 0
    refits = refit_logistic(
        design, happened, fit, Resampling(np.arange(40), counts), precision=0.01
    )
    assert refits.has_converged.all()
    assert probabilities(design, refits.coefficients[:, 1]).max() < 1e-6


def test_without_ridge_separation_is_told_and_not_answered():
    frame = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    design = design_matrix(frame, [Quantity("x")])
    fit = fit_logistic(design, np.array([False, False, True, True]))
    assert not fit.has_converged


def test_the_smallest_ridge_keeps_separated_data_finite_and_leaves_the_rest_alone():
    """Level c never has the event: the others are fitted as if it were not there."""
    frame, happened = drawn_rows(800, seed=21)
    happened = happened & (frame["clinic"] != "c").to_numpy()
    design = design_matrix(frame, [Category("clinic"), Quantity("pain")])
    fit = fit_logistic(design, happened, precision=1e-12)
    assert fit.has_converged
    assert not fit_logistic(design, happened).has_converged
    own = frame.filter(pl.col("clinic") != "c")
    without = design_matrix(own, [Category("clinic"), Quantity("pain")])
    alone = fit_logistic(without, happened[(frame["clinic"] != "c").to_numpy()])
    ours = dict(zip(design.names, design.on_original_scale(fit.coefficients), strict=True))
    theirs = dict(zip(without.names, without.on_original_scale(alone.coefficients), strict=True))
    # The ridge leaves level c a fitted risk of about 1e-12 a row, which the rest can hardly feel.
    assert ours["pain"] == pytest.approx(theirs["pain"], abs=1e-8)


def test_a_fit_of_many_rows_begins_at_a_part_of_them_and_ends_where_it_always_does(monkeypatch):
    frame, happened = drawn_rows(30_000, seed=22)
    weights = np.random.default_rng(23).uniform(0.5, 2.0, frame.height)
    design = design_matrix(frame, TERMS)
    plain = fit_logistic(design, happened, weights)
    monkeypatch.setattr("analysis.emulation.logistic.MANY_ROWS", 20_000)
    quick = fit_logistic(design, happened, weights)
    assert quick.iterations < plain.iterations
    # The next step would be smaller than 1e-9, and its square is left.
    np.testing.assert_allclose(quick.coefficients, plain.coefficients, rtol=0, atol=1e-12)
    np.testing.assert_allclose(quick.information, plain.information, rtol=1e-8)
