"""How counts hang together: within a table, from table to table, and from release to release.

A reader who knows these relations can add and subtract; the gate therefore knows them too. They
are data: `rules` says how a table passes by itself, this module what its counts have to do with
other counts. Whatever is declared here is assumed to be known to everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analysis.disclosure.rules import TABLE_RULES, UNIT

Place = tuple[str, str]


@dataclass(frozen=True)
class Total:
    """A count of one table that is the sum of counts of other tables.

    `whole` and `parts` name table and column. A row of the whole's table is the sum of those rows
    of the parts' tables that agree with it in `shared`; `each` names columns of the parts' tables
    that make a sum of its own for every value. Of the whole's table, rows with `only` count.
    Where the whole `leaves_some`, those in no part are of unknown number.
    """

    whole: Place
    parts: tuple[Place, ...]
    shared: tuple[str, ...] = UNIT
    each: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)
    leaves_some: bool = False


@dataclass(frozen=True)
class SameCount:
    """Counts of several tables that are the same number in rows that agree in `shared`."""

    places: tuple[Place, ...]
    shared: tuple[str, ...] = UNIT


@dataclass(frozen=True)
class RenewedTogether:
    """Rows of which all statistics are renewed when one is: those that agree in `shared`."""

    tables: tuple[str, ...]
    shared: tuple[str, ...] = ()


# The sum over clinics is in the rules (`over_clinics`), and so are sums within a row (`sums`).
TOTALS: Final = (
    *(
        Total(("unit_summaries", count), (("group_summaries", count),), each=("subgroup_kind",))
        for count in (
            "patients",
            "episodes",
            "episodes_completed_all",
            "reinjuries",
            "status_known",
        )
    ),
    Total(
        ("responders", "improved"),
        (("group_summaries", "improved"),),
        each=("subgroup_kind",),
        only={"domain": "pain", "change": "important"},
    ),
    # Who has not completed all stages has left at one of them, or is still in care.
    Total(
        ("unit_summaries", "episodes"),
        (("unit_summaries", "episodes_completed_all"), ("stage_endings", "episodes")),
        leaves_some=True,
    ),
)

# Sums of counts over charts of results.quality_points, of the same unit and period: each place
# names chart and column, the first is the sum of the others.
CHART_SUMS: Final[tuple[tuple[Place, ...], ...]] = (
    (
        ("missed_sessions", "numerator"),
        ("no_shows", "numerator"),
        ("late_cancellations", "numerator"),
    ),
    (
        ("never_exit_stage_1", "denominator"),
        ("never_exit_stage_1", "numerator"),
        ("days_in_stage_1", "denominator"),
    ),
    (("reinjury_365_days", "denominator"), ("follow_up_capture", "numerator")),
)

SAME_COUNTS: Final = (
    *(
        SameCount((("unit_summaries", count), ("responders", count), ("deteriorations", count)))
        for count in ("episodes", "patients")
    ),
    *(
        SameCount((("stage_funnel", worked), ("stage_exits", spells)), (*UNIT, "stage"))
        for worked, spells in (
            ("episodes_worked", "episodes"),
            ("episodes_completed", "exited"),
            ("patients_worked", "patients"),
        )
    ),
)
# The name under which a count is compared with equal ones of the same unit in other tables.
COMMON_NAMES: Final[Mapping[str, str]] = {
    "episodes_worked": "episodes",
    "episodes_completed": "exited",
    "patients_worked": "patients",
}

# Counts that no new delivery makes smaller, corrections of records apart.
GROWING: Final[Mapping[str, tuple[str, ...]]] = {
    "unit_summaries": (
        "patients",
        "episodes",
        "attended_sessions",
        "episodes_ever_violated",
        "episodes_ever_skipped",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
    "group_summaries": (
        "patients",
        "episodes",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
    "stage_funnel": ("episodes_worked", "episodes_completed", "patients_worked"),
    "stage_exits": ("episodes", "patients", "exited"),
    "stage_endings": ("episodes", "patients"),
    "responders": ("episodes", "patients"),
    "deteriorations": ("episodes", "patients"),
    "domain_courses": ("episodes", "patients"),
    "data_quality": ("denominator", "patients"),
    "quality_points": ("denominator", "patients"),
}

# Identifiers that say something about a row and do not name it.
ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "estimates": ("hypothesis", "status", "is_biased_comparison"),
    "gates": ("threshold", "status"),
    "verdicts": ("verdict", "standing"),
    "sensitivity": ("status",),
    "negative_exposures": ("status",),
    "specification_curve": (
        "is_registered",
        "definition",
        "order_name",
        "horizon_days",
        "adjustment",
        "follow_up",
        "truncation",
        "status",
    ),
    "trajectory_models": ("unit",),
    "trajectory_courses": ("unit",),
    "clinic_courses": ("unit",),
    "dropout_patterns": ("unit",),
    "trajectory_sensitivity": ("unit", "status"),
    "domain_courses": ("unit",),
    "attrition": ("reason",),
    "quality_points": ("signal", "method", "is_complete", "unit", "is_baseline"),
    "case_mix": ("position", "method", "is_comparable"),
    "risk_cusums": ("signal",),
    "data_quality": ("needed", "is_met"),
    "therapist_reviews": ("is_beyond",),
}
# Attributes that follow from the numbers of their row and are kept with them; a row whose other
# attributes have changed is not kept.
FOLLOWING: Final = ("signal", "position", "is_met", "is_beyond")
# The number of a row that these attributes judge; where it is hidden, so is what was found of it.
JUDGED: Final[Mapping[str, str]] = {
    "quality_points": "value",
    "case_mix": "ratio",
    "risk_cusums": "worse",
    "data_quality": "share",
    "therapist_reviews": "share",
}

RENEWED_TOGETHER: Final = (
    # All of the study: a difference stays the difference of its risks, a verdict that of its row.
    RenewedTogether(
        (
            "estimates",
            "risk_curves",
            "gates",
            "verdicts",
            "balance",
            "weights",
            "positivity",
            "sensitivity",
            "negative_exposures",
            "specification_curve",
        )
    ),
    RenewedTogether(
        (
            "trajectory_models",
            "trajectory_courses",
            "trajectory_gaps",
            "clinic_courses",
            "dropout_patterns",
            "trajectory_sensitivity",
        )
    ),
    RenewedTogether(("stage_times", "stage_exits"), (*UNIT, "stage")),
    RenewedTogether(("quality_points",), (*UNIT, "chart")),
    RenewedTogether(("risk_cusums",), (*UNIT, "outcome")),
    RenewedTogether(("case_mix",), ("outcome",)),
)


def key_of(table: str) -> tuple[str, ...]:
    """Return the identifiers that name a row of the table."""
    attributes = ATTRIBUTES.get(table, ())
    return tuple(name for name in TABLE_RULES[table].identifiers if name not in attributes)


def renewal_of(table: str) -> RenewedTogether:
    """Return with which rows those of a table are renewed; by themselves unless declared."""
    for together in RENEWED_TOGETHER:
        if table in together.tables:
            return together
    return RenewedTogether((table,), key_of(table))
