"""What would have to be true for the primary answer to be wrong: words, pictures and tables."""

from collections.abc import Mapping, Sequence
from typing import Final

from analysis.figures import measures, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.forest import Line, forest_spec, status_cell
from analysis.figures.gaps import why_empty
from analysis.figures.words import Row, shows

SOURCE: Final = "results/sensitivity"
METHOD_NAMES: Final = {
    "e_value": "E-value",
    "tipping_point": "Tipping point of the lost",
    "empirical_null": "Empirical null, all negative controls",
    "empirical_null_exposures": "Empirical null, permuted orders",
    "calibrated": "Calibrated by the empirical null",
    "immortal_time": "Immortal time in the biased comparison",
    "positive_control": "Positive control",
    "specification_curve": "Specification curve",
}
COUNTS: Final = ("lost", "specifications")
# Groups that are told by name in the measures of a biased comparison.
GROUPS: Final = ("completed_all", "never_violated")
IMMORTAL: Final = "immortal_time"
DESIGNED: Final = "designed_risk_ratio"
POSITIVE: Final = "positive_control"
Found = Mapping[str, Row]


def method_name(method: str | None) -> str:
    """Return the name of a sensitivity analysis."""
    return METHOD_NAMES.get(method or "", words.spelled(method))


def write_measure(measure: str | None) -> measures.Write:
    """Return the function that writes values of a measure of results.sensitivity."""
    name = measure or ""
    if name in COUNTS:
        return words.count
    if name.startswith("share"):
        return words.percent
    if "risk_difference" in name:
        return words.points
    return words.decimal


def sensitivity_table(rows: Sequence[Row]) -> Twin:
    """Return released rows of results.sensitivity as a table."""
    cells = [
        [
            words.text(method_name(row["method"])),
            words.text(words.spelled(row["measure"])),
            words.cell(row, "value", write_measure(row["measure"])),
            _interval_cell(row),
            status_cell(row),
        ]
        for row in rows
    ]
    return twin(("Argument", "Measure", "Value", "95% interval", "Status and reason"), cells)


def _interval_cell(row: Row) -> Cell:
    if shows(row, "value") and not shows(row, "low") and not shows(row, "high"):
        return Cell("has none", "absent")
    return words.interval_cell(row, "low", "high", write_measure(row["measure"]))


def readings(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return what each argument says, in a sentence of its released numbers."""
    told = []
    for method in dict.fromkeys(str(row["method"]) for row in rows):
        own = [row for row in rows if row["method"] == method]
        shown = {str(row["measure"]): row for row in own if shows(row, "value")}
        reading = _reading(method, shown) if shown else why_empty("It", own)
        told.append(f"{method_name(method)}: {reading}")
    return tuple(told)


def _reading(method: str, shown: Found) -> str:
    ways = {
        "e_value": _of_e_value,
        "tipping_point": _of_tipping,
        "calibrated": _of_calibrated,
        "empirical_null": _of_null,
        "empirical_null_exposures": _of_null,
        "positive_control": _of_positive,
        IMMORTAL: _of_immortal,
        "specification_curve": _of_specifications,
    }
    told = ways[method](shown) if method in ways else ""
    return told or f"{len(shown)} numbers, in the table below."


def _value(shown: Found, measure: str) -> str:
    """Return a released number as text, or that it is not told."""
    row = shown.get(measure)
    return "not told" if row is None else write_measure(measure)(row["value"])


def _of_e_value(shown: Found) -> str:
    return (
        "an unmeasured confounder would have to be tied both to the strategy and to re-injury by "
        f"risk ratios of {_value(shown, 'risk_ratio')} to explain the estimate away, of "
        f"{_value(shown, 'limit_nearest_no_effect')} to move the interval to no difference "
        "(VanderWeele and Ding 2017)."
    )


def _of_tipping(shown: Found) -> str:
    told = ["it is about people lost to follow-up while keeping the order."]
    if "odds_ratio_among_lost_to_cover" in shown:
        told.append(
            "Their odds of re-injury would have to be "
            f"{_value(shown, 'odds_ratio_among_lost_to_cover')} times those expected for the "
            "interval to cover no difference."
        )
    if "odds_ratio_among_lost_to_cross" in shown:
        told.append(
            f"They would have to be {_value(shown, 'odds_ratio_among_lost_to_cross')} times those "
            "expected for the estimate to change sides."
        )
    return " ".join(told)


def _of_calibrated(shown: Found) -> str:
    row = shown.get("risk_ratio")
    if row is None:
        return ""
    told = f"risk ratio {words.decimal(row['value'])}"
    if shows(row, "low", "high"):
        told += f" ({words.span(row['low'], row['high'], words.decimal)})"
    return (
        f"{told}, p {_p(shown)}, once the error that the design shows where there "
        "is nothing to find is counted in (Schuemie et al. 2018)."
    )


def _p(shown: Found, measure: str = "p_value") -> str:
    """Return a p; one that rounding took to 0 is only near it."""
    told = _value(shown, measure)
    return "near 0" if told == "0" else told


def _of_specifications(shown: Found) -> str:
    return (
        f"{_value(shown, 'specifications')} specifications have an estimate, the middle one of "
        f"{_value(shown, 'median_risk_difference')}; intervals of "
        f"{_value(shown, 'share_below_none')} lie below no difference, of "
        f"{_value(shown, 'share_above_none')} above.{_by_chance(shown)}"
    )


def _by_chance(shown: Found) -> str:
    """Return how often specifications without any effect would agree so well, if it was asked."""
    if "joint_median_p" not in shown:
        return " They share their people, so this is no test."
    return (
        " Had none of them any effect, a middle so far from none would come by chance with "
        f"p {_p(shown, 'joint_median_p')}, and so many clear intervals with "
        f"p {_p(shown, 'joint_share_p')} (Simonsohn et al. 2020)."
    )


def _of_null(shown: Found) -> str:
    return (
        f"{_value(shown, 'share_rejected')} of the controls are rejected where 5% are expected; "
        f"expected absolute systematic error {_value(shown, 'expected_absolute_error')} on the "
        "scale of log risk ratios."
    )


def _of_positive(shown: Found) -> str:
    kept = [row for name, row in shown.items() if name.startswith("found_over_planted")]
    told = [words.decimal(row["value"]) for row in kept]
    if not told:
        return ""
    return (
        "a known difference was planted in outcomes that the order cannot influence; the design "
        f"finds {' and '.join(told)} times the planted ratio (1 is right)."
    )


def _of_immortal(shown: Found) -> str:
    told = [
        f"{words.decimal(row['value'])} ({measures.strategy_name(group)})"
        for group in GROUPS
        if (row := shown.get(f"immortal_time_ratio_{group}")) is not None
    ]
    if not told:
        return ""
    return (
        f"it multiplies the hazard ratio of the biased comparison by {' and by '.join(told)}: time "
        "in which nobody who is counted there could have been re-injured (Suissa 2008)."
    )


def immortal_chart(rows: Sequence[Row]) -> Chart:
    """Return the biased comparisons beside the designed ratio, with the immortal-time part."""
    own = [row for row in rows if row["method"] == IMMORTAL]
    lines = [_ratio_line(row, *_immortal_label(str(row["measure"]))) for row in own]
    has_designed = any(line.is_drawn and line.role == "own" for line in lines)
    spec = forest_spec(lines, "risk_ratio") if has_designed else None
    what = "The immortal-time part of the biased comparison"
    return Chart(
        key="immortal-time",
        title="Biased comparison beside the designed estimate, and its immortal-time part",
        note=(
            "Ratios; 1 is no difference; with 95% intervals. Each biased comparison is told as a "
            "raw risk ratio, as a hazard ratio of groups as they were in the end, and as one of "
            "groups as they stood each day (Suissa 2008). The immortal-time part is the factor "
            "between the last two. Nothing in a biased comparison is adjusted."
        ),
        twin=_ratio_twin(own, lines),
        spec=spec,
        missing="" if spec else why_empty(what, own),
        legend=(
            LegendEntry("square-own", "designed estimate"),
            LegendEntry("open-other", "biased comparison"),
            LegendEntry("diamond-plain", "immortal-time part"),
        ),
        source=SOURCE,
    )


def _immortal_label(measure: str) -> tuple[str, str, str]:
    """Return label, role and symbol of a measure of immortal time."""
    if measure == DESIGNED:
        return "designed estimate: risk ratio", "own", "square"
    group = next((name for name in GROUPS if measure.endswith(name)), "")
    told = measures.strategy_name(group) if group else words.spelled(measure).lower()
    kind = words.spelled(measure.removesuffix(group).rstrip("_")).lower().removeprefix("naive ")
    if measure.startswith("immortal_time_ratio"):
        return f"{told}: immortal-time part", "network", "diamond"
    return f"biased comparison, {told}: {kind}", "other", "circle-open"


def positive_chart(rows: Sequence[Row]) -> Chart:
    """Return planted beside found ratios of the positive controls."""
    own = [row for row in rows if row["method"] == POSITIVE]
    lines = [_ratio_line(row, *_positive_label(str(row["measure"]))) for row in own]
    spec = forest_spec(lines, "risk_ratio")
    return Chart(
        key="positive-control",
        title="A difference that was planted, and what the design finds of it",
        note=(
            "Risk ratios; 1 is no difference; with 95% intervals. Half of the events of an outcome "
            "that the order cannot influence were taken out while the order was kept."
        ),
        twin=_ratio_twin(own, lines),
        spec=spec,
        missing="" if spec else why_empty("The positive control", own),
        legend=(
            LegendEntry("open-network", "planted"),
            LegendEntry("square-own", "found"),
            LegendEntry("diamond-plain", "found over planted"),
        ),
        source=SOURCE,
    )


def _positive_label(measure: str) -> tuple[str, str, str]:
    for start, kind, role, symbol in (
        ("planted_risk_ratio", "planted", "network", "circle-open"),
        ("found_over_planted", "found over planted", "network", "diamond"),
        ("found_risk_ratio", "found", "own", "square"),
    ):
        if measure.startswith(start):
            outcome = words.spelled(measure.removeprefix(start)).lower()
            return f"{outcome}: {kind}", role, symbol
    return words.spelled(measure).lower(), "own", "square"


def _ratio_line(row: Row, label: str, role: str, symbol: str) -> Line:
    return Line(label, {**row, "measure": "risk_ratio", "comparator": None}, role, symbol)


def _ratio_twin(rows: Sequence[Row], lines: Sequence[Line]) -> Twin:
    cells = [
        [
            words.text(line.label),
            words.cell(row, "value", words.decimal),
            words.interval_cell(row, "low", "high", words.decimal),
            status_cell(row),
        ]
        for row, line in zip(rows, lines, strict=True)
    ]
    return twin(("What", "Ratio", "95% interval", "Status and reason"), cells)
