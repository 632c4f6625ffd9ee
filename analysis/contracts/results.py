"""What a row of every results table holds: column names and types, in order.

A frame enters the registry only through `conform`, so that every reader can rely on these
columns. Counts are counts of episodes unless the name says patients; they are true counts, and
leave the registry only through the release gate (`analysis.disclosure`).
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from analysis.contracts.errors import NmtError

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

ESTIMATE_STATUSES: Final = ("estimated", "sealed", "not_run", "failed", "suppressed", "impossible")
GATE_STATUSES: Final = ("passed", "failed", "not_evaluated")
VERDICTS: Final = (
    "compatible with lower re-injury",
    "no clear difference",
    "compatible with higher re-injury",
    "cannot be estimated from these data",
)
NETWORK: Final = "network"
CLINIC: Final = "clinic"

RESULT_TABLES: Final[Mapping[str, Schema]] = {
    "estimates": {
        "analysis": pl.String,
        "hypothesis": pl.String,
        "strategy": pl.String,
        "comparator": pl.String,
        "estimator": pl.String,
        "measure": pl.String,
        "horizon_days": pl.Int32,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "standard_error": pl.Float64,
        "episodes": pl.Int64,
        "events": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
        "is_biased_comparison": pl.Boolean,
        # Which part of the study population the estimate is about; null for all of it.
        "subgroup_kind": pl.String,
        "subgroup": pl.String,
    },
    "risk_curves": {
        "analysis": pl.String,
        "strategy": pl.String,
        "day": pl.Int32,
        "risk": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "at_risk": pl.Int64,
    },
    "gates": {
        "analysis": pl.String,
        "gate": pl.String,
        "value": pl.Float64,
        "threshold": pl.Float64,
        "status": pl.String,
        "reason": pl.String,
    },
    # standing says whether the protocol was registered before these data were looked at.
    "verdicts": {
        "analysis": pl.String,
        "verdict": pl.String,
        "reason": pl.String,
        "standing": pl.String,
    },
    # Weighted standardised difference of a covariate's level between what is left of a strategy
    # on a day of follow-up and the whole cohort.
    "balance": {
        "analysis": pl.String,
        "strategy": pl.String,
        "day": pl.Int32,
        "covariate": pl.String,
        "unweighted_difference": pl.Float64,
        "weighted_difference": pl.Float64,
    },
    # The weights of those still followed under a strategy on a day; effective_share is Kish's
    # effective sample size as a share of them.
    "weights": {
        "analysis": pl.String,
        "strategy": pl.String,
        "day": pl.Int32,
        "at_risk": pl.Int64,
        "mean": pl.Float64,
        "standard_deviation": pl.Float64,
        "quantile_99": pl.Float64,
        "effective_share": pl.Float64,
    },
    # Where hardly anybody stays with the strict order: a kind of decision by its levels.
    "positivity": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "stage": pl.Int16,
        "pain": pl.String,
        "decisions": pl.Int64,
        "patients": pl.Int64,
        "leaving_observed": pl.Float64,
        "leaving_predicted": pl.Float64,
        "share_below_floor": pl.Float64,
    },
    # What would have to be true for the primary answer to be wrong; method names the argument
    # (e_value, tipping_point, empirical_null, immortal_time, ...), measure the number.
    "sensitivity": {
        "analysis": pl.String,
        "method": pl.String,
        "measure": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "status": pl.String,
        "reason": pl.String,
    },
    # Estimates of exposures that cannot have an effect: the order with its labels permuted.
    "negative_exposures": {
        "permutation": pl.Int32,
        "risk_difference": pl.Float64,
        "difference_error": pl.Float64,
        "log_risk_ratio": pl.Float64,
        "ratio_error": pl.Float64,
        "status": pl.String,
        "reason": pl.String,
    },
    # The primary contrast under every defensible choice; one row was registered beforehand.
    "specification_curve": {
        "specification": pl.Int32,
        "is_registered": pl.Boolean,
        "definition": pl.String,
        "order_name": pl.String,
        "horizon_days": pl.Int32,
        "adjustment": pl.String,
        "follow_up": pl.String,
        "truncation": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "episodes": pl.Int64,
        "events": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
    },
    # How the estimator does on simulated registries shaped like these records.
    "certificate": {
        "scenario": pl.String,
        "measure": pl.String,
        "value": pl.Float64,
        "monte_carlo_error": pl.Float64,
        "registries": pl.Int64,
        "episodes": pl.Int64,
        "goal": pl.String,
        "status": pl.String,
    },
    "trajectory_models": {
        "domain": pl.String,
        "model": pl.String,
        "term": pl.String,
        "value": pl.Float64,
        "standard_error": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "unit": pl.String,
        "patients": pl.Int64,
        "values_count": pl.Int64,
        # Which part of the study population the model is of; null for all of it.
        "subgroup_kind": pl.String,
        "subgroup": pl.String,
    },
    # A term (or, without a term, a whole model) that these data cannot carry, and why.
    "trajectory_gaps": {
        "domain": pl.String,
        "model": pl.String,
        "term": pl.String,
        "reason": pl.String,
        "subgroup_kind": pl.String,
        "subgroup": pl.String,
    },
    # The course a model predicts for an episode with the usual time in every stage.
    "trajectory_courses": {
        "domain": pl.String,
        "model": pl.String,
        "subgroup_kind": pl.String,
        "subgroup": pl.String,
        "stage": pl.Int16,
        "week": pl.Float64,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "unit": pl.String,
        "patients": pl.Int64,
    },
    # A clinic's term of a domain's model: its own estimate, and what is left of it once its error
    # is allowed for; reliability is the share of the clinics' variance that is no error.
    "clinic_courses": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "domain": pl.String,
        "term": pl.String,
        "value": pl.Float64,
        "standard_error": pl.Float64,
        "shrunken": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "reliability": pl.Float64,
        "unit": pl.String,
        "patients": pl.Int64,
        "values_count": pl.Int64,
    },
    # Observed means of a domain by week since day 0, apart for those who left care when.
    "dropout_patterns": {
        "domain": pl.String,
        "pattern": pl.String,
        "week": pl.Int16,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "unit": pl.String,
    },
    # What the line of a domain hides; method names the check (pattern_mixture, delta, attendance,
    # tobit, regression_to_the_mean), parameter what was assumed (null where nothing was).
    "trajectory_sensitivity": {
        "domain": pl.String,
        "method": pl.String,
        "measure": pl.String,
        "parameter": pl.Float64,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "unit": pl.String,
        "patients": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
    },
    # How many values of a domain lie at the worst and at the best end of its scale.
    "measure_bounds": {
        "domain": pl.String,
        "stage": pl.Int16,
        "patients": pl.Int64,
        "values_count": pl.Int64,
        "at_worst": pl.Int64,
        "at_best": pl.Int64,
        "share_at_worst": pl.Float64,
        "share_at_best": pl.Float64,
    },
    # Of the attended sessions in a stage, those at which the domain was measured.
    "missingness": {
        "domain": pl.String,
        "stage": pl.Int16,
        "patients": pl.Int64,
        "sessions": pl.Int64,
        "measured": pl.Int64,
        "share_measured": pl.Float64,
    },
    # Kaplan-Meier share of episodes that have met a stage's exit, by week since they entered it.
    "stage_times": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "stage": pl.Int16,
        "week": pl.Int16,
        "at_risk": pl.Int64,
        "share_exited": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    },
    # episodes = exited + not_exited; never_exit_share is what Kaplan-Meier leaves at the end.
    "stage_exits": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "stage": pl.Int16,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "exited": pl.Int64,
        "not_exited": pl.Int64,
        "median_weeks": pl.Float64,
        "median_low": pl.Float64,
        "median_high": pl.Float64,
        "never_exit_share": pl.Float64,
    },
    # Where care ended before all stages were completed, and the recorded reason.
    "stage_endings": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "stage": pl.Int16,
        "reason": pl.String,
        "episodes": pl.Int64,
        "patients": pl.Int64,
    },
    # Mean of a domain over the episodes measured in a stage; unit_kind is network or clinic.
    "domain_courses": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "domain": pl.String,
        "stage": pl.Int16,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "first_mean": pl.Float64,
        "last_mean": pl.Float64,
        "last_low": pl.Float64,
        "last_high": pl.Float64,
        "change_mean": pl.Float64,
        "change_low": pl.Float64,
        "change_high": pl.Float64,
        "unit": pl.String,
    },
    # improved + not_improved + unmeasured = episodes; share_improved is improved / episodes.
    "responders": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "domain": pl.String,
        "change": pl.String,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "improved": pl.Int64,
        "not_improved": pl.Int64,
        "unmeasured": pl.Int64,
        "share_improved": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    },
    # Who got worse by an important change; counts add up as those of responders.
    "deteriorations": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "domain": pl.String,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "deteriorated": pl.Int64,
        "not_deteriorated": pl.Int64,
        "unmeasured": pl.Int64,
        "share_deteriorated": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    },
    "unit_summaries": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "patients": pl.Int64,
        "episodes": pl.Int64,
        "attended_sessions": pl.Int64,
        "episodes_ever_violated": pl.Int64,
        "episodes_ever_skipped": pl.Int64,
        "episodes_completed_all": pl.Int64,
        "reinjuries": pl.Int64,
        "reinjury_risk": pl.Float64,
        "reinjury_risk_low": pl.Float64,
        "reinjury_risk_high": pl.Float64,
        "status_known": pl.Int64,
    },
    "stage_funnel": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "stage": pl.Int16,
        "episodes_worked": pl.Int64,
        "episodes_completed": pl.Int64,
        "patients_worked": pl.Int64,
    },
    "attrition": {
        "step": pl.Int16,
        "reason": pl.String,
        "episodes_left": pl.Int64,
    },
    # method is the kind of chart (p, p_prime, u, u_prime, xmr, g, t, run, none); unit is what value
    # is measured in (share where null); is_complete says whether the point's cohort could be
    # followed long enough; is_baseline whether centre and limits are made from it; patients is how
    # many people the point is about. A period is a month (YYYY-MM), or a quarter (YYYY-Qn) where
    # months are too small.
    "quality_points": {
        "chart": pl.String,
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "period": pl.String,
        "numerator": pl.Float64,
        "denominator": pl.Float64,
        "value": pl.Float64,
        "center": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "signal": pl.String,
        "method": pl.String,
        "is_complete": pl.Boolean,
        "patients": pl.Int64,
        "unit": pl.String,
        "is_baseline": pl.Boolean,
    },
    # A unit's outcome against what its patients' state before treatment lets expect: ratio is
    # observed / expected with its exact interval, shrunken what is left of it once chance is
    # allowed for, reliability the share of clinics' variance that is no chance. Limits are those
    # of the funnel at 95 and 99.8 %; position is where the unit lies, null where not comparable.
    "case_mix": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "outcome": pl.String,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "observed": pl.Int64,
        "expected": pl.Float64,
        "ratio": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "shrunken": pl.Float64,
        "reliability": pl.Float64,
        "warning_low": pl.Float64,
        "warning_high": pl.Float64,
        "alarm_low": pl.Float64,
        "alarm_high": pl.Float64,
        "position": pl.String,
        "method": pl.String,
        "is_comparable": pl.Boolean,
        "reason": pl.String,
    },
    # Risk-adjusted cumulative sums at the end of a period: worse and better are shares of the
    # limit at which the sum signals; life_adjusted is expected less observed cases so far.
    "risk_cusums": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "outcome": pl.String,
        "period": pl.String,
        "episodes": pl.Int64,
        "patients": pl.Int64,
        "observed": pl.Int64,
        "worse": pl.Float64,
        "better": pl.Float64,
        "life_adjusted": pl.Float64,
        "signal": pl.String,
    },
    # From which period on a chart has a new baseline, why, and who decided it on which day.
    "rebases": {
        "chart": pl.String,
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "period": pl.String,
        "reason": pl.String,
        "date": pl.String,
        "reviewer": pl.String,
    },
    # What a unit records, by what the tiers of data quality ask: T0 appointments only, T1 stages
    # and pain, T2 dated exits with evidence, T3 scheduled follow-up.
    "data_quality": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "tier": pl.Int16,
        "requirement": pl.String,
        "numerator": pl.Int64,
        "denominator": pl.Int64,
        "patients": pl.Int64,
        "share": pl.Float64,
        "needed": pl.Float64,
        "is_met": pl.Boolean,
    },
    # How one part of a unit's patients fares; subgroup_kind is condition or region. improved is by
    # the important change in pain.
    "group_summaries": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "subgroup_kind": pl.String,
        "subgroup": pl.String,
        "patients": pl.Int64,
        "episodes": pl.Int64,
        "improved": pl.Int64,
        "episodes_completed_all": pl.Int64,
        "reinjuries": pl.Int64,
        "status_known": pl.Int64,
        "share_improved": pl.Float64,
        "reinjury_risk": pl.Float64,
        "reinjury_risk_low": pl.Float64,
        "reinjury_risk_high": pl.Float64,
    },
    # Only where the protocol allows a page about therapists; the unit is the therapist's clinic.
    "therapist_reviews": {
        "unit_kind": pl.String,
        "unit_name": pl.String,
        "therapist": pl.String,
        "indicator": pl.String,
        "numerator": pl.Int64,
        "denominator": pl.Int64,
        "patients": pl.Int64,
        "share": pl.Float64,
        "center": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "is_beyond": pl.Boolean,
    },
    "runs": {
        "run_id": pl.String,
        "started": pl.Datetime("us"),
        "finished": pl.Datetime("us"),
        "status": pl.String,
        "code_version": pl.String,
        "protocol_hash": pl.String,
        "input_hash": pl.String,
        "release_id": pl.String,
    },
}


class SchemaError(NmtError):
    """A results frame does not have the columns or types that its table declares."""


def empty(table: str) -> pl.DataFrame:
    """Return the results table without rows."""
    return pl.DataFrame(schema=dict(RESULT_TABLES[table]))


def conform(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` in the column order and with the types of the results table.

    Columns that are absent are filled with nulls; an undeclared column, or a value that its
    declared type cannot hold, raises `SchemaError` naming table and column.
    """
    schema = RESULT_TABLES[table]
    if not rows.columns:
        # Polars would make one row of nothing out of a frame without columns.
        return empty(table)
    undeclared = [name for name in rows.columns if name not in schema]
    if undeclared:
        raise SchemaError(f"results.{table} does not declare the columns {undeclared}.")
    try:
        return rows.select(
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in schema.items()
        )
    except pl.exceptions.PolarsError as fault:
        raise SchemaError(f"results.{table}: {type(fault).__name__} while typing rows.") from None
