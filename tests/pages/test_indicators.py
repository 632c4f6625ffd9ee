"""Charts of a unit stand in groups; a clinic's page draws of stages those that say something."""

import pytest

from analysis.pages.indicators import ChartGroup, chart_groups
from analysis.pages.shelf import Shelf
from tests.pages.test_meeting import point, shelf

MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]


def stages(kind: str, name: str) -> Shelf:
    """Draw two charts of stages, of which the second has a signal."""
    own = {"unit_kind": kind, "unit_name": name, "unit": "days", "method": "xmr"}
    return shelf(
        *(point(month, chart="days_in_stage_1", **own) for month in MONTHS),
        *(point(month, chart="days_in_stage_2", **own) for month in MONTHS[:-1]),
        point(MONTHS[-1], "beyond_limits", chart="days_in_stage_2", **own),
    )


def group(kind: str, name: str) -> ChartGroup:
    (only,) = chart_groups(stages(kind, name), kind, name)
    return only


def test_a_clinics_page_draws_charts_of_stages_where_a_rule_fired() -> None:
    drawn = group("clinic", "north")
    assert [chart.key for chart in drawn.charts] == ["control-days-in-stage-2"]
    assert drawn.told == "2 charts, a signal in 1; drawn where a rule fired"


def test_the_network_draws_them_all() -> None:
    drawn = group("network", "network")
    assert len(drawn.drawn) == 2
    assert drawn.told == "2 charts, a signal in 1"


@pytest.mark.parametrize(("chart", "key"), [("no_shows", "attendance"), ("other", "further")])
def test_every_indicator_has_a_group(chart: str, key: str) -> None:
    rows = shelf(*(point(month, chart=chart) for month in MONTHS))
    assert [one.key for one in chart_groups(rows, "network", "network")] == [key]
