"""Rules that pick the points of a chart worth a question; they judge nobody."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.quality.charts import NO_CHART, RUN_CHART, BoolArray, Chart, FloatArray, IntArray

BEYOND_LIMITS: Final = "beyond_limits"
SHIFT: Final = "shift"
FEW_CROSSINGS: Final = "few_crossings"
# Eight neighbours on one side of the centre (Provost and Murray 2011; Montgomery 2009).
SHIFT_LENGTH: Final = 8
CROSSINGS_TAIL: Final = 0.05
# A median with fewer of its points than this on either side halves nothing.
SMALLEST_SIDE: Final = 0.25


@dataclass(frozen=True)
class RunRules:
    """The two run chart rules on one series (Anhoej and Olesen 2014).

    useful : points off the centre, which alone are counted. longest_run and crossings are seen;
    longest_expected and fewest_expected are the most and the fewest that chance explains.
    """

    useful: int
    longest_run: int
    longest_expected: int
    crossings: int
    fewest_expected: int

    @property
    def is_shifted(self) -> bool:
        """Return whether the longest run is longer than chance explains."""
        return self.longest_run > self.longest_expected

    @property
    def is_crossing_seldom(self) -> bool:
        """Return whether the series crosses its centre more seldom than chance explains."""
        return self.crossings < self.fewest_expected


def signals(
    chart: Chart, counted: BoolArray, baseline: BoolArray | None = None
) -> list[str | None]:
    """Return the rules that fired at each point, joined by `;`, or None; shape (points,).

    Only counted points that are large enough can signal. A shift marks every point of its run;
    seldom crossings are a trait of the whole series and mark its last counted point. `baseline`
    says which counted points made the centre, all of them unless it is given.
    """
    found: list[list[str]] = [[] for _ in chart.values]
    if chart.is_large is not None:
        counted = counted & chart.is_large
    if counted.any() and _can_signal(chart, counted if baseline is None else baseline):
        for place in np.flatnonzero(_beyond(chart) & counted):
            found[place].append(BEYOND_LIMITS)
        for place in _shifted(chart, counted):
            found[place].append(SHIFT)
        if chart.method == RUN_CHART and _rules(chart, counted).is_crossing_seldom:
            found[int(np.flatnonzero(counted)[-1])].append(FEW_CROSSINGS)
    return [";".join(rules) or None for rules in found]


def _can_signal(chart: Chart, baseline: BoolArray) -> bool:
    """Say whether the rules hold: not of a series whose median is most of its points.

    Run chart rules take either side of the median to be equally likely. Where more than half of
    the points lie at an extreme, such as 100 %, so does the median, and nothing can lie beyond it:
    every other point would be part of one long run (Perla, Provost and Murray 2011).
    """
    if chart.method != RUN_CHART:
        return chart.method != NO_CHART
    sides = np.sign(chart.values[baseline] - chart.center)
    smaller = min(np.count_nonzero(sides > 0), np.count_nonzero(sides < 0))
    return bool(smaller >= SMALLEST_SIDE * np.count_nonzero(baseline))


def run_rules(values: FloatArray, center: float) -> RunRules:
    """Return what the run chart rules count in a series without gaps."""
    from scipy.special import bdtr

    sides = np.sign(values - center)
    sides = sides[sides != 0]
    if sides.size == 0:
        return RunRules(0, 0, 0, 0, 0)
    lengths = _run_lengths(sides)
    trials = np.arange(sides.size)
    enough = bdtr(trials, sides.size - 1, 0.5) >= CROSSINGS_TAIL
    return RunRules(
        useful=int(sides.size),
        longest_run=int(lengths.max()),
        longest_expected=round(float(np.log2(sides.size))) + 3,
        crossings=int(lengths.size - 1),
        fewest_expected=int(np.flatnonzero(enough)[0]),
    )


def _rules(chart: Chart, counted: BoolArray) -> RunRules:
    return run_rules(chart.values[counted], chart.center)


def _beyond(chart: Chart) -> BoolArray:
    beyond: BoolArray = (chart.values < chart.lower) | (chart.values > chart.upper)
    return beyond


def _shifted(chart: Chart, counted: BoolArray) -> IntArray:
    """Return the points of runs that are too long; a point on the centre neither adds nor ends."""
    sides = np.sign(chart.values - chart.center)
    places = np.flatnonzero(counted & (sides != 0) & ~np.isnan(sides))
    if places.size == 0:
        return places
    lengths = _run_lengths(sides[places])
    longest = SHIFT_LENGTH
    if chart.method == RUN_CHART:
        longest = _rules(chart, counted).longest_expected + 1
    too_long: IntArray = places[np.repeat(lengths, lengths) >= longest]
    return too_long


def _run_lengths(sides: FloatArray) -> IntArray:
    ends = np.flatnonzero(np.r_[sides[1:] != sides[:-1], True])
    lengths: IntArray = np.diff(np.r_[-1, ends])
    return lengths
