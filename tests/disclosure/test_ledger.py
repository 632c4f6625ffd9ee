"""A released count changes only when enough people have moved; what is small is hidden at once."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.contracts.protocol import Disclosure
from analysis.contracts.release import RELEASED, SUPPRESSED
from analysis.contracts.results import conform
from analysis.disclosure import Remembered, quarter_of, release_again

RULE = Disclosure(11, 5)
NO_CHANGE_BELOW = 11


def summary(patients: int, reinjuries: int = 40, risk: float = 0.1) -> dict[str, pl.DataFrame]:
    rows = pl.DataFrame(
        {
            "unit_kind": ["network"],
            "unit_name": ["network"],
            "patients": [patients],
            "episodes": [patients],
            "reinjuries": [reinjuries],
            "reinjury_risk": [risk],
        }
    )
    return {"unit_summaries": conform("unit_summaries", rows)}


def in_turn(
    counts: list[int], quarters: list[str] | None = None, risks: list[float] | None = None
) -> list[dict[str, object]]:
    """Release a count again and again; return the released rows."""
    memory: list[Remembered] = []
    rows = []
    for number, count in enumerate(counts):
        tables = summary(count, risk=risks[number] if risks else 0.1)
        quarter = quarters[number] if quarters else "2024-Q1"
        release = release_again(tables, RULE, memory, quarter)
        memory.append(release.remembered)
        rows.append(release.tables["unit_summaries"].rows.row(0, named=True))
    return rows


def shown(counts: list[int], quarters: list[str] | None = None) -> list[object]:
    return [row["patients"] for row in in_turn(counts, quarters)]


def test_a_count_keeps_its_value_until_enough_people_have_moved() -> None:
    assert shown([100, 103, 110, 115, 116]) == [100, 100, 100, 100, 115]


def test_a_count_that_was_corrected_downwards_is_kept_alike() -> None:
    assert shown([100, 92, 85, 84]) == [100, 100, 100, 85]


def test_at_a_quarters_end_a_count_is_set_anew_when_two_steps_have_passed() -> None:
    quarters = ["2024-Q1", "2024-Q2", "2024-Q3"]
    assert shown([100, 107, 108], quarters) == [100, 100, 110]


def test_what_is_small_now_is_hidden_at_once() -> None:
    rows = in_turn([20, 12])
    assert [row["patients_status"] for row in rows] == [RELEASED, SUPPRESSED]
    assert rows[1]["reinjury_risk"] is None


def test_what_was_hidden_stays_hidden_until_it_has_moved_or_the_quarter_ended() -> None:
    assert shown([12, 14, 27, 28]) == [None, None, None, 30]
    assert shown([12, 14], ["2024-Q1", "2024-Q2"]) == [None, 15]


def test_a_quarter_that_comes_back_has_not_ended() -> None:
    assert shown([12, 14], ["2024-Q2", "2024-Q1"]) == [None, None]


def test_statistics_are_kept_as_long_as_their_counts() -> None:
    rows = in_turn([1000, 1005, 1040], risks=[0.1, 0.2, 0.3])
    assert [row["reinjury_risk"] for row in rows] == pytest.approx([0.1, 0.1, 0.3])


def test_statistics_are_renewed_at_a_quarters_end() -> None:
    rows = in_turn([1000, 1005], ["2024-Q1", "2024-Q2"], [0.1, 0.2])
    assert [row["reinjury_risk"] for row in rows] == pytest.approx([0.1, 0.2])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=2, max_size=9))
def test_no_change_of_fewer_than_eleven_is_ever_shown(counts: list[int]) -> None:
    values = shown(counts)
    set_at = counts[0]
    for count, before, now in zip(counts[1:], values, values[1:], strict=False):
        if now is None or before is None or now != before:
            if now is not None:
                assert abs(count - set_at) >= NO_CHANGE_BELOW or before is None
            set_at = count
    for count, value in zip(counts, values, strict=True):
        assert value is None or not 1 <= count <= 12


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=2, max_size=5))
def test_the_same_history_gives_the_same_release(counts: list[int]) -> None:
    assert in_turn(counts) == in_turn(counts)


def estimates(value: float, status: str = "estimated", episodes: int = 5000) -> pl.DataFrame:
    is_shown = status == "estimated"
    rows = [
        {
            "analysis": "primary",
            "strategy": strategy,
            "comparator": comparator,
            "measure": measure,
            "value": value if is_shown else None,
            "episodes": episodes,
            "events": 600,
            "status": status,
            "is_biased_comparison": False,
        }
        for strategy, comparator, measure in (
            ("strict", None, "risk"),
            ("strict", "natural", "risk_difference"),
        )
    ]
    return conform("estimates", pl.DataFrame(rows, infer_schema_length=None))


def test_an_estimate_that_is_sealed_now_is_never_shown_as_it_was() -> None:
    first = release_again({"estimates": estimates(0.05)}, RULE, (), "2024-Q1")
    sealed = {"estimates": estimates(0.05, "sealed")}
    rows = release_again(sealed, RULE, [first.remembered], "2024-Q1").tables["estimates"].rows
    assert rows["value"].to_list() == [None, None]
    assert set(rows["status"]) == {"sealed"}


def test_all_estimates_of_the_study_are_renewed_together() -> None:
    first = release_again({"estimates": estimates(0.05)}, RULE, (), "2024-Q1")
    few = release_again({"estimates": estimates(0.06)}, RULE, [first.remembered], "2024-Q1")
    assert few.tables["estimates"].rows["value"].to_list() == pytest.approx([0.05, 0.05])
    moved = estimates(0.06).with_columns(
        episodes=pl.when(pl.col("measure") == "risk").then(5100).otherwise("episodes")
    )
    many = release_again({"estimates": moved}, RULE, [first.remembered], "2024-Q1")
    assert many.tables["estimates"].rows["value"].to_list() == pytest.approx([0.06, 0.06])


@pytest.mark.parametrize(
    ("month", "quarter"), [("2024-01", "2024-Q1"), ("2024-12", "2024-Q4"), (None, None)]
)
def test_the_quarter_is_that_of_the_newest_month(month: str | None, quarter: str | None) -> None:
    assert quarter_of(month) == quarter
