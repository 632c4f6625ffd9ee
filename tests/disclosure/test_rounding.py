"""Released numbers are coarse, and say so by their steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.disclosure.rounding import (
    is_small,
    largest_small_count,
    round_count,
    round_down,
    round_to_step,
    round_up,
    scrub,
    step_at_least,
)


@given(st.integers(0, 10_000), st.sampled_from([5, 10]))
def test_a_rounded_count_is_a_multiple_within_half_a_base(count: int, base: int) -> None:
    shown = round_count(count, base)
    assert shown % base == 0
    assert abs(shown - count) <= base / 2


@given(st.integers(0, 200))
def test_a_shown_count_is_zero_or_at_least_the_smallest(count: int) -> None:
    if not is_small(count, 11, 5):
        assert count == 0 or round_count(count, 5) >= 11


def test_eleven_and_twelve_would_be_shown_as_ten() -> None:
    assert largest_small_count(11, 5) == 12


@pytest.mark.parametrize(
    ("width", "step"), [(0.001, 0.001), (0.0011, 0.002), (0.03, 0.05), (0.051, 0.1), (3, 5)]
)
def test_a_step_is_one_a_reader_recognises(width: float, step: float) -> None:
    assert step_at_least(width) == step


@given(st.floats(-5, 5), st.sampled_from([0.001, 0.02, 0.05, 0.1]))
def test_interval_ends_are_rounded_outwards(value: float, step: float) -> None:
    assert round_down(value, step) <= value + 1e-6
    assert round_up(value, step) >= value - 1e-6
    assert abs(round_to_step(value, step) - value) <= step / 2 + 1e-9


def test_words_keep_short_numbers() -> None:
    kept = "0.8 of 365 days, 0.12 < 0.10, clinic C-01"
    assert scrub(kept) == kept
    assert scrub("at 1.23456e-05, 3.14159 and 365.25") == "at 0.0000123, 3.14 and 365"
    assert scrub("84.3 % of 9", 2) == "84 % of 9"
