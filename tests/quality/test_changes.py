"""Changes in pain are counted for ended episodes, by the responders' own conditions."""

import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.quality import change_cohorts
from analysis.trajectories.responders import pain_changes

PROTOCOL = load_protocol()

BASELINE = pl.DataFrame(
    {
        "episode_key": [1, 2, 3, 4, 5],
        "patient_key": [1, 1, 2, 3, 4],
        "clinic_id": ["C1", "C1", "C1", "C2", "C2"],
        "start_month": ["2024-01", "2024-02", "2024-03", "2024-03", "2024-03"],
    }
)
ENDINGS = pl.DataFrame({"episode_key": [1, 2, 3, 4, 5], "has_ended": [True] * 4 + [False]})
CHANGES = pl.DataFrame(
    {
        "episode_key": [1, 2, 3, 5],
        "first": [6.0, 6.0, 3.0, 9.0],
        "last": [3.0, 6.0, 5.5, 0.0],
        "is_improved": [True, False, False, True],
        "is_worse": [False, False, True, False],
    }
)
COHORTS = pl.DataFrame(
    {
        "clinic_id": [None, "C1", "C1"],
        "period": ["2024-Q1", "2024-Q1", "2024-01"],
        "observed_days": [200, 200, 260],
    }
)


def cohort(clinic: str | None, period: str) -> dict[str, object]:
    counted = change_cohorts(BASELINE, ENDINGS, CHANGES, COHORTS)
    is_unit = pl.col("clinic_id").eq_missing(pl.lit(clinic)) & (pl.col("period") == period)
    return counted.row(by_predicate=is_unit, named=True)


def test_ended_episodes_with_pain_on_two_days_count() -> None:
    assert cohort("C1", "2024-Q1") == {
        "clinic_id": "C1",
        "period": "2024-Q1",
        "is_quarter": True,
        "episodes": 3,
        "patients": 2,
        "improved": 1,
        "deteriorated": 1,
        "change": -0.5,
        "observed_days": 200,
    }


def test_a_month_is_apart_from_its_quarter() -> None:
    january = cohort("C1", "2024-01")
    assert (january["episodes"], january["change"], january["is_quarter"]) == (1, -3.0, False)


def test_an_unmeasured_and_an_ongoing_episode_are_not_counted() -> None:
    network = cohort(None, "2024-Q1")
    assert (network["episodes"], network["improved"]) == (3, 1)


def test_pain_changes_by_the_conditions_of_the_responders() -> None:
    exposure = pl.DataFrame(
        [
            (1, "pain", 0, 6.0),
            (1, "pain", 7, 4.0),
            (2, "pain", 0, 6.0),
            (3, "pain", 0, 2.0),
            (3, "pain", 9, 4.0),
            (4, "pain", 0, 5.0),
            (4, "pain", 9, 4.5),
            (4, "strength", 9, 90.0),
        ],
        schema=["episode_key", "domain", "day", "value"],
        orient="row",
    )
    changes = pain_changes(exposure, PROTOCOL)
    assert changes.select("episode_key", "is_improved", "is_worse").rows() == [
        (1, True, False),
        (3, False, True),
        (4, False, False),
    ]
    assert changes["last"].to_list() == [4.0, 4.0, 4.5]
