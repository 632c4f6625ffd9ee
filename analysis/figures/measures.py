"""Effect measures, strategies, analyses and subgroups as readers see them."""

from collections.abc import Callable
from typing import Final

from analysis.figures import words
from analysis.figures.words import Row

Write = Callable[[float], str]

STRATEGY_NAMES: Final = {
    "strict": "strict",
    "natural": "natural",
    "early_loading": "early loading",
    "strict_in_care": "strict, staying in care",
    "in_order": "in order",
    "stage_5_completed": "staying to stage 5",
    "completed_all": "completed all five",
    "not_completed_all": "did not",
    "never_violated": "never left the order",
    "ever_violated": "ever left the order",
    "advance": "move on now",
    "wait": "wait",
}
MEASURE_NAMES: Final = {
    "risk": "risk",
    "risk_difference": "risk difference",
    "risk_ratio": "risk ratio",
    "hazard_ratio": "hazard ratio",
    "subdistribution_hazard_ratio": "subdistribution hazard ratio",
    "mean_count": "mean number of re-injuries",
    "restricted_mean_days": "days free of re-injury",
    "recovered_days": "recovered days",
    "odds_ratio": "odds ratio",
    "risk_difference_prediction": "prediction interval, a further clinic",
    "adjusted_p": "p of no difference, adjusted for the number of groups",
    "heterogeneity_q": "Cochran's Q",
    "heterogeneity_p": "p of no difference between groups",
    "heterogeneity_adjusted_p": "p of no difference between groups, adjusted",
    "i_squared": "share of the spread beyond chance (I squared)",
    "tau": "spread between groups (standard deviation)",
    "between_clinic_sd": "spread between clinics (standard deviation)",
}
ANALYSIS_NAMES: Final = {
    "primary": "Primary",
    "completion": "Completion",
    "primary_imputed": "Completion, missing covariates imputed",
    "order": "Order",
    "specificity": "Specificity",
    "endurance": "Endurance",
    "early_loading": "Early loading",
    "biased_comparison": "Biased comparison",
    "by_condition": "By condition",
    "by_region": "By region",
    "by_chronicity": "By chronicity",
    "by_clinic": "By clinic",
    "within_clinic": "Within clinics",
    "across_clinics": "Across clinics",
    "leave_one_clinic_out": "One clinic left out",
    "nested_trials": "Nested trials",
    "competing_events": "Competing events",
    "composite": "Re-injury, surgery or death",
    "recurrent_reinjury": "Recurrent re-injury",
    "restricted_mean": "Time free of re-injury",
    "recovered_days": "Recovered days",
}


def strategy_name(name: str | None) -> str:
    """Return a strategy as words."""
    given = name or ""
    if given.startswith("strict_") and given not in STRATEGY_NAMES:
        return f"strict, order {words.spelled(given.removeprefix('strict_')).lower()}"
    return STRATEGY_NAMES.get(given, words.spelled(given).lower())


def contrast_name(row: Row) -> str:
    """Return a row's strategy, or the two that it sets against each other."""
    own = strategy_name(row["strategy"])
    return f"{own} against {strategy_name(row['comparator'])}" if row["comparator"] else own


def analysis_name(analysis: str | None) -> str:
    """Return an analysis as words."""
    return ANALYSIS_NAMES.get(analysis or "", words.spelled(analysis))


def measure_name(measure: str | None) -> str:
    """Return a measure as words."""
    base = (measure or "").removesuffix("_difference")
    if measure in MEASURE_NAMES or base not in MEASURE_NAMES:
        return MEASURE_NAMES.get(measure or "", words.spelled(measure).lower())
    return f"{MEASURE_NAMES[base]}, difference"


def is_ratio(measure: str | None) -> bool:
    """Say whether no difference is 1 rather than 0."""
    return "ratio" in (measure or "")


def is_share(measure: str | None) -> bool:
    """Say whether values are shares, differences included."""
    return (measure or "").startswith("risk") and not is_ratio(measure)


def is_days(measure: str | None) -> bool:
    """Say whether values are days."""
    return "days" in (measure or "")


def write_effect(measure: str | None, *, is_contrast: bool = True) -> Write:
    """Return the function that writes values of a measure."""
    if measure == "risk":
        return words.points if is_contrast else words.percent
    if measure == "tau":
        return spread
    if is_share(measure):
        return words.points
    if measure == "i_squared":
        return words.percent
    if is_days(measure):
        return days_apart if is_contrast else days
    return words.decimal


def write_row(row: Row) -> Write:
    """Return the function that writes the values of a row of results.estimates."""
    return write_effect(row["measure"], is_contrast=bool(row["comparator"]))


def days(number: float) -> str:
    """Return a number of days with one decimal at most."""
    return f"{words.signed(f'{number:.1f}'.removesuffix('.0'))} days"


def days_apart(number: float) -> str:
    """Return a difference of days with its sign."""
    return f"{words.with_sign(number)} days"


def spread(share: float) -> str:
    """Return a standard deviation of risk differences in points, which has no sign."""
    return f"{words.decimal(round(100 * share, 1))} points"


def unit_words(measure: str | None) -> str:
    """Return the unit in which a measure is drawn."""
    if is_ratio(measure):
        return "1 is no difference"
    if is_share(measure):
        return "percentage points"
    if is_days(measure):
        return "days"
    return "per person" if "count" in (measure or "") else measure_name(measure)


def drawn_scale(measure: str | None) -> float:
    """Return by what values are multiplied before they are drawn."""
    return 100.0 if is_share(measure) else 1.0
