"""Clinics are held against what their patients let expect, and never ranked."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.quality.case_mix import case_mix, shrink
from analysis.quality.expected import concordance
from analysis.quality.reviewed import IMPROVED, REINJURY
from tests.quality.reviewed_clinics import Clinic, tables

PROTOCOL = load_protocol()
ALIKE = [Clinic(f"C{place:02d}") for place in range(10)]
NUMBERS = ("observed", "expected", "ratio", "low", "high", "shrunken", "warning_low", "position")


def of(*clinics: Clinic, outcome: str = REINJURY) -> dict[str, dict[str, Any]]:
    rows = case_mix(tables(*clinics), PROTOCOL).filter(pl.col("outcome") == outcome)
    return {row["unit_name"]: row for row in rows.rows(named=True)}


def test_sicker_patients_alone_make_no_clinic_stand_out() -> None:
    mild, severe = Clinic("Mild", 900, pain=4.0), Clinic("Severe", 900, pain=6.5)
    rows = of(*ALIKE, mild, severe)
    shares = {name: rows[name]["observed"] / rows[name]["episodes"] for name in ("Mild", "Severe")}
    assert shares["Severe"] > 1.8 * shares["Mild"]
    for name in ("Mild", "Severe"):
        assert rows[name]["low"] < 1 < rows[name]["high"]
        assert rows[name]["position"] == "within"


def test_a_clinic_with_double_odds_lies_beyond_the_limits() -> None:
    rows = of(*ALIKE, Clinic("Double", 900, odds=2.2))
    assert rows["Double"]["position"] == "alarm_high"
    assert rows["Double"]["low"] > 1
    assert {rows[clinic.name]["position"] for clinic in ALIKE} <= {"within", "warning_low"}


def test_clinics_that_differ_by_more_than_chance_have_wider_limits() -> None:
    uneven = [
        Clinic(f"U{place}", 900, odds=odds)
        for place, odds in enumerate((0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 2.8))
    ]
    rows = of(*uneven)
    chance = of(*ALIKE)
    assert {row["method"] for name, row in rows.items() if name != "network"} == {"overdispersed"}
    assert {row["method"] for name, row in chance.items() if name != "network"} == {"exact"}
    assert rows["U3"]["warning_high"] > 1.3
    assert rows["U3"]["reliability"] > 0.8


def test_expected_and_observed_cases_are_as_many_in_all() -> None:
    rows = [row for name, row in of(*ALIKE).items() if name != "network"]
    observed, expected = (sum(row[name] for row in rows) for name in ("observed", "expected"))
    assert expected == pytest.approx(observed, rel=1e-4)


def test_a_small_clinic_has_no_numbers_and_says_why() -> None:
    small = of(*ALIKE, Clinic("Small", 19))["Small"]
    assert [small[name] for name in NUMBERS] == [None] * len(NUMBERS)
    assert not small["is_comparable"]
    assert small["reason"] == "It has too few episodes with a known outcome."


def test_a_clinic_that_follows_others_up_keeps_its_numbers_and_is_not_compared() -> None:
    rows = of(*ALIKE, Clinic("Lax", 600, known=0.7))
    lax = rows["Lax"]
    assert lax["ratio"] is not None
    assert lax["position"] is None
    assert not lax["is_comparable"]
    assert lax["reason"].startswith("Outcomes are known of a clearly different share")
    assert all(rows[clinic.name]["is_comparable"] for clinic in ALIKE)


def test_what_is_not_compared_does_not_move_what_is_expected_of_the_others() -> None:
    usual = of(*ALIKE)["C00"]["expected"]
    beside = of(*ALIKE, Clinic("Lax", 900, odds=4.0, known=0.5))["C00"]["expected"]
    assert beside == pytest.approx(usual, rel=1e-9)


def test_few_cases_have_no_position_that_would_tell_them() -> None:
    few = of(*ALIKE, Clinic("Few", 40, odds=0.5))["Few"]
    assert 0 < few["observed"] < 13
    assert few["position"] is None
    assert few["is_comparable"]


def test_months_that_could_not_be_followed_do_not_count() -> None:
    drawn = tables(*ALIKE, followed_months=12)
    rows = case_mix(drawn, PROTOCOL).filter(outcome=REINJURY, unit_kind="clinic")
    begun = drawn.episode_baseline.filter(pl.col("start_month") < "2023-01").height
    assert rows["episodes"].sum() == begun


def test_care_itself_cannot_be_adjusted_for() -> None:
    drawn = tables(*ALIKE)
    care = drawn.episode_baseline.with_columns(
        planned_protocol=pl.Series(np.arange(drawn.episode_baseline.height) % 2).cast(pl.String)
    )
    with_care = replace(drawn, episode_baseline=care)
    assert case_mix(with_care, PROTOCOL).equals(case_mix(drawn, PROTOCOL))


def test_an_outcome_that_nobody_had_expects_nothing() -> None:
    rows = of(*ALIKE, outcome="never_exit_stage_1")
    assert len(rows) == len(ALIKE)
    assert {row["reason"] for row in rows.values()} == {
        "Nobody, or everybody, had the outcome, so nothing can be expected."
    }


def test_the_networks_row_says_how_well_the_model_does() -> None:
    network = of(*ALIKE)["network"]
    assert "c-statistic of 0.6" in network["reason"]
    assert network["ratio"] is None


def test_shrinkage_is_that_of_a_hand_worked_example() -> None:
    # Two units, O/E 0.5 and 1.5 with E = 10 each and Poisson variance 10: within 0.1, weights 10.
    # Q = 10 * (0.25 + 0.25) = 5; between = (5 - 1) / (20 - 200 / 20) = 0.4; reliability 0.8.
    made = shrink(
        np.array([0.5, 1.5]), np.array([10.0, 10.0]), np.array([10.0, 10.0]), np.array([True, True])
    )
    np.testing.assert_allclose(made.reliability, [0.8, 0.8])
    np.testing.assert_allclose(made.shrunken, [0.6, 1.4])
    # The same as the gamma-Poisson mean (O + nu) / (E + nu), nu = 1 / between (Clayton, Kaldor).
    np.testing.assert_allclose(made.shrunken, (np.array([5, 15]) + 2.5) / (10 + 2.5))


def test_units_that_chance_alone_explains_are_drawn_to_one() -> None:
    made = shrink(np.array([0.9, 1.1]), np.full(2, 10.0), np.full(2, 10.0), np.array([True] * 2))
    np.testing.assert_allclose(made.shrunken, [1.0, 1.0])


def test_limits_of_common_cases_are_those_of_shares() -> None:
    # 900 episodes of which about half improve: 1.96 sqrt(450 / 2) / 450 = 0.065, not 0.092.
    rows = of(*ALIKE, outcome=IMPROVED)
    one = rows["C00"]
    share = one["expected"] / one["episodes"]
    reach = 1.96 * np.sqrt((1 - share) / one["expected"])
    assert one["method"] == "exact"
    assert one["warning_high"] - 1 == pytest.approx(reach, rel=0.08)
    assert 1 - one["warning_low"] == pytest.approx(reach, rel=0.08)
    assert one["high"] - one["low"] == pytest.approx(2 * reach, rel=0.1)


def test_concordance_counts_ties_half() -> None:
    happened = np.array([True, False, False, True])
    assert concordance(happened, np.array([0.4, 0.4, 0.1, 0.2])) == 0.625
