"""Clinics as the independent units: Student's quantiles with few, no interval with very few."""

from dataclasses import replace

import polars as pl
import pytest
from scipy.stats import t

from analysis.contracts.protocol import Protocol
from analysis.study.study import open_study, primary_analysis
from tests.study.registries import analyse_study, open_protocol, simulated, with_constant


def by_clinic(method: str = "influence") -> Protocol:
    protocol = open_protocol(status_known_smallest=0.1)
    intervals = replace(protocol.intervals, method=method, cluster="clinic")
    return replace(protocol, intervals=intervals)


def test_clinics_are_the_units_and_students_quantile_has_their_degrees_of_freedom():
    found = open_study(simulated(), by_clinic())
    assert found.cohort.units == 5
    assert found.population.patients > 1_000
    difference = found.primary.emulation.difference("strict", "natural")
    reach = (difference.high - difference.low) / (2.0 * difference.standard_error)
    assert reach == pytest.approx(t.ppf(0.975, 4))
    by_patient = replace(by_clinic(), intervals=open_protocol().intervals)
    other = primary_analysis(simulated(), by_patient).emulation.difference("strict", "natural")
    assert other.value == difference.value
    assert other.standard_error != difference.standard_error


def test_the_gates_reach_as_far_as_the_intervals_do():
    gates = analyse_study(simulated(), by_clinic()).gates
    limits = gates.filter(pl.col("gate").str.starts_with("negative_control"))["threshold"]
    assert limits.to_list() == pytest.approx([t.ppf(1.0 - 0.025 / 2, 4)] * 2)


def test_whole_clinics_can_be_resampled_as_well():
    found = primary_analysis(simulated(), by_clinic("bootstrap"))
    assert found.emulation is None or found.emulation.difference("strict", "natural").low < 0.0


@pytest.mark.parametrize("clinics", [1, 4])
def test_fewer_than_five_clinics_give_no_interval(clinics):
    tables = simulated()
    numbers = pl.col("clinic_id").cast(pl.String).rank("dense") % clinics
    merged = tables.baseline.with_columns(clinic_id=numbers.cast(pl.String))
    result = analyse_study(replace(tables, baseline=merged), by_clinic())
    assert set(result.verdicts["verdict"]) == {"cannot be estimated from these data"}
    assert result.verdicts["reason"].str.contains("fewer than 5 clinics").all()
    designed = result.estimates.filter(~pl.col("is_biased_comparison"))
    assert set(designed["status"]) == {"impossible"}


def test_a_single_clinic_is_enough_where_patients_are_the_units():
    result = analyse_study(with_constant(simulated(), clinic_id="only"), open_protocol())
    row = result.verdicts.row(by_predicate=pl.col("analysis") == "primary", named=True)
    assert row["verdict"] != "cannot be estimated from these data"
