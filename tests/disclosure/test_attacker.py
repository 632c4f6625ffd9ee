"""A linear program over everything released recovers no count of one to ten people."""

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import Disclosure
from analysis.contracts.release import RELEASED, SUPPRESSED, ReleasedTable, status_column
from analysis.disclosure import Remembered, leaks, release_again
from tests.disclosure.linear import Attack, Recovered, Seen, everything_known, secrets
from tests.disclosure.networks import Tables, growing_network

RULE = Disclosure(11, 5)


def released_in_turn(seed: int, releases: int = 8) -> list[Seen]:
    """Release a growing network again and again, the ledger of each handed to the next."""
    memory: list[Remembered] = []
    seen = []
    for tables, quarter in growing_network(seed, releases):
        release = release_again(tables, RULE, memory, quarter)
        memory.append(release.remembered)
        seen.append(Seen(release.tables, tables, quarter))
    return seen


def recovered(seen: list[Seen]) -> list[Recovered]:
    return Attack(everything_known(seen)).recoveries()


def test_a_second_look_at_every_release_finds_nothing() -> None:
    memory: list[Remembered] = []
    for tables, quarter in growing_network(2):
        release = release_again(tables, RULE, memory, quarter)
        assert leaks(release.tables, tables, RULE, memory, quarter) == []
        memory.append(release.remembered)


# Those after 24 were read, in part, before intervals were given room for what a program adds.
@pytest.mark.parametrize("seed", [1, 2, 5, 21, 24, 44, 175, 188])
def test_nothing_is_recovered_from_eight_releases(seed: int) -> None:
    assert recovered(released_in_turn(seed)) == []


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.slow
def test_no_hidden_count_is_recovered_from_any_of_200_networks(seed: int) -> None:
    """The gate adds up by intervals; of what moved, a program may still read one in a thousand."""
    seen = released_in_turn(seed)
    sought = len(secrets(everything_known(seen)))
    found = recovered(seen)
    assert sought > 100
    assert [each for each in found if len(each.cells) == 1] == []
    assert len(found) <= sought / 1000


def hidden_alone(tables: Tables) -> dict[str, ReleasedTable]:
    """Release responders as a careless table: small counts hidden, all margins exact."""
    rows = tables["responders"]
    counts = ("episodes", "patients", "improved", "not_improved", "unmeasured")
    is_small = {name: rows[name].is_between(1, 12) for name in counts}
    hidden = rows.with_columns(
        *(pl.when(is_small[name]).then(None).otherwise(pl.col(name)).alias(name) for name in counts)
    )
    kinds = [
        pl.when(is_small[name]).then(pl.lit(SUPPRESSED)).otherwise(pl.lit(RELEASED))
        for name in counts
    ]
    named = [kind.alias(status_column(name)) for kind, name in zip(kinds, counts, strict=True)]
    return {"responders": ReleasedTable("responders", hidden.with_columns(named))}


def test_the_same_reader_wins_against_hiding_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With exact margins most tables that hide anything give a small count away exactly."""
    monkeypatch.setattr("tests.disclosure.linear.HALF", 0)
    broken, tried = 0, 0
    for seed in range(60):
        ((tables, quarter),) = growing_network(seed, releases=1)
        released = hidden_alone(tables)
        rows = released["responders"].rows
        if not (rows["improved_status"] == SUPPRESSED).any():
            continue
        tried += 1
        found = recovered([Seen(released, {"responders": tables["responders"]}, quarter)])
        broken += any(each.low == pytest.approx(each.high) for each in found)
    assert tried > 30
    assert broken / tried > 0.7


def test_without_memory_two_releases_can_be_subtracted() -> None:
    """Rounding alone tells small changes: a reader of eight first releases recovers some."""
    seen = [
        Seen(release_again(tables, RULE).tables, tables, "2024-Q1")
        for tables, _ in growing_network(3)
    ]
    # Nothing is kept, so the reader may take every number as set in its own release.
    quarters = [f"20{20 + number}-Q1" for number in range(8)]
    fresh = [
        Seen(each.released, each.truth, quarter)
        for each, quarter in zip(seen, quarters, strict=True)
    ]
    program = everything_known(fresh)
    moves = [form for form in Attack(program).recoveries() if len(form.cells) == 2]
    assert len(moves) > 10


def test_what_the_reader_holds_possible_contains_the_truth() -> None:
    program = everything_known(released_in_turn(4))
    truth = np.array(program.truth)
    assert np.all(np.array(program.low) <= truth)
    assert np.all(truth <= np.array(program.high))
    rows = Attack(program).matrix @ truth
    assert np.all(np.array(program.row_low) <= rows + 1e-9)
    assert np.all(rows - 1e-9 <= np.array(program.row_high))
