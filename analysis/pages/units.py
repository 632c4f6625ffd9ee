"""What the page of one unit, the network or a clinic, shows below its answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import ReleaseFacts
from analysis.figures import words
from analysis.figures.chart import Chart
from analysis.figures.courses import course_chart
from analysis.figures.cusums import cusum_chart
from analysis.figures.endings import endings_chart
from analysis.figures.groups import KINDS, group_improved_chart, group_reinjury_chart
from analysis.figures.multiples import DOMAINS, course_multiples
from analysis.figures.observed_expected import OUTCOMES, observed_expected_chart, position_words
from analysis.figures.responders import responder_chart
from analysis.figures.stages import stage_chart
from analysis.figures.tiers import requirements_chart, tier_strip
from analysis.figures.times import stage_times_chart
from analysis.pages.answers import Answer, Fact, answers, facts, whom
from analysis.pages.changes import Before, Changes, changes
from analysis.pages.indicators import ChartGroup, chart_groups
from analysis.pages.meeting import Signal
from analysis.pages.shelf import Shelf, unit_rows


@dataclass(frozen=True)
class UnitPage:
    """Everything one unit's page shows.

    `whom` says whom it is about, `parts` how parts of its patients fare, `expected` how its
    outcomes lie to what was expected (outcome and sentence), `signals` which rules fired,
    `review` its control charts, `records` what is recorded, `spread` how clinics differ (the
    network's page only), `changes` what is different from the release before.
    """

    name: str
    whom: str
    answers: tuple[Answer, ...]
    facts: Sequence[Fact]
    why_alone: str | None
    courses: Sequence[Chart]
    responders: Chart
    stages: Chart
    endings: Chart
    times: Chart
    parts: Sequence[Chart]
    expected: Sequence[tuple[str, str]]
    signals: Sequence[Signal]
    review: Sequence[ChartGroup]
    records: Sequence[Chart]
    spread: Sequence[Chart]
    why_no_spread: str | None
    changes: Changes | None

    @property
    def is_empty(self) -> bool:
        """Say whether the unit has no figures at all."""
        return not self.facts


@dataclass(frozen=True)
class Release:
    """What all pages of a site are made from; `signals` are those of the last twelve months."""

    shelf: Shelf
    protocol: Protocol
    facts: ReleaseFacts
    before: Before | None
    signals: Sequence[Signal]


def clinic_page(release: Release, clinic: str) -> UnitPage:
    """Return one clinic's page: its own figures, beside the network's where allowed."""
    return _unit_page(release, "clinic", clinic, "this clinic")


def network_page(release: Release) -> UnitPage:
    """Return the network's page, in which no clinic is named beside a figure."""
    return _unit_page(release, "network", None, "network")


def _unit_page(release: Release, kind: str, name: str | None, own_name: str) -> UnitPage:
    shelf = release.shelf
    rows = unit_rows(shelf, kind, name)
    is_network = kind == "network"

    def own(table: str) -> list[words.Row]:
        return shelf.of_unit(table, kind, name)

    def beside(table: str) -> list[words.Row]:
        return [] if is_network else shelf.beside(table)

    return UnitPage(
        name=name or "Network",
        whom=whom(rows),
        answers=answers(rows),
        facts=facts(rows),
        why_alone=None if is_network else shelf.why_alone,
        courses=_courses(release, kind, name, own_name),
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
        parts=_parts(own("group_summaries"), own_name),
        expected=[] if is_network or shelf.why_alone else _expected(own("case_mix")),
        signals=[
            each
            for each in release.signals
            if each.unit_kind == kind and name in (None, each.unit_name)
        ],
        review=review(shelf, kind, name, own_name),
        records=_records(shelf, kind, name, own_name),
        spread=spread(shelf) if is_network else (),
        why_no_spread=shelf.why_alone,
        changes=changes(release.before, shelf, release.facts, kind, name),
    )


def _courses(release: Release, kind: str, name: str | None, own_name: str) -> list[Chart]:
    """Return the picture of the four domains, then the charts of any further domain."""
    own = release.shelf.of_unit("domain_courses", kind, name)
    network = [] if kind == "network" else release.shelf.beside("domain_courses")
    if not own:
        return []
    domains = release.protocol.domains
    important = {key: domain.important_change for key, domain in domains.items()}
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


def _parts(rows: Sequence[words.Row], own_name: str) -> list[Chart]:
    """Return how parts of a unit's patients fare, by condition and by region."""
    return [
        chart(kind, rows, own_name)
        for kind in KINDS
        for chart in (group_improved_chart, group_reinjury_chart)
    ]


def _expected(rows: Sequence[words.Row]) -> list[tuple[str, str]]:
    """Return where a clinic's outcomes lie, as a sentence each; none without a comparison."""
    by_outcome = {row["outcome"]: row for row in rows}
    return [
        (words.spelled(name), position_words(by_outcome.get(outcome)))
        for outcome, name in OUTCOMES.items()
        if by_outcome
    ]


def review(shelf: Shelf, kind: str, name: str | None, own_name: str) -> list[ChartGroup]:
    """Return a unit's control charts in groups, its cumulative sums among them."""
    rows = shelf.of_unit("risk_cusums", kind, name)
    sums = [
        cusum_chart(outcome, [row for row in rows if row["outcome"] == outcome], own_name)
        for outcome in OUTCOMES
        if any(row["outcome"] == outcome for row in rows)
    ]
    groups = chart_groups(shelf, kind, name)
    if not sums:
        return groups
    told = "cumulative sums; the risk of each patient before treatment is taken into account"
    return [*groups, ChartGroup("expected-sums", "Against what was expected", told, sums)]


def _records(shelf: Shelf, kind: str, name: str | None, own_name: str) -> list[Chart]:
    """Return what a unit records; on the network's page also the clinics by tier, unnamed."""
    own = requirements_chart(shelf.of_unit("data_quality", kind, name), own_name)
    if kind != "network" or shelf.why_alone:
        return [own]
    return [own, tier_strip(shelf.of_unit("data_quality", "clinic"))]


def spread(shelf: Shelf) -> list[Chart]:
    """Return the clinics beside what was expected of them, unnamed; none where they are too few."""
    if shelf.why_alone:
        return []
    rows = shelf.of_unit("case_mix", "clinic")
    return [
        observed_expected_chart(outcome, [row for row in rows if row["outcome"] == outcome])
        for outcome in OUTCOMES
    ]
