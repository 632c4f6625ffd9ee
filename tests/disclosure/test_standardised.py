"""Ratios of observed to expected cases tell no more of a count than its rounding does."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import Disclosure
from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.disclosure.standardised import cases_interval

DISCLOSURE = Disclosure(smallest_count=11, rounding_base=5)
TOLD = ("expected", "ratio", "low", "high", "shrunken", "warning_low", "alarm_high")


def unit(observed: int, expected: float, reliability: float = 0.6) -> dict[str, Any]:
    return {
        "unit_kind": "clinic",
        "unit_name": "C1",
        "outcome": "reinjury_365_days",
        "episodes": 200,
        "patients": 190,
        "observed": observed,
        "expected": expected,
        "ratio": observed / expected,
        "low": 0.8 * observed / expected,
        "high": 1.2 * observed / expected,
        "shrunken": 1 + reliability * (observed / expected - 1),
        "reliability": reliability,
        "warning_low": 0.7,
        "warning_high": 1.3,
        "alarm_low": 0.5,
        "alarm_high": 1.6,
        "is_comparable": True,
    }


def released(row: dict[str, Any]) -> dict[str, Any]:
    summary = {"unit_kind": "clinic", "unit_name": "C1", "patients": 190, "episodes": 200}
    frames = {
        "case_mix": conform("case_mix", pl.DataFrame([row])),
        "unit_summaries": conform("unit_summaries", pl.DataFrame([summary])),
    }
    return release_tables(frames, DISCLOSURE)["case_mix"].rows.row(0, named=True)


@pytest.mark.parametrize("expected", [14.3, 37.9, 81.2])
def test_counts_that_round_alike_are_released_alike(expected: float) -> None:
    for middle in (20, 40, 75):
        told = {
            tuple(released(unit(count, expected))[name] for name in TOLD)
            for count in range(middle - 2, middle + 3)
        }
        assert len(told) == 1


def test_the_interval_of_cases_is_the_exact_one() -> None:
    # Clopper and Pearson 1934: none of 10 is 0 to 30.85 %, 2 of 10 2.52 to 55.61 %, 10 of 10 from
    # 69.15 %; R's binom.test gives the same.
    low, high = cases_interval([0, 2, 10], [10, 10, 10])
    np.testing.assert_allclose(low, [0.0, 0.2521, 6.9150], atol=1e-4)
    np.testing.assert_allclose(high, [3.0850, 5.5610, 10.0], atol=1e-4)


def test_the_interval_is_that_of_the_rounded_count() -> None:
    # 20 of 200: 12.43 to 30.04 in R's binom.test(20, 200), times 200.
    row = released(unit(observed=18, expected=20.0))
    assert (row["observed"], row["ratio"]) == (20, 1.0)
    assert (row["low"], row["high"]) == (0.62, 1.5)
    assert row["shrunken"] == 1.0


def test_a_small_observed_count_hides_its_ratio() -> None:
    row = released(unit(observed=7, expected=20.0))
    kinds = {row[f"{name}_status"] for name in ("observed", "expected", "ratio", "low", "shrunken")}
    assert kinds == {"suppressed"}


def test_nobody_observed_has_a_ratio_of_zero_and_an_upper_end() -> None:
    row = released(unit(observed=0, expected=8.0))
    assert (row["ratio"], row["low"], row["high"]) == (0.0, 0.0, 0.46)
