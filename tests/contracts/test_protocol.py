"""The protocol file: presets, what a file may change, and what it is told when it is wrong."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.contracts.protocol import (
    STAGES,
    ProtocolError,
    load_protocol,
    parse_protocol,
    protocol_of,
)


def faults_of(text: str) -> str:
    with pytest.raises(ProtocolError) as fault:
        parse_protocol(text)
    return str(fault.value)


def test_the_shipped_presets_are_the_studys() -> None:
    protocol = load_protocol()

    assert protocol.study.horizon_days == 365
    assert protocol.study.primary_order == "seed"
    assert protocol.orders == {
        "seed": ((1,), (2,), (3,), (4,), (5,)),
        "alt23": ((1,), (3,), (2,), (4,), (5,)),
        "partial": ((1,), (2, 3), (4,), (5,)),
    }
    assert protocol.disclosure.smallest_count == 11
    assert protocol.intervals.method == "bootstrap"
    assert protocol.intervals.negative_controls == "influence"
    assert protocol.intervals.cluster == "patient"
    assert (protocol.missing.method, protocol.missing.imputations) == ("indicator", 5)


def test_an_order_says_which_stages_must_be_completed_before_each() -> None:
    protocol = load_protocol()

    assert protocol.stage_requires("seed")[3] == (1, 2)
    assert protocol.stage_requires("alt23")[3] == (1,)
    assert protocol.stage_requires("alt23")[2] == (1, 3)
    assert protocol.stage_requires("partial")[2] == (1,)
    assert protocol.stage_requires("partial")[4] == (1, 2, 3)


def test_a_file_states_only_what_it_changes() -> None:
    protocol = parse_protocol("[study]\nhorizon_days = 180\n[orders]\nany = [[5, 1, 2], [3, 4]]")

    assert protocol.study.horizon_days == 180
    assert protocol.study.primary_order == "seed"
    assert protocol.orders["any"] == ((1, 2, 5), (3, 4))
    assert protocol.orders["seed"] == load_protocol().orders["seed"]


def test_the_hash_follows_the_meaning_and_not_the_spelling() -> None:
    preset = load_protocol()

    assert parse_protocol("# only a remark").hash == preset.hash
    assert parse_protocol("[gates]\ndetectable_power = 8e-1").hash == preset.hash
    assert parse_protocol("[weights]\ntruncation_quantile = 1").hash == preset.hash
    assert parse_protocol("[study]\nhorizon_days = 364").hash != preset.hash


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[gate]", "[gate] is not a section; did you mean gates?"),
        ("study = 3", "[study] must be a section, found 3"),
        ("[study]\nhorizon_day = 3", 'no key "horizon_day"; did you mean horizon_days?'),
        ("[study]\nhorizon_days = '365'", 'horizon_days needs a whole number, found "365"'),
        ("[study]\nhorizon_days = 36.5", "needs a whole number, found 36.5"),
        ("[study]\nhorizon_days = true", "needs a whole number, found true"),
        ("[study]\nhorizon_days = 0", "must be from 1 to 3650, found 0"),
        ("[study]\nname = ''", "name needs one line of 1 to 80 characters"),
        ("[study]\nprimary_order = 'sed'", 'names no order: "sed"; did you mean seed?'),
        ("[orders]\nseed = [[1], [2], [4], [5]]", "[orders] seed leaves out 3"),
        ("[orders]\nseed = [[1, 2], [2, 3], [4], [5]]", "[orders] seed holds 2 more than once"),
        ("[orders]\nseed = [[1], [2], [3], [4], [6]]", "seed holds 6; the members are 1 to 5"),
        ("[orders]\nseed = [1, 2, 3, 4, 5]", "seed needs a list of lists, such as [[1], [2]"),
        ("[orders]\nseed = [[1], [], [2, 3, 4, 5]]", "seed holds an empty group"),
        ("[orders]\nseed = [['1'], [2, 3, 4, 5]]", "holds something that is no whole number"),
        ('[orders]\n"a b" = [[1, 2, 3, 4, 5]]', '"a b" is no usable name'),
        ("[exits]\ncounted_evidence = ['inferred']", 'counted_evidence does not know "inferred"'),
        ("[exits]\ncounted_evidence = []", "needs at least 1 in the list"),
        ("[exits]\ncounted_evidence = ['measured', 'measured']", "names something twice"),
        ("[outcome]\ncompeting = ['reinjury']", 'gives "reinjury" more than one role'),
        ("[early_loading]\nstages = [0]", "must be from 1 to 5, found 0"),
        ("[domains.pian]\nunit = '%'", "[domains.pian] is not a domain; did you mean pain?"),
        ("[domains.pain]\nbetter = 'less'", 'better does not know "less"'),
        ("[instruments.scale]\nunit = '%'", "[instruments.scale] needs the key domain"),
        (
            "[instruments.scale]\nunit = 'mm'\ndomain = 'pain'",
            """unit must be the domain's "{score}", found "mm\"""",
        ),
        ("[courses]\nrater_breaks_line = 1", "rater_breaks_line needs true or false, found 1"),
        ("[deviation_model]\ncovariates = ['pian']", 'does not know "pian"; did you mean pain?'),
        (
            "[intervals]\nmethod = 'bootstap'",
            'method does not know "bootstap"; did you mean bootstrap?',
        ),
        ("[intervals]\ncluster = 'therapist'", 'cluster does not know "therapist"'),
        ("[missing]\nimputations = 1", "imputations must be from 2 to 1000, found 1"),
        ("[gates]\ndetectable_power = 1.5", "detectable_power must be from 0 to 1, found 1.5"),
        ("[gates]\ndetectable_power = nan", "must be from 0 to 1, found nan"),
        ("[gates]\ndetectable_power = -inf", "must be from 0 to 1, found -inf"),
        ("[disclosure]\nsmallest_count = 10", "must be from 11 to 1000, found 10"),
        ("[disclosure]\nrounding_base = 1", "must be from 5 to 1000, found 1"),
        ("[study", "not valid TOML"),
        ("[study]\nname = 'a'\nname = 'b'", "not valid TOML"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(text: str, sentence: str) -> None:
    assert sentence in faults_of(text)


def test_every_fault_of_a_file_is_named_at_once() -> None:
    message = faults_of("[study]\nhorizon_days = 0\n[gates]\ndetectable_power = 2\n[oders]\n")

    assert "horizon_days" in message
    assert "detectable_power" in message
    assert "did you mean orders?" in message


def test_a_very_long_number_is_out_of_range_and_not_a_crash() -> None:
    assert "a very long number" in faults_of(f"[gates]\ndetectable_power = 0x{'f' * 5000}")
    assert "not valid TOML" in faults_of(f"[gates]\ndetectable_power = {'9' * 5000}")


def test_a_protocol_file_that_is_absent_or_no_text_is_a_usage_error(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[study]\nname = 'Z\xfcrich'")

    with pytest.raises(ProtocolError, match="cannot be read"):
        load_protocol(absent)
    with pytest.raises(ProtocolError, match="not UTF-8"):
        load_protocol(latin)
    assert ProtocolError.exit_code == 2


@given(st.permutations(STAGES), st.sets(st.integers(1, 4)))
def test_any_partition_of_the_stages_is_an_order(sequence: list[int], cuts: set[int]) -> None:
    bounds = [0, *sorted(cuts), len(sequence)]
    groups = [sequence[low:high] for low, high in pairwise(bounds)]

    protocol = parse_protocol(f"[orders]\nseed = {groups}")

    required = protocol.stage_requires("seed")
    for position, group in enumerate(groups):
        earlier = sorted(stage for before in groups[:position] for stage in before)
        assert all(required[stage] == tuple(earlier) for stage in group)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[bootstrap]\nreplicates = 2\n",
        "[orders]\nbackwards = [[5], [4], [3], [2], [1]]\n[study]\nprimary_order = 'backwards'\n",
        "[[goals]]\ninstrument = 'plank_hold'\nvalue = 60\n",
        "[domains.pain]\nimportant_change = 3\n",
    ],
    ids=["presets", "a number", "an order", "a goal", "a domain"],
)
def test_a_protocol_can_be_made_anew_from_its_canonical_content(text: str) -> None:
    protocol = parse_protocol(text)
    again = protocol_of(json.loads(protocol.canonical))
    assert again == protocol
    assert again.hash == protocol.hash


def test_content_that_is_no_protocol_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="later"):
        protocol_of({"later": {"key": 1}})
