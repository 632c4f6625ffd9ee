"""The registry of instruments, and which units can be turned into one another.

`instruments.toml` holds both as data; its head says what each key means.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.entries import (
    Factors,
    Number,
    OneOf,
    Rule,
    SomeOf,
    Text,
    shown,
)

if TYPE_CHECKING:
    from analysis.contracts.protocol import Domain

DOMAINS: Final = ("pain", "flexibility", "strength", "endurance", "alignment")
# What a therapist reads off the person; pain the person says.
RATED_DOMAINS: Final = ("flexibility", "strength", "endurance", "alignment")
NO_DOMAIN: Final = "none"
PERCENT: Final = "%"
TARGETS: Final = ("unaffected_side", "norm", "goal")
FARTHEST: Final = 1e9
VALUE: Final = Number(-FARTHEST, FARTHEST)
CHANGE: Final = Number(0, FARTHEST)


def _entry(rule: Rule) -> Any:
    return field(metadata={"rule": rule})


def _optional(rule: Rule, preset: object = None) -> Any:
    return field(metadata={"rule": rule}, default=preset)


@dataclass(frozen=True)
class Instrument:
    """What an instrument measures, in which unit, within which range, and which change matters.

    Values and changes are in `unit`; `also` holds what a reading in a further unit of this very
    instrument is multiplied by. `targets` are what its readings may be set against where the domain
    is a percentage; they mean nothing elsewhere. Without `better` it is that of the domain.
    """

    domain: str = _entry(OneOf((*DOMAINS, NO_DOMAIN)))
    unit: str = _entry(Text(40))
    name: str | None = _optional(Text(80))
    also: Mapping[str, float] | None = _optional(Factors())
    better: str | None = _optional(OneOf(("lower", "higher")))
    reader: str = _optional(OneOf(("patient", "rater")), "rater")
    lowest: float | None = _optional(VALUE)
    highest: float | None = _optional(VALUE)
    usual_lowest: float | None = _optional(VALUE)
    usual_highest: float | None = _optional(VALUE)
    important_change: float | None = _optional(CHANGE)
    important_source: str | None = _optional(Text(80))
    detectable_change: float | None = _optional(CHANGE)
    detectable_source: str | None = _optional(Text(80))
    norm: float | None = _optional(VALUE)
    norm_source: str | None = _optional(Text(80))
    targets: tuple[str, ...] = _optional(SomeOf(OneOf(TARGETS), fewest=0), TARGETS)


@dataclass(frozen=True)
class Goal:
    """What a clinic wants its patients to reach; without `clinic_id` it holds for every clinic.

    `value` is in the instrument's unit of the registry.
    """

    instrument: str = _entry(Text(64))
    value: float = _entry(VALUE)
    clinic_id: str | None = _optional(Text(64))


@cache
def shipped_instruments() -> dict[str, Any]:
    """Return the shipped instruments by code, each as its entries."""
    return dict(_content()["instruments"])


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(
        (files("analysis.contracts") / "instruments.toml").read_text(encoding="utf-8")
    )


def conversions(instrument: Instrument) -> dict[str, float]:
    """Return what a reading is multiplied by to be in the instrument's unit, by unit (UCUM).

    A unit that is not there cannot be converted, and is not guessed.
    """
    factors: dict[str, float] = {}
    for units in _content()["units"].values():
        if instrument.unit in units:
            factors = {unit: factor / units[instrument.unit] for unit, factor in units.items()}
    return factors | dict(instrument.also or {}) | {instrument.unit: 1.0}


def is_percent_of_target(instrument: Instrument, domains: Mapping[str, "Domain"]) -> bool:
    """Say whether a value of the domain is the reading as a percentage of a target."""
    return (
        instrument.domain != NO_DOMAIN
        and domains[instrument.domain].unit == PERCENT
        and instrument.unit != PERCENT
    )


def direction(instrument: Instrument, domains: Mapping[str, "Domain"]) -> str | None:
    """Return which is better, lower or higher values; None where neither is."""
    if instrument.better is None and instrument.domain != NO_DOMAIN:
        return domains[instrument.domain].better
    return instrument.better


def usable_targets(instrument: Instrument, domains: Mapping[str, "Domain"]) -> tuple[str, ...]:
    """Return what readings can be set against; nothing where less is better than the target."""
    if is_percent_of_target(instrument, domains) and direction(instrument, domains) == "higher":
        return instrument.targets
    return ()


def instrument_faults(
    instruments: Mapping[str, Instrument], domains: Mapping[str, "Domain"]
) -> Iterator[str]:
    """Yield a sentence for each entry that contradicts another one or the domain's unit."""
    for code, instrument in instruments.items():
        place = f"[instruments.{code}]"
        if instrument.domain != NO_DOMAIN:
            unit = domains[instrument.domain].unit
            if unit not in (PERCENT, instrument.unit):
                yield (
                    f"{place} unit must be the domain's {shown(unit)}, "
                    f"found {shown(instrument.unit)}"
                )
        yield from _range_faults(place, instrument)
        yield from _source_faults(place, instrument)


def goal_faults(goals: tuple[Goal, ...], instruments: Mapping[str, Instrument]) -> Iterator[str]:
    """Yield a sentence for each goal that cannot be used."""
    seen: set[tuple[str, str | None]] = set()
    for goal in goals:
        if goal.instrument not in instruments:
            yield f"[[goals]] names no instrument: {shown(goal.instrument)}"
        elif goal.value <= 0:
            yield f"[[goals]] value must be above 0 for {goal.instrument}"
        if (goal.instrument, goal.clinic_id) in seen:
            yield f"[[goals]] has more than one goal for {goal.instrument} of the same clinic"
        seen.add((goal.instrument, goal.clinic_id))


def _range_faults(place: str, instrument: Instrument) -> Iterator[str]:
    edges = {
        "lowest": instrument.lowest,
        "usual_lowest": instrument.usual_lowest,
        "usual_highest": instrument.usual_highest,
        "highest": instrument.highest,
    }
    given = [(name, edge) for name, edge in edges.items() if edge is not None]
    for (low_name, low), (high_name, high) in pairwise(given):
        if low > high:
            yield f"{place} {low_name} must not be above {high_name}"


def _source_faults(place: str, instrument: Instrument) -> Iterator[str]:
    sourced = {
        "important_change": (instrument.important_change, instrument.important_source),
        "detectable_change": (instrument.detectable_change, instrument.detectable_source),
        "norm": (instrument.norm, instrument.norm_source),
    }
    for name, (figure, source) in sourced.items():
        if figure is not None and source is None:
            yield f"{place} needs the source of its {name}"
