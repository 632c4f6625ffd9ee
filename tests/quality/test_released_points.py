"""Clinics by quarter beside a network by month: nothing small comes back by subtraction."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.contracts.release import RELEASED
from analysis.disclosure import leaks, release_tables
from analysis.quality import quality_points
from analysis.quality.baselines import first_month
from tests.quality.cohorts import changes_of, cohorts, tables_of

PROTOCOL = load_protocol()
UNIT_CHART = ("chart", "unit_kind", "unit_name", "period")
COUNTS = ("numerator", "denominator")
HIDDEN = (1, 12)
FEWEST_VALUES = 6


def drawn_points(seed: int, months: int = 24) -> pl.DataFrame:
    """Draw two clinics of 38 episodes a month, one of 10, and the network that is their sum."""
    draws = np.random.default_rng(seed)
    clinics = []
    for number, usual in enumerate((38, 38, 10)):
        episodes = draws.poisson(usual, months)
        violated = draws.binomial(episodes, 0.3)
        clinics.append((f"C{number}", episodes, violated))
    sums = sum(episodes for _, episodes, _ in clinics), sum(cases for *_, cases in clinics)
    units = [(None, *sums), *clinics]
    drawn = pl.concat(
        cohorts(
            months,
            name,
            episodes=episodes.tolist(),
            patients=episodes.tolist(),
            episodes_violated=cases.tolist(),
        )
        for name, episodes, cases in units
    )
    points = quality_points(tables_of(drawn), changes_of(drawn), PROTOCOL)
    return points.filter(pl.col("chart") == "premature_advance")


def quarters(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    numbers = pl.Series([first_month(period) // 3 for period in rows["period"]])
    for number in numbers.unique().sort():
        yield rows.filter(numbers == number)


def known(true: float, shown: float | None) -> tuple[float, float]:
    """Return what a reader holds possible who is told which counts are hidden for being small."""
    if shown is not None:
        return (shown, shown) if shown == 0 else (max(shown - 2, HIDDEN[1] + 1), shown + 2)
    return HIDDEN if 0 < true <= HIDDEN[1] else (0, np.inf)


def exposed_by_subtraction(quarter: pl.DataFrame, count: str) -> int:
    """Count the small hidden cells of clinics that the network's months narrow too much."""
    ranges = [known(*pair) for pair in quarter.select(f"{count}_true", count).rows()]
    is_network = [kind == "network" for kind in quarter["unit_kind"]]
    low, high = (
        sum(each[end] for each, whole in zip(ranges, is_network, strict=True) if whole)
        for end in (0, 1)
    )
    found = 0
    for place, (own, whole) in enumerate(zip(ranges, is_network, strict=True)):
        if whole or own != HIDDEN:
            continue
        others = [
            each for number, each in enumerate(ranges) if number != place and not is_network[number]
        ]
        least = max(own[0], low - sum(top for _, top in others))
        most = min(own[1], high - sum(bottom for bottom, _ in others))
        found += most - least + 1 < FEWEST_VALUES
    return found


@pytest.mark.parametrize("seed", range(10))
def test_a_clinics_quarter_does_not_follow_from_the_networks_months(seed: int) -> None:
    points = drawn_points(seed)
    results = {"quality_points": points}
    released = release_tables(results, PROTOCOL.disclosure)
    assert not leaks(released, results, PROTOCOL.disclosure)

    shown = released["quality_points"].rows
    beside = shown.with_columns(points[count].alias(f"{count}_true") for count in COUNTS)
    exposed = [
        exposed_by_subtraction(quarter, count) for quarter in quarters(beside) for count in COUNTS
    ]
    assert sum(exposed) == 0
    network = shown.filter(pl.col("unit_kind") == "network")
    assert network["value_status"].eq(RELEASED).mean() > 0.5


def test_some_of_these_clinics_go_by_month_and_some_by_quarter() -> None:
    kinds = {
        period[5] == "Q" for seed in range(10) for period in drawn_points(seed)["period"].to_list()
    }
    assert kinds == {True, False}


def test_a_hidden_part_does_not_follow_from_the_charts_beside_it() -> None:
    # In a quarter 36 are missed, 33 of them without notice: shown as 35 and 35, 1 to 4 were late.
    drawn = cohorts(36, sessions_missed=12, no_shows=11, late_cancellations=1)
    points = quality_points(tables_of(drawn), changes_of(drawn), PROTOCOL)
    attendance = points.filter(pl.col("chart").is_in(["missed_sessions", "no_shows"]))
    assert set(attendance["numerator"]) == {36.0, 33.0}
    shown = release_tables({"quality_points": points}, PROTOCOL.disclosure)["quality_points"].rows
    for _, quarter in shown.filter(pl.col("chart").is_in(list(attendance["chart"]))).group_by(
        "period"
    ):
        assert quarter["numerator"].null_count() > 0
