"""What the page of one unit, the network or a clinic, shows below its answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.contracts.protocol import Protocol
from analysis.figures import words
from analysis.figures.chart import Chart
from analysis.figures.clinics import improvement_funnel, reinjury_funnel
from analysis.figures.control import control_chart
from analysis.figures.courses import course_chart
from analysis.figures.endings import endings_chart
from analysis.figures.multiples import DOMAINS, course_multiples
from analysis.figures.responders import responder_chart
from analysis.figures.stages import stage_chart
from analysis.figures.times import stage_times_chart
from analysis.pages.answers import Answer, Fact, answers, facts, first
from analysis.pages.shelf import Shelf, unit_rows


@dataclass(frozen=True)
class UnitPage:
    """Everything one unit's page shows."""

    name: str
    answers: tuple[Answer, ...]
    facts: Sequence[Fact]
    why_alone: str | None
    courses: Sequence[Chart]
    responders: Chart
    stages: Chart
    endings: Chart
    times: Chart
    control: Sequence[Chart]
    funnels: Sequence[Chart]

    @property
    def is_empty(self) -> bool:
        """Say whether the unit has no figures at all."""
        return not self.facts


def clinic_page(shelf: Shelf, protocol: Protocol, clinic: str) -> UnitPage:
    """Return one clinic's page: its own figures, beside the network's where allowed."""
    return _unit_page(shelf, protocol, "clinic", clinic, "this clinic")


def network_page(shelf: Shelf, protocol: Protocol) -> UnitPage:
    """Return the network's page, in which no clinic is named beside a figure."""
    return _unit_page(shelf, protocol, "network", None, "network")


def _unit_page(
    shelf: Shelf, protocol: Protocol, kind: str, name: str | None, own_name: str
) -> UnitPage:
    rows = unit_rows(shelf, kind, name)
    is_network = kind == "network"

    def own(table: str) -> list[words.Row]:
        return shelf.of_unit(table, kind, name)

    def beside(table: str) -> list[words.Row]:
        return [] if is_network else shelf.beside(table)

    return UnitPage(
        name=name or "Network",
        answers=answers(rows),
        facts=facts(rows),
        why_alone=None if is_network else shelf.why_alone,
        courses=_courses(shelf, protocol, kind, name, own_name),
        responders=responder_chart(
            own("responders"),
            beside("responders"),
            own_name,
            own("deteriorations"),
            beside("deteriorations"),
        ),
        stages=stage_chart(own("stage_funnel"), beside("stage_funnel"), own_name),
        endings=endings_chart(own("stage_endings")),
        times=stage_times_chart(
            own("stage_times"),
            own("stage_exits"),
            beside("stage_times"),
            beside("stage_exits"),
            own_name,
        ),
        control=control_charts(shelf, kind, name),
        funnels=_funnels(shelf) if is_network else (),
    )


def _courses(
    shelf: Shelf, protocol: Protocol, kind: str, name: str | None, own_name: str
) -> list[Chart]:
    """Return the picture of the four domains, then the charts of any further domain."""
    own = shelf.of_unit("domain_courses", kind, name)
    network = [] if kind == "network" else shelf.beside("domain_courses")
    if not own:
        return []
    important = {key: domain.important_change for key, domain in protocol.domains.items()}
    further = [row["domain"] for row in words.by_domain(own) if row["domain"] not in DOMAINS]
    return [
        course_multiples(own, network, own_name, important),
        *(
            course_chart(
                domain,
                [row for row in own if row["domain"] == domain],
                [row for row in network if row["domain"] == domain],
                own_name,
            )
            for domain in dict.fromkeys(further)
        ),
    ]


def control_charts(shelf: Shelf, kind: str, name: str | None) -> list[Chart]:
    """Return the control charts of one unit; those that can be drawn come first."""
    rows = shelf.of_unit("quality_points", kind, name)
    charts = dict.fromkeys(row["chart"] for row in rows)
    made = [
        control_chart(chart, [row for row in rows if row["chart"] == chart]) for chart in charts
    ]
    return sorted(made, key=lambda chart: chart.spec is None)


def _funnels(shelf: Shelf) -> list[Chart]:
    if shelf.why_alone:
        return []
    responders = [
        row
        for row in shelf.rows("responders")
        if row["domain"] == "pain" and row["change"] == "important"
    ]
    summaries = shelf.rows("unit_summaries")
    return [
        funnel(
            first(rows, lambda row: row["unit_kind"] == "network"),
            [row for row in rows if row["unit_kind"] == "clinic"],
        )
        for funnel, rows in ((improvement_funnel, responders), (reinjury_funnel, summaries))
    ]
