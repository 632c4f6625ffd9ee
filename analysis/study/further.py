"""All that is asked beside the primary contrast and the other hypotheses, from an opened study."""

from collections.abc import Callable

from analysis.study.designs import primary_design
from analysis.study.nested_trials import nested_trial_rows
from analysis.study.rows import EstimateRow
from analysis.study.secondary import first_event_rows, recurrent_rows
from analysis.study.strategies import Ground
from analysis.study.subgroups import clinic_rows, subgroup_rows


def _silent(_: str) -> None:
    """Say nothing."""


def further_rows(ground: Ground, *, progress: Callable[[str], None] = _silent) -> list[EstimateRow]:
    """Return the unsealed rows of secondary outcomes, nested trials, subgroups and clinics.

    Each of them could tell the primary effect: all are to be sealed with it.
    """
    progress("building the primary design for secondary outcomes")
    rows = _of_primary_design(ground, progress)
    # The primary design takes the most memory, and is not needed any more.
    progress("counting recurrent re-injuries")
    rows += recurrent_rows(ground)
    progress("looking into subgroups")
    return rows + subgroup_rows(ground)


def _of_primary_design(ground: Ground, progress: Callable[[str], None]) -> list[EstimateRow]:
    design = primary_design(ground)
    rows = first_event_rows(design)
    progress("entering a trial at every decision")
    rows += nested_trial_rows(design)
    progress("leaving out one clinic at a time")
    return rows + clinic_rows(design)
