"""Why something is not shown, as a plain sentence: never run, sealed, hidden, or impossible."""

from collections.abc import Sequence
from typing import Final

from analysis.contracts.release import SEALED, SUPPRESSED
from analysis.figures import words
from analysis.figures.words import Row

NO_ROWS: Final = "was not run: the release holds no row of it"
STATUS_SENTENCES: Final = {
    "sealed": "is sealed: a gate of the primary analysis did not pass, so no number of it is "
    "written anywhere",
    "not_run": "was not run",
    "failed": "failed while it was computed",
    "suppressed": "is hidden: it rests on too few patients to be shown",
    "impossible": "cannot be estimated from these data",
    "estimated": "has no released number",
}


def why_empty(what: str, rows: Sequence[Row], column: str = "value") -> str:
    """Return why none of the rows holds a number, with the first reason that a row gives."""
    if not rows:
        return f"{what} {NO_ROWS}."
    kinds = list(dict.fromkeys(_kind(row, column) for row in rows))
    if len(kinds) == 1:
        return f"{what} {STATUS_SENTENCES[kinds[0]]}{_reason(rows, kinds[0])}."
    told = ", ".join(
        f"{sum(_kind(row, column) == kind for row in rows)} {words.STATUS_WORDS[kind]}"
        for kind in kinds
    )
    return f"{what} has no released number: {told}."


def _kind(row: Row, column: str) -> str:
    status = row.get("status")
    if status in STATUS_SENTENCES and status != "estimated":
        return str(status)
    return {SUPPRESSED: "suppressed", SEALED: "sealed"}.get(words.status(row, column), "estimated")


def _reason(rows: Sequence[Row], kind: str) -> str:
    """Return the reason that the rows give; that of a seal and of hiding is told already."""
    if kind in {"sealed", "suppressed", "estimated"}:
        return ""
    reasons = [str(row["reason"]).rstrip(".") for row in rows if row.get("reason")]
    return f" ({reasons[0]})" if reasons else ""
