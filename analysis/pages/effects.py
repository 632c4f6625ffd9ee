"""Sections with estimates: hypotheses, subgroups, clinics, secondary outcomes, nested trials."""

from collections.abc import Sequence
from typing import Final

from analysis.figures import measures, words
from analysis.figures.chart import Cell, LegendEntry
from analysis.figures.contrasts import (
    DESIGNED,
    Subject,
    biased_beside_designed,
    forest,
    subgroup_lines,
    unnamed_lines,
)
from analysis.figures.curves import curve_chart
from analysis.figures.forest import Line, status_cell
from analysis.figures.gaps import why_empty
from analysis.figures.measures import analysis_name, contrast_name
from analysis.figures.words import Row
from analysis.pages.answers import first
from analysis.pages.blocks import Block, Charts, Section, Table, missing
from analysis.pages.designs import PRIMARY, of_primary
from analysis.pages.shelf import Shelf

DIFFERENCE: Final = "risk_difference"
BIASED: Final = "biased_comparison"
CONTROL: Final = "negative_control"
SUBGROUPS: Final = {
    "by_condition": "Condition",
    "by_region": "Region",
    "by_chronicity": "Chronicity",
}
POOLED: Final = ("across_clinics", "within_clinic")
LEFT_OUT: Final = "leave_one_clinic_out"
CLINIC_ANALYSES: Final = (*POOLED, LEFT_OUT)
ON_POINTS: Final = (DIFFERENCE, "risk_difference_prediction")
TRIALS: Final = "nested_trials"
HYPOTHESIS_ANALYSES: Final = (PRIMARY, "primary_imputed", "order", "endurance", "specificity")
MAIN_ANALYSES: Final = (*HYPOTHESIS_ANALYSES, "early_loading")
CURVED: Final = ("order", "endurance", "early_loading")
OVERALL: Final = LegendEntry("diamond-plain", "everybody")


def designed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are no biased comparison."""
    return [row for row in rows if not row["is_biased_comparison"]]


def primary_contrast(estimates: Sequence[Row], measure: str = DIFFERENCE) -> Row | None:
    """Return the primary contrast of this measure, None without a row of it."""
    return first(
        designed(of_primary(estimates)),
        lambda row: bool(row["comparator"] and row["measure"] == measure),
    )


def risk_section(shelf: Shelf) -> Section:
    """Return risk over time, and the designed estimate beside the biased comparisons."""
    estimates = shelf.rows("estimates")
    contrasts = [
        row
        for row in estimates
        if row["comparator"] and (row["analysis"] == PRIMARY or row["is_biased_comparison"])
    ]
    drawn = dict.fromkeys(row["measure"] for row in contrasts if row["measure"])
    forests = tuple(biased_beside_designed(contrasts, measure) for measure in drawn)
    blocks: list[Block] = [Charts((curve_chart(of_primary(shelf.rows("risk_curves"))),))]
    blocks.append(
        Charts(forests) if forests else missing(why_empty("The primary contrast", contrasts))
    )
    return Section(
        "risks",
        "Risk over time, and the biased comparisons",
        "A raw comparison of people who completed with people who did not mixes the contrast with "
        "who they were, and with how long they stayed. It is marked biased comparison wherever it "
        "stands.",
        tuple(blocks),
    )


def hypotheses_section(shelf: Shelf) -> Section:
    """Return the contrasts of all hypotheses on one scale."""
    estimates = designed(shelf.rows("estimates"))
    rows = [
        row
        for row in estimates
        if row["analysis"] in MAIN_ANALYSES and is_difference(row) and not row["subgroup_kind"]
    ]
    rows.sort(key=lambda row: MAIN_ANALYSES.index(row["analysis"]))
    lines = [Line(f"{_hypothesis_name(row)}: {contrast_name(row)}", row) for row in rows]
    subject = Subject(
        "forest-hypotheses",
        "The contrast of each hypothesis",
        "Hypothesis and contrast",
        "Each hypothesis is tested two-sided and reported apart; completion is primary. Negative "
        "is lower risk under the first strategy.",
    )
    controls = [row for row in estimates if str(row["analysis"]).startswith(CONTROL)]
    return Section(
        "hypotheses",
        "All hypotheses on one scale",
        "What could not be estimated keeps its line, with the reason in a word.",
        (
            Charts((forest(subject, lines, DIFFERENCE),)),
            *_further_curves(shelf.rows("risk_curves")),
            *_controls(controls),
        ),
    )


def _further_curves(rows: Sequence[Row]) -> list[Block]:
    """Return the curves of the hypotheses beside the primary, but for those of rival orders."""
    charts = tuple(
        curve_chart(
            [row for row in rows if row["analysis"] == analysis],
            f"risk-curves-{analysis.replace('_', '-')}",
            analysis_name(analysis),
        )
        for analysis in CURVED
        if any(row["analysis"] == analysis for row in rows)
    )
    return [Charts(charts)] if charts else []


def _hypothesis_name(row: Row) -> str:
    return "Completion (primary)" if row["analysis"] == PRIMARY else analysis_name(row["analysis"])


def _controls(rows: Sequence[Row]) -> list[Block]:
    contrasts = [row for row in rows if row["comparator"] and row["measure"] == DIFFERENCE]
    lines = [
        Line(words.spelled(str(row["analysis"]).removeprefix(f"{CONTROL}_")), row, "network")
        for row in contrasts
    ]
    subject = Subject(
        "negative-controls",
        "The test on outcomes that the order cannot influence",
        "Outcome",
        "Negative controls: the same design, another outcome. An interval away from 0 is a sign of "
        "error in the design, and closes a gate.",
    )
    return [Charts((forest(subject, lines, DIFFERENCE, ()),))]


def subgroups_section(shelf: Shelf) -> Section:
    """Return the primary contrast by condition, region and chronicity."""
    estimates = designed(shelf.rows("estimates"))
    overall = primary_contrast(estimates)
    charts = []
    for analysis, name in SUBGROUPS.items():
        rows = [
            row
            for row in estimates
            if row["analysis"] == analysis and row["subgroup"] and is_difference(row)
        ]
        lines = subgroup_lines(rows, overall) if rows else []
        subject = Subject(
            f"subgroup-{analysis.removeprefix('by_')}",
            f"The contrast by {name.lower()}",
            name,
            "The whole design refitted in each group; rare levels are pooled. Intervals are not "
            "widened for the number of groups.",
        )
        charts.append(forest(subject, lines, DIFFERENCE, (DESIGNED, OVERALL)))
    return Section(
        "subgroups",
        "Subgroups",
        "Strict against natural within each group of episodes.",
        (Charts(tuple(charts)), *_heterogeneity(estimates)),
    )


def _heterogeneity(estimates: Sequence[Row]) -> list[Block]:
    """Return how far the groups of each kind differ from one another."""
    rows = [row for row in estimates if row["analysis"] in SUBGROUPS and not row["subgroup"]]
    if not rows:
        return []
    cells = [
        (
            words.text(analysis_name(row["analysis"])),
            words.text(measures.measure_name(row["measure"])),
            words.cell(row, "value", measures.write_row(row)),
            status_cell(row),
        )
        for row in rows
    ]
    caption = "How far the groups differ from one another"
    return [Table(caption, ("Groups", "Measure", "Value", "Status"), cells, "results/estimates")]


def is_difference(row: Row) -> bool:
    """Say whether a row is a contrast told as a risk difference."""
    return bool(row["comparator"]) and row["measure"] == DIFFERENCE


def clinics_section(shelf: Shelf) -> Section:
    """Return how much the contrast differs between clinics, without naming one."""
    rows = [row for row in designed(shelf.rows("estimates")) if row["analysis"] in CLINIC_ANALYSES]
    return Section(
        "clinics",
        "Across clinics",
        "Random effects: clinics may differ in truth. The prediction interval is about a further "
        "clinic, the interval of the mean about these. Clinics are not named and not ranked.",
        (*_pooled(rows), *_left_out(rows)),
    )


def _pooled(rows: Sequence[Row]) -> list[Block]:
    pooled = [row for row in rows if row["analysis"] in POOLED]
    if not pooled:
        return [missing(why_empty("The analysis across clinics", []))]
    lines = [
        Line(_clinic_label(row), row, "own", _clinic_symbol(row))
        for row in pooled
        if row["measure"] in ON_POINTS and row["comparator"]
    ]
    subject = Subject("forest-clinics", "The contrast across clinics", "What", "")
    blocks: list[Block] = [Charts((forest(subject, lines, DIFFERENCE, ()),))]
    others = [row for row in pooled if row["measure"] not in ON_POINTS]
    if others:
        cells = [
            (words.text(_clinic_label(row)), *_estimate_numbers(row), status_cell(row))
            for row in others
        ]
        header = ("What", "Value", "95% interval", "Episodes", "Status")
        blocks.append(Table("How far clinics differ", header, cells, "results/estimates"))
    return blocks


def _clinic_label(row: Row) -> str:
    name = measures.measure_name(row["measure"])
    if row["estimator"] == "cochran_q":
        return name
    return f"{words.spelled(row['estimator']).lower()}: {name}"


def _is_told(row: Row) -> bool:
    """Say whether a subgroup may be named: a clinic may not."""
    return bool(row["subgroup"]) and row["subgroup_kind"] not in {None, "clinic"}


def _clinic_symbol(row: Row) -> str:
    return "diamond" if row["measure"] == DIFFERENCE else "diamond-open"


def _left_out(rows: Sequence[Row]) -> list[Block]:
    kept = [row for row in rows if row["analysis"] == LEFT_OUT and is_difference(row)]
    subject = Subject(
        "leave-one-out",
        "The contrast without one clinic",
        "Left out",
        "Sorted by value; no clinic is named. A line far from the others would mean that one "
        "clinic carries the answer.",
    )
    return [Charts((forest(subject, unnamed_lines(kept, "without one clinic"), DIFFERENCE, ()),))]


def secondary_section(shelf: Shelf) -> Section:
    """Return every other outcome and estimand, by its measure."""
    told_elsewhere = {*MAIN_ANALYSES, *SUBGROUPS, *CLINIC_ANALYSES, TRIALS, BIASED}
    rows = [
        row
        for row in designed(shelf.rows("estimates"))
        if row["analysis"] not in told_elsewhere and not str(row["analysis"]).startswith(CONTROL)
    ]
    return Section(
        "secondary",
        "Secondary outcomes",
        "Competing events, recurrent re-injuries, days free of re-injury and recovered days, under "
        "the same strategies and weights.",
        tuple(_secondary_blocks(rows)),
    )


def _secondary_blocks(rows: Sequence[Row]) -> list[Block]:
    if not rows:
        return [missing(why_empty("The analysis of secondary outcomes", []))]
    contrasts = [row for row in rows if row["comparator"]]
    kinds = dict.fromkeys(row["measure"] for row in contrasts)
    charts = []
    for measure in kinds:
        own = [row for row in contrasts if row["measure"] == measure]
        lines = [Line(_secondary_label(row), row) for row in own]
        name = measures.measure_name(measure)
        subject = Subject(
            f"secondary-{str(measure).replace('_', '-')}",
            f"{name[:1].upper()}{name[1:]}",
            "Outcome and contrast",
            "",
        )
        charts.append(forest(subject, lines, measure))
    blocks: list[Block] = [Charts(tuple(charts))] if charts else []
    levels = [row for row in rows if not row["comparator"]]
    if levels:
        cells = [
            (
                words.text(_secondary_label(row)),
                words.text(measures.measure_name(row["measure"])),
                *_estimate_numbers(row),
                status_cell(row),
            )
            for row in levels
        ]
        header = ("Outcome and strategy", "Measure", "Value", "95% interval", "Episodes", "Status")
        caption = "Under each strategy"
        blocks.append(Table(caption, header, cells, "results/estimates", is_folded=True))
    return blocks


def _secondary_label(row: Row) -> str:
    part = f", {words.spelled(row['subgroup']).lower()}" if _is_told(row) else ""
    name = f"{analysis_name(row['analysis'])}{part}"
    return name if _is_usual(row) else f"{name}: {contrast_name(row)}"


def _is_usual(row: Row) -> bool:
    """Say whether a contrast is strict against natural, which need not be said again."""
    return (row["strategy"], row["comparator"]) == ("strict", "natural")


def trials_section(shelf: Shelf) -> Section:
    """Return the nested trials of moving on now or waiting, by stage."""
    rows = [
        row
        for row in designed(shelf.rows("estimates"))
        if row["analysis"] == TRIALS and row["comparator"]
    ]
    kinds = list(dict.fromkeys(row["measure"] for row in rows)) or [DIFFERENCE]
    charts = []
    for measure in kinds:
        own = [row for row in rows if row["measure"] == measure]
        lines = [Line(_stage_label(row), row) for row in own]
        key = f"nested-trials-{str(measure).replace('_', '-')}"
        subject = Subject(
            key,
            "The comparison in nested trials",
            "Stage",
            "A second design: at every decision a small trial of moving on now or waiting begins "
            "(Danaei et al. 2013). Intervals count a patient once, however many trials. Rows rest "
            "on the smaller arm.",
        )
        charts.append(forest(subject, lines, measure))
    return Section(
        "trials",
        "Moving on now or waiting, stage by stage",
        "The decision at hand, not the whole course: what if one moves on now, what if one waits?",
        (Charts(tuple(charts)),),
    )


def _stage_label(row: Row) -> str:
    stage = str(row["subgroup"] or "")
    if not stage:
        return "all stages"
    digits = "".join(letter for letter in stage if letter.isdigit())
    name = words.STAGE_NAMES.get(int(digits)) if digits else None
    return f"stage {digits}, {name.lower()}" if name else words.spelled(stage).lower()


def estimates_section(shelf: Shelf) -> Section:
    """Return every row of results.estimates, clinics unnamed."""
    rows = [row for row in shelf.rows("estimates") if row["status"] != "not_run"]
    cells = [_estimate_cells(row) for row in rows]
    header = (
        "Analysis",
        "Contrast",
        "Of whom",
        "Estimator",
        "Measure",
        "Value",
        "95% interval",
        "Episodes",
        "Status",
    )
    block: Block = (
        Table("All estimates", header, cells, "results/estimates", is_folded=True)
        if cells
        else missing(why_empty("No estimate is listed; every analysis", []))
    )
    return Section(
        "estimates",
        "All estimates",
        "Every row that the release holds, in one table. As files: results/estimates, CSV and "
        "Parquet.",
        (block,),
    )


def _estimate_cells(row: Row) -> tuple[Cell, ...]:
    kind = "biased comparison" if row["is_biased_comparison"] else words.spelled(row["estimator"])
    return (
        words.text(analysis_name(row["analysis"])),
        words.text(contrast_name(row)),
        words.text(_of_whom(row)),
        words.text(kind or "not told"),
        words.text(measures.measure_name(row["measure"]) or "not told"),
        *_estimate_numbers(row),
        status_cell(row),
    )


def _of_whom(row: Row) -> str:
    if row["subgroup_kind"] == "clinic":
        return "a clinic, unnamed"
    if not row["subgroup"]:
        return "everybody"
    return (
        f"{words.spelled(row['subgroup_kind']).lower()}: {words.spelled(row['subgroup']).lower()}"
    )


def _estimate_numbers(row: Row) -> tuple[Cell, Cell, Cell]:
    write = measures.write_row(row)
    return (
        words.cell(row, "value", write),
        words.interval_cell(row, "low", "high", write),
        words.cell(row, "episodes"),
    )
