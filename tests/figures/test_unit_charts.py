"""The pictures for owners: four domains at once, who got worse, time in stage, why care ended."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.figures.chart import Chart
from analysis.figures.endings import endings_chart
from analysis.figures.multiples import DOMAINS, course_multiples
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.responders import responder_chart
from analysis.figures.times import stage_times_chart
from analysis.figures.words import Row
from tests.pages.plausible import DISCLOSURE

UNIT = {"unit_kind": "network", "unit_name": "network"}
CHANGES = {"pain": 2.0, "flexibility": 10.0}


def released(table: str, *rows: dict[str, Any]) -> list[Row]:
    frame = conform(table, pl.DataFrame([UNIT | row for row in rows], infer_schema_length=None))
    return list(release_tables({table: frame}, DISCLOSURE)[table].rows.to_dicts())


def course(domain: str, stage: int, first: float, last: float, patients: int) -> dict[str, Any]:
    change = last - first
    return {
        "domain": domain,
        "stage": stage,
        "episodes": patients,
        "patients": patients,
        "first_mean": first,
        "last_mean": last,
        "last_low": last - 0.3,
        "last_high": last + 0.3,
        "change_mean": change,
        "change_low": change - 0.4,
        "change_high": change + 0.4,
        "unit": "{score}" if domain == "pain" else "%",
    }


def spec(chart: Chart) -> dict[str, Any]:
    assert chart.spec is not None
    return dict(chart.spec)


def notes(chart: Chart) -> list[str]:
    return [note["text"] for note in spec(chart)["layout"]["annotations"]]


def test_the_band_lies_an_important_change_around_the_first_mean_within_the_scale() -> None:
    rows = released("domain_courses", course("pain", 1, 6.0, 3.5, 90), course("pain", 5, 1, 1, 90))
    chart = course_multiples(rows, [], "network", CHANGES)
    bands = [(band["y0"], band["y1"]) for band in spec(chart)["layout"]["shapes"]]
    assert bands == [(4.0, 8.0), (0.0, 3.0)]
    assert "shaded: less than 2 points from the first mean" in notes(chart)


def test_a_domain_that_is_hidden_or_not_measured_says_so_in_its_panel() -> None:
    rows = released(
        "domain_courses", course("pain", 1, 6.0, 3.5, 90), course("strength", 1, 60.0, 70.0, 6)
    )
    chart = course_multiples(rows, [], "network", CHANGES)
    told = notes(chart)
    assert told.count("hidden: too few patients") == 1
    assert told.count("not measured twice in any stage") == 2
    assert chart.title.endswith("1 of 1 changes are clearly for the better")


def test_the_picture_has_a_table_for_each_domain() -> None:
    rows = released("domain_courses", course("pain", 1, 6.0, 3.5, 90))
    chart = course_multiples(rows, rows, "this clinic", CHANGES)
    assert len(chart.further) == len(DOMAINS) - 1
    assert [row[1].text for row in chart.twin.rows] == ["this clinic", "network"]


def test_panels_stand_in_one_column_on_a_narrow_screen() -> None:
    panel = Panel("one", [{"type": "scatter"}], {}, {}, notes=[{"text": "a", "xref": "x domain"}])
    made = panels_spec([panel] * 4, Frame(columns=2))
    assert made["layout"]["xaxis2"]["domain"][0] > 0.5
    assert {tuple(made["narrow"][f"xaxis{n}"]["domain"]) for n in ("", 2, 3, 4)} == {(0.0, 1.0)}
    assert made["narrow"]["height"] == 2 * made["layout"]["height"]
    assert [trace["yaxis"] for trace in made["data"]] == ["y", "y2", "y3", "y4"]
    addressed = [note["xref"] for note in made["layout"]["annotations"] if note["text"] == "a"]
    assert addressed == ["x domain", "x2 domain", "x3 domain", "x4 domain"]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_panels_never_overlap(count: int) -> None:
    made = panels_spec([Panel("p", [], {}, {})] * count, Frame(columns=3, narrow_columns=2))
    for layout in (made["layout"], made["narrow"]):
        boxes = [
            (*layout[f"xaxis{n}"]["domain"], *layout[f"yaxis{n}"]["domain"])
            for n in ("", *range(2, count + 1))
        ]
        assert all(0 <= edge <= 1 for box in boxes for edge in box)
        for one in boxes:
            others = [box for box in boxes if box != one]
            assert all(
                one[1] <= box[0] or box[1] <= one[0] or one[3] <= box[2] or box[3] <= one[2]
                for box in others
            )


def responder(**own: Any) -> dict[str, Any]:
    counts = {"episodes": 200, "patients": 200, "unmeasured": 40}
    return {"domain": "pain"} | counts | own


def test_who_got_worse_stands_below_who_improved_from_the_same_zero() -> None:
    improved = released(
        "responders",
        responder(change="important", improved=100, not_improved=60, share_improved=0.5),
    )
    worse = released(
        "deteriorations", responder(deteriorated=20, not_deteriorated=140, share_deteriorated=0.1)
    )
    chart = responder_chart(improved, [], "network", worse)
    bars = spec(chart)["data"]
    assert [bar["x"] for bar in bars] == [[50.0], [30.0], [20.0], [10.0]]
    assert bars[3]["y"][0] > bars[0]["y"][0]
    assert "10% got worse" in notes(chart)
    assert chart.further[0][0] == "Who got worse by an important change"


def test_a_hidden_number_who_got_worse_is_told_as_hidden() -> None:
    improved = released(
        "responders",
        responder(change="important", improved=100, not_improved=60, share_improved=0.5),
    )
    worse = released(
        "deteriorations", responder(deteriorated=4, not_deteriorated=156, share_deteriorated=0.02)
    )
    chart = responder_chart(improved, [], "network", worse)
    assert "hidden got worse" not in notes(chart)
    assert "got worse: hidden" in notes(chart)
    assert len(spec(chart)["data"]) == 3


def week(stage: int, number: int, left: int, share: float) -> dict[str, Any]:
    limits = {"low": max(share - 0.1, 0.0), "high": min(share + 0.1, 1.0)}
    return {"stage": stage, "week": number, "at_risk": left, "share_exited": share} | limits


def test_time_in_stage_is_a_step_curve_with_n_under_its_axis() -> None:
    times = released(
        "stage_times", week(1, 0, 400, 0.0), week(1, 10, 200, 0.4), week(1, 20, 60, 0.8)
    )
    exits = released(
        "stage_exits",
        {
            "stage": 1,
            "episodes": 400,
            "patients": 380,
            "exited": 300,
            "not_exited": 100,
            "median_weeks": 12.0,
            "median_low": 11.0,
            "median_high": 13.0,
            "never_exit_share": 0.2,
        },
    )
    chart = stage_times_chart(times, exits, [], [], "network")
    assert chart.title == "Half have met the exit of stage 1, pain, after 12 weeks"
    ticks = spec(chart)["layout"]["xaxis"]["ticktext"]
    assert ticks == ["0 wk<br>n 400", "10 wk<br>n 200", "20 wk<br>n 60"]
    assert all(trace["line"]["shape"] == "hv" for trace in spec(chart)["data"])
    assert [cell.text for cell in chart.twin.rows[0]][-3:] == ["12.0", "11.0 to 13.0", "20%"]
    assert notes(chart).count("nobody") == 4


def ending(stage: int, reason: str, patients: int) -> dict[str, Any]:
    return {"stage": stage, "reason": reason, "episodes": patients, "patients": patients}


def test_reasons_of_leaving_are_bars_by_stage_and_small_ones_are_told_as_hidden() -> None:
    chart = endings_chart(
        released(
            "stage_endings",
            ending(1, "lost", 60),
            ending(1, "not_recorded", 40),
            ending(1, "moved", 30),
            ending(2, "lost", 30),
            ending(2, "surgery", 4),
            ending(3, "adverse_event", 5),
        )
    )
    assert chart.title.endswith("the most frequent known reason: did not come back")
    assert [entry.words for entry in chart.legend] == [
        "did not come back", "moved away", "no reason recorded",
    ]  # fmt: skip
    at = {note["y"]: note["text"] for note in spec(chart)["layout"]["annotations"]}
    assert at == {2: "+ hidden", 3: "hidden", 4: "none", 5: "none"}
    assert "hidden" in {cell.text for row in chart.twin.rows for cell in row}


def test_charts_of_nothing_say_so_in_words() -> None:
    assert "No care is known" in endings_chart([]).missing
    assert "was not estimated" in stage_times_chart([], [], [], [], "network").missing
    assert (
        "too few" in endings_chart(released("stage_endings", ending(1, "lost", 5))).missing.lower()
    )
