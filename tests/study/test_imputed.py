"""Missing covariates filled in: the pooled contrast beside the default, only where asked for."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import Protocol
from analysis.study import StudyResult, StudyTables
from analysis.study.imputed import filled_tables
from analysis.study.population import study_population
from analysis.study.strategies import Ground
from analysis.study.study import primary_analysis
from tests.study.registries import analyse_study, only_some, open_protocol, simulated, with_constant


def asking(imputations: int = 3, **gates: float) -> Protocol:
    protocol = open_protocol(**gates)
    return replace(
        protocol,
        intervals=replace(protocol.intervals, method="influence"),
        missing=replace(protocol.missing, method="imputation", imputations=imputations),
    )


def complete() -> StudyTables:
    """A registry of which every covariate is known."""
    tables = simulated()
    baseline = tables.baseline.with_columns(
        pl.col("work_load").cast(pl.String).fill_null("light").replace("unknown", "light"),
        pl.col("chronicity").cast(pl.String).replace("unknown", "acute"),
        pl.col("comorbidity_count").fill_null(0),
        pl.col("first_pain_nrs").fill_null(5.0),
    )
    return replace(tables, baseline=baseline)


def with_gaps(tables: StudyTables, share: float) -> StudyTables:
    """Comorbidity, work load and first pain unknown of some, the more the more prior episodes."""
    random = np.random.default_rng(4)
    baseline = tables.baseline.sort("episode_id")
    chance = share * np.where(baseline["prior_episodes"].to_numpy() > 0, 1.5, 0.5)
    gaps = {
        name: pl.Series(random.random(baseline.height) < chance)
        for name in ("comorbidity_count", "work_load", "first_pain_nrs")
    }
    return replace(
        tables,
        baseline=baseline.with_columns(
            pl.when(~gap).then(pl.col(name)).alias(name) for name, gap in gaps.items()
        ),
    )


def imputed(result: StudyResult) -> list[dict]:
    return result.estimates.filter(pl.col("analysis") == "primary_imputed").to_dicts()


def test_nobody_asks_for_imputations_by_default():
    assert imputed(analyse_study(only_some(simulated(), 400), open_protocol())) == []


def test_the_pooled_contrast_is_near_that_of_complete_records():
    known = primary_analysis(complete(), asking()).emulation.difference("strict", "natural")
    difference, ratio = imputed(analyse_study(with_gaps(complete(), 0.3), asking()))
    assert (difference["measure"], ratio["measure"]) == ("risk_difference", "risk_ratio")
    assert {difference["estimator"], ratio["estimator"]} == {"clone_censor_weight_imputed"}
    assert difference["status"] == ratio["status"] == "estimated"
    assert difference["value"] == pytest.approx(known.value, abs=0.5 * known.standard_error)
    assert 0.95 < difference["standard_error"] / known.standard_error < 1.4
    assert difference["low"] < difference["value"] < difference["high"]
    assert ratio["low"] < ratio["value"] < ratio["high"]


def test_known_values_stay_and_unknown_ones_are_filled_differently_each_time():
    tables = with_gaps(complete(), 0.3)
    protocol = asking()
    population = study_population(tables, protocol)
    ground = Ground(tables, population, population.cohort("reinjury", ("death",)), protocol)
    first, second, _ = filled_tables(ground)
    given = tables.baseline["comorbidity_count"]
    for each in (first, second):
        own = each.baseline["comorbidity_count"]
        assert own.null_count() == 0
        assert own.filter(given.is_not_null()).equals(given.drop_nulls())
    assert not first.baseline.equals(second.baseline)
    assert first.contacts["last_pain_nrs"].null_count() == 0
    again, _, _ = filled_tables(ground)
    assert again.baseline.equals(first.baseline)


def test_where_nothing_is_missing_nothing_is_imputed():
    rows = imputed(analyse_study(complete(), asking()))
    assert [row["status"] for row in rows] == ["not_run", "not_run"]
    assert "nothing to impute" in rows[0]["reason"]


def test_a_covariate_that_nobody_has_cannot_be_imputed():
    tables = with_constant(simulated(), chronicity="unknown")
    rows = imputed(analyse_study(tables, asking()))
    assert [row["status"] for row in rows] == ["impossible", "impossible"]
    assert "Nobody has a known value of chronicity" in rows[0]["reason"]


@pytest.mark.parametrize("episodes", [0, 5])
def test_hardly_anybody_is_no_crash(episodes):
    rows = imputed(analyse_study(only_some(simulated(), episodes), asking()))
    assert [row["status"] for row in rows] == ["impossible", "impossible"]


def test_the_pooled_contrast_is_sealed_with_the_primary():
    tables = with_gaps(only_some(complete(), 600), 0.2)
    rows = imputed(analyse_study(tables, asking(2, detectable_largest_difference=0.001)))
    assert [row["status"] for row in rows] == ["sealed", "sealed"]
    assert all(row[name] is None for row in rows for name in ("value", "low", "high"))
