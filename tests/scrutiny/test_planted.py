"""Positive controls: what is planted is known, and the design finds it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.scrutiny.planted import planted_control, positive_control_rows
from tests.scrutiny.grounds import ground


def test_nothing_planted_is_the_control_as_it_is():
    own = planted_control(ground(), "other_region", 0, hazard_ratio=1.0)
    control = ground().study.controls[0].emulation.ratio("strict", "natural")
    assert own.planted.value == pytest.approx(1.0, rel=1e-12)
    assert own.found.value == pytest.approx(control.value, rel=1e-9)
    assert own.found_over_planted.value == pytest.approx(control.value, rel=1e-9)


def test_the_planted_effect_is_found():
    own = ground("protective", 3_000, 5)
    rows = {row.measure: row for row in positive_control_rows(own)}
    for kind in ("other_region", "unrelated_illness"):
        planted = rows[f"planted_risk_ratio_{kind}"]
        assert planted.high < 0.95
        over = rows[f"found_over_planted_{kind}"]
        assert over.value == pytest.approx(
            rows[f"found_risk_ratio_{kind}"].value / planted.value, rel=1e-9
        )
        assert over.low < 1.0 < over.high


def test_stronger_effects_are_planted_stronger():
    weak, strong = (
        planted_control(ground(), "other_region", 0, hazard_ratio=ratio) for ratio in (0.8, 0.2)
    )
    assert strong.planted.value < weak.planted.value < 1.0
    assert strong.found.value < weak.found.value


def test_the_lot_repeats_and_differs_by_outcome():
    one, again = (planted_control(ground(), "other_region", 0) for _ in range(2))
    other = planted_control(ground(), "other_region", 1)
    assert one == again
    assert one.planted.value != other.planted.value


def test_too_few_events_are_said_to_be_too_few():
    own = ground()
    few = tuple(replace(control, events=3) for control in own.study.controls)
    rows = positive_control_rows(replace(own, study=replace(own.study, controls=few)))
    assert {row.status for row in rows} == {"impossible"}
    none = positive_control_rows(replace(own, study=replace(own.study, controls=())))
    assert {row.status for row in none} == {"not_run"}


@pytest.mark.slow
def test_over_many_registries_what_is_found_is_what_was_planted():
    logs, errors = [], []
    for seed in range(40, 60):
        own = ground("null", 1_500, seed)
        for number, control in enumerate(own.study.controls):
            over = planted_control(own, control.kind, number).found_over_planted
            logs.append(math.log(over.value))
            errors.append(over.standard_error)
    assert abs(np.mean(logs)) < 3.0 * np.std(logs) / math.sqrt(len(logs))
    assert np.std(logs) / np.mean(errors) == pytest.approx(1.0, abs=0.35)
    covered = np.abs(np.array(logs)) < 1.96 * np.array(errors)
    assert covered.mean() > 0.85
