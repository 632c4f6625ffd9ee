"""Sections about the design: the target trial, who is in the study, and what the weights do."""

from collections.abc import Sequence
from typing import Final

from analysis.contracts.protocol import Protocol
from analysis.figures import words
from analysis.figures.balance import (
    balance_chart,
    balance_course,
    balance_on_day,
    days_with_difference,
)
from analysis.figures.chart import Cell
from analysis.figures.diagnostics import (
    positivity_map,
    positivity_table,
    weights_sentence,
    weights_table,
)
from analysis.figures.gaps import why_empty
from analysis.figures.measures import analysis_name
from analysis.figures.words import Row, shows
from analysis.pages.blocks import (
    Block,
    Charts,
    Flow,
    Heat,
    Section,
    Table,
    Trial,
    Words,
    missing,
    table,
)
from analysis.pages.shelf import Shelf
from analysis.reporting import target_trial

PRIMARY: Final = "primary"


def of_primary(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the primary analysis."""
    return [row for row in rows if row["analysis"] == PRIMARY]


def trial_section(protocol: Protocol) -> Section:
    """Return the protocol as a target-trial table."""
    return Section(
        "trial",
        "The question as a target trial",
        "The randomised trial that would answer the question, and how records of care stand in "
        "for it (Hernán and Robins 2016; TARGET, Cashin et al. 2025). Values are the protocol's.",
        (Trial(target_trial(protocol)),),
    )


def people_section(shelf: Shelf) -> Section:
    """Return who was selected and how far they were followed."""
    attrition = sorted(shelf.rows("attrition"), key=lambda row: int(row["step"]))
    return Section(
        "people",
        "Who is in the study",
        "Episodes of care left after each step of the selection. Counts are rounded, so the "
        "difference of two of them says nothing about few people.",
        (_flow(attrition), *_people(shelf)),
    )


def _flow(attrition: Sequence[Row]) -> Block:
    if not attrition:
        return missing(why_empty("The selection", [], "episodes_left"))
    known = [row["episodes_left"] for row in attrition if shows(row, "episodes_left")]
    most = max(known, default=0)
    steps = tuple(
        (str(row["reason"]), words.cell(row, "episodes_left"), _width(row, most))
        for row in attrition
    )
    return Flow(steps, "results/attrition")


def _width(row: Row, most: float) -> float:
    if not most or not shows(row, "episodes_left"):
        return 0.0
    return round(100 * float(row["episodes_left"]) / most, 1)


def _people(shelf: Shelf) -> list[Block]:
    rows = shelf.of_unit("unit_summaries", "network")
    if not rows:
        return [missing("The study population is not described: no row of it is released.")]
    row = rows[0]
    names = {
        "patients": "Patients",
        "episodes": "Episodes",
        "attended_sessions": "Attended sessions",
        "status_known": "Episodes with known status at the horizon",
        "reinjuries": "Episodes with a first re-injury by the horizon",
        "episodes_ever_violated": "Episodes that ever left the order",
        "episodes_ever_skipped": "Episodes that ever skipped a stage",
        "episodes_completed_all": "Episodes that completed all stages",
    }
    cells = [(words.text(name), words.cell(row, column)) for column, name in names.items()]
    source = "results/unit_summaries"
    return [Table("The study population", ("What", "Number"), cells, source)]


def gates_section(shelf: Shelf) -> Section:
    """Return every gate of the primary analysis, and those of other analyses behind a fold."""
    gates = shelf.rows("gates")
    own = of_primary(gates)
    others = [row for row in gates if row["analysis"] != PRIMARY]
    blocks: list[Block] = [
        Table("Gates of the primary analysis", GATE_HEADER, _gates(own), "results/gates")
        if own
        else missing("The gates were not evaluated: the release holds no row of them.")
    ]
    if others:
        rows = [
            (words.text(analysis_name(row["analysis"])), *cells)
            for row, cells in zip(others, _gates(others), strict=True)
        ]
        header = ("Analysis", *GATE_HEADER)
        caption = "Gates of the other analyses"
        blocks.append(Table(caption, header, rows, "results/gates", is_folded=True))
    return Section(
        "gates",
        "The gates",
        "A verdict is given only if all of them pass; one that could not be evaluated counts as "
        "failed.",
        tuple(blocks),
    )


GATE_HEADER: Final = ("Gate", "Value", "Threshold", "Status", "What it says")


def _gates(rows: Sequence[Row]) -> list[tuple[Cell, ...]]:
    return [
        (
            words.text(words.spelled(row["gate"])),
            words.cell(row, "value", words.decimal),
            _threshold_cell(row["threshold"]),
            Cell(words.spelled(row["status"]), "passed" if row["status"] == "passed" else "failed"),
            words.text(row["reason"] or "no reason given"),
        )
        for row in rows
    ]


def _threshold_cell(threshold: float | None) -> Cell:
    return Cell("none", "absent") if threshold is None else Cell(words.decimal(threshold))


def positivity_section(shelf: Shelf, protocol: Protocol) -> Section:
    """Return where staying with the strict order hardly ever happened."""
    rows = shelf.of_unit("positivity", "network")
    floor = protocol.gates.overlap_smallest_probability
    return Section(
        "positivity",
        "Was staying with the order possible?",
        "Positivity: in every kind of situation some must have stayed with the order. Decisions "
        "are sessions at which moving on early was possible.",
        (*_heat(rows, floor), *_unnamed_clinics(shelf)),
    )


def _heat(rows: Sequence[Row], floor: float) -> list[Block]:
    if not any(shows(row, "leaving_observed") for row in rows):
        return [missing(why_empty("The positivity map", rows, "leaving_observed"))]
    return [
        Heat(
            "Share of decisions at which the order was left, by stage due and pain",
            "In %, observed; a stronger shade is more; pain before treatment, 0 to 10. n: "
            "decisions. Marked, where there are any: decisions at which the predicted chance of "
            f"staying was below {floor:g}.",
            positivity_map(rows),
            "results/positivity",
        ),
        table(
            "Observed beside predicted, by stage and pain",
            positivity_table(rows),
            "results/positivity",
            is_folded=True,
        ),
    ]


def _unnamed_clinics(shelf: Shelf) -> list[Block]:
    rows = shelf.of_unit("positivity", "clinic")
    units = {row["unit_name"] for row in rows if shows(row, "share_below_floor")}
    if not units:
        return []
    marked = {
        row["unit_name"]
        for row in rows
        if shows(row, "share_below_floor") and row["share_below_floor"] > 0
    }
    told = (
        f"By clinic, unnamed: {len(marked)} of {len(units)} clinics have a shown kind of decision "
        "at which the predicted chance of staying fell below the floor for some."
    )
    return [Words((told,))]


def weights_section(shelf: Shelf) -> Section:
    """Return the weights of those still followed."""
    rows = of_primary(shelf.rows("weights"))
    sentence = weights_sentence(rows)
    blocks: list[Block] = [Words((sentence,))] if sentence else []
    if rows:
        caption = "Weights of those still followed, by strategy and day"
        blocks.append(table(caption, weights_table(rows), "results/weights"))
    else:
        blocks.append(missing(why_empty("The table of weights", rows, "mean")))
    return Section(
        "weights",
        "The weights",
        "Each clone still followed stands for others like it who left. A mean far from 1 on day 0, "
        "a long tail or a small effective sample size (Kish 1965) are reasons for distrust.",
        tuple(blocks),
    )


def balance_section(shelf: Shelf, protocol: Protocol) -> Section:
    """Return what the weights achieve over follow-up, overall and by day."""
    rows = of_primary(shelf.rows("balance"))
    limit = protocol.gates.balance_largest_difference
    blocks: list[Block] = [Charts((balance_chart(rows, limit), balance_course(rows, limit)))]
    days = days_with_difference(rows)
    if days:
        blocks.append(Charts(tuple(balance_on_day(rows, day, limit) for day in days)))
    return Section(
        "balance",
        "Balance over follow-up",
        "What is left of each strategy, weighted, should look like the whole cohort on every day, "
        "not only on day 0, where everybody is still there.",
        tuple(blocks),
    )
