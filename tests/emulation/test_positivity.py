import numpy as np
import polars as pl
import pytest

from analysis.emulation.positivity import in_bands, positivity_map

DECISIONS = pl.DataFrame(
    {
        "clinic": ["A", "A", "A", "B", "B", None],
        "stage": [1, 1, 2, 1, 1, 1],
        "who": [7, 7, 7, 8, 9, 9],
    }
)
LEFT = np.array([False, True, False, False, True, False])
LEAVING = np.array([0.2, 0.98, 0.5, 0.1, 0.96, 0.3])


def mapped(**change):
    given = {"person": "who", "left": LEFT, "leaving": LEAVING, "floor": 0.05} | change
    return positivity_map(DECISIONS, ["clinic", "stage"], **given)


def test_every_combination_of_levels_has_a_row():
    drawn = mapped().select("clinic", "stage", "decisions", "people", "share_below_floor").rows()
    assert drawn == [
        ("A", "1", 2, 1, 0.5),
        ("A", "2", 1, 1, 0.0),
        ("B", "1", 2, 2, 0.5),
        ("B", "2", 0, 0, None),
        ("unknown", "1", 1, 1, 0.0),
        ("unknown", "2", 0, 0, None),
    ]


def test_what_was_predicted_stands_beside_what_was_seen():
    first = mapped().row(0, named=True)
    assert first["leaving_predicted"] == pytest.approx((0.2 + 0.98) / 2)
    assert first["leaving_observed"] == 0.5
    assert first["smallest_staying"] == pytest.approx(0.02)


def test_three_columns_are_crossed_too_and_rows_in_any_order_give_the_same_map():
    rows = DECISIONS.with_columns(pain=pl.Series(["low", "high", "low", "low", "high", "low"]))
    by = ["clinic", "stage", "pain"]
    order = np.array([5, 0, 3, 1, 4, 2])
    one = positivity_map(rows, by, person="who", left=LEFT, leaving=LEAVING, floor=0.05)
    other = positivity_map(
        rows[order.tolist()],
        by,
        person="who",
        left=LEFT[order],
        leaving=LEAVING[order],
        floor=0.05,
    )
    assert one.height == 3 * 2 * 2
    assert one.equals(other)


def test_no_decisions_give_an_empty_map():
    none = positivity_map(
        DECISIONS.clear(),
        ["clinic", "stage"],
        person="who",
        left=np.empty(0, dtype=bool),
        leaving=np.empty(0),
        floor=0.05,
    )
    assert none.height == 0
    assert none.columns[:3] == ["clinic", "stage", "decisions"]


def test_numbers_fall_into_bands_that_sort_as_they_do():
    pain = pl.Series("pain", [0.0, 3.0, 4.5, 10.0, None, float("nan")])
    assert in_bands(pain, [3, 5]).to_list() == [
        "1: below 3",
        "2: 3 to below 5",
        "2: 3 to below 5",
        "3: 5 or more",
        None,
        None,
    ]
    assert in_bands(pain, list(range(1, 11)))[3] == "11: 10 or more"
    with pytest.raises(ValueError, match="rise"):
        in_bands(pain, [5, 3])
