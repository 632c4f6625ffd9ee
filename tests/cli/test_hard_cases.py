"""Registries that hold no answer go through the whole line: a verdict, a reason, nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from analysis.contracts.results import VERDICTS
from analysis.simulation import simulate_registry
from tests.cli.conftest import Nmt

Tables = dict[str, pl.DataFrame]
*_, CANNOT = VERDICTS
PROTOCOL = """
[bootstrap]
replicates = 4
[intervals]
method = "influence"
[sensitivity]
permutations = 2
specifications = 4
"""
# What a run says of itself where nobody watches: what it does, in plain words.
STEP = re.compile(r"(?!.*(?:Warning|Error|Traceback)) {0,2}[A-Za-z][-A-Za-z_:.,0-9 ]*")


@cache
def simulated(episodes: int = 130, clinics: int = 3) -> Tables:
    return simulate_registry(
        episodes=episodes, clinics=clinics, seed=6, scenario="null", truth_people=0
    ).tables


def without(tables: Tables, kinds: list[str]) -> Tables:
    return {**tables, "events": tables["events"].filter(~pl.col("kind").is_in(kinds))}


def with_constants(tables: Tables) -> Tables:
    """The same person with the same problem every time."""
    people = {"sex": "F", "age_band": "40-49", "work_load": "light", "bmi_band": "35+"}
    problem = {"region": "knee", "chronicity": "acute", "condition": "ischemia", "side": "L"}
    return {
        **tables,
        "patients": tables["patients"].with_columns(
            *(pl.lit(value).alias(name) for name, value in people.items()),
            pl.lit(0, dtype=pl.Int64).alias("comorbidity_count"),
        ),
        "episodes": tables["episodes"].with_columns(
            *(pl.lit(value).alias(name) for name, value in problem.items()),
            pl.lit(1, dtype=pl.Int64).alias("prior_episodes"),
        ),
        "sessions": tables["sessions"].with_columns(pl.lit(4, dtype=pl.Int64).alias("pain_nrs")),
    }


def in_stage(tables: Tables, stage: int) -> Tables:
    """Every attended session works this stage and no other, and no exit is ever met."""
    attended = pl.col("status") == "attended"
    sessions = tables["sessions"].with_columns(
        pl.when(attended).then(pl.lit(stage)).alias("stage"),
        pl.lit(None, dtype=tables["sessions"].schema["also_stages"]).alias("also_stages"),
        pl.lit(None, dtype=pl.Boolean).alias("exit_met"),
        pl.lit(None, dtype=pl.String).alias("exit_evidence"),
        pl.lit(None, dtype=tables["sessions"].schema["techniques"]).alias("techniques"),
    )
    return {**tables, "sessions": sessions}


def after_a_week(tables: Tables) -> Tables:
    """Nobody is seen again after the first week, and nothing is heard of anybody."""
    early = {name: tables[name].filter(pl.col("day") <= 7) for name in ("sessions", "measurements")}
    endless = tables["episodes"].with_columns(
        pl.lit(None, dtype=tables["episodes"].schema["end_day"]).alias("end_day")
    )
    kept = {"episodes": endless, **early}
    return {**tables, **kept, "events": tables["events"].head(0), "followups": none_of(tables)}


def none_of(tables: Tables) -> pl.DataFrame:
    return tables["followups"].head(0)


def unmeasured(tables: Tables) -> Tables:
    """Only what a first delivery must hold, and of the sessions only the required columns."""
    required = ("session_id", "episode_id", "therapist_id", "day", "status", "stage")
    return {
        "patients": tables["patients"],
        "episodes": tables["episodes"],
        "sessions": tables["sessions"].select(required),
    }


# The records of each case, and words that its reason must hold (None: any verdict will do).
CASES: dict[str, tuple[Callable[[], Tables], str | None]] = {
    "zero events": (lambda: without(simulated(), ["reinjury"]), "event"),
    "one clinic": (lambda: simulated(130, 1), None),
    "five patients": (lambda: simulated(5, 1), "fewer than 50 patients"),
    "everyone lost": (lambda: after_a_week(simulated()), "Nobody|No event"),
    "constant covariates": (lambda: with_constants(simulated()), None),
    "nobody follows the order": (lambda: in_stage(simulated(), 5), "strict"),
    "nobody leaves the order": (lambda: in_stage(simulated(), 1), "Nobody ever left"),
    "nothing measured": (lambda: unmeasured(simulated()), "."),
}


def deliver(folder: Path, tables: Tables) -> Path:
    folder.mkdir()
    for name, rows in tables.items():
        rows.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("case", list(CASES))
def test_a_hard_case_ends_with_a_verdict_and_its_reason(
    nmt: Nmt, tmp_path: Path, case: str
) -> None:
    """Warnings are errors here, so a run that ends well gave none."""
    tables, words = CASES[case]
    protocol = tmp_path / "study.toml"
    protocol.write_text(PROTOCOL)
    delivery = deliver(tmp_path / "delivery", tables())
    place = ("--data", tmp_path / "data")
    answer = nmt("run", delivery, "--protocol", protocol, "--json", *place)
    assert answer.code == 0, answer.err
    assert [line for line in answer.err.splitlines() if not STEP.fullmatch(line)] == []
    facts = json.loads(answer.out)
    verdicts = {each["analysis"]: each for each in facts["verdicts"]}
    assert {each["verdict"] for each in verdicts.values()} <= set(VERDICTS)
    assert all(each["reason"] for each in verdicts.values())
    primary = verdicts["primary"]
    if words is not None:
        assert primary["verdict"] == CANNOT
        assert re.search(words, primary["reason"]), primary["reason"]
    if primary["verdict"] == CANNOT:
        shown = json.loads(nmt("sql", "FROM results.estimates", "--json", *place).out)["rows"]
        own = [row for row in shown if row["analysis"] == "primary"]
        assert own
        assert {row["value"] for row in own} == {row["low"] for row in own} == {None}
        assert all(row["reason"] for row in own)


@pytest.mark.slow
def test_nothing_but_steps_is_on_standard_error_of_the_process(tmp_path: Path) -> None:
    """As a scheduler calls it, with every warning switched on."""
    delivery = deliver(tmp_path / "delivery", simulated(5, 1))
    code = "import sys; from pipelines.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, "run", delivery, "--data", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert [line for line in ended.stderr.splitlines() if not STEP.fullmatch(line)] == []
    assert CANNOT in ended.stdout
