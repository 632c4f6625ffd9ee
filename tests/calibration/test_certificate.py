"""Performance over registries of known truth, and what a certificate makes of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.calibration.certificate import certificate_frame, certificate_rows
from analysis.calibration.findings import Finding
from analysis.calibration.performance import performance
from analysis.simulation import SCENARIOS

NO_ANSWER = Finding(np.nan, np.nan, np.nan, np.nan, 0.0, ("power",))


def found(value: float, error: float, truth: float = 0.0, *closed_by: str) -> Finding:
    return Finding(value, error, value - 2 * error, value + 2 * error, truth, closed_by)


def drawn(count: int, truth: float, bias: float = 0.0, honesty: float = 1.0) -> list[Finding]:
    """Findings of a normal estimator; honesty is what it says of its error over the true error."""
    rng = np.random.default_rng(5)
    half = 1.959964 * honesty
    return [
        Finding(value, honesty, value - half, value + half, truth, ())
        for value in rng.normal(truth + bias, 1.0, count)
    ]


def test_measures_are_those_of_the_formulas_by_hand() -> None:
    measures = performance(
        [found(0.1, 0.04, 0.08), found(0.2, 0.05, 0.08), found(0.0, 0.03, 0.08, "power"), NO_ANSWER]
    )
    # Errors are 0.02, 0.12 and -0.08: mean 0.02, variance 0.01.
    assert measures.bias.value == pytest.approx(0.02)
    assert measures.bias.monte_carlo_error == pytest.approx(0.1 / np.sqrt(3))
    assert measures.empirical_error.value == pytest.approx(0.1)
    assert measures.empirical_error.monte_carlo_error == pytest.approx(0.05)
    # Squares of the errors are 16, 25 and 9 ten-thousandths: mean 50 / 3, variance 193 / 3.
    root = np.sqrt(50 / 3) / 100
    assert measures.model_error.value == pytest.approx(root)
    assert measures.model_error.monte_carlo_error == pytest.approx(
        np.sqrt(193 / 3 * 1e-8 / 12) / root
    )
    # Intervals 0.02 to 0.18, 0.1 to 0.3 and -0.06 to 0.06, so the first one covers 0.08.
    assert measures.coverage.value == pytest.approx(1 / 3)
    assert measures.coverage.monte_carlo_error == pytest.approx(np.sqrt(2 / 9 / 3))
    assert measures.rejection.value == pytest.approx(2 / 3)
    assert (measures.sealed.value, measures.answered.value) == (0.5, 0.75)
    assert (measures.coverage.registries, measures.sealed.registries) == (3, 4)


def test_an_honest_estimator_covers_and_one_that_boasts_does_not() -> None:
    honest, boasting = performance(drawn(4_000, 0.0)), performance(drawn(4_000, 0.0, honesty=0.5))
    for measure, wanted in ((honest.coverage, 0.95), (honest.rejection, 0.05)):
        assert abs(measure.value - wanted) < 3 * measure.monte_carlo_error
    # P(|Z| < 0.98), Z standard normal.
    assert abs(boasting.coverage.value - 0.6729) < 3 * boasting.coverage.monte_carlo_error


def statuses(findings: Sequence[Finding], scenario: str = "protective") -> dict[str, str]:
    rows = certificate_rows({scenario: findings}, episodes=100)
    return {row["measure"]: row["status"] for row in rows if row["scenario"] == scenario}


def test_goals_are_reached_missed_or_unclear() -> None:
    sound = statuses(drawn(2_000, 5.0))
    assert (sound["bias"], sound["coverage"]) == ("reached", "reached")
    boasting = statuses(drawn(2_000, 5.0, honesty=0.5))
    assert (boasting["bias"], boasting["coverage"]) == ("reached", "missed")
    assert statuses(drawn(2_000, 5.0, bias=1.0))["bias"] == "missed"
    few = statuses(drawn(20, 5.0))
    assert (few["bias"], few["coverage"]) == ("unclear", "unclear")
    assert sound["power"] == sound["estimated_error"] == "no_goal"


@pytest.mark.parametrize(
    ("scenario", "sealed", "status"),
    [
        ("null", 8, "reached"),
        ("null", 100, "missed"),
        ("hidden_confounder", 190, "reached"),
        ("hidden_confounder", 175, "unclear"),
        ("hidden_confounder", 100, "missed"),
        ("unequal_followup", 190, "reached"),
        ("no_overlap", 170, "missed"),
        ("protective", 200, "no_goal"),
    ],
)
def test_sealing_has_a_goal_where_a_gate_is_due_or_not_due(
    scenario: str, sealed: int, status: str
) -> None:
    findings = [
        replace(each, closed_by=("balance",) if number < sealed else ())
        for number, each in enumerate(drawn(200, 0.0))
    ]
    assert statuses(findings, scenario)["sealed_share"] == status


def test_type_one_error_is_told_where_there_is_no_effect_and_power_where_there_is() -> None:
    assert "type_one_error" in statuses(drawn(100, 0.0), "null")
    assert "power" not in statuses(drawn(100, 0.0), "null")
    assert "power" in statuses(drawn(100, 5.0))


def test_a_certificate_names_every_scenario_and_what_was_not_run() -> None:
    rows = certificate_frame(certificate_rows({"null": drawn(100, 0.0)}, episodes=3_000))
    assert set(rows["scenario"]) == set(SCENARIOS)
    not_run = rows.filter(status="not_run")
    assert set(not_run["scenario"]) == set(SCENARIOS) - {"null"}
    assert not_run["value"].null_count() == not_run.height
    assert set(rows["episodes"]) == {3_000}


def test_without_a_certificate_the_table_says_so() -> None:
    (row,) = certificate_frame([]).to_dicts()
    assert (row["status"], row["registries"], row["value"]) == ("not_run", 0, None)
    assert "nmt calibrate" in row["goal"]


def test_registries_without_an_answer_are_counted_and_have_no_number() -> None:
    rows = certificate_rows({"null": [NO_ANSWER, NO_ANSWER]}, episodes=60)
    own = {row["measure"]: row for row in rows if row["scenario"] == "null"}
    assert own["answered"]["value"] == 0.0
    assert own["sealed_share"]["value"] == 1.0
    assert own["coverage"]["value"] is None
    assert own["coverage"]["status"] == own["bias"]["status"] == "unclear"
