"""The empirical null and the calibrated ratio, from controls whose error is planted."""

import math

import numpy as np
import polars as pl
import pytest

from analysis.emulation.intervals import ratio_estimate
from analysis.scrutiny.nulls import Controls, null_rows, outcome_controls, permuted_controls
from tests.scrutiny.grounds import opened

RATIO = ratio_estimate(0.8, 0.05, 0.95)
NOTHING = Controls(np.empty(0), np.empty(0), "no control outcome")


def found(rows, method):
    return {row.measure: row for row in rows if row.method == method}


def test_a_planted_error_is_found_and_taken_away():
    random = np.random.default_rng(5)
    errors = np.full(400, 0.05)
    planted = Controls(random.normal(-0.1, math.hypot(0.05, 0.08), 400), errors, "many controls")
    rows = null_rows(planted, NOTHING, RATIO, 0.95)
    null = found(rows, "empirical_null")
    assert null["mean"].low < -0.1 < null["mean"].high
    assert null["spread"].value == pytest.approx(0.08, abs=0.01)
    assert null["share_rejected"].value > 0.3
    own = found(rows, "calibrated")
    assert own["log_risk_ratio"].value == pytest.approx(math.log(0.8) - null["mean"].value)
    assert own["risk_ratio"].high > RATIO.high
    assert own["p_value"].value > 0.1


def test_sound_controls_change_next_to_nothing():
    random = np.random.default_rng(6)
    sound = Controls(random.normal(0.0, 0.05, 300), np.full(300, 0.05), "many controls")
    own = found(null_rows(sound, NOTHING, RATIO, 0.95), "calibrated")
    assert own["risk_ratio"].low == pytest.approx(RATIO.low, rel=0.03)
    assert own["risk_ratio"].high == pytest.approx(RATIO.high, rel=0.03)


def test_outcomes_that_are_off_move_the_null_of_all_controls_only():
    random = np.random.default_rng(7)
    sound = Controls(random.normal(0.0, 0.02, 24), np.full(24, 0.02), "24 permuted orders")
    off = Controls(np.array([-0.2, -0.25]), np.array([0.03, 0.03]), "two outcomes")
    rows = null_rows(sound, off, RATIO, 0.95)
    error = {m: found(rows, m)["expected_absolute_error"].value for m in EASE}
    assert error["empirical_null"] > 10 * error["empirical_null_exposures"]
    # A primary ratio that is off by as much as the outcomes is no longer told from nothing.
    confounded = ratio_estimate(0.8, 0.03, 0.95)
    own = found(null_rows(sound, off, confounded, 0.95), "calibrated")
    assert own["risk_ratio"].low < 1.0 < own["risk_ratio"].high


EASE = ("empirical_null", "empirical_null_exposures")


def test_too_few_controls_are_said_to_be_too_few():
    two = Controls(np.array([0.0, 0.1]), np.array([0.1, 0.1]), "two")
    rows = null_rows(two, NOTHING, RATIO, 0.95)
    assert {row.status for row in rows} == {"impossible"}
    assert all(row.reason and row.value is None for row in rows)


def test_without_a_ratio_nothing_is_calibrated():
    three = Controls(np.array([0.0, 0.1, -0.1]), np.full(3, 0.1), "three")
    own = found(null_rows(three, NOTHING, None, 0.95), "calibrated")
    assert {row.status for row in own.values()} == {"impossible"}


def test_the_gates_controls_are_the_controls():
    outcomes = outcome_controls(opened().controls)
    ratio = opened().controls[0].emulation.ratio("strict", "natural")
    assert len(outcomes.estimates) == 2
    assert outcomes.estimates[0] == pytest.approx(math.log(ratio.value))
    assert "other_region" in outcomes.words


def test_only_estimated_exposures_count():
    frame = pl.DataFrame(
        {
            "status": ["estimated", "impossible", "estimated"],
            "log_risk_ratio": [0.1, None, None],
            "ratio_error": [0.1, None, None],
        }
    )
    assert permuted_controls(frame).estimates.tolist() == [0.1]
