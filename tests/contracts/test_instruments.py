"""The registry of instruments: what it holds, what a protocol may change, and its page."""

from pathlib import Path

import pytest

from analysis.contracts.instrument_list import SOURCES, instrument_list
from analysis.contracts.instruments import (
    NO_DOMAIN,
    Instrument,
    conversions,
    direction,
    usable_targets,
)
from analysis.contracts.protocol import ProtocolError, load_protocol, parse_protocol
from pipelines.warehouse.protocol_tables import protocol_tables

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = load_protocol()
INSTRUMENTS = [pytest.param(each, id=code) for code, each in PROTOCOL.instruments.items()]


def faults_of(text: str) -> str:
    with pytest.raises(ProtocolError) as fault:
        parse_protocol(text)
    return str(fault.value)


def test_the_page_of_the_instruments_is_made_from_the_registry() -> None:
    page = (ROOT / "docs/instruments.md").read_text(encoding="utf-8")
    assert page == instrument_list(PROTOCOL)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_instrument_is_named_bounded_and_says_where_its_figures_come_from(
    instrument: Instrument,
) -> None:
    assert instrument.name
    assert instrument.lowest is not None
    assert instrument.highest is not None
    for source in (
        instrument.important_source,
        instrument.detectable_source,
        instrument.norm_source,
    ):
        assert source is None or f"- {source}" in SOURCES


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_unit_is_turned_by_a_positive_factor_and_the_own_one_by_one(
    instrument: Instrument,
) -> None:
    factors = conversions(instrument)

    assert factors[instrument.unit] == 1.0
    assert all(factor > 0 for factor in factors.values())


def test_no_source_is_listed_that_no_figure_comes_from() -> None:
    used = {
        source
        for each in PROTOCOL.instruments.values()
        for source in (each.important_source, each.detectable_source, each.norm_source)
    }
    listed = [line for line in SOURCES.splitlines() if line.startswith("- ")]

    assert all(any(source and f"- {source}" in line for source in used) for line in listed)


def test_a_protocol_adds_instruments_and_overrides_shipped_ones_key_by_key() -> None:
    protocol = parse_protocol(
        "[instruments.odi]\nimportant_change = 8\n"
        "[instruments.spring_scale]\ndomain = 'strength'\nunit = 'kg'\nalso = { kgf = 1 }"
    )

    odi, scale = protocol.instruments["odi"], protocol.instruments["spring_scale"]
    assert (odi.important_change, odi.unit) == (8.0, "%")
    assert conversions(scale)["kgf"] == 1.0
    assert conversions(scale)["g"] == 0.001
    assert usable_targets(scale, protocol.domains) == ("unaffected_side", "norm", "goal")
    assert protocol.hash != PROTOCOL.hash


def test_where_less_is_better_nothing_is_a_target() -> None:
    protocol = parse_protocol(
        "[instruments.lag]\ndomain = 'flexibility'\nunit = 'deg'\nbetter = 'lower'"
    )

    assert usable_targets(protocol.instruments["lag"], protocol.domains) == ()


def test_an_instrument_takes_the_direction_of_its_domain_and_one_without_has_its_own() -> None:
    domains = PROTOCOL.domains

    assert direction(Instrument("pain", "{score}"), domains) == "lower"
    assert direction(Instrument(NO_DOMAIN, "{score}"), domains) is None
    assert direction(PROTOCOL.instruments["lefs"], domains) == "higher"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[instruments.odi]\nlowest = 101", "lowest must not be above highest"),
        ("[instruments.plank_hold]\nusual_lowest = 400", "must not be above usual_highest"),
        ("[instruments.odi]\ndetectable_change = 10", "needs the source of its detectable_change"),
        ("[instruments.odi]\nalso = 3", "also needs names with numbers in {braces}, found 3"),
        ("[instruments.odi]\nalso = { mm = 0 }", "holds a 0; a factor is above 0"),
        ("[instruments.odi]\nalso = { mm = 'x' }", 'also needs a number, found "x"'),
        ("[instruments.odi]\nreader = 'nurse'", 'reader does not know "nurse"'),
        ("[instruments.odi]\ntargets = ['side']", 'does not know "side"'),
        ("[instruments.odi]\ndomain = 'disability'", 'does not know "disability"'),
        ("goals = 3", "goals must be sections, each headed [[goals]]"),
        ("[goals]\nplank_hold = 3", "goals must be sections, each headed [[goals]]"),
        ("[[goals]]\ninstrument = 'plank'\nvalue = 60", 'names no instrument: "plank"'),
        ("[[goals]]\ninstrument = 'plank_hold'", "[[goals]] needs the key value"),
        ("[[goals]]\ninstrument = 'plank_hold'\nvalue = 0", "must be above 0 for plank_hold"),
        (
            "[[goals]]\ninstrument = 'odi'\nvalue = 6\n[[goals]]\ninstrument = 'odi'\nvalue = 7",
            "more than one goal for odi of the same clinic",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(text: str, sentence: str) -> None:
    assert sentence in faults_of(text)


def test_the_sql_reads_the_registry_with_its_units_and_goals() -> None:
    protocol = parse_protocol("[[goals]]\ninstrument = 'plank_hold'\nvalue = 60")

    tables = protocol_tables(protocol)

    assert tables["instruments"].height == len(protocol.instruments)
    assert tables["instruments"]["instrument_number"].is_unique().all()
    assert tables["instrument_units"].select("instrument", "unit").is_unique().all()
    assert tables["goals"].rows() == [("plank_hold", None, 60.0)]
