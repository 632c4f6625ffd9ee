"""A drawing in a page says places that several of its traces share once, and loses none."""

import json

from analysis.figures import style
from analysis.figures.chart import Chart, twin
from analysis.pages.specs import spec_json

MONTHS = ["2025-01", "2025-02", "2025-03"]


def in_page(*traces: dict[str, object]) -> list[dict[str, object]]:
    spec = dict(style.figure(list(traces), {}, 200))
    chart = Chart(key="one", title="One", note="", twin=twin((), ()), spec=spec)
    data: list[dict[str, object]] = json.loads(str(spec_json(chart)))["data"]
    return data


def read_back(data: list[dict[str, object]]) -> list[dict[str, object]]:
    """Do what the pages' script does before it draws."""
    for trace in data:
        for axis in ("x", "y"):
            if isinstance(place := trace.get(axis), int):
                trace[axis] = data[place][axis]
    return data


def test_shared_places_are_named_by_the_first_trace_that_has_them() -> None:
    data = in_page(
        {"x": MONTHS, "y": [1, 2, 3]},
        {"x": MONTHS, "y": [4, 5, 6]},
        {"x": list(MONTHS), "y": [1, 2, 3]},
        {"x": MONTHS[:2], "y": [7, 8]},
    )
    assert [trace["x"] for trace in data] == [MONTHS, 0, 0, MONTHS[:2]]
    assert [trace["y"] for trace in data] == [[1, 2, 3], [4, 5, 6], 0, [7, 8]]
    assert [trace["x"] for trace in read_back(data)] == [MONTHS, MONTHS, MONTHS, MONTHS[:2]]


def test_traces_without_places_stay_as_they_are() -> None:
    assert in_page({"type": "scatter"}, {"type": "bar", "x": [1]}) == [
        {"type": "scatter"},
        {"type": "bar", "x": [1]},
    ]
