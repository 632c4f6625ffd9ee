"""Sections of distrust: sensitivity, permuted orders, specification curve, certificate."""

from collections.abc import Sequence
from typing import Final

from analysis.figures import words
from analysis.figures.certificate import (
    NOT_RUN,
    certificate_chart,
    certificate_table,
    is_share,
    scenario_name,
    status_name,
)
from analysis.figures.gaps import why_empty
from analysis.figures.permutations import permuted_funnel
from analysis.figures.sensitivity import (
    immortal_chart,
    positive_chart,
    readings,
    sensitivity_table,
)
from analysis.figures.specifications import OWN, REGISTERED, specification_chart
from analysis.figures.words import Row
from analysis.pages.answers import first
from analysis.pages.blocks import Block, Charts, Points, Section, missing, table
from analysis.pages.effects import primary_contrast
from analysis.pages.shelf import Shelf

REACHED: Final = "reached"
CERTIFIED: Final = ("coverage", "bias", "sealed_share")
# Coverage of a 95% interval that a thousand registries cannot tell from 95%.
COVERAGE_GOAL: Final = (0.935, 0.965)


def sensitivity_section(shelf: Shelf) -> Section:
    """Return what would have to be true for the answer to be wrong."""
    rows = shelf.rows("sensitivity")
    own = primary_contrast(shelf.rows("estimates"))
    rejected = first(rows, _is_share_rejected)
    funnel = permuted_funnel(shelf.rows("negative_exposures"), own, rejected)
    blocks: list[Block] = []
    if rows:
        blocks.append(Points(readings(rows)))
        blocks.append(Charts((funnel, positive_chart(rows))))
        blocks.append(Charts((immortal_chart(rows),)))
        told = sensitivity_table(rows)
        blocks.append(table("Every number of it", told, "results/sensitivity", is_folded=True))
    else:
        blocks.append(missing(why_empty("The sensitivity analysis", [])))
        blocks.append(Charts((funnel,)))
    return Section(
        "sensitivity",
        "What would have to be true for this to be wrong",
        "Arguments against the answer. A naive figure in it is a biased comparison, told only so "
        "that its distance to the designed estimate can be seen.",
        tuple(blocks),
    )


def _is_share_rejected(row: Row) -> bool:
    return (row["method"], row["measure"]) == ("empirical_null_exposures", "share_rejected")


def specifications_section(shelf: Shelf, *, is_registered: bool) -> Section:
    """Return the primary contrast under every choice that could have been made."""
    own = REGISTERED if is_registered else OWN
    return Section(
        "specifications",
        "Every choice that could have been made",
        "The primary contrast over definitions of completion, orders, horizons, adjustments, "
        "follow-up and cuts of the weights (Simonsohn et al. 2020). One of them is the protocol's.",
        (Charts((specification_chart(shelf.rows("specification_curve"), own),)),),
    )


def certificate_section(shelf: Shelf) -> Section:
    """Return how the estimator did on simulated registries shaped like these records."""
    rows = shelf.rows("certificate")
    blocks: list[Block] = []
    if any(row["value"] is not None for row in rows):
        shown = [name for name in CERTIFIED if any(row["measure"] == name for row in rows)]
        charts = tuple(
            certificate_chart(rows, name, COVERAGE_GOAL if name == "coverage" else ())
            for name in shown
        )
        blocks += [Charts(charts)] if charts else []
        blocks.append(Points(_lines(rows)))
        caption = "The certificate: every measure by planted truth"
        source = "results/certificate"
        blocks.append(table(caption, certificate_table(rows), source, is_folded=True))
    else:
        blocks.append(missing(NOT_RUN))
    return Section(
        "certificate",
        "Calibration certificate",
        "The whole estimator, gates included, run on simulated registries shaped like these "
        "records, with a planted truth (Morris et al. 2019). Errors of the simulation itself are "
        "Monte Carlo errors.",
        tuple(blocks),
    )


def _lines(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return how many goals were met, and each that was not."""
    judged = [row for row in rows if row["goal"] and row["value"] is not None]
    told = _scenarios_not_run(rows)
    if not judged:
        return ("No goal was set for any measure.", *told)
    missed = [row for row in judged if row["status"] != REACHED]
    told.insert(0, f"{len(judged) - len(missed)} of {len(judged)} goals were reached.")
    told += [
        f"{scenario_name(row['scenario']).capitalize()}, {words.spelled(row['measure']).lower()}: "
        f"{_value(row)}, goal {row['goal']}: {status_name(row['status'])}."
        for row in missed
    ]
    return tuple(told)


def _scenarios_not_run(rows: Sequence[Row]) -> list[str]:
    run = {row["scenario"] for row in rows if row["value"] is not None}
    idle = [name for name in dict.fromkeys(row["scenario"] for row in rows) if name not in run]
    return [f"Not run: {', '.join(scenario_name(name) for name in idle)}."] if idle else []


def _value(row: Row) -> str:
    if is_share(row["measure"]):
        return words.percent(row["value"])
    return words.signed(f"{row['value']:.3g}")
