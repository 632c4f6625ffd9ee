"""Sums signal where odds have changed, and tell no hidden period's cases."""

from dataclasses import replace

import polars as pl

from analysis.contracts.protocol import Disclosure, load_protocol
from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.quality.reviewed import IMPROVED, REINJURY
from analysis.quality.risk_cusums import period_of, risk_cusums
from tests.quality.reviewed_clinics import Clinic, tables

PROTOCOL = load_protocol()
ALIKE = [Clinic(f"C{place:02d}") for place in range(6)]
CHANGED = Clinic("Changed", 1_600, odds=3.0, since="2023-01")


def sums(*clinics: Clinic, outcome: str = REINJURY) -> pl.DataFrame:
    return risk_cusums(tables(*clinics), PROTOCOL).filter(outcome=outcome)


def test_odds_that_rise_after_the_baseline_give_a_signal_for_worse() -> None:
    changed = sums(*ALIKE, CHANGED).filter(unit_name="Changed")
    after = changed.filter(pl.col("period") >= "2023")
    assert set(after["signal"].drop_nulls()) == {"worse"}
    assert changed["life_adjusted"].to_list()[-1] < -100


def test_odds_that_fall_give_a_signal_for_better() -> None:
    fallen = replace(CHANGED, odds=0.3)
    after = sums(*ALIKE, fallen).filter(pl.col("period") >= "2023", unit_name="Changed")
    assert "better" in set(after["signal"])
    assert after["life_adjusted"].to_list()[-1] > 50


def test_clinics_whose_odds_stay_the_same_hardly_ever_signal() -> None:
    # 6 clinics of 400 cases and one false signal in 2,000 cases: 2.4 expected, both ways.
    rows = sums(*ALIKE).filter(unit_kind="clinic")
    assert rows["signal"].is_not_null().sum() <= 6
    assert rows["worse"].max() < 1.2


def test_fewer_improved_are_worse() -> None:
    drawn = tables(*ALIKE, CHANGED)
    late = drawn.episode_baseline.filter(pl.col("start_month") >= "2023-01", clinic_id="Changed")[
        "episode_key"
    ]
    none_late = drawn.pain_changes.with_columns(
        is_improved=pl.col("is_improved") & ~pl.col("episode_key").is_in(late.to_list())
    )
    rows = risk_cusums(replace(drawn, pain_changes=none_late), PROTOCOL)
    signals = rows.filter(pl.col("signal").is_not_null(), unit_name="Changed", outcome=IMPROVED)
    assert set(signals["signal"]) == {"worse"}


def test_only_cohorts_that_were_followed_and_come_after_a_baseline_count() -> None:
    assert (
        risk_cusums(tables(*ALIKE, followed_months=12), PROTOCOL)
        .filter(outcome=REINJURY)
        .is_empty()
    )
    rows = risk_cusums(tables(*ALIKE, CHANGED, followed_months=18), PROTOCOL)
    assert rows.filter(outcome=REINJURY)["period"].max() == "2023-Q2"
    assert set(rows["unit_kind"]) == {"clinic"}


def test_cases_of_a_month_come_in_order_of_their_names_whatever_that_of_the_rows() -> None:
    drawn = tables(*ALIKE)
    shuffled = drawn.episode_baseline.sample(fraction=1.0, shuffle=True, seed=1)
    again = risk_cusums(replace(drawn, episode_baseline=shuffled), PROTOCOL)
    assert again.equals(risk_cusums(drawn, PROTOCOL))


def test_periods_are_as_long_as_their_cases_need() -> None:
    rows = sums(*ALIKE, Clinic("Large", 4_000))
    kinds = {
        name: {len(period) for period in own["period"]}
        for (name,), own in rows.group_by("unit_name")
    }
    assert kinds["Large"] == {len("2022-01")}
    assert kinds["C00"] <= {len("2022"), len("2022-Q1")}


def test_a_period_is_named_by_its_length() -> None:
    month = pl.DataFrame({"month": ["2024-04"]})
    told = [month.select(period_of(pl.col("month"), length)).item() for length in (1, 3, 12)]
    assert told == ["2024-04", "2024-Q2", "2024"]


def test_no_point_stands_after_a_period_that_is_hidden() -> None:
    thin = [Clinic(f"T{place:02d}", episodes) for place, episodes in enumerate((30, 60, 90, 130))]
    rows = sums(*ALIKE, *thin)
    for _, own in rows.group_by("unit_name"):
        assert own.height == 1 or own["observed"].min() >= 13
    assert rows.filter(unit_name="T00").height == 1


def test_a_period_with_few_cases_is_told_with_the_next_and_the_rest_with_the_last() -> None:
    drawn = tables(*ALIKE, Clinic("Large", 4_000))
    is_thin = (pl.col("clinic_id") == "Large") & pl.col("start_month").is_in(["2022-03", "2023-12"])
    thinned = drawn.episode_baseline.filter(~is_thin | (pl.col("episode_key") % 10 == 0))
    rows = risk_cusums(replace(drawn, episode_baseline=thinned), PROTOCOL)
    own = rows.filter(unit_name="Large", outcome=REINJURY)
    assert "2022-02" in own["period"]
    assert "2022-03" not in own["period"]
    assert own["period"].max() == "2023-12"
    assert "2023-11" not in own["period"]
    known = thinned.filter(clinic_id="Large").height
    assert own["episodes"].sum() == known


DISCLOSURE = Disclosure(smallest_count=11, rounding_base=5)


def released(rows: list[dict[str, object]]) -> pl.DataFrame:
    unit = {"unit_kind": "clinic", "unit_name": "C", "outcome": REINJURY, "signal": None}
    frame = conform("risk_cusums", pl.DataFrame([unit | row for row in rows]))
    return release_tables({"risk_cusums": frame}, DISCLOSURE)["risk_cusums"].rows


def test_the_sums_are_released_in_tenths_and_expected_less_observed_in_fives() -> None:
    sizes = {"episodes": 90, "patients": 90, "observed": 20}
    row = released(
        [{"period": "2024", "worse": 0.432, "better": 0.0, "life_adjusted": -8.2} | sizes]
    ).row(0, named=True)
    assert (row["worse"], row["better"], row["life_adjusted"]) == (0.4, 0.0, -10.0)
