"""The line of a person's values in a domain: what can be set against one another."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.survival.arrays import BoolArray

Lines = Mapping[str, pl.DataFrame]


def domain_lines(domain_exposure: pl.DataFrame, protocol: Protocol) -> Lines:
    """Return the days of each episode's main line, by domain of the protocol.

    `domain_exposure` holds the rows of marts.domain_exposure.
    """
    return {
        name: main_line(domain_exposure.filter(pl.col("domain") == name))
        for name in protocol.domains
    }


def main_line(points: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each episode and day of its main line, in this order.

    A line holds what one instrument (or rater) measured, see concepts.domain_points; the main one
    has the most days, of equals the one that goes on longest. Several values of a day count as
    their mean; the other columns are those of the day's last value. `points` (values of one
    domain) needs `episode_key`, `day` and `value`; without `line_number` all are of one line.
    """
    order = [name for name in ("line_number", "day", "position", "value") if name in points.columns]
    ordered = points.sort("episode_key", *order)
    if "line_number" not in ordered.columns:
        ordered = ordered.with_columns(line_number=pl.lit(1))
    if ordered.is_empty():
        return ordered
    days = means_of_runs(ordered, "episode_key", "line_number", "day")
    return days.filter(_is_of_main_line(days))


def means_of_runs(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return one row for each run of rows that agree in the columns, with the mean of `value`.

    The other columns are those of the run's last row. Rows that belong together must be neighbours.
    """
    if rows.is_empty():
        return rows
    starts = np.flatnonzero(_changes(rows, *columns))
    counts = np.diff(starts, append=rows.height)
    sums = np.add.reduceat(rows["value"].to_numpy().astype(np.float64), starts)
    return rows[starts + counts - 1].with_columns(value=pl.Series(sums / counts))


def first_and_last(line: pl.DataFrame) -> pl.DataFrame:
    """Return first and last value of each episode that has two days or more, of `main_line`."""
    if line.is_empty():
        return pl.DataFrame(
            schema={
                "episode_key": line.schema["episode_key"],
                "first": pl.Float64,
                "last": pl.Float64,
                "days": pl.Int64,
            }
        )
    starts = np.flatnonzero(_changes(line, "episode_key"))
    ends = np.append(starts[1:], line.height) - 1
    values = line["value"]
    return pl.DataFrame(
        {
            "episode_key": line["episode_key"][starts],
            "first": values[starts],
            "last": values[ends],
            "days": ends - starts + 1,
        }
    ).filter(pl.col("days") > 1)


def _is_of_main_line(days: pl.DataFrame) -> BoolArray:
    """Say of each day whether it is of its episode's main line; days are in order of lines."""
    starts = np.flatnonzero(_changes(days, "episode_key", "line_number"))
    counts = np.diff(starts, append=days.height)
    episodes = days["episode_key"].to_numpy()[starts]
    last_days = days["day"].to_numpy()[starts + counts - 1]
    best = np.lexsort((np.arange(starts.size), last_days, counts, episodes))
    is_last = np.append(episodes[best][1:] != episodes[best][:-1], [True])
    is_main = np.zeros(starts.size, dtype=np.bool_)
    is_main[best[is_last]] = True
    return np.repeat(is_main, counts)


def _changes(rows: pl.DataFrame, *columns: str) -> BoolArray:
    """Say of each row whether it differs from the one before in any of the columns."""
    differs = np.zeros(rows.height, dtype=np.bool_)
    differs[0] = True
    for column in columns:
        values = rows[column].to_numpy()
        differs[1:] |= values[1:] != values[:-1]
    return differs
