"""What leaves the registry: released tables, the kinds of a released cell, and a release's facts.

Every number of a released table stands beside a column `<name>_status` that says what kind of cell
it is. A number is there only when its status is `released`; a suppressed cell is therefore never
mistaken for zero or for a value that nobody measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

RELEASED: Final = "released"
SUPPRESSED: Final = "suppressed"
SEALED: Final = "sealed"
ABSENT: Final = "absent"
CELL_STATUSES: Final = (RELEASED, SUPPRESSED, SEALED, ABSENT)


def status_column(name: str) -> str:
    """Return the name of the column that says what kind of cell `name` holds."""
    return f"{name}_status"


@dataclass(frozen=True)
class ReleasedTable:
    """A results table after the release gate, ready for pages, CSV and Parquet.

    `rows` has the columns of the results table; each number is followed by its status column.
    """

    name: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class ReleaseFacts:
    """What every page states about the release it belongs to.

    Nothing here knows the clock: the same deliveries, code and protocol give the same pages, byte
    for byte. `run_id` is the release's own id, under which results.runs holds its runs and times.
    Months are written YYYY-MM (None when the registry holds no record); `deliveries` is a count.
    """

    run_id: str
    release_id: str
    code_version: str
    protocol_name: str
    protocol_hash: str
    input_hash: str
    first_month: str | None
    last_month: str | None
    deliveries: int
    smallest_count: int
    rounding_base: int
    is_synthetic: bool


@dataclass(frozen=True)
class FormerRelease:
    """The release before this one, so that pages can say what changed since and why.

    `tables` holds its released tables by name, `deliveries` how many deliveries it was made of,
    `quarter` the calendar quarter of its data (YYYY-Qn; None when it held no record).
    """

    release_id: str
    tables: Mapping[str, ReleasedTable]
    code_version: str
    protocol_hash: str
    deliveries: int
    quarter: str | None
