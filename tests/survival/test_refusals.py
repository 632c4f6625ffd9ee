"""What cannot be estimated is refused in plain words, without a warning; the rest stays exact."""

import numpy as np
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.cox import CoxFit, fit_cox
from analysis.survival.refusal import NotEstimableError
from analysis.survival.restricted_mean import restricted_mean

TIMES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
ALL = np.ones(6, dtype=bool)


def fit_of(covariates: list[list[float]], is_event: np.ndarray = ALL) -> CoxFit:
    return fit_cox(counting_rows(0, TIMES, is_event), np.array(covariates).T)


def test_without_events_there_is_no_hazard_ratio() -> None:
    with pytest.raises(NotEstimableError, match="No event"):
        fit_of([[1, 2, 3, 1, 2, 3]], ~ALL)


def test_a_constant_covariate_is_named() -> None:
    rows = counting_rows(0, TIMES, ALL)
    table = np.column_stack([TIMES % 2, np.ones(6)])
    with pytest.raises(NotEstimableError, match="dose is the same"):
        fit_cox(rows, table, names=["age", "dose"])


def test_a_covariate_that_only_parts_strata_says_nothing() -> None:
    side = np.array([0.0, 0, 0, 1, 1, 1])
    rows = counting_rows(0, TIMES, ALL, strata=side)
    with pytest.raises(NotEstimableError, match="does not differ"):
        fit_cox(rows, side[:, None])


def test_combinations_are_named() -> None:
    one, other = [1.0, 3, 2, 5, 1, 2], [2.0, 2, 1, 1, 4, 3]
    with pytest.raises(NotEstimableError, match="covariate 1, covariate 2, covariate 3"):
        fit_of([one, other, (np.array(one) + other).tolist()])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_coefficient_without_limit_is_refused(ties: str) -> None:
    is_early = np.array([1.0, 1, 1, 0, 0, 0])
    with pytest.raises(NotEstimableError, match="grows without limit"):
        fit_cox(counting_rows(0, TIMES, is_early == 1), is_early[:, None], ties=ties)


def test_a_mean_beyond_all_follow_up_is_refused() -> None:
    with pytest.raises(NotEstimableError, match="longest follow-up is 6"):
        restricted_mean(TIMES, TIMES < 6, 10.0)


@pytest.mark.parametrize(
    ("entry", "exit_", "words"),
    [(3.0, 3.0, "from 3 to 3"), (4.0, 3.0, "from 4 to 3"), (float("nan"), 3.0, "must be known")],
)
def test_a_row_that_ends_before_it_begins_is_no_follow_up(
    entry: float, exit_: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        counting_rows([0.0, entry], [1.0, exit_], [True, True])


def test_weights_shapes_and_ties_are_checked() -> None:
    with pytest.raises(ValueError, match="weight"):
        counting_rows(0, TIMES, ALL, weights=-TIMES)
    with pytest.raises(ValueError, match="one value a row"):
        counting_rows(0, TIMES, ALL[:3])
    with pytest.raises(ValueError, match="shape"):
        fit_cox(counting_rows(0, TIMES, ALL), np.ones((5, 1)))
    with pytest.raises(ValueError, match="'efron' or 'breslow'"):
        fit_cox(counting_rows(0, TIMES, ALL), TIMES[:, None] % 4, ties="exact")
    with pytest.raises(ValueError, match="finite"):
        fit_of([[1, np.nan, 2, 3, 1, 2]])
