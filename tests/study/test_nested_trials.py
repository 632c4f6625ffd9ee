from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analysis.emulation.decision_trials import ACTED, NOT_ACTED, decision_trials
from analysis.emulation.emulation import Settings, emulate
from analysis.study.designs import primary_design
from analysis.study.nested_trials import nested_trial_rows, stages_due
from tests.study.grounds import covers, design_of, ground_of, the
from tests.study.registries import simulated, violated_on, without_events


@cache
def rows_of(scenario):
    return nested_trial_rows(design_of(scenario))


def test_without_an_effect_waiting_and_advancing_do_not_differ():
    rows = rows_of("null")
    assert covers(the(rows, "nested_trials", "risk_difference", subgroup=None), 0.0)
    assert covers(the(rows, "nested_trials", "risk_ratio", subgroup=None), 1.0)
    stages = [row for row in rows if row.subgroup and row.measure == "risk_difference"]
    assert [row.subgroup for row in stages] == ["1", "2", "3", "4"]
    # Four intervals of 95 %: each within the one that would hold for all of them.
    assert all(abs(row.value) < 2.5 * row.standard_error for row in stages)


def test_where_waiting_protects_it_is_better_in_every_stage():
    rows = rows_of("protective")
    assert the(rows, "nested_trials", "risk_difference", subgroup=None).high < 0.0
    stages = [row for row in rows if row.subgroup and row.measure == "risk_difference"]
    assert all(row.value < 0.0 for row in stages)


def test_where_waiting_harms_the_sign_turns():
    assert the(rows_of("harmful"), "nested_trials", "risk_difference", subgroup=None).low > 0.0


def test_the_arms_are_near_those_of_trials_whose_models_are_fitted_to_their_entries():
    """The other way fits the contacts of every entry: equal up to how the two models differ."""
    design = design_of("protective")
    horizon = design.ground.protocol.trials.horizon_days
    decisions = design.strict.decisions
    eligible = decisions.day + horizon <= design.ground.population.horizon
    trials = decision_trials(
        design.ground.cohort, decisions, horizon, eligible=eligible, follow_up=design.follow_up
    )
    settings = Settings(intervals="influence", grid_steps=1)
    known = emulate(trials.cohort, trials.strategies, trials.follow_up, settings)
    own = the(rows_of("protective"), "nested_trials", "risk_difference", subgroup=None)
    other = known.difference(NOT_ACTED, ACTED)
    assert own.value == pytest.approx(other.value, abs=0.3 * other.standard_error)
    assert own.standard_error == pytest.approx(other.standard_error, rel=0.1)


def test_stages_are_told_of_the_decisions_they_belong_to():
    design = design_of("null")
    decisions = design.strict.decisions
    stages = stages_due(design.ground, decisions)
    assert set(stages) == {1, 2, 3, 4}
    names = list(decisions.design.names)
    for stage in (2, 3, 4):
        if f"stage_due={stage}" in names:
            column = decisions.design.values[:, names.index(f"stage_due={stage}")]
            np.testing.assert_array_equal(column > 0, stages == stage)
    with pytest.raises(ValueError, match="primary order"):
        stages_due(design.ground, replace(decisions, person=decisions.person + 1))


def test_trials_that_could_not_end_by_the_horizon_do_not_start():
    ground = design_of("null").ground
    protocol = ground.protocol
    whole = replace(protocol, trials=replace(protocol.trials, horizon_days=365))
    rows = nested_trial_rows(replace(design_of("null"), ground=replace(ground, protocol=whole)))
    waited = the(rows, "nested_trials", "risk", strategy="wait", subgroup=None)
    first_days = len(np.unique(design_of("null").strict.decisions.person))
    # Only decisions on day 0 have a year before them.
    assert waited.episodes <= first_days
    assert waited.horizon_days == 365
    too_long = replace(protocol, trials=replace(protocol.trials, horizon_days=366))
    none = nested_trial_rows(replace(design_of("null"), ground=replace(ground, protocol=too_long)))
    assert {row.status for row in none} == {"impossible"}


def test_without_events_or_decisions_every_row_says_why():
    for tables in (without_events(simulated(), "reinjury"), violated_on(simulated(), None)):
        rows = nested_trial_rows(primary_design(ground_of(tables)))
        assert {row.status for row in rows} == {"impossible"}
        assert all(row.reason for row in rows)
