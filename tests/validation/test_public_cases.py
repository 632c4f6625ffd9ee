"""Every public case gives the numbers of books, papers and other programs."""

import numpy as np
import pytest

from benchmarks.public import CASES, Golden, MissingDataError, Row, rows_of


@pytest.mark.parametrize("name", CASES)
def test_every_number_is_as_near_as_it_has_to_be(name: str) -> None:
    try:
        rows = list(CASES[name](Golden()))
    except MissingDataError as absent:
        pytest.skip(str(absent))
    assert rows
    missed = [" | ".join(row.cells()) for row in rows if not row.is_reached]
    assert not missed, "\n".join(missed)


def row(ours: list[float], *, within: float = 1e-6, is_absolute: bool = False) -> Row:
    return Row(
        "drawn", "numbers", "by hand", [2.0, 4.0], ours, within, "why", is_absolute, ("one", "two")
    )


def test_the_number_furthest_from_its_reference_decides_and_is_shown() -> None:
    near, far = row([2.0, 4.000001]), row([2.0, 4.001])
    assert near.is_reached
    assert not far.is_reached
    assert far.largest == pytest.approx(0.00025)
    assert far.cells() == (
        "drawn",
        "numbers (2: two)",
        "by hand",
        "4",
        "4.001",
        "2.5e-04 relative",
        "1e-06 relative: why",
        "**missed**",
    )


def test_an_absolute_difference_is_not_divided() -> None:
    assert row([2.0, 4.001], within=1.1e-3, is_absolute=True).is_reached
    assert not row([2.0, 4.001], within=0.9e-3, is_absolute=True).is_reached


@pytest.mark.parametrize("ours", [[2.0, np.nan], [2.0], [], [2.0, np.inf]])
def test_what_is_no_number_or_not_all_of_them_is_missed(ours: list[float]) -> None:
    assert not row(ours, within=1e9).is_reached


def test_a_reference_of_zero_is_compared_without_dividing() -> None:
    at_zero = Row("drawn", "zero", "by hand", 0.0, 1e-9, 1e-8, "why")
    assert at_zero.largest == 1e-9
    assert at_zero.is_reached


def test_a_case_that_fails_is_a_row_that_is_missed_in_words() -> None:
    def failing(_golden: Golden) -> list[Row]:
        raise ZeroDivisionError("by nothing")

    (found,) = rows_of("broken", failing, Golden())
    assert not found.is_reached
    assert "ZeroDivisionError: by nothing" in found.cells()[1]
