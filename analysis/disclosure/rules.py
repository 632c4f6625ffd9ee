"""Which columns of a results table name a row, count people, or rest on a count.

This is the whole policy of the release gate as data. A table or a column that is not described
here does not leave the registry: the gate refuses it. There is no rule for a minimum or a maximum,
because such a figure is about one patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Precision = Literal[
    "share",
    "curve",
    "effect",
    "mean",
    "score",
    "slope",
    "check",
    "quality",
    "center",
    "limit",
    "standardised",
    "cases",
]
Bound = Literal["none", "low", "high"]


@dataclass(frozen=True)
class Count:
    """A number of patients, episodes or sessions.

    `within` names the count of the same row that it is part of: a zero is shown only where that
    larger group is shown too, because "none of three" says something about three people.
    """

    name: str
    within: str | None = None


@dataclass(frozen=True)
class Statistic:
    """A number that rests on counts of the same row and is hidden when one of them is.

    `ratio_of` names the numerator and denominator from which a share is computed again after
    rounding; `bound` says to which side an interval's end is rounded.
    """

    name: str
    precision: Precision
    rests_on: tuple[str, ...] = ()
    ratio_of: tuple[str, str] | None = None
    bound: Bound = "none"


@dataclass(frozen=True)
class TableRule:
    """How one results table passes the gate.

    `people` is the count that hides its whole row when it is small. `sums` are the identities
    `whole = part + part + ...` that a reader could subtract by. `over_clinics` says that the
    network's row is the sum of the clinics' rows. `cohort` says that the statistics rest on
    the whole study population.
    """

    identifiers: tuple[str, ...]
    words: tuple[str, ...] = ()
    counts: tuple[Count, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    people: str | None = None
    sums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    over_clinics: bool = False
    cohort: bool = False

    def numbers(self) -> tuple[Count | Statistic, ...]:
        """Return the rules of all columns that hold numbers about people."""
        return (*self.counts, *self.statistics)


def _interval(low: str, high: str, precision: Precision, *rests_on: str) -> tuple[Statistic, ...]:
    return (
        Statistic(low, precision, rests_on, bound="low"),
        Statistic(high, precision, rests_on, bound="high"),
    )


UNIT: Final = ("unit_kind", "unit_name")
UNIT_KINDS: Final = ("network", "clinic")

TABLE_RULES: Final[Mapping[str, TableRule]] = {
    "estimates": TableRule(
        identifiers=(
            "analysis",
            "hypothesis",
            "strategy",
            "comparator",
            "estimator",
            "measure",
            "horizon_days",
            "status",
            "is_biased_comparison",
            "subgroup_kind",
            "subgroup",
        ),
        words=("reason",),
        counts=(Count("episodes"), Count("events", within="episodes")),
        statistics=(
            Statistic("value", "effect", ("episodes", "events")),
            *_interval("low", "high", "effect", "episodes", "events"),
            Statistic("standard_error", "effect", ("episodes", "events")),
        ),
        people="episodes",
    ),
    "risk_curves": TableRule(
        identifiers=("analysis", "strategy", "day"),
        counts=(Count("at_risk"),),
        statistics=(
            Statistic("risk", "curve", ("at_risk",)),
            *_interval("low", "high", "curve", "at_risk"),
        ),
        people="at_risk",
    ),
    "gates": TableRule(
        identifiers=("analysis", "gate", "threshold", "status"),
        words=("reason",),
        statistics=(Statistic("value", "score"),),
        cohort=True,
    ),
    "verdicts": TableRule(identifiers=("analysis", "verdict", "standing"), words=("reason",)),
    "balance": TableRule(
        identifiers=("analysis", "strategy", "day", "covariate"),
        statistics=(
            Statistic("unweighted_difference", "score"),
            Statistic("weighted_difference", "score"),
        ),
        cohort=True,
    ),
    "weights": TableRule(
        identifiers=("analysis", "strategy", "day"),
        counts=(Count("at_risk"),),
        statistics=(
            Statistic("mean", "score", ("at_risk",)),
            Statistic("standard_deviation", "score", ("at_risk",)),
            Statistic("quantile_99", "score", ("at_risk",)),
            Statistic("effective_share", "score", ("at_risk",)),
        ),
        people="at_risk",
    ),
    "positivity": TableRule(
        identifiers=(*UNIT, "stage", "pain"),
        counts=(Count("decisions"), Count("patients")),
        statistics=(
            Statistic("leaving_observed", "share", ("patients", "decisions")),
            Statistic("leaving_predicted", "share", ("patients", "decisions")),
            Statistic("share_below_floor", "share", ("patients", "decisions")),
        ),
        people="patients",
        over_clinics=True,
    ),
    "sensitivity": TableRule(
        identifiers=("analysis", "method", "measure", "status"),
        words=("reason",),
        statistics=(
            Statistic("value", "score"),
            *_interval("low", "high", "score"),
        ),
        cohort=True,
    ),
    "negative_exposures": TableRule(
        identifiers=("permutation", "status"),
        words=("reason",),
        statistics=(
            Statistic("risk_difference", "score"),
            Statistic("difference_error", "score"),
            Statistic("log_risk_ratio", "score"),
            Statistic("ratio_error", "score"),
        ),
        cohort=True,
    ),
    "specification_curve": TableRule(
        identifiers=(
            "specification",
            "is_registered",
            "definition",
            "order_name",
            "horizon_days",
            "adjustment",
            "follow_up",
            "truncation",
            "status",
        ),
        words=("reason",),
        counts=(Count("episodes"), Count("events", within="episodes")),
        statistics=(
            Statistic("value", "share", ("episodes", "events")),
            *_interval("low", "high", "share", "episodes", "events"),
        ),
        people="episodes",
    ),
    # About simulated people only; episodes and registries are numbers of a simulation.
    "certificate": TableRule(
        identifiers=(
            "scenario",
            "measure",
            "value",
            "monte_carlo_error",
            "registries",
            "episodes",
            "goal",
            "status",
        ),
    ),
    "trajectory_models": TableRule(
        identifiers=("domain", "model", "term", "unit", "subgroup_kind", "subgroup"),
        counts=(Count("patients"), Count("values_count")),
        statistics=(
            Statistic("value", "slope", ("patients", "values_count")),
            *_interval("low", "high", "slope", "patients", "values_count"),
            Statistic("standard_error", "slope", ("patients", "values_count")),
        ),
        people="patients",
    ),
    "trajectory_gaps": TableRule(
        identifiers=("domain", "model", "term", "subgroup_kind", "subgroup"), words=("reason",)
    ),
    "trajectory_courses": TableRule(
        identifiers=("domain", "model", "subgroup_kind", "subgroup", "stage", "week", "unit"),
        counts=(Count("patients"),),
        statistics=(
            Statistic("value", "mean", ("patients",)),
            *_interval("low", "high", "mean", "patients"),
        ),
        people="patients",
    ),
    "clinic_courses": TableRule(
        identifiers=(*UNIT, "domain", "term", "unit"),
        counts=(Count("patients"), Count("values_count")),
        statistics=(
            Statistic("value", "slope", ("patients", "values_count")),
            Statistic("standard_error", "slope", ("patients", "values_count")),
            Statistic("shrunken", "slope", ("patients", "values_count")),
            *_interval("low", "high", "slope", "patients", "values_count"),
            Statistic("reliability", "score", ("patients", "values_count")),
        ),
        people="patients",
    ),
    "dropout_patterns": TableRule(
        identifiers=("domain", "pattern", "week", "unit"),
        counts=(Count("episodes"), Count("patients")),
        statistics=(
            Statistic("mean", "mean", ("patients", "episodes")),
            *_interval("low", "high", "mean", "patients", "episodes"),
        ),
        people="patients",
    ),
    "trajectory_sensitivity": TableRule(
        identifiers=("domain", "method", "measure", "parameter", "unit", "status"),
        words=("reason",),
        counts=(Count("patients"),),
        statistics=(
            Statistic("value", "check", ("patients",)),
            *_interval("low", "high", "check", "patients"),
        ),
        people="patients",
    ),
    "measure_bounds": TableRule(
        identifiers=("domain", "stage"),
        counts=(
            Count("patients"),
            Count("values_count"),
            Count("at_worst", within="values_count"),
            Count("at_best", within="values_count"),
        ),
        statistics=(
            Statistic(
                "share_at_worst",
                "share",
                ("at_worst", "values_count"),
                ratio_of=("at_worst", "values_count"),
            ),
            Statistic(
                "share_at_best",
                "share",
                ("at_best", "values_count"),
                ratio_of=("at_best", "values_count"),
            ),
        ),
        people="patients",
    ),
    "missingness": TableRule(
        identifiers=("domain", "stage"),
        counts=(Count("patients"), Count("sessions"), Count("measured", within="sessions")),
        statistics=(
            Statistic(
                "share_measured",
                "share",
                ("measured", "sessions"),
                ratio_of=("measured", "sessions"),
            ),
        ),
        people="patients",
    ),
    "stage_times": TableRule(
        identifiers=(*UNIT, "stage", "week"),
        counts=(Count("at_risk"),),
        statistics=(
            Statistic("share_exited", "curve", ("at_risk",)),
            *_interval("low", "high", "curve", "at_risk"),
        ),
        people="at_risk",
    ),
    "stage_exits": TableRule(
        identifiers=(*UNIT, "stage"),
        counts=(
            Count("episodes"),
            Count("patients"),
            Count("exited", within="episodes"),
            Count("not_exited", within="episodes"),
        ),
        statistics=(
            Statistic("median_weeks", "mean", ("patients", "exited")),
            *_interval("median_low", "median_high", "mean", "patients", "exited"),
            Statistic("never_exit_share", "share", ("patients", "not_exited")),
        ),
        people="patients",
        sums=(("episodes", ("exited", "not_exited")),),
        over_clinics=True,
    ),
    "stage_endings": TableRule(
        identifiers=(*UNIT, "stage", "reason"),
        counts=(Count("episodes"), Count("patients")),
        people="patients",
        over_clinics=True,
    ),
    "domain_courses": TableRule(
        identifiers=(*UNIT, "domain", "stage", "unit"),
        counts=(Count("episodes"), Count("patients")),
        statistics=(
            Statistic("first_mean", "mean", ("patients", "episodes")),
            Statistic("last_mean", "mean", ("patients", "episodes")),
            *_interval("last_low", "last_high", "mean", "patients", "episodes"),
            Statistic("change_mean", "mean", ("patients", "episodes")),
            *_interval("change_low", "change_high", "mean", "patients", "episodes"),
        ),
        people="patients",
        over_clinics=True,
    ),
    "responders": TableRule(
        identifiers=(*UNIT, "domain", "change"),
        counts=(
            Count("episodes"),
            Count("patients"),
            Count("improved", within="episodes"),
            Count("not_improved", within="episodes"),
            Count("unmeasured", within="episodes"),
        ),
        statistics=(
            Statistic(
                "share_improved",
                "share",
                ("improved", "episodes"),
                ratio_of=("improved", "episodes"),
            ),
            *_interval("low", "high", "share", "improved", "episodes"),
        ),
        people="patients",
        sums=(("episodes", ("improved", "not_improved", "unmeasured")),),
        over_clinics=True,
    ),
    "deteriorations": TableRule(
        identifiers=(*UNIT, "domain"),
        counts=(
            Count("episodes"),
            Count("patients"),
            Count("deteriorated", within="episodes"),
            Count("not_deteriorated", within="episodes"),
            Count("unmeasured", within="episodes"),
        ),
        statistics=(
            Statistic(
                "share_deteriorated",
                "share",
                ("deteriorated", "episodes"),
                ratio_of=("deteriorated", "episodes"),
            ),
            *_interval("low", "high", "share", "deteriorated", "episodes"),
        ),
        people="patients",
        sums=(("episodes", ("deteriorated", "not_deteriorated", "unmeasured")),),
        over_clinics=True,
    ),
    "unit_summaries": TableRule(
        identifiers=UNIT,
        counts=(
            Count("patients"),
            Count("episodes"),
            Count("attended_sessions"),
            Count("episodes_ever_violated", within="episodes"),
            Count("episodes_ever_skipped", within="episodes"),
            Count("episodes_completed_all", within="episodes"),
            Count("reinjuries", within="episodes"),
            Count("status_known", within="episodes"),
        ),
        statistics=(
            Statistic("reinjury_risk", "share", ("reinjuries", "episodes")),
            *_interval(
                "reinjury_risk_low", "reinjury_risk_high", "share", "reinjuries", "episodes"
            ),
        ),
        people="patients",
        over_clinics=True,
    ),
    "stage_funnel": TableRule(
        identifiers=(*UNIT, "stage"),
        counts=(
            Count("episodes_worked"),
            Count("episodes_completed", within="episodes_worked"),
            Count("patients_worked"),
        ),
        people="patients_worked",
        over_clinics=True,
    ),
    "attrition": TableRule(
        identifiers=("step", "reason"), counts=(Count("episodes_left"),), people="episodes_left"
    ),
    "quality_points": TableRule(
        identifiers=(
            "chart",
            *UNIT,
            "period",
            "signal",
            "method",
            "is_complete",
            "unit",
            "is_baseline",
        ),
        counts=(
            Count("numerator", within="denominator"),
            Count("denominator"),
            Count("patients"),
        ),
        statistics=(
            Statistic(
                "value",
                "quality",
                ("numerator", "denominator", "patients"),
                ratio_of=("numerator", "denominator"),
            ),
            Statistic("center", "center", ("denominator", "patients")),
            *_interval("lower", "upper", "limit", "denominator", "patients"),
        ),
        people="patients",
        over_clinics=True,
    ),
    "case_mix": TableRule(
        identifiers=(*UNIT, "outcome", "position", "method", "is_comparable"),
        words=("reason",),
        counts=(Count("episodes"), Count("patients"), Count("observed", within="episodes")),
        statistics=(
            Statistic("expected", "standardised", ("patients", "episodes", "observed")),
            Statistic("ratio", "standardised", ("patients", "episodes", "observed")),
            *_interval("low", "high", "standardised", "patients", "episodes", "observed"),
            Statistic("shrunken", "standardised", ("patients", "episodes", "observed")),
            Statistic("reliability", "score", ("patients", "episodes")),
            *_interval("warning_low", "warning_high", "standardised", "patients", "episodes"),
            *_interval("alarm_low", "alarm_high", "standardised", "patients", "episodes"),
        ),
        people="patients",
        over_clinics=True,
    ),
    "risk_cusums": TableRule(
        identifiers=(*UNIT, "outcome", "period", "signal"),
        counts=(Count("episodes"), Count("patients"), Count("observed", within="episodes")),
        statistics=(
            Statistic("worse", "mean", ("patients", "episodes", "observed")),
            Statistic("better", "mean", ("patients", "episodes", "observed")),
            Statistic("life_adjusted", "cases", ("patients", "episodes", "observed")),
        ),
        people="patients",
        over_clinics=True,
    ),
    "rebases": TableRule(
        identifiers=("chart", *UNIT, "period", "reason", "date", "reviewer"),
    ),
    "data_quality": TableRule(
        identifiers=(*UNIT, "tier", "requirement", "needed", "is_met"),
        counts=(
            Count("numerator", within="denominator"),
            Count("denominator"),
            Count("patients"),
        ),
        statistics=(
            Statistic(
                "share",
                "share",
                ("denominator", "numerator", "patients"),
                ratio_of=("numerator", "denominator"),
            ),
        ),
        people="patients",
        over_clinics=True,
    ),
    "group_summaries": TableRule(
        identifiers=(*UNIT, "subgroup_kind", "subgroup"),
        counts=(
            Count("patients"),
            Count("episodes"),
            Count("improved", within="episodes"),
            Count("episodes_completed_all", within="episodes"),
            Count("reinjuries", within="episodes"),
            Count("status_known", within="episodes"),
        ),
        statistics=(
            Statistic(
                "share_improved",
                "share",
                ("improved", "episodes"),
                ratio_of=("improved", "episodes"),
            ),
            Statistic("reinjury_risk", "share", ("reinjuries", "episodes")),
            *_interval(
                "reinjury_risk_low", "reinjury_risk_high", "share", "reinjuries", "episodes"
            ),
        ),
        people="patients",
        over_clinics=True,
    ),
    "therapist_reviews": TableRule(
        identifiers=(*UNIT, "therapist", "indicator", "is_beyond"),
        counts=(
            Count("numerator", within="denominator"),
            Count("denominator"),
            Count("patients"),
        ),
        statistics=(
            Statistic(
                "share",
                "share",
                ("denominator", "numerator", "patients"),
                ratio_of=("numerator", "denominator"),
            ),
            Statistic("center", "share", ("denominator", "patients")),
            *_interval("lower", "upper", "share", "denominator", "patients"),
        ),
        people="patients",
    ),
    "runs": TableRule(
        identifiers=(
            "run_id",
            "started",
            "finished",
            "status",
            "code_version",
            "protocol_hash",
            "input_hash",
            "release_id",
        )
    ),
}
