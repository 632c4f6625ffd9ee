"""Where staying with the strategy was hardly possible, and what the weights look like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.figures import measures, words
from analysis.figures.chart import Cell, Twin, twin
from analysis.figures.words import Row, shows

# Shares of decisions that leave the order, from which a cell is shaded one step darker.
UNKNOWN_PAIN: Final = "not known"
# Bands are numbered, so that they sort: `2: 4 to below 7`.
BAND_NUMBER: Final = re.compile(r"^\d+: ")
SHADES: Final = (0.05, 0.15, 0.30, 0.50, 0.75)


@dataclass(frozen=True)
class HeatCell:
    """A cell of the map: its words, its shade from 0 to 5 (None if hidden), and its own n."""

    share: Cell
    shade: int | None
    size: Cell
    below_floor: Cell | None = None


@dataclass(frozen=True)
class HeatMap:
    """Shares by row and column as a table; `corner` says what its rows are."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell | None, ...]], ...]


def positivity_map(rows: Sequence[Row]) -> HeatMap:
    """Return the network's released rows of results.positivity as a map of stage by pain."""
    pains = tuple(sorted({_pain(row) for row in rows}, key=_pain_place))
    at = {(row["stage"], _pain(row)): row for row in rows}
    stages = sorted({row["stage"] for row in rows if row["stage"] is not None})
    return HeatMap(
        "Stage due",
        tuple(f"pain {BAND_NUMBER.sub('', pain)}" for pain in pains),
        tuple(
            (_stage_name(stage), tuple(_heat_cell(at.get((stage, pain))) for pain in pains))
            for stage in stages
        ),
    )


def _stage_name(stage: int) -> str:
    return f"{stage} {words.SHORT_STAGE_NAMES.get(stage, '')}".strip()


def _pain(row: Row) -> str:
    return str(row["pain"]) if row["pain"] is not None else UNKNOWN_PAIN


def _pain_place(pain: str) -> tuple[float, str]:
    """Return where a level of pain stands: by its first number, the unknown last."""
    digits = "".join(letter if letter.isdigit() else " " for letter in pain).split()
    return (float(digits[0]) if digits else 99.0, pain)


def _heat_cell(row: Row | None) -> HeatCell | None:
    if row is None:
        return None
    share = row["leaving_observed"] if shows(row, "leaving_observed") else None
    return HeatCell(
        share=words.cell(row, "leaving_observed", words.percent),
        shade=None if share is None else sum(share >= step for step in SHADES),
        size=words.cell(row, "decisions"),
        below_floor=words.cell(row, "share_below_floor", words.percent),
    )


def positivity_table(rows: Sequence[Row]) -> Twin:
    """Return the same rows as a table with observed beside predicted."""
    ordered = sorted(rows, key=lambda row: (row["stage"] or 0, _pain_place(_pain(row))))
    cells = [
        [
            words.text(f"{_stage_name(row['stage'] or 0)}, pain {BAND_NUMBER.sub('', _pain(row))}"),
            words.cell(row, "decisions"),
            words.cell(row, "patients"),
            words.cell(row, "leaving_observed", words.percent),
            words.cell(row, "leaving_predicted", words.percent),
            words.cell(row, "share_below_floor", words.percent),
        ]
        for row in ordered
    ]
    header = (
        "Stage due and pain",
        "Decisions",
        "Patients",
        "Left the order, observed",
        "Left the order, predicted",
        "Decisions with too small a chance of staying",
    )
    return twin(header, cells)


def weights_table(rows: Sequence[Row]) -> Twin:
    """Return released rows of results.weights as a table by strategy and day."""
    ordered = sorted(
        rows, key=lambda row: (row["strategy"] != "strict", row["strategy"], row["day"])
    )
    cells = [
        [
            words.text(measures.strategy_name(row["strategy"])),
            words.text(row["day"]),
            words.cell(row, "at_risk"),
            words.cell(row, "mean", _weight),
            words.cell(row, "standard_deviation", _weight),
            words.cell(row, "quantile_99", _weight),
            words.cell(row, "effective_share", words.percent),
        ]
        for row in ordered
    ]
    header = (
        "Strategy",
        "Day",
        "Still followed",
        "Mean",
        "Standard deviation",
        "99th percentile",
        "Effective sample size, share",
    )
    return twin(header, cells)


def _weight(weight: float) -> str:
    """Return a weight with its decimals, so that it is not read as a count."""
    return f"{weight:.2f}"


def weights_sentence(rows: Sequence[Row]) -> str:
    """Return in a sentence what the weights leave of the sample."""
    known = [row for row in rows if shows(row, "effective_share")]
    if not known:
        return ""
    least = min(known, key=lambda row: float(row["effective_share"]))
    return (
        f"At its least, the effective sample size is {words.percent(least['effective_share'])} of "
        f"those still followed ({measures.strategy_name(least['strategy'])}, day {least['day']})."
    )
