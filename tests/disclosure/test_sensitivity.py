"""A number of people told as a statistic is released as counts are: rounded, hidden if small."""

import polars as pl
import pytest

from analysis.contracts.protocol import Disclosure
from analysis.contracts.release import RELEASED, SUPPRESSED
from analysis.contracts.results import conform
from analysis.disclosure import release_tables

RULE = Disclosure(smallest_count=11, rounding_base=5)


def released(measure: str, value: float) -> tuple[float | None, str]:
    row = {"analysis": "primary", "method": "tipping_point", "measure": measure, "value": value}
    network = {"unit_kind": "network", "unit_name": "network", "patients": 5000, "episodes": 5000}
    tables = {
        "sensitivity": conform("sensitivity", pl.DataFrame([row | {"status": "estimated"}])),
        "unit_summaries": conform("unit_summaries", pl.DataFrame([network])),
    }
    rows = release_tables(tables, RULE)["sensitivity"].rows
    return rows["value"][0], rows["value_status"][0]


@pytest.mark.parametrize(
    ("lost", "shown"),
    [(7.0, (None, SUPPRESSED)), (0.0, (0.0, RELEASED)), (438.0, (440.0, RELEASED))],
)
def test_the_number_of_the_lost_is_a_count(lost: float, shown: tuple[float | None, str]) -> None:
    assert released("lost", lost) == shown


def test_other_numbers_of_the_argument_keep_their_decimals() -> None:
    assert released("odds_ratio_among_lost_to_cover", 2.4161) == (2.416, RELEASED)


def test_a_p_is_as_fine_as_in_the_estimates_and_never_0() -> None:
    assert released("p_value", 0.0000004) == (0.001, RELEASED)
    assert released("joint_share_p", 0.2371) == (0.238, RELEASED)
