from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from analysis.simulation import simulate_registry
from analysis.simulation.scenarios import SCENARIOS
from analysis.study.designs import emulation_of, primary_design
from analysis.study.secondary import (
    first_event_rows,
    recovered_spells,
    recurrent_rows,
    reinjury_days,
)
from tests.study.grounds import EPISODES, covers, design_of, ground_of, the
from tests.study.registries import (
    built,
    only_some,
    shuffled,
    simulated,
    violated_on,
    without_events,
)

CONTRASTS = {
    "competing_events": "risk_difference",
    "composite": "risk_difference",
    "restricted_mean": "restricted_mean_days_difference",
    "recovered_days": "recovered_days_difference",
    "recurrent_reinjury": "mean_count_difference",
}


def secondary_rows(design):
    return [*first_event_rows(design), *recurrent_rows(design.ground)]


@cache
def rows_of(scenario):
    return secondary_rows(design_of(scenario))


@cache
def unlost(*, never_early: bool):
    """The numbers of a protective world where nobody is lost, and perhaps nobody ever advances."""
    world = SCENARIOS["protective"]
    world = replace(world, loss=replace(world.loss, at_session=-60.0, at_follow_up=-60.0))
    if never_early:
        world = replace(world, deviation=replace(world.deviation, due_stage=(-60.0,) * 4))
    registry = simulate_registry(
        episodes=EPISODES, clinics=5, seed=12, scenario=world, truth_people=0
    )
    tables = built(registry.tables)
    population = ground_of(tables).population
    last, ending = population.ending("reinjury", ("surgery", "death"))
    spells = recovered_spells(tables, population, 2.0)
    recovered = np.zeros((population.episodes, 367), dtype=bool)
    for person, day, is_in in zip(spells.person, spells.day, spells.is_in, strict=True):
        recovered[person, day:] = is_in
    free = np.arange(367) <= last[:, None]
    return {
        "composite": (ending != 0).mean(),
        "restricted_mean": np.where(ending == 1, last, 365).mean(),
        "recurrent_reinjury": len(reinjury_days(tables, population).day) / population.episodes,
        "recovered_days": (recovered & free)[:, 1:366].sum(axis=1).mean(),
    }


def test_without_an_effect_the_contrasts_are_within_three_errors_of_none():
    # Of one registry: an interval of 95 % would miss in one of twenty, all of these together.
    rows = rows_of("null")
    for analysis, measure in CONTRASTS.items():
        if analysis != "recovered_days":
            row = the(rows, analysis, measure)
            assert abs(row.value) < 3 * row.standard_error
    ratio = the(rows, "composite", "risk_ratio")
    assert abs(np.log(ratio.value)) < 3 * ratio.standard_error


def test_where_waiting_protects_strict_has_fewer_events_and_more_days():
    rows = rows_of("protective")
    assert the(rows, "composite", "risk_difference").high < 0.0
    assert the(rows, "recurrent_reinjury", "mean_count_difference").high < 0.0
    assert the(rows, "restricted_mean", "restricted_mean_days_difference").low > 0.0
    assert covers(the(rows, "competing_events", "risk_difference"), 0.0)


@pytest.mark.parametrize(
    ("analysis", "measure"),
    [
        ("composite", "risk"),
        ("restricted_mean", "restricted_mean_days"),
        ("recurrent_reinjury", "mean_count"),
        ("recovered_days", "recovered_days"),
    ],
)
@pytest.mark.parametrize("strategy", ["strict", "natural"])
def test_the_numbers_are_those_of_a_world_without_loss(analysis, measure, strategy):
    """The same clinics and patients, of whom nobody is lost or, for strict, ever advances."""
    found = the(rows_of("protective"), analysis, measure, strategy=strategy)
    truth = unlost(never_early=strategy == "strict")[analysis]
    # Their visits and events are drawn anew: the error of the other world is about as large.
    assert abs(found.value - truth) < 2.5 * np.sqrt(2.0) * found.standard_error


def test_the_restricted_mean_is_the_area_above_the_risk_of_the_primary_analysis():
    design = design_of("protective")
    emulation = emulation_of(design.ground)
    for name in ("strict", "natural"):
        own = the(rows_of("protective"), "restricted_mean", "restricted_mean_days", strategy=name)
        assert own.value == pytest.approx(np.sum(1.0 - emulation[name].curve.risk[:-1]))


def test_parts_of_the_composite_add_up_and_a_mean_count_is_no_less_than_the_risk():
    rows = rows_of("protective")
    emulation = emulation_of(design_of("protective").ground)
    for name in ("strict", "natural"):
        either = the(rows, "composite", "risk", strategy=name).value
        competing = the(rows, "competing_events", "risk", strategy=name).value
        risk = emulation[name].curve.risk[-1]
        assert either == pytest.approx(risk + competing)
        assert the(rows, "recurrent_reinjury", "mean_count", strategy=name).value > risk
        well = the(rows, "recovered_days", "recovered_days", strategy=name).value
        assert 0.0 < well < the(rows, "composite", "restricted_mean_days", strategy=name).value


def test_rows_name_their_contrast_and_count_their_people():
    for row in rows_of("null"):
        assert row.status == "estimated"
        assert row.episodes == EPISODES
        assert 0 < row.events < EPISODES
        is_contrast = row.measure.endswith(("_difference", "_ratio"))
        assert (row.comparator == "natural") == is_contrast


def test_pain_counts_from_the_day_after_it_was_told_and_is_carried_forward():
    tables = only_some(simulated(), 60)
    ground = ground_of(tables)
    keys = ground.population.episode_keys[:2]
    contacts = pl.DataFrame(
        {
            "episode_key": [keys[0], keys[0], keys[0], keys[1]],
            "day": [0, 7, 30, 0],
            "last_pain_nrs": [5, 2, None, None],
        }
    )
    spells = recovered_spells(replace(tables, contacts=contacts), ground.population, 2.0)
    assert spells.person.tolist() == [0, 0, 0, 1]
    assert spells.day.tolist() == [1, 8, 31, 1]
    assert spells.is_in.tolist() == [False, True, False, False]


def test_a_stricter_limit_of_pain_leaves_fewer_recovered_days():
    ground = design_of("null").ground
    protocol = ground.protocol
    harder = replace(protocol, recovery=replace(protocol.recovery, pain_at_most=1.0))
    rows = secondary_rows(replace(design_of("null"), ground=replace(ground, protocol=harder)))
    own = the(rows, "recovered_days", "recovered_days", strategy="natural")
    usual = the(rows_of("null"), "recovered_days", "recovered_days", strategy="natural")
    assert own.value < usual.value


def test_the_order_of_rows_changes_nothing_to_the_last_bit():
    once = secondary_rows(primary_design(ground_of(simulated())))
    again = secondary_rows(primary_design(ground_of(shuffled(simulated(), seed=5))))
    assert once == again


def test_without_events_or_anybody_leaving_the_order_every_row_says_why():
    tables = without_events(simulated(), "reinjury")
    rows = secondary_rows(primary_design(ground_of(tables)))
    assert {row.status for row in rows} == {"impossible"}
    assert all(row.reason and row.value is None for row in rows)
    nobody = secondary_rows(primary_design(ground_of(violated_on(simulated(), None))))
    assert {row.status for row in nobody} == {"impossible"}


def test_without_the_days_of_all_reinjuries_only_their_count_is_impossible():
    tables = simulated("null", EPISODES)
    rows = secondary_rows(
        primary_design(ground_of(replace(tables, reinjuries=tables.reinjuries.clear())))
    )
    impossible = {row.analysis for row in rows if row.status == "impossible"}
    assert impossible == {"recurrent_reinjury"}
