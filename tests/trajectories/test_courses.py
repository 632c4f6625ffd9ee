"""Courses are means of people measured twice in a stage; their errors count a patient once."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.trajectories.courses import domain_courses

PROTOCOL = load_protocol()

BASELINE = pl.DataFrame(
    [("E1", 1, "C1"), ("E2", 1, "C1"), ("E3", 2, "C1"), ("E4", 3, "C2")],
    schema=["episode_id", "patient_key", "clinic_id"],
    orient="row",
)


def stage_rows(*rows: tuple[str, str, int, int, int, float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "episode_id": pl.String,
            "domain": pl.String,
            "stage": pl.Int16,
            "first_day": pl.Int32,
            "last_day": pl.Int32,
            "first_value": pl.Float64,
            "last_value": pl.Float64,
        },
        orient="row",
    )


COURSES = stage_rows(
    ("E1", "pain", 1, 0, 14, 8, 4),
    ("E2", "pain", 1, 0, 21, 6, 5),
    ("E3", "pain", 1, 0, 7, 7, 3),
    ("E4", "pain", 1, 0, 7, 5, 5),
    ("E4", "pain", 2, 14, 14, 9, 9),
)


def test_the_last_mean_is_the_first_plus_the_change() -> None:
    network = domain_courses(COURSES, BASELINE, PROTOCOL).row(0, named=True)
    assert (network["unit_kind"], network["domain"], network["stage"]) == ("network", "pain", 1)
    assert (network["episodes"], network["patients"]) == (4, 3)
    assert network["first_mean"] == 6.5
    assert network["last_mean"] == 4.25
    assert network["change_mean"] == -2.25
    assert network["unit"] == "{score}"


def test_the_interval_takes_patients_as_clusters() -> None:
    network = domain_courses(COURSES, BASELINE, PROTOCOL).row(0, named=True)
    # Changes -4, -1 (one patient), -4, 0 around -2.25: sums by patient -0.5, -1.75, 2.25.
    error = np.sqrt((0.5**2 + 1.75**2 + 2.25**2) * 3 / 2) / 4
    t_of_two = 4.302652729749464
    assert network["change_low"] == pytest.approx(-2.25 - t_of_two * error)
    assert network["change_high"] == pytest.approx(-2.25 + t_of_two * error)


def test_clinics_follow_the_network_and_one_patient_has_no_interval() -> None:
    courses = domain_courses(COURSES, BASELINE, PROTOCOL)
    assert courses["unit_name"].to_list() == ["network", "C1", "C2"]
    alone = courses.row(2, named=True)
    assert alone["change_mean"] == 0
    assert alone["change_low"] is None
    assert alone["last_high"] is None


def test_a_single_day_shows_no_course() -> None:
    assert 2 not in domain_courses(COURSES, BASELINE, PROTOCOL)["stage"].to_list()


def test_nobody_measured_gives_no_rows() -> None:
    assert domain_courses(COURSES.clear(), BASELINE, PROTOCOL).is_empty()
