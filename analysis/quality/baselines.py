"""Which points of a chart make its centre and limits, and from when on others do.

Limits are frozen: they come from the first complete points and are held for all that follow, so
that a slow change cannot pull them along. Only a recorded re-base begins a new phase, with a
baseline of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rebase:
    """A recorded decision to begin a new phase of a chart, with a baseline of its own.

    chart : the indicator's key. unit_kind, unit_name : whose chart, as in results.quality_points;
    a `unit_name` of None means every unit of that kind. start_period : the first period of the
    new phase, YYYY-MM or YYYY-Qn. reason : why, in a sentence. date : when it was decided,
    YYYY-MM-DD. reviewer : who decided.
    """

    chart: str
    unit_kind: str
    unit_name: str | None
    start_period: str
    reason: str
    date: str
    reviewer: str
