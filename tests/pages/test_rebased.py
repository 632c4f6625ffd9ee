"""Beside a chart with a new baseline stands from when on, why, on which day, and who decided."""

import polars as pl
import pytest

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.pages import render_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results

CHART = "premature_advance"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    rebased = [
        {
            "chart": CHART,
            "unit_kind": kind,
            "unit_name": name,
            "period": "2024-06",
            "reason": f"Reminders_by {name} <b>since</b> 2024-06.",
            "date": "2024-09-01",
            "reviewer": "A. Reviewer",
        }
        for kind, name in (("network", "network"), ("clinic", "clinic-02"))
    ]
    tables = results() | {"rebases": conform("rebases", pl.DataFrame(rebased))}
    files = render_site(release_tables(tables, DISCLOSURE), FACTS, PROTOCOL)
    return {path: made.decode() for path, made in files.items() if path.endswith(".html")}


def told(name: str) -> str:
    return (
        f"New baseline from 2024-06: Reminders_by {name} &lt;b&gt;since&lt;/b&gt; 2024-06 "
        "(decided 2024-09-01, A. Reviewer)."
    )


def test_the_networks_chart_tells_the_decision_in_the_reviewers_words(
    pages: dict[str, str],
) -> None:
    chart = pages["quality.html"].partition(f'id="control-{CHART.replace("_", "-")}"')[2]
    assert told("network") in chart.partition("</figure>")[0]
    assert pages["quality.html"].count("New baseline") == 1


def test_a_clinics_decision_is_told_to_that_clinic_alone(pages: dict[str, str]) -> None:
    assert told("clinic-02") in pages["clinics/clinic-02.html"]
    holders = {path for path, page in pages.items() if "New baseline" in page}
    assert holders == {"quality.html", "clinics/clinic-02.html"}
