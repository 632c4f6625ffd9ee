"""Surgery within six months for lung cancer: the public tutorial data of Maringe et al. (2020)."""

import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.design import Category, design_matrix
from benchmarks.public import Golden
from benchmarks.public.grace_period import (
    GRACE,
    MARINGE,
    one_year,
    patients_of,
    with_surgery,
    without_surgery,
)
from tests.emulation.golden import golden_rows


@pytest.fixture(scope="module")
def patients() -> pl.DataFrame:
    golden_rows(MARINGE)
    return patients_of(Golden())


def test_who_is_censored_when_is_as_in_the_tutorial(patients):
    surgery, control = with_surgery(patients), without_surgery(patients)
    operated = (patients["operated"] < NEVER).to_numpy()
    assert np.array_equal(control.leaves_on < NEVER, operated)
    survivors = (patients["fup_obs"] > GRACE).to_numpy()
    assert np.array_equal(surgery.leaves_on < NEVER, survivors & ~operated)


def test_surgery_helps_less_than_the_unweighted_curves_say(patients):
    weighted, _, largest = one_year(patients, weighted=True)
    unweighted, _, _ = one_year(patients, weighted=False)
    assert weighted > 0
    assert weighted != unweighted
    assert largest > 1


def test_levels_that_are_text_enter_as_well(patients):
    text = patients.with_columns(pl.col("stage").cast(pl.String))
    assert design_matrix(text, [Category("stage")]).values.shape[1] > 1
