"""The fit is the maximum of the likelihood as written down, and keeps its identities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.survival.counting import CountingRows, counting_rows
from analysis.survival.cox import fit_cox


def drawn(seed: int, size: int = 60) -> tuple[CountingRows, np.ndarray]:
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 6, size).astype(float)
    exit_ = entry + rng.integers(1, 9, size)
    rows = counting_rows(
        entry,
        exit_,
        rng.random(size) < 0.6,
        strata=rng.integers(0, 2, size),
        weights=rng.integers(1, 4, size),
        clusters=rng.integers(0, 12, size),
    )
    return rows, rng.normal(size=(size, 2))


def log_likelihood_by_hand(rows: CountingRows, x: np.ndarray, beta: np.ndarray, ties: str) -> float:
    total, risks = 0.0, rows.weights * np.exp(x @ beta)
    for stratum in np.unique(rows.strata):
        own = rows.strata == stratum
        for time in np.unique(rows.exit[own & rows.is_event]):
            at_risk = own & (rows.entry < time) & (time <= rows.exit)
            ended = own & rows.is_event & (rows.exit == time)
            weight, tied = rows.weights[ended], risks[ended].sum()
            total += float(weight @ (x[ended] @ beta))
            for nth in range(weight.size):
                share = nth / weight.size if ties == "efron" else 0.0
                total -= weight.mean() * np.log(risks[at_risk].sum() - share * tied)
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_fit_is_the_maximum_of_the_likelihood_by_hand(ties: str, seed: int) -> None:
    rows, x = drawn(seed)
    fit = fit_cox(rows, x, ties=ties)
    best = log_likelihood_by_hand(rows, x, fit.coefficients, ties)
    assert fit.log_likelihood == pytest.approx(best, rel=1e-12)
    for column, nudge in ((0, 1e-4), (1, 1e-4)):
        aside = np.zeros(2)
        aside[column] = nudge
        around = [
            log_likelihood_by_hand(rows, x, fit.coefficients + sign * aside, ties)
            for sign in (-1, 1)
        ]
        assert max(around) < best
        curvature = (2 * best - sum(around)) / nudge**2
        assert np.linalg.inv(fit.covariance)[column, column] == pytest.approx(curvature, rel=1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_score_residuals_are_derivatives_with_respect_to_each_clusters_weight(ties: str) -> None:
    rows, x = drawn(3)
    fit = fit_cox(rows, x, ties=ties, residuals=True)
    assert fit.score_residuals is not None
    for cluster in (0, 4, 9):
        moved = []
        for share in (1 - 1e-4, 1 + 1e-4):
            weights = rows.weights * np.where(rows.clusters == cluster, share, 1.0)
            again = counting_rows(
                rows.entry, rows.exit, rows.is_event, strata=rows.strata, weights=weights
            )
            moved.append(fit_cox(again, x, ties=ties).coefficients)
        by_hand = (moved[1] - moved[0]) / 2e-4
        np.testing.assert_allclose(
            fit.score_residuals[cluster] @ fit.covariance, by_hand, rtol=1e-4, atol=1e-7
        )


def test_rows_cut_in_two_and_shifted_covariates_change_nothing() -> None:
    rows, x = drawn(5)
    whole = fit_cox(rows, x)
    assert rows.clusters is not None
    pieces = counting_rows(
        np.r_[rows.entry, rows.entry + 0.5],
        np.r_[rows.entry + 0.5, rows.exit],
        np.r_[np.zeros(60, dtype=bool), rows.is_event],
        strata=np.r_[rows.strata, rows.strata],
        weights=np.r_[rows.weights, rows.weights],
        clusters=np.r_[rows.clusters, rows.clusters],
    )
    cut = fit_cox(pieces, np.r_[x, x] * [1e4, 1.0] + 1e6)
    np.testing.assert_allclose(cut.coefficients * [1e4, 1.0], whole.coefficients, rtol=1e-8)
    np.testing.assert_allclose(cut.standard_errors * [1e4, 1.0], whole.standard_errors, rtol=1e-8)


def test_the_order_of_rows_and_repeats_as_weights_change_nothing() -> None:
    rows, x = drawn(7)
    order = np.random.default_rng(1).permutation(60)
    assert rows.clusters is not None
    mixed = counting_rows(
        rows.entry[order],
        rows.exit[order],
        rows.is_event[order],
        strata=rows.strata[order],
        weights=rows.weights[order],
        clusters=rows.clusters[order],
    )
    one, other = fit_cox(rows, x, ties="breslow"), fit_cox(mixed, x[order], ties="breslow")
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-10)
    times = np.repeat(np.arange(60), rows.weights.astype(int))
    copies = counting_rows(
        rows.entry[times],
        rows.exit[times],
        rows.is_event[times],
        strata=rows.strata[times],
        clusters=rows.clusters[times],
    )
    repeated = fit_cox(copies, x[times], ties="breslow")
    np.testing.assert_allclose(one.coefficients, repeated.coefficients, rtol=1e-9)
    np.testing.assert_allclose(one.standard_errors, repeated.standard_errors, rtol=1e-9)


def test_covariates_that_nearly_repeat_each_other_are_still_told_apart() -> None:
    rows, x = drawn(11)
    whole = fit_cox(rows, x)
    near = fit_cox(rows, np.column_stack([x[:, 0], x[:, 0] + 3e-4 * x[:, 1]]))
    total = near.coefficients[0] + near.coefficients[1]
    np.testing.assert_allclose(
        [total, 3e-4 * near.coefficients[1]], whole.coefficients, rtol=1e-5, atol=1e-7
    )


def test_days_that_rounding_parted_are_one_day() -> None:
    days = np.array([100.0, 100, 200, 300, 300, 400])
    x = np.array([[0.0, 1, 0, 1, 1, 0], [3, 1, 2, 5, 4, 2]]).T
    noisy = days * (1 + 1e-15 * np.array([0, 1, 0, 2, -2, 1]))
    assert np.unique(noisy).size > np.unique(days).size
    one, other = (fit_cox(counting_rows(0, times, days > 0), x) for times in (days, noisy))
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-9)
