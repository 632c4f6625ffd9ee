"""Measurements: turned into the unit of their instrument, set against a target, or set aside."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol, parse_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import episode, registry_of, table

GOALS = """
[[goals]]
instrument = "plank_hold"
value = 60
[[goals]]
instrument = "plank_hold"
clinic_id = "c1"
value = 40
"""


def built(
    drawn: str, *marts: str, side: str | None = "R", protocol: str = "", clinic: str = "c1"
) -> tuple[pl.DataFrame, ...]:
    tables = registry_of(
        {"e1": "1, 2, 3, 4, 5"},
        episodes=pl.DataFrame([episode("e1", "p-e1", side=side, clinic_id=clinic)]),
        measurements=table(drawn),
    )
    with registry_in_memory(tables, parse_protocol(protocol)) as registry:
        return tuple(read_frame(registry, f"marts.{mart}") for mart in marts)


def uses_of(drawn: str, **others: Any) -> dict[str, int]:
    (uses,) = built(drawn, "measurement_use", **others)
    return dict(uses.iter_rows())


def reading(day: int, instrument: str, side: str, value: float, unit: str) -> str:
    return f"e1 | {day} | {instrument} | {side} | {value} | {unit} | pre"


def readings(*rows: str) -> str:
    return "\n".join(["episode_id | day | instrument | side | value | unit | timing", *rows])


@pytest.mark.parametrize(
    ("instrument", "value", "unit", "expected"),
    [
        ("pain_vas", 63, "mm", 6.3),
        ("pain_vas", 6.3, "cm", 6.3),
        ("pain_vas", 6.3, "{score}", 6.3),
        ("finger_to_floor", 10, "[in_i]", 25.4),
        ("finger_to_floor", 0.12, "m", 12),
        ("hand_held_dynamometer", 20, "kgf", 196.133),
        ("hand_held_dynamometer", 20, "kg", 196.133),
        ("hand_held_dynamometer", 50, "[lbf_av]", 222.41108),
        ("grip_strength", 70, "[lb_av]", 31.7514659),
        ("grip_strength", 300, "N", 30.591486),
        ("plank_hold", 1.5, "min", 90),
        ("pressure_pain_threshold", 30, "N/cm2", 300),
        ("pressure_pain_threshold", 3, "kgf/cm2", 294.1995),
        ("ndi", 40, "%", 20),
    ],
)
def test_a_reading_is_turned_into_the_unit_of_its_instrument(
    instrument: str, value: float, unit: str, expected: float
) -> None:
    (changes,) = built(readings(reading(0, instrument, "R", value, unit)), "instrument_changes")

    assert changes["first_value"].to_list() == [pytest.approx(expected, rel=1e-7)]
    assert changes["unit"].to_list() == [load_protocol().instruments[instrument].unit]


def test_a_converted_reading_carries_no_dust_of_the_conversion() -> None:
    (points,) = built(readings(reading(0, "pain_vas", "-", 70, "mm")), "domain_points")

    assert points["value"].to_list() == [7.0]


@pytest.mark.parametrize(
    ("instrument", "value", "unit"),
    [
        ("pain_nrs", 63, "mm"),
        ("hand_held_dynamometer", 40, "N.m"),
        ("goniometer_knee_flexion", 2.1, "rad"),
        ("odi", 20, "{score}"),
        ("plank_hold", 60, "1"),
    ],
)
def test_a_unit_that_cannot_be_turned_into_the_instruments_is_never_guessed(
    instrument: str, value: float, unit: str
) -> None:
    assert uses_of(readings(reading(0, instrument, "R", value, unit))) == {"other_unit": 1}


def test_a_reading_beyond_what_the_instrument_can_show_does_not_count_whatever_its_unit() -> None:
    drawn = readings(
        reading(0, "pain_vas", "-", 100, "mm"),
        reading(1, "pain_vas", "-", 101, "mm"),
        reading(2, "pain_nrs", "-", 11, "{score}"),
        reading(3, "pain_nrs", "-", -1, "{score}"),
    )

    assert uses_of(drawn) == {"counted": 1, "out_of_range": 3}


def test_an_instrument_that_comes_in_contradictory_units_says_so_and_others_go_on() -> None:
    drawn = readings(
        reading(0, "pain_vas", "-", 60, "mm"),
        reading(7, "pain_vas", "-", 40, "%"),
        reading(0, "inclinometer", "-", 12, "deg"),
        reading(7, "thermometer", "-", 36.5, "Cel"),
    )

    points, uses = built(drawn, "domain_points", "instrument_use", side=None)

    assert points.sort("domain")["domain"].to_list() == ["alignment", "pain"]
    assert uses.select(
        "instrument", "domain", "unit", "measurement_use", "has_contradictory_units"
    ).rows() == [
        ("inclinometer", "alignment", "deg", "counted", False),
        ("pain_vas", "pain", "%", "other_unit", True),
        ("pain_vas", "pain", "mm", "counted", True),
        ("thermometer", None, "Cel", "instrument_not_in_protocol", False),
    ]


def test_a_usual_range_marks_a_reading_and_lets_it_count() -> None:
    drawn = readings(
        reading(0, "pressure_pain_threshold", "-", 20, "kPa"),
        reading(1, "pressure_pain_threshold", "-", 300, "kPa"),
    )

    (uses,) = built(drawn, "instrument_use")

    assert uses.select("measurements", "unusual_readings").row(0) == (2, 1)


def test_a_raw_reading_is_set_against_the_other_side_as_last_read_before() -> None:
    drawn = readings(
        reading(0, "goniometer_knee_flexion", "L", 140, "deg"),
        reading(0, "goniometer_knee_flexion", "R", 70, "deg"),
        reading(14, "goniometer_knee_flexion", "L", 120, "deg"),
        reading(21, "goniometer_knee_flexion", "-", 90, "deg"),
        reading(28, "goniometer_knee_flexion", "L", 130, "deg"),
    )

    points, uses = built(drawn, "domain_points", "measurement_use")

    assert points.sort("day").select(
        "domain", "value", "unit", "target_source", "target_value"
    ).rows() == [
        ("flexibility", 50.0, "%", "unaffected_side", 140.0),
        ("flexibility", 75.0, "%", "unaffected_side", 120.0),
    ]
    assert points["line_number"].n_unique() == 1
    assert dict(uses.iter_rows()) == {"counted": 2, "target": 2, "of_the_other_side": 1}


def test_without_another_side_the_norm_is_the_target_and_another_target_breaks_the_line() -> None:
    drawn = readings(
        reading(0, "goniometer_knee_flexion", "R", 67.5, "deg"),
        reading(7, "goniometer_knee_flexion", "L", 150, "deg"),
        reading(7, "goniometer_knee_flexion", "R", 75, "deg"),
    )

    points, courses = built(drawn, "domain_points", "stage_trajectories")

    assert points.sort("day").select("value", "target_source", "target_value").rows() == [
        (50.0, "norm", 135.0),
        (50.0, "unaffected_side", 150.0),
    ]
    assert points["line_number"].n_unique() == 2
    assert courses["slope_per_week"].to_list() == [None, None]


@pytest.mark.parametrize(("clinic", "percent"), [("c1", 75.0), ("c2", 50.0)])
def test_the_clinics_own_goal_goes_before_that_of_all_clinics(clinic: str, percent: float) -> None:
    drawn = readings(reading(0, "plank_hold", "-", 30, "s"))

    (points,) = built(drawn, "domain_points", protocol=GOALS, clinic=clinic)

    assert points.select("domain", "value", "target_source").rows() == [
        ("endurance", percent, "goal")
    ]


def test_a_reading_with_nothing_to_be_set_against_is_no_value_but_keeps_its_change() -> None:
    drawn = readings(
        reading(0, "plank_hold", "-", 30, "s"),
        reading(21, "plank_hold", "-", 1, "min"),
        reading(0, "finger_to_floor", "-", 20, "cm"),
    )

    points, uses, changes = built(
        drawn, "domain_points", "measurement_use", "instrument_changes", side="midline"
    )

    assert points.is_empty()
    assert dict(uses.iter_rows()) == {"no_target": 3}
    assert dict(changes.select("instrument", "change").iter_rows()) == {
        "plank_hold": 30.0,
        "finger_to_floor": None,
    }


def test_where_only_the_other_side_was_measured_there_is_no_value() -> None:
    drawn = readings(
        reading(0, "goniometer_knee_flexion", "L", 140, "deg"),
        reading(7, "goniometer_knee_flexion", "L", 141, "deg"),
        reading(7, "inclinometer", "L", 4, "deg"),
    )

    points, changes, uses = built(
        drawn, "domain_points", "instrument_changes", "measurement_use", side="R"
    )

    assert points.is_empty()
    assert changes.is_empty()
    assert dict(uses.iter_rows()) == {"of_the_other_side": 3}


def test_an_episode_of_no_one_side_has_no_unaffected_side() -> None:
    drawn = readings(
        reading(0, "goniometer_knee_flexion", "L", 135, "deg"),
        reading(0, "goniometer_knee_flexion", "R", 54, "deg"),
    )

    points, changes = built(drawn, "domain_points", "instrument_changes", side="bilateral")

    assert sorted(points.select("value", "target_source").rows()) == [
        (40.0, "norm"),
        (100.0, "norm"),
    ]
    assert sorted(changes["side"].to_list()) == ["L", "R"]


def test_percentages_as_recorded_and_values_of_pain_say_where_they_come_from() -> None:
    drawn = readings(
        reading(0, "range_of_motion_pct", "R", 60, "%"),
        reading(0, "limb_symmetry_index", "R", 70, "%"),
        reading(0, "pain_nrs", "-", 5, "{score}"),
    )

    (points,) = built(drawn, "domain_points")

    assert points.sort("domain").select("domain", "value", "target_source").rows() == [
        ("flexibility", 60.0, "percent_recorded"),
        ("pain", 5.0, None),
        ("strength", 70.0, "percent_recorded"),
    ]


def test_the_change_of_a_questionnaire_is_held_against_what_the_literature_calls_important() -> (
    None
):
    drawn = readings(
        reading(0, "odi", "-", 44, "%"),
        reading(28, "odi", "-", 34, "%"),
        reading(0, "ndi", "-", 20, "{score}"),
        reading(28, "ndi", "-", 12, "{score}"),
        reading(0, "lefs", "-", 50, "{score}"),
        reading(28, "lefs", "-", 40, "{score}"),
        reading(0, "psfs", "-", 3, "{score}"),
        reading(0, "pelvic_tilt", "-", 3, "deg"),
        reading(28, "pelvic_tilt", "-", 9, "deg"),
    )

    points, uses, changes = built(
        drawn, "domain_points", "measurement_use", "instrument_changes", side=None
    )

    assert points.is_empty()
    assert dict(uses.iter_rows()) == {"of_no_domain": 9}
    assert changes.sort("instrument").select(
        "instrument",
        "first_value",
        "last_value",
        "change",
        "is_important",
        "is_detectable",
        "important_source",
    ).rows() == [
        ("lefs", 50.0, 40.0, -10.0, False, True, "Binkley et al. 1999"),
        ("ndi", 20.0, 12.0, -8.0, True, False, "Young et al. 2009"),
        ("odi", 44.0, 34.0, -10.0, True, None, "Ostelo et al. 2008"),
        ("pelvic_tilt", 3.0, 9.0, 6.0, None, None, None),
        ("psfs", 3.0, 3.0, None, None, None, "Rysstad et al. 2020"),
    ]


def test_readings_after_treatment_are_no_targets_either() -> None:
    drawn = readings(
        "e1 | 0 | hand_held_dynamometer | L | 200 | N | post",
        reading(0, "hand_held_dynamometer", "R", 100, "N"),
    )

    assert uses_of(drawn) == {"taken_after_treatment": 1, "no_target": 1}


def test_without_any_measurement_every_mart_of_measurements_is_empty() -> None:
    with registry_in_memory(registry_of({"e1": "1, 2"}), load_protocol()) as registry:
        for mart in ("domain_points", "measurement_use", "instrument_use", "instrument_changes"):
            assert read_frame(registry, f"marts.{mart}").is_empty()
