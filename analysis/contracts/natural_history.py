"""What pain does in published cohorts that nobody here treated, as data with its source."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class PublishedMean:
    """The mean of a cohort so many weeks after onset, with its interval; shares of the scale."""

    cohort: str
    week: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class NaturalHistory:
    """The published course of a domain; `participants` are those of all cohorts together."""

    domain: str
    source: str
    participants: int
    means: tuple[PublishedMean, ...]


@cache
def natural_history() -> NaturalHistory:
    """Return the published course, read from `natural_history.json`."""
    text = (files("analysis.contracts") / "natural_history.json").read_text(encoding="utf-8")
    content = json.loads(text)
    scale = content["scale_highest"]
    means = (
        PublishedMean(
            cohort, row["week"], row["mean"] / scale, row["low"] / scale, row["high"] / scale
        )
        for cohort, rows in content["cohorts"].items()
        for row in rows
    )
    return NaturalHistory(
        content["domain"], content["source"], content["participants"], tuple(means)
    )
