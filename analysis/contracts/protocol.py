"""The study's parameters, read from a TOML file, checked once and never changed afterwards.

The shipped presets (`protocols/nmt.toml`) hold every value; a protocol file states what it
changes. Every fault of a file is named in one `ProtocolError`.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from analysis.contracts import instruments as registry
from analysis.contracts.entries import (
    EntryFault,
    Number,
    OneOf,
    Partition,
    Rule,
    SomeOf,
    Text,
    Whole,
    YesNo,
    is_name,
    nearest,
    shown,
)
from analysis.contracts.errors import UsageError
from analysis.contracts.instruments import Goal, Instrument

STAGES: Final = (1, 2, 3, 4, 5)
DOMAINS: Final = registry.DOMAINS
RATED_DOMAINS: Final = registry.RATED_DOMAINS
EVENT_KINDS: Final = ("reinjury", "other_region", "unrelated_illness", "surgery", "death")
COUNTABLE_EVIDENCE: Final = ("measured", "attested")
DEVIATION_COVARIATES: Final = (
    "pain",
    "stage",
    "visits_in_stage",
    "prior_episodes",
    "chronicity",
    "comorbidity_count",
    "work_load",
    "clinic",
    "region",
)
FOLLOW_UP_COVARIATES: Final = (
    "pain",
    "prior_episodes",
    "chronicity",
    "comorbidity_count",
    "work_load",
    "clinic",
    "region",
    "has_violated",
    "contact_kind",
    "day",
)
# What is known before treatment begins; nothing that care itself may have changed.
CASE_MIX_COVARIATES: Final = (
    "pain",
    "prior_episodes",
    "chronicity",
    "comorbidity_count",
    "work_load",
    "age_band",
    "sex",
    "region",
    "condition",
)
SMALLEST_UNIT_FLOOR: Final = 20
INTERVAL_METHODS: Final = ("bootstrap", "influence", "both")
INTERVAL_CLUSTERS: Final = ("patient", "clinic")
MISSING_METHODS: Final = ("indicator", "imputation")
SMALLEST_COUNT_FLOOR: Final = 11
ROUNDING_BASE_FLOOR: Final = 5
LARGEST_PROTOCOL_BYTES: Final = 1_000_000
ORDER_RULE: Final = Partition(STAGES)

StageGroups = tuple[tuple[int, ...], ...]


class ProtocolError(UsageError):
    """The protocol file holds something that it cannot hold."""


def _entry(rule: Rule) -> Any:
    return field(metadata={"rule": rule})


def _optional(rule: Rule) -> Any:
    return field(metadata={"rule": rule}, default=None)


def _share() -> Any:
    return _entry(Number(0, 1))


@dataclass(frozen=True)
class Study:
    """What is studied, for how long, and under which order first."""

    name: str = _entry(Text())
    horizon_days: int = _entry(Whole(1, 3650))
    primary_order: str = _entry(Text(40))


@dataclass(frozen=True)
class Exits:
    """Which evidence of a met exit counts as completion of the stage."""

    counted_evidence: tuple[str, ...] = _entry(SomeOf(OneOf(COUNTABLE_EVIDENCE)))


@dataclass(frozen=True)
class Outcome:
    """Which kinds of event are the outcome, end follow-up, or cannot be caused by the order."""

    event: str = _entry(OneOf(EVENT_KINDS))
    competing: tuple[str, ...] = _entry(SomeOf(OneOf(EVENT_KINDS), fewest=0))
    negative_controls: tuple[str, ...] = _entry(SomeOf(OneOf(EVENT_KINDS), fewest=0))


@dataclass(frozen=True)
class EarlyLoading:
    """The secondary strategy: one of the stages begun within so many days."""

    stages: tuple[int, ...] = _entry(SomeOf(Whole(STAGES[0], STAGES[-1])))
    within_days: int = _entry(Whole(0, 3650))


@dataclass(frozen=True)
class Domain:
    """How an outcome domain is measured, and which change matters to a person.

    `important_change` and `smallest_detectable_change`, what two measurements of an unchanged
    person may differ by, are in the domain's unit; the shares are of the first value. `lowest` and
    `highest` are the ends of the scale, beyond which a change cannot be seen.
    """

    unit: str = _entry(Text(40))
    better: str = _entry(OneOf(("lower", "higher")))
    important_change: float = _entry(Number(0, 1000))
    important_share: float | None = _optional(Number(0, 1))
    substantial_share: float | None = _optional(Number(0, 1))
    smallest_detectable_change: float | None = _optional(Number(0, 1000))
    lowest: float | None = _optional(Number(-1000, 1000))
    highest: float | None = _optional(Number(-1000, 1000))


@dataclass(frozen=True)
class Courses:
    """What breaks the line of a person's values, beside another instrument, which always does.

    With `rater_breaks_line` values that a therapist reads (see `RATED_DOMAINS`) share a line only
    when the same therapist read them.
    """

    rater_breaks_line: bool = _entry(YesNo())


@dataclass(frozen=True)
class DeviationModel:
    """What the probability of advancing early may depend on."""

    covariates: tuple[str, ...] = _entry(SomeOf(OneOf(DEVIATION_COVARIATES)))


@dataclass(frozen=True)
class FollowUpModel:
    """What the probability of being lost to follow-up may depend on."""

    covariates: tuple[str, ...] = _entry(SomeOf(OneOf(FOLLOW_UP_COVARIATES)))


@dataclass(frozen=True)
class Weights:
    """How weights are cut and their models steadied."""

    truncation_quantile: float = _entry(Number(0.5, 1))
    ridge_precision: float = _entry(Number(0, 1000))


@dataclass(frozen=True)
class Bootstrap:
    """How many whole-patient resamples make an interval, and of which level."""

    replicates: int = _entry(Whole(2, 100_000))
    seed: int = _entry(Whole(0, 2**63 - 1))
    interval_level: float = _entry(Number(0.5, 0.999))


@dataclass(frozen=True)
class Intervals:
    """Whether standard errors come from resamples, from influence functions, or from both.

    With both, estimates stand on the resamples and tell the other error as well. `cluster` is the
    independent unit: all episodes of a patient, or of a clinic.
    """

    method: str = _entry(OneOf(INTERVAL_METHODS))
    negative_controls: str = _entry(OneOf(INTERVAL_METHODS))
    cluster: str = _entry(OneOf(INTERVAL_CLUSTERS))


@dataclass(frozen=True)
class Missing:
    """What becomes of missing covariates: a mark beside them, or also values drawn for them.

    With `imputation` the primary contrast is estimated once more, from so many filled tables.
    """

    method: str = _entry(OneOf(MISSING_METHODS))
    imputations: int = _entry(Whole(2, 1000))
    seed: int = _entry(Whole(0, 2**63 - 1))


@dataclass(frozen=True)
class Care:
    """When a person counts as having left care: the longest gap between attended sessions."""

    longest_gap_days: int = _entry(Whole(1, 3650))


@dataclass(frozen=True)
class Recovery:
    """When a day counts as recovered: the latest pain before treatment is at most this."""

    pain_at_most: float = _entry(Number(0, 10))


@dataclass(frozen=True)
class Trials:
    """For how long the nested trials follow people after each decision."""

    horizon_days: int = _entry(Whole(1, 3650))


@dataclass(frozen=True)
class Sensitivity:
    """How many permuted orders and how many other specifications are tried; 0 for none."""

    permutations: int = _entry(Whole(0, 10_000))
    specifications: int = _entry(Whole(0, 10_000))
    seed: int = _entry(Whole(0, 2**63 - 1))


@dataclass(frozen=True)
class Gates:
    """Limits beyond which the study gives no verdict; shares and differences from 0 to 1."""

    balance_largest_difference: float = _share()
    overlap_smallest_probability: float = _share()
    overlap_largest_share: float = _share()
    smallest_effective_share: float = _share()
    status_known_smallest: float = _share()
    status_known_largest_gap: float = _share()
    detectable_largest_difference: float = _share()
    detectable_power: float = _share()
    stage_known_smallest: float = _share()
    exit_evidence_smallest: float = _share()


@dataclass(frozen=True)
class Disclosure:
    """The smallest number of patients a released figure is about, and what it is rounded to."""

    smallest_count: int = _entry(Whole(SMALLEST_COUNT_FLOOR, 1000))
    rounding_base: int = _entry(Whole(ROUNDING_BASE_FLOOR, 1000))


@dataclass(frozen=True)
class CaseMix:
    """What expected outcomes of the quality review depend on: the state before treatment alone."""

    covariates: tuple[str, ...] = _entry(SomeOf(OneOf(CASE_MIX_COVARIATES)))


@dataclass(frozen=True)
class Review:
    """How the quality review charts and compares.

    Limits are frozen on the first `baseline_points` complete points of a chart. A unit with fewer
    than `smallest_episodes` is not charted, and one whose share of known status differs from the
    others' by more than `largest_capture_difference` not compared. Cumulative sums look for
    `cusum_odds_ratio` times the odds and give one false signal in `cusum_run_length` cases.
    `therapists` opens a page about therapists.
    """

    baseline_points: int = _entry(Whole(8, 120))
    smallest_episodes: int = _entry(Whole(SMALLEST_UNIT_FLOOR, 1000))
    largest_capture_difference: float = _share()
    cusum_odds_ratio: float = _entry(Number(1.1, 10))
    cusum_run_length: int = _entry(Whole(100, 100_000))
    therapists: bool = _entry(YesNo())


@dataclass(frozen=True)
class Tolerance:
    """Which share of rejected rows a run tolerates."""

    rejected_rows_largest_share: float = _share()


@dataclass(frozen=True)
class Protocol:
    """All parameters of one study."""

    study: Study
    orders: Mapping[str, StageGroups]
    exits: Exits
    outcome: Outcome
    early_loading: EarlyLoading
    domains: Mapping[str, Domain]
    instruments: Mapping[str, Instrument]
    goals: tuple[Goal, ...]
    courses: Courses
    deviation_model: DeviationModel
    follow_up_model: FollowUpModel
    weights: Weights
    bootstrap: Bootstrap
    intervals: Intervals
    missing: Missing
    care: Care
    recovery: Recovery
    trials: Trials
    sensitivity: Sensitivity
    gates: Gates
    case_mix: CaseMix
    review: Review
    disclosure: Disclosure
    tolerance: Tolerance

    @property
    def canonical(self) -> str:
        """Return the content as JSON text that is equal for equal parameters."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical content, in hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def stage_ranks(self, order_name: str) -> dict[int, int]:
        """Return each stage's rank in the order, from 1; stages of one group share a rank."""
        groups = self.orders[order_name]
        return {stage: rank for rank, group in enumerate(groups, 1) for stage in group}

    def stage_requires(self, order_name: str) -> dict[int, tuple[int, ...]]:
        """Return for each stage the stages that the order wants completed before it."""
        ranks = self.stage_ranks(order_name)
        return {
            stage: tuple(other for other in STAGES if ranks[other] < ranks[stage])
            for stage in STAGES
        }


SECTIONS: Final[Mapping[str, type]] = {
    "study": Study,
    "exits": Exits,
    "outcome": Outcome,
    "early_loading": EarlyLoading,
    "courses": Courses,
    "deviation_model": DeviationModel,
    "follow_up_model": FollowUpModel,
    "weights": Weights,
    "bootstrap": Bootstrap,
    "intervals": Intervals,
    "missing": Missing,
    "care": Care,
    "recovery": Recovery,
    "trials": Trials,
    "sensitivity": Sensitivity,
    "gates": Gates,
    "case_mix": CaseMix,
    "review": Review,
    "disclosure": Disclosure,
    "tolerance": Tolerance,
}
NAMED_SECTIONS: Final[Mapping[str, type]] = {"domains": Domain, "instruments": Instrument}
ALL_SECTIONS: Final = tuple(field.name for field in fields(Protocol))


def load_protocol(path: Path | None = None) -> Protocol:
    """Return the protocol of the file, or the shipped presets when no file is named.

    Raises `ProtocolError` when the file cannot be read or holds a fault.
    """
    if path is None:
        return _from_content({})
    try:
        if path.stat().st_size > LARGEST_PROTOCOL_BYTES:
            raise ProtocolError(f"{path.name} is too large to be a protocol file.")
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise ProtocolError(f"The protocol file {path} cannot be read: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise ProtocolError(
            f"The protocol file {path} is not UTF-8 text; save it as UTF-8 and try again."
        ) from None
    return parse_protocol(text)


def parse_protocol(text: str) -> Protocol:
    """Return the protocol that the TOML text describes; what it leaves out keeps its preset.

    Raises `ProtocolError` naming every fault by section and key, with what is allowed.
    """
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as fault:
        raise ProtocolError(f"The protocol file is not valid TOML: {fault}.") from None
    return _from_content(content)


def protocol_of(content: Mapping[str, Any]) -> Protocol:
    """Return the protocol whose canonical content this is, as a release's manifest holds it.

    Raises `ProtocolError` when it is none that this version of the program can use.
    """
    return _from_content(_given_entries(content))


def _given_entries(content: Any) -> Any:
    """Return the content without the entries that were left open, which JSON holds as null."""
    if isinstance(content, Mapping):
        return {name: _given_entries(entry) for name, entry in content.items() if entry is not None}
    return [_given_entries(entry) for entry in content] if isinstance(content, list) else content


@cache
def _preset_content() -> dict[str, Any]:
    preset = files("analysis.contracts") / "protocols" / "nmt.toml"
    return tomllib.loads(preset.read_text(encoding="utf-8")) | {
        "instruments": registry.shipped_instruments()
    }


def _from_content(content: Mapping[str, Any]) -> Protocol:
    reading = _Reading(content, [])
    parts = reading.parts()
    reading.raise_faults()
    protocol = Protocol(**parts)
    reading.faults.extend(_faults_between_sections(protocol))
    reading.raise_faults()
    return protocol


@dataclass(frozen=True)
class _Reading:
    """One pass over a file's content that gathers every fault."""

    content: Mapping[str, Any]
    faults: list[str]

    def parts(self) -> dict[str, Any]:
        for name in self.content:
            if name not in ALL_SECTIONS:
                self.faults.append(f"[{name}] is not a section{nearest(name, ALL_SECTIONS)}")
        parts: dict[str, Any] = {"orders": self._orders()}
        for name, kind in SECTIONS.items():
            parts[name] = self._record(name, kind, self._given(name), _preset_content()[name])
        for name, kind in NAMED_SECTIONS.items():
            parts[name] = self._records(name, kind)
        return {**parts, "goals": self._goals()}

    def raise_faults(self) -> None:
        if self.faults:
            listed = "\n".join(f"  {fault}" for fault in self.faults)
            raise ProtocolError(f"The protocol file cannot be used:\n{listed}")

    def _given(self, name: str) -> Mapping[str, Any]:
        section = self.content.get(name, {})
        if isinstance(section, dict):
            return section
        self.faults.append(f"[{name}] must be a section, found {shown(section)}")
        return {}

    def _orders(self) -> dict[str, StageGroups]:
        orders = {}
        for name, groups in (_preset_content()["orders"] | dict(self._given("orders"))).items():
            self._named("orders", name)
            read = self._value(f"[orders] {name}", ORDER_RULE, groups)
            if read is not None:
                orders[name] = read
        return orders

    def _records(self, section: str, kind: type) -> dict[str, Any]:
        presets, given = _preset_content()[section], self._given(section)
        records = {}
        for name in [*presets, *(name for name in given if name not in presets)]:
            if section == "domains" and name not in DOMAINS:
                self.faults.append(f"[domains.{name}] is not a domain{nearest(name, DOMAINS)}")
                continue
            self._named(section, name)
            entries = given.get(name, {})
            if not isinstance(entries, dict):
                self.faults.append(f"[{section}.{name}] must be a section, found {shown(entries)}")
                continue
            records[name] = self._record(f"{section}.{name}", kind, entries, presets.get(name, {}))
        return records

    def _goals(self) -> tuple[Any, ...]:
        given = self.content.get("goals", [])
        if not (isinstance(given, list) and all(isinstance(goal, dict) for goal in given)):
            self.faults.append("goals must be sections, each headed [[goals]]")
            return ()
        return tuple(self._record("[goals]", Goal, goal, {}) for goal in given)

    def _record(
        self, section: str, kind: type, given: Mapping[str, Any], preset: Mapping[str, Any]
    ) -> object:
        known = tuple(entry.name for entry in fields(kind))
        for key in given:
            if key not in known:
                self.faults.append(f"[{section}] has no key {shown(key)}{nearest(key, known)}")
        entries = {**preset, **given}
        values: dict[str, Any] = {}
        for entry in fields(kind):
            if entry.name in entries:
                place = f"[{section}] {entry.name}"
                values[entry.name] = self._value(place, entry.metadata["rule"], entries[entry.name])
            elif entry.default is MISSING:
                self.faults.append(f"[{section}] needs the key {entry.name}")
                values[entry.name] = None
        return kind(**values)

    def _value(self, place: str, rule: Rule, found: object) -> Any:
        try:
            return rule.read(found)
        except EntryFault as fault:
            self.faults.append(f"{place} {fault}")
            return None

    def _named(self, section: str, name: str) -> None:
        if not is_name(name):
            self.faults.append(
                f"[{section}] {shown(name)} is no usable name; use letters, digits, - and _"
            )


def _faults_between_sections(protocol: Protocol) -> Iterator[str]:
    known = tuple(protocol.orders)
    if protocol.study.primary_order not in known:
        found = protocol.study.primary_order
        yield f"[study] primary_order names no order: {shown(found)}{nearest(found, known)}"
    outcome = protocol.outcome
    roles = [outcome.event, *outcome.competing, *outcome.negative_controls]
    for kind in sorted({kind for kind in roles if roles.count(kind) > 1}):
        yield f'[outcome] gives "{kind}" more than one role'
    yield from registry.instrument_faults(protocol.instruments, protocol.domains)
    yield from registry.goal_faults(protocol.goals, protocol.instruments)
