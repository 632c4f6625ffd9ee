"""A review of therapists exists only where the protocol allows it, and holds no ranks."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from scipy.stats import binom

from analysis.contracts.protocol import Protocol, load_protocol
from analysis.disclosure import leaks, release_tables
from analysis.quality import therapist_reviews

PRESETS = load_protocol()
ALLOWED = replace(PRESETS, review=replace(PRESETS.review, therapists=True))


def therapist(name: str, clinic: str = "C1", **counts: Any) -> dict[str, Any]:
    """Draw a therapist of 40 people: of 200 sessions 20 are premature, of 50 exits 30 measured."""
    return {
        "clinic_id": clinic,
        "therapist_id": name,
        "patients": 40,
        "patients_exits_met": 35,
        "episodes": 42,
        "sessions_attended": 200,
        "sessions_premature": 20,
        "sessions_with_pain": 180,
        "exits_met": 50,
        "exits_measured": 30,
    } | counts


def reviewed(*therapists: dict[str, Any], protocol: Protocol = ALLOWED) -> pl.DataFrame:
    return therapist_reviews(pl.DataFrame(list(therapists)), protocol)


def test_by_default_there_is_no_review_of_therapists() -> None:
    assert not PRESETS.review.therapists
    assert reviewed(therapist("T1"), protocol=PRESETS).is_empty()


def test_every_therapist_stands_beside_the_share_of_the_own_clinic() -> None:
    rows = reviewed(
        therapist("T1"),
        therapist("T2", sessions_premature=40),
        therapist("T1", clinic="C2", sessions_premature=100),
    ).filter(pl.col("indicator") == "premature_sessions")
    assert rows.select("unit_name", "therapist", "share", "center").rows() == [
        ("C1", "T1", 0.1, 0.15),
        ("C1", "T2", 0.2, 0.15),
        ("C2", "T1", 0.5, 0.5),
    ]


def test_limits_are_those_of_binomial_chance() -> None:
    row = reviewed(therapist("T1")).row(0, named=True)
    low, high = (binom.ppf(tail, 200, 0.1) / 200 for tail in (0.001, 0.999))
    # Interpolated between the count at the level and the one before it.
    assert low - 1 / 200 <= row["lower"] <= low
    assert high - 1 / 200 <= row["upper"] <= high
    assert row["is_beyond"] is False


def test_only_what_chance_does_not_explain_is_marked() -> None:
    rows = reviewed(
        *(therapist(f"T{place}") for place in range(9)), therapist("T9", sessions_premature=60)
    ).filter(pl.col("indicator") == "premature_sessions")
    assert rows["is_beyond"].to_list() == [False] * 9 + [True]


@pytest.mark.parametrize(("episodes", "is_shown"), [(19, False), (20, True)])
def test_therapists_with_few_episodes_are_left_out(episodes: int, *, is_shown: bool) -> None:
    rows = reviewed(therapist("T1"), therapist("T2", episodes=episodes))
    assert ("T2" in set(rows["therapist"])) == is_shown


def test_a_therapist_without_exits_has_no_share_of_them() -> None:
    rows = reviewed(therapist("T1", exits_met=0, exits_measured=0, patients_exits_met=0))
    assert set(rows["indicator"]) == {"premature_sessions", "pain_measured"}


def test_what_is_released_gives_no_small_count_away() -> None:
    results = {
        "therapist_reviews": reviewed(
            therapist("T1"), therapist("T2", sessions_premature=3, patients_exits_met=9)
        )
    }
    released = release_tables(results, ALLOWED.disclosure)
    assert not leaks(released, results, ALLOWED.disclosure)
    rows = released["therapist_reviews"].rows.filter(pl.col("therapist") == "T2")
    assert rows["numerator_status"].to_list() == ["suppressed", "released", "suppressed"]
