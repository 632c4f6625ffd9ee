from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from analysis.emulation.random_effects import heterogeneity, pool_groups
from analysis.study import StudyTables
from analysis.study.designs import emulation_of, part_of, primary_design
from analysis.study.subgroups import (
    FEWEST_CLINICS_TO_LEAVE_ONE_OUT,
    across_clinics_rows,
    clinic_members,
    clinic_rows,
    leave_one_out_rows,
    subgroup_estimates,
    subgroup_levels,
    subgroup_rows,
)
from tests.study.grounds import EPISODES, covers, design_of, ground_of, the
from tests.study.registries import only_some, shuffled, simulated, with_constant, without_events


@cache
def by_subgroup(scenario):
    return subgroup_rows(design_of(scenario).ground)


@cache
def by_clinic(scenario):
    return clinic_rows(design_of(scenario))


def only_episodes(tables: StudyTables, kept: pl.Series) -> StudyTables:
    """The registry as if it held no other episodes than these (in order of episode_id)."""
    episodes = tables.baseline.sort("episode_id").filter(kept)
    keys, names = episodes["episode_key"], episodes["episode_id"]
    frames = {}
    for name in tables.__dataclass_fields__:
        frame = getattr(tables, name)
        if "episode_key" in frame.columns:
            frame = frame.filter(pl.col("episode_key").is_in(keys.implode()))
        elif "episode_id" in frame.columns:
            frame = frame.filter(pl.col("episode_id").is_in(names.implode()))
        frames[name] = frame
    return StudyTables(**frames)


def mixed(one: StudyTables, other: StudyTables, kept: pl.Series) -> StudyTables:
    """Some episodes from one registry of the same people, the rest from another."""
    first, rest = only_episodes(one, kept), only_episodes(other, ~kept)
    return StudyTables(
        **{
            name: one.record_quality
            if name == "record_quality"
            else pl.concat([getattr(first, name), getattr(rest, name)])
            for name in one.__dataclass_fields__
        }
    )


@pytest.mark.parametrize("kind", ["condition", "region"])
def test_a_subgroup_is_analysed_as_if_nobody_else_had_been_seen(kind):
    ground = design_of("protective").ground
    name, kept = max(subgroup_levels(ground, kind).items(), key=lambda item: item[1].sum())
    row = the(by_subgroup("protective"), f"by_{kind}", "risk_difference", subgroup=name)
    alone = emulation_of(ground_of(only_episodes(ground.tables, pl.Series(kept))))
    known = alone.difference("strict", "natural")
    assert row.value == pytest.approx(known.value, abs=1e-9)
    assert row.standard_error == pytest.approx(known.standard_error, rel=1e-6)
    assert row.episodes == kept.sum()
    assert row.subgroup_kind == kind


def test_subgroups_of_a_kind_are_everybody_once():
    for kind in ("condition", "region", "chronicity"):
        rows = [
            row
            for row in by_subgroup("null")
            if row.subgroup_kind == kind and row.subgroup and row.measure == "risk_difference"
        ]
        assert sum(row.episodes for row in rows) == EPISODES
        assert len({row.subgroup for row in rows}) == len(rows)


def test_without_an_effect_subgroups_cover_none_and_do_not_differ():
    rows = [row for row in by_subgroup("null") if row.status == "estimated"]
    contrasts = [row for row in rows if row.measure == "risk_difference"]
    assert np.mean([covers(row, 0.0) for row in contrasts]) >= 0.85
    for kind in ("condition", "region", "chronicity"):
        raw = the(rows, f"by_{kind}", "heterogeneity_p").value
        adjusted_p = the(rows, f"by_{kind}", "heterogeneity_adjusted_p").value
        assert 0.01 < raw <= adjusted_p * (1 + 1e-12)
    adjusted = [row.value for row in rows if row.measure == "adjusted_p"]
    assert min(adjusted) > 0.01


def test_an_effect_in_one_subgroup_only_is_seen_as_heterogeneity():
    null, protective = simulated("null", 8_000), simulated("protective", 8_000)
    assert null.baseline.equals(protective.baseline)
    is_acute = null.baseline.sort("episode_id")["chronicity"] == "acute"
    ground = ground_of(mixed(protective, null, is_acute))
    apart = {}
    for kind in ("chronicity", "condition"):
        found = subgroup_estimates(ground, subgroup_levels(ground, kind))
        contrasts = {each.name: each.difference for each in found}
        apart[kind] = heterogeneity(
            [each.value for each in contrasts.values()],
            [each.standard_error for each in contrasts.values()],
        )
        if kind == "chronicity":
            assert contrasts["acute"].high < 0.0
    assert apart["chronicity"].p < 0.01 < apart["condition"].p


def test_subgroups_too_small_or_without_events_are_impossible_with_the_reason():
    tables = only_some(simulated(), 400)
    rows = subgroup_rows(ground_of(tables))
    small = [row for row in rows if row.subgroup == "other levels"]
    assert {row.status for row in small} <= {"impossible", "estimated"}
    few = [row for row in rows if row.subgroup and (row.episodes or 0) < 50]
    assert few
    assert {row.status for row in few} == {"impossible"}
    assert all("fewer than 50 patients" in row.reason for row in few)
    none = subgroup_rows(ground_of(without_events(simulated(), "reinjury")))
    assert {row.status for row in none} == {"impossible"}
    assert all(row.reason for row in none)


def test_a_kind_with_one_level_has_no_heterogeneity():
    rows = subgroup_rows(ground_of(with_constant(simulated(), chronicity="acute")))
    test = the(rows, "by_chronicity", "heterogeneity_p")
    assert (test.status, test.value) == ("impossible", None)
    adjusted = the(rows, "by_chronicity", "heterogeneity_adjusted_p")
    assert (adjusted.status, adjusted.value) == ("impossible", None)


def test_clinics_are_pooled_by_random_effects():
    ground = design_of("protective").ground
    rows = by_clinic("protective")
    alone = [
        emulation_of(part_of(ground, kept)).difference("strict", "natural")
        for kept in clinic_members(ground).values()
    ]
    known = pool_groups([each.value for each in alone], [each.standard_error for each in alone])
    pooled = the(rows, "across_clinics", "risk_difference", estimator="random_effects")
    assert (pooled.value, pooled.low, pooled.high) == pytest.approx(
        (known.estimate, known.low, known.high)
    )
    predicted = the(rows, "across_clinics", "risk_difference_prediction")
    assert predicted.low <= pooled.low
    assert the(rows, "across_clinics", "tau").value == pytest.approx(known.tau, abs=1e-12)
    sizes = [kept.sum() for kept in clinic_members(ground).values()]
    within = the(rows, "across_clinics", "risk_difference", estimator="within_clinics")
    assert within.value == pytest.approx(np.average([e.value for e in alone], weights=sizes))


def test_within_clinics_the_answer_is_that_of_all_together():
    overall = emulation_of(design_of("protective").ground).difference("strict", "natural")
    within = the(
        by_clinic("protective"), "across_clinics", "risk_difference", estimator="within_clinics"
    )
    assert within.high < 0.0
    assert abs(within.value - overall.value) < 1.5 * overall.standard_error


def test_leaving_a_clinic_out_is_the_study_of_the_others():
    design = design_of("protective")
    rows = [
        row
        for row in by_clinic("protective")
        if row.analysis == "leave_one_clinic_out" and row.measure == "risk_difference"
    ]
    members = clinic_members(design.ground)
    others = [
        emulation_of(part_of(design.ground, ~kept)).difference("strict", "natural")
        for kept in members.values()
    ]
    others.sort(key=lambda each: each.value)
    assert [row.subgroup for row in rows] == [f"without clinic {k}" for k in range(1, 6)]
    # Only the ridge and which rare levels are pooled differ.
    assert [row.value for row in rows] == pytest.approx([e.value for e in others], abs=5e-4)
    errors = [each.standard_error for each in others]
    assert [row.standard_error for row in rows] == pytest.approx(errors, rel=0.02)


def test_no_row_tells_of_a_single_clinic():
    names = set(design_of("null").ground.tables.baseline["clinic_id"].cast(pl.String))
    sizes = {int(kept.sum()) for kept in clinic_members(design_of("null").ground).values()}
    for row in by_clinic("null"):
        words = f"{row.subgroup} {row.reason} {row.estimator}"
        assert not any(name in words for name in names)
        assert row.episodes == EPISODES
        assert row.episodes not in sizes
        if row.analysis == "leave_one_clinic_out":
            assert row.events is None


def test_a_small_clinic_is_not_pooled_and_not_left_out():
    tables = simulated()
    names = tables.baseline["clinic_id"].cast(pl.String)
    few = tables.baseline["episode_id"].head(12).implode()
    apart = pl.when(pl.col("episode_id").is_in(few)).then(pl.lit("small")).otherwise(names)
    baseline = tables.baseline.with_columns(apart.alias("clinic_id"))
    rows = clinic_rows(primary_design(ground_of(replace(tables, baseline=baseline))))
    assert (
        "5 of 6 clinics"
        in the(rows, "across_clinics", "risk_difference", estimator="random_effects").reason
    )
    out = [row for row in rows if row.analysis == "leave_one_clinic_out"]
    assert len({row.subgroup for row in out}) == 5


def test_with_few_clinics_nothing_is_said_of_what_is_left_without_one():
    ground = ground_of(with_constant(simulated(), clinic_id="one"))
    design, clinics = primary_design(ground), clinic_members(ground)
    pooled = across_clinics_rows(ground, clinics)
    assert {row.status for row in pooled} == {"impossible"}
    out = leave_one_out_rows(design, clinics)
    assert [row.status for row in out] == ["impossible"]
    assert f"fewer than {FEWEST_CLINICS_TO_LEAVE_ONE_OUT}" in out[0].reason


def test_by_clinic_intervals_need_five_clinics_but_a_clinic_alone_counts_patients():
    ground = design_of("null").ground
    protocol = ground.protocol
    clustered = replace(protocol, intervals=replace(protocol.intervals, cluster="clinic"))
    again = ground_of(ground.tables, clustered)
    own = subgroup_estimates(again, clinic_members(again), cluster="patient")
    assert all(each.difference is not None for each in own)
    refused = subgroup_estimates(again, clinic_members(again))
    assert all("fewer than 5 clinics" in each.reason for each in refused)


def test_the_order_of_rows_changes_nothing_to_the_last_bit():
    once, again = (
        [*clinic_rows(primary_design(ground)), *subgroup_rows(ground)]
        for ground in (ground_of(simulated()), ground_of(shuffled(simulated(), seed=5)))
    )
    assert once == again
