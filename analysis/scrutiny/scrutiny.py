"""Distrust built in: what would have to be true for the primary answer to be wrong.

Rows here are not sealed. `sealed_scrutiny` drops whatever the primary effect could be computed
from: E-values, tipping points, the calibrated ratio, immortal time (which stands beside the
estimate) and the specification curve. Weights, positivity, permuted orders, the empirical null and
positive controls are about the design, other exposures and other outcomes; they stay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import empty
from analysis.emulation.emulation import NotEstimableError
from analysis.scrutiny.arguments import e_value_rows, tipping_rows
from analysis.scrutiny.diagnostics import positivity_rows, weight_rows
from analysis.scrutiny.exposures import exposure_frame, negative_exposures, no_exposures
from analysis.scrutiny.ground import ground_of
from analysis.scrutiny.immortal import immortal_rows
from analysis.scrutiny.nulls import null_rows, outcome_controls, permuted_controls
from analysis.scrutiny.planted import positive_control_rows
from analysis.scrutiny.rows import (
    CALIBRATED,
    E_VALUE,
    EMPIRICAL_NULL,
    EXPOSURES_NULL,
    IMMORTAL_TIME,
    POSITIVE_CONTROL,
    SPECIFICATION_CURVE,
    TIPPING_POINT,
    impossible,
    read_rows,
    sensitivity_rows,
)
from analysis.scrutiny.specifications import (
    curve_frame,
    no_curve,
    read_curve,
    specification_curve,
    summary_rows,
)
from analysis.study.rows import NATURAL, STRICT
from analysis.study.study import OpenStudy
from analysis.study.tables import StudyTables

METHODS: Final = (
    E_VALUE,
    TIPPING_POINT,
    EXPOSURES_NULL,
    EMPIRICAL_NULL,
    CALIBRATED,
    POSITIVE_CONTROL,
    IMMORTAL_TIME,
    SPECIFICATION_CURVE,
)


@dataclass(frozen=True)
class Scrutiny:
    """Frames of the tables of these names in `analysis.contracts.results`."""

    weights: pl.DataFrame
    positivity: pl.DataFrame
    sensitivity: pl.DataFrame
    negative_exposures: pl.DataFrame
    specification_curve: pl.DataFrame


def _silent(_: str) -> None:
    """Say nothing."""


def scrutinise(
    study: OpenStudy, tables: StudyTables, *, progress: Callable[[str], None] = _silent
) -> Scrutiny:
    """Return what speaks for and against the primary analysis, unsealed.

    `tables` are those the study was opened with. The same tables give the same bytes.
    """
    try:
        ground = ground_of(study, tables)
    except NotEstimableError as refusal:
        return without_answer(study.protocol, str(refusal))
    progress("permuting the order")
    exposures = exposure_frame(negative_exposures(ground))
    progress("weighing other explanations")
    ratio = ground.emulation.ratio(STRICT, NATURAL)
    permuted = permuted_controls(exposures)
    rows = [*e_value_rows(ground), *tipping_rows(ground)]
    rows += null_rows(permuted, outcome_controls(study.controls), ratio, ground.level)
    rows += positive_control_rows(ground)
    rows += immortal_rows(ground)
    progress("trying other specifications")
    curve = specification_curve(ground)
    rows += summary_rows(curve)
    return Scrutiny(
        weight_rows(ground.emulation, ground.protocol),
        positivity_rows(
            tables,
            ground.population,
            ground.arms.decisions,
            1.0 - ground.arms.staying.model.probability,
            ground.protocol,
        ),
        sensitivity_rows(rows),
        exposures,
        curve_frame(curve.rows),
    )


def without_answer(protocol: Protocol, reason: str) -> Scrutiny:
    """Return the tables of a study whose data hold no answer, with the reason."""
    return Scrutiny(
        empty("weights"),
        empty("positivity"),
        sensitivity_rows([impossible(method, method, reason) for method in METHODS]),
        exposure_frame(no_exposures(reason)),
        curve_frame(no_curve(protocol, reason).rows),
    )


def sealed_scrutiny(scrutiny: Scrutiny, reason: str) -> Scrutiny:
    """Return the tables without anything that the primary effect could be computed from."""
    sensitivity = [row.sealed(reason) for row in read_rows(scrutiny.sensitivity)]
    curve = [row.sealed(reason) for row in read_curve(scrutiny.specification_curve)]
    return replace(
        scrutiny,
        sensitivity=sensitivity_rows(sensitivity),
        specification_curve=curve_frame(curve),
    )
