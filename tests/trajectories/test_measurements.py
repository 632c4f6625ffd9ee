"""What could not be used of a domain's measurements is told in words."""

import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.trajectories.measurements import REASONS, measurement_gaps
from tests.drawing import table

USES = """
    instrument              | domain      | measurement_use            | has_contradictory_units | measurements
    pain_vas                | pain        | counted                    | true                    | 90
    pain_vas                | pain        | other_unit                 | true                    | 11
    hand_held_dynamometer   | strength    | other_unit                 | false                   | 40
    goniometer_hip_flexion  | flexibility | out_of_range               | false                   | 10
    plank_hold              | endurance   | no_target                  | false                   | 30
    odi                     | -           | of_no_domain               | false                   | 50
    thermometer             | -           | instrument_not_in_protocol | false                   | 50
"""  # noqa: E501


def test_unused_readings_are_told_by_domain_and_instrument_unless_they_are_few() -> None:
    gaps = measurement_gaps(table(USES), load_protocol())

    assert gaps.select("domain", "model", "term", "reason").rows() == [
        ("endurance", "measurements", "plank_hold", REASONS["no_target"]),
        ("pain", "measurements", "pain_vas", REASONS["contradictory_units"]),
        ("strength", "measurements", "hand_held_dynamometer", REASONS["other_unit"]),
    ]


def test_without_measurements_nothing_is_told() -> None:
    assert measurement_gaps(table(USES).head(0), load_protocol()).is_empty()


def test_readings_in_several_wrong_units_are_told_once() -> None:
    twice = pl.concat([table(USES).with_columns(measurements=pl.lit(6))] * 2)

    gaps = measurement_gaps(twice, load_protocol())

    assert gaps["term"].is_unique().all()
    assert gaps.height == 4
