"""Weights over follow-up and the map of positivity."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES
from analysis.scrutiny.diagnostics import positivity_rows, weight_rows
from tests.scrutiny.grounds import ground


@pytest.fixture(scope="module")
def positivity():
    own = ground()
    staying = own.emulation["strict"].staying
    return positivity_rows(own.tables, own.population, own.arms.decisions, staying, own.protocol)


def test_weights_are_told_for_every_strategy_and_day():
    rows = weight_rows(ground().emulation, ground().protocol)
    assert rows["day"].to_list() == [0, 30, 90, 180, 365] * 2
    natural = rows.filter(strategy="natural").row(0, named=True)
    assert (natural["at_risk"], natural["mean"], natural["effective_share"]) == (1500, 1.0, 1.0)
    strict = rows.filter(strategy="strict")
    assert strict["at_risk"].to_list() == [
        int(ground().emulation["strict"].at_risk[day]) for day in strict["day"]
    ]
    assert strict["mean"].is_sorted()


def test_the_weighted_people_left_stand_for_everybody():
    # With the weights of those gone by events, strict clones weigh about as much as all people.
    rows = weight_rows(ground().emulation, ground().protocol).filter(strategy="strict", day=30)
    total = rows["at_risk"][0] * rows["mean"][0]
    assert total == pytest.approx(1500, rel=0.1)


def test_a_tail_of_few_people_is_not_shown():
    own = ground()
    rows = weight_rows(own.emulation, own.protocol)
    shown = rows.filter(pl.col("quantile_99").is_not_null())
    assert shown.filter(pl.col("at_risk") < 1100).is_empty()
    assert not shown.is_empty()


def test_no_emulation_no_weights():
    assert weight_rows(None, ground().protocol).schema == dict(RESULT_TABLES["weights"])


def test_clinics_add_up_to_the_network(positivity):
    network = positivity.filter(unit_kind="network")
    clinics = positivity.filter(unit_kind="clinic")
    sums = clinics.group_by("stage", "pain").agg(pl.col("decisions").sum()).sort("stage", "pain")
    assert sums["decisions"].to_list() == network.sort("stage", "pain")["decisions"].to_list()
    assert network["decisions"].sum() == ground().arms.decisions.happened.size
    assert clinics.height == 5 * network.height


def test_the_map_holds_the_recorded_and_the_predicted_leaving(positivity):
    network = positivity.filter(unit_kind="network")
    left = (network["leaving_observed"] * network["decisions"]).sum()
    predicted = (network["leaving_predicted"] * network["decisions"]).sum()
    happened = int(ground().arms.decisions.happened.sum())
    assert left == pytest.approx(happened)
    # A logistic model with an intercept predicts as many as there were.
    assert predicted == pytest.approx(happened, rel=1e-4)


def test_the_map_by_hand(positivity):
    own = ground()
    points = own.tables.decision_points.filter(order_name="seed", stage_due=2)
    person = own.population.person_of(points["episode_key"])
    at_risk = points["day"].to_numpy() <= own.arms.cohort.last_day[person]
    pain = points.select(pl.coalesce("pain_nrs", "last_pain_nrs")).to_series().to_numpy()
    mine = at_risk & (pain >= 7.0)
    row = positivity.filter(unit_kind="network", stage=2, pain="3: 7 or more").row(0, named=True)
    assert row["decisions"] == mine.sum()
    assert row["patients"] == len(np.unique(own.population.unit[person[mine]]))
    assert row["leaving_observed"] == pytest.approx(points["is_violation"].to_numpy()[mine].mean())


def test_what_never_occurred_has_a_row_without_shares():
    own = ground()
    only_low = own.tables.decision_points.with_columns(
        pain_nrs=pl.when(pl.col("stage_due") == 1).then(8.0).otherwise(1.0)
    )
    tables = replace(own.tables, decision_points=only_low)
    staying = own.emulation["strict"].staying
    rows = positivity_rows(tables, own.population, own.arms.decisions, staying, own.protocol)
    empty_one = rows.filter(unit_kind="network", stage=1, pain="1: below 4").row(0, named=True)
    assert (empty_one["decisions"], empty_one["leaving_observed"]) == (0, None)
