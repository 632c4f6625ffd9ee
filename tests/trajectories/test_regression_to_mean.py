"""A bad first day falls back by itself, and pain heals untreated: both stand beside the change."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from analysis.contracts.natural_history import natural_history
from analysis.contracts.protocol import load_protocol
from analysis.survival.arrays import FloatArray
from analysis.trajectories.doubts import Doubt
from analysis.trajectories.regression_to_mean import regression_doubts

PROTOCOL = load_protocol()
PAIN = PROTOCOL.domains["pain"]
STRENGTH = PROTOCOL.domains["strength"]


def points_of(values: FloatArray) -> pl.DataFrame:
    people, days = values.shape
    return pl.DataFrame(
        {
            "episode_key": np.repeat(np.arange(people), days),
            "patient_key": np.repeat(np.arange(people), days),
            "day": np.tile(7 * np.arange(days), people),
            "value": values.ravel(),
        }
    )


def baseline_of(people: int, chronicity: str = "acute") -> pl.DataFrame:
    return pl.DataFrame({"episode_key": np.arange(people), "chronicity": [chronicity] * people})


def unchanged(people: int) -> FloatArray:
    """Draw two values of people who do not change: 2 between them, 1 within."""
    draw = np.random.default_rng(6)
    return 5 + 2 * draw.normal(size=(people, 1)) + draw.normal(size=(people, 2))


def found(doubts: list[Doubt]) -> dict[tuple[str, float | None], Doubt]:
    return {(one.measure, one.parameter): one for one in doubts}


def test_people_who_do_not_change_are_seen_to_fall_back() -> None:
    rows = found(
        regression_doubts(points_of(unchanged(20_000)), baseline_of(20_000), "pain", PAIN, 0.95)
    )
    reliability = rows["reliability", None]
    assert reliability.low < 4 / 5 < reliability.high
    assert rows["within_person_sd", None].value == pytest.approx(1, abs=0.02)
    # Barnett et al. 2005: sw^2 / sqrt(sb^2 + sw^2) phi(z) / (1 - Phi(z)), the worst third chosen.
    z = norm.ppf(2 / 3)
    known = -1 / np.sqrt(5) * norm.pdf(z) / norm.sf(z)
    expected, observed = (
        rows[f"{kind}_change_worst_third", None] for kind in ("expected", "observed")
    )
    assert expected.value == pytest.approx(known, abs=0.02)
    assert observed.low < expected.value < observed.high
    assert rows["observed_change_others", None].value > 0
    # What is about a part is counted by that part.
    worst, others = observed.patients, rows["observed_change_others", None].patients
    assert (worst, others) == pytest.approx((20_000 / 3, 40_000 / 3), abs=2)


def test_what_is_expected_of_a_distance_is_the_share_that_is_noise() -> None:
    rows = found(regression_doubts(points_of(unchanged(500)), baseline_of(500), "pain", PAIN, 0.95))
    noise = 1 - rows["reliability", None].value
    changes = {key[1]: one.value for key, one in rows.items() if key[0] == "expected_change"}
    assert changes == pytest.approx({1: -noise, 2: -2 * noise, 3: -3 * noise, 4: -4 * noise})


def test_falling_back_is_upwards_where_higher_is_better() -> None:
    rows = found(
        regression_doubts(points_of(-unchanged(500)), baseline_of(500), "strength", STRENGTH, 0.95)
    )
    assert rows["expected_change_worst_third", None].value > 0
    assert rows["expected_change", 10.0].value > 0
    assert not any(measure.startswith("untreated") for measure, _ in rows)


def test_the_untreated_course_is_that_of_the_published_cohorts() -> None:
    rows = found(regression_doubts(points_of(unchanged(20)), baseline_of(20), "pain", PAIN, 0.95))
    acute = {key[1]: one.value for key, one in rows.items() if key[0] == "untreated_acute"}
    assert acute == pytest.approx({0: 5.2, 6: 2.3, 26: 1.2, 52: 0.6})
    late = rows["untreated_persistent", 52.0]
    assert (late.value, late.low, late.high, late.patients) == pytest.approx((2.3, 1.6, 3.0, 11166))
    assert "CMAJ 2012" in natural_history().source


def test_the_observed_course_stands_beside_it_by_chronicity() -> None:
    values = np.tile(np.array([8.0, 7, 6, 5, 4, 3, 2, 1, 0]), (12, 1))
    rows = found(
        regression_doubts(points_of(values), baseline_of(12, "chronic"), "pain", PAIN, 0.95)
    )
    observed = {key[1]: one.value for key, one in rows.items() if key[0] == "observed_persistent"}
    assert observed == {0: 8, 6: 2}
    assert rows["reliability", None].reason == "all values, or all changes, are the same"


def test_few_people_are_said_in_words() -> None:
    for people in (0, 1, 9):
        (doubt, *_) = regression_doubts(
            points_of(unchanged(people)), baseline_of(people), "strength", STRENGTH, 0.95
        )
        assert doubt.reason == "hardly anybody was measured on two days"
