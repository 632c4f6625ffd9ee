"""Studies of the slopes' coverage are drawn as they say, summarised, kept and judged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.trajectory_coverage import (
    SLOPES,
    WORLDS,
    Covered,
    coverage_table,
    drawn,
    keep,
    read_kept,
    study,
)

WORLD = {world.name: world for world in WORLDS}
LARGE = Covered(
    "steady", "population", "slope_stage_1", 1_000, -0.4, 0.001, 0.0005, 0.02, 0.019, 0.95, 0.007
)


def test_people_leave_in_the_worlds_of_dropout_and_some_have_two_episodes() -> None:
    steady, baseline = drawn(WORLD["steady"], seed=1)
    leaving, _ = drawn(WORLD["dropout"], seed=1)
    assert leaving.height < 0.8 * steady.height
    assert baseline["patient_key"].n_unique() == 400 < baseline.height


def test_a_study_tells_every_slope_of_both_models() -> None:
    found = study(WORLD["small"], replicates=3, first_seed=1)
    assert [row.model for row in found] == ["population"] * 5 + ["marginal"] * 5
    assert [row.truth for row in found[:5]] == list(SLOPES)
    assert max(abs(row.bias) / row.estimated_error for row in found) < 3
    assert {row.status for row in found[5:]} == {"no goal"}


def test_studies_are_read_as_they_were_kept(tmp_path: Path) -> None:
    rows = [LARGE, replace(LARGE, world="small", coverage=0.9)]
    keep(rows, tmp_path / "kept.csv")
    assert read_kept(tmp_path / "kept.csv") == rows
    assert read_kept(tmp_path / "absent.csv") == []


@pytest.mark.parametrize(
    ("coverage", "status"), [(0.95, "reached"), (0.93, "unclear"), (0.90, "missed")]
)
def test_coverage_is_reached_unclear_or_missed(coverage: float, status: str) -> None:
    row = replace(LARGE, coverage=coverage)
    assert row.status == status
    shown = "**missed**" if status == "missed" else status
    assert f"| {100 * coverage:.1f} % | {shown} |" in coverage_table([row])


def test_the_weeks_of_a_course_add_up_to_the_time_since_its_start() -> None:
    points, _ = drawn(WORLD["steady"], seed=2)
    weeks = points.select("episode_key", *(f"weeks_stage_{stage}" for stage in range(1, 6)))
    total = np.asarray(weeks.drop("episode_key").to_numpy().sum(axis=1))
    first = np.unique(weeks["episode_key"].to_numpy(), return_index=True)[1]
    assert total.max() < 20
    assert np.all(np.delete(np.diff(total), first[1:] - 1) > 0)
