"""Permuted orders: whose labels they carry, and that they find nothing where nothing can be."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.scrutiny.exposures import (
    decision_courses,
    donors,
    exposure_frame,
    negative_exposures,
    next_session,
    permuted_order,
    session_courses,
    severity_strata,
    with_thirds,
)
from analysis.scrutiny.ground import ground_of
from analysis.study.models import decision_rows
from analysis.study.study import open_study
from tests.scrutiny.grounds import ground, influence_protocol
from tests.study.registries import simulated


@pytest.fixture(scope="module")
def courses():
    own = ground()
    return (
        decision_courses(own.tables, own.population, own.protocol),
        session_courses(own.tables, own.population),
    )


def permuted(donor, courses):
    own = ground()
    return permuted_order(own.tables, own.population, own.protocol, donor, courses)


def test_everybody_gives_once_takes_once_and_never_from_itself():
    strata = np.array([0, 1, 0, 1, 1, 0, 2, 2, 0])
    for seed in range(20):
        donor = donors(strata, np.random.default_rng(seed))
        assert sorted(donor) == list(range(9))
        assert np.all(donor != np.arange(9))
        np.testing.assert_array_equal(strata[donor], strata)


def test_the_lot_is_drawn_anew_and_repeats_with_its_seed():
    strata = np.zeros(50, dtype=np.int64)
    draws = [donors(strata, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert np.any(draws[0] != draws[2])


def test_strata_are_of_one_clinic_and_severity_where_there_are_enough():
    own = ground()
    strata = severity_strata(own.tables, own.population)
    baseline = own.tables.baseline.sort("episode_id")
    people = pl.DataFrame(
        {"stratum": strata, "clinic": baseline["clinic_id"], "chronicity": baseline["chronicity"]}
    )
    sizes = people.group_by("stratum").agg(
        pl.len(), pl.col("clinic").n_unique(), pl.col("chronicity").n_unique()
    )
    assert sizes["len"].min() >= 5
    assert (sizes["clinic"] == 1).all()
    assert sizes.filter(pl.col("chronicity") == 1).height > 20


def test_a_clinic_of_few_is_shuffled_with_others():
    tables = simulated()
    few = tables.baseline.sort("episode_id")["episode_id"].head(3).implode()
    lonely = tables.baseline.with_columns(
        clinic_id=pl.when(pl.col("episode_id").is_in(few))
        .then(pl.lit("clinic of three"))
        .otherwise("clinic_id")
    )
    strata = severity_strata(replace(tables, baseline=lonely), ground().population)
    assert np.unique(strata, return_counts=True)[1].min() >= 5
    assert len(set(strata[:3])) == 1


def test_ones_own_labels_are_the_recorded_decisions(courses):
    own = ground()
    same = permuted(np.arange(own.population.episodes), courses)
    rows = decision_rows(same.tables, own.population, own.arms.cohort, own.protocol)
    np.testing.assert_array_equal(rows.person, own.arms.decisions.person)
    np.testing.assert_array_equal(rows.day, own.arms.decisions.day)
    np.testing.assert_array_equal(rows.happened, own.arms.decisions.happened)
    broken = own.population.violated_on
    np.testing.assert_array_equal(same.violated_on, broken)


def test_labels_are_the_donors_at_ones_own_sessions(courses):
    own, (labels, sessions) = ground(), courses
    donor = donors(severity_strata(own.tables, own.population), np.random.default_rng(3))
    got = permuted(donor, courses)
    points = got.tables.decision_points.with_columns(
        person=own.population.person_of(got.tables.decision_points["episode_key"])
    )
    for person in (0, 17, 400):
        mine = points.filter(pl.col("person") == person)
        his = labels.rows.filter(pl.col("person") == donor[person])
        days = sessions.rows.filter(pl.col("person") == person)
        shared = min(his.height, days.height)
        assert mine.height == shared
        assert mine["stage_due"].to_list() == his["stage_due"].head(shared).to_list()
        assert mine["is_violation"].to_list() == his["is_violation"].head(shared).to_list()
        assert mine["day"].to_list() == days["day"].head(shared).to_list()
        assert mine["pain_nrs"].to_list() == days["last_pain_nrs"].head(shared).to_list()
        left = mine.filter("is_violation")["day"]
        assert got.violated_on[person] == (left[0] if left.len() else NEVER)


def test_labels_know_nothing_of_what_became_of_the_episode(courses):
    # The same labels whatever happened: nothing of the own violation or event enters.
    own = ground()
    donor = donors(severity_strata(own.tables, own.population), np.random.default_rng(4))
    before = permuted(donor, courses).violated_on
    broken = own.population.violated_on <= 365
    gets_it = broken[donor]
    assert abs(np.corrcoef(broken, gets_it)[0, 1]) < 0.15
    eventless = replace(own.population, first_day={})
    again = permuted_order(own.tables, eventless, own.protocol, donor, courses).violated_on
    np.testing.assert_array_equal(before, again)


def test_thirds_of_pain_enter_beside_the_primary_columns():
    rows = ground().arms.decisions
    third = np.arange(ground().population.episodes) % 3
    wider = with_thirds(rows, third).design
    assert wider.values.shape[1] == rows.design.values.shape[1] + 2
    np.testing.assert_array_equal(wider.values[:, -1], third[rows.person] == 2)


def test_the_next_session_is_ones_own_and_later(courses):
    sessions = courses[1]
    days = sessions.rows.filter(pl.col("person") == 5)["day"].to_list()
    five = np.full(3, 5)
    asked = np.array([-1, days[0], days[-1]])
    assert next_session(sessions, five, asked).tolist() == [days[0], days[1], NEVER]


def test_each_permutation_has_an_estimate_near_nothing():
    rows = exposure_frame(negative_exposures(ground()))
    assert rows["permutation"].to_list() == [1, 2, 3, 4, 5]
    assert set(rows["status"]) == {"estimated"}
    distance = rows["risk_difference"] / rows["difference_error"]
    assert distance.abs().max() < 4.0
    assert rows["log_risk_ratio"].n_unique() == 5


def test_none_is_said_to_be_none():
    study = open_study(simulated(), influence_protocol(permutations=0))
    rows = exposure_frame(negative_exposures(ground_of(study, simulated())))
    assert rows["status"].to_list() == ["not_run"]
    assert rows["log_risk_ratio"].null_count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["null", "protective"])
def test_permuted_orders_centre_on_no_effect(scenario):
    """Forty lots in one registry: their mean is 0 within its error, though the order's is not."""
    protocol = influence_protocol(permutations=40)
    tables = simulated(scenario, 8_000, 31)
    own = ground_of(open_study(tables, protocol), tables)
    rows = exposure_frame(negative_exposures(own))
    logs = rows["log_risk_ratio"].to_numpy()
    assert abs(logs.mean()) < 3.0 * logs.std(ddof=1) / np.sqrt(len(logs))
    scatter = np.std(logs / rows["ratio_error"].to_numpy())
    assert 0.6 < scatter < 1.25
    if scenario == "protective":
        primary = own.emulation.ratio("strict", "natural")
        assert np.log(primary.value) < logs.min()
