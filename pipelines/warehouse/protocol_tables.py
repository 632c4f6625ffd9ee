"""The study's parameters as the small tables that the SQL reads."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from analysis.contracts.instruments import (
    NO_DOMAIN,
    Instrument,
    conversions,
    direction,
    is_percent_of_target,
    usable_targets,
)
from analysis.contracts.protocol import DOMAINS, EVENT_KINDS, RATED_DOMAINS, STAGES, Protocol

if TYPE_CHECKING:
    import polars as pl

Rows = list[dict[str, Any]]

ORDER: Final = {"order_number": "whole", "order_name": "text"}
STAGE: Final = {"stage": "whole", "stage_bit": "whole"}
DOMAIN: Final = {"domain_number": "whole", "domain": "text", "unit": "text"}
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "parameters": {
        "name": "text",
        "protocol_hash": "text",
        "horizon_days": "whole",
        "primary_order": "text",
        "early_loading_within_days": "whole",
        "longest_gap_days": "whole",
        "rater_breaks_line": "truth",
    },
    "orders": ORDER,
    "stage_order": {**ORDER, **STAGE, "stage_rank": "whole"},
    "stage_requires": {**ORDER, **STAGE, "required_stage": "whole", "required_bit": "whole"},
    "counted_evidence": {"exit_evidence": "text"},
    "early_loading_stages": STAGE,
    "event_roles": {"kind": "text", "role": "text"},
    "domains": {
        **DOMAIN,
        "better": "text",
        "important_change": "number",
        "important_share": "number",
        "substantial_share": "number",
        "smallest_detectable_change": "number",
        "lowest": "number",
        "highest": "number",
        "is_rated": "truth",
    },
    "instruments": {
        "instrument_number": "whole",
        "instrument": "text",
        **DOMAIN,
        "better": "text",
        "lowest": "number",
        "highest": "number",
        "usual_lowest": "number",
        "usual_highest": "number",
        "important_change": "number",
        "important_source": "text",
        "detectable_change": "number",
        "detectable_source": "text",
        "is_percent_of_target": "truth",
        "takes_unaffected_side": "truth",
        "norm": "number",
        "takes_goal": "truth",
    },
    "instrument_units": {"instrument": "text", "unit": "text", "factor": "number"},
    "goals": {"instrument": "text", "clinic_id": "text", "value": "number"},
}


def protocol_tables(protocol: Protocol) -> dict[str, "pl.DataFrame"]:
    """Return the tables of the schema `protocol`, by name.

    `parameters` has one row. Orders and domains have numbers beside their names, so that large
    tables can refer to them by an integer; a stage's bit is 1, 2, 4, 8, 16 for the stages 1 to 5.
    """
    import polars as pl

    types: dict[str, Any] = {
        "text": pl.String,
        "whole": pl.Int32,
        "number": pl.Float64,
        "truth": pl.Boolean,
    }
    rows = _rows(protocol)
    return {
        name: pl.DataFrame(
            rows[name], schema={column: types[kind] for column, kind in columns.items()}
        )
        for name, columns in COLUMNS.items()
    }


def _rows(protocol: Protocol) -> dict[str, Rows]:
    return {
        "parameters": [_parameters(protocol)],
        "orders": _orders(protocol),
        "stage_order": _stage_order(protocol),
        "stage_requires": _stage_requires(protocol),
        "counted_evidence": [{"exit_evidence": word} for word in protocol.exits.counted_evidence],
        "early_loading_stages": [
            {"stage": stage, "stage_bit": _bit(stage)} for stage in protocol.early_loading.stages
        ],
        "event_roles": _event_roles(protocol),
        "domains": _domains(protocol),
        "instruments": _instruments(protocol),
        "instrument_units": _instrument_units(protocol),
        "goals": [asdict(goal) for goal in protocol.goals],
    }


def _bit(stage: int) -> int:
    return 1 << (stage - 1)


def _parameters(protocol: Protocol) -> dict[str, Any]:
    return {
        "name": protocol.study.name,
        "protocol_hash": protocol.hash,
        "horizon_days": protocol.study.horizon_days,
        "primary_order": protocol.study.primary_order,
        "early_loading_within_days": protocol.early_loading.within_days,
        "longest_gap_days": protocol.care.longest_gap_days,
        "rater_breaks_line": protocol.courses.rater_breaks_line,
    }


def _orders(protocol: Protocol) -> Rows:
    return [
        {"order_number": number, "order_name": name}
        for number, name in enumerate(protocol.orders, 1)
    ]


def _stage_order(protocol: Protocol) -> Rows:
    return [
        {**order, "stage": stage, "stage_bit": _bit(stage), "stage_rank": ranks[stage]}
        for order in _orders(protocol)
        for ranks in [protocol.stage_ranks(order["order_name"])]
        for stage in STAGES
    ]


def _stage_requires(protocol: Protocol) -> Rows:
    return [
        {
            **order,
            "stage": stage,
            "stage_bit": _bit(stage),
            "required_stage": required,
            "required_bit": _bit(required),
        }
        for order in _orders(protocol)
        for stage, required_stages in protocol.stage_requires(order["order_name"]).items()
        for required in required_stages
    ]


def _event_roles(protocol: Protocol) -> Rows:
    outcome = protocol.outcome
    roles = {outcome.event: "event"}
    roles |= dict.fromkeys(outcome.competing, "competing")
    roles |= dict.fromkeys(outcome.negative_controls, "negative_control")
    return [{"kind": kind, "role": roles[kind]} for kind in EVENT_KINDS if kind in roles]


def _domains(protocol: Protocol) -> Rows:
    return [
        {
            "domain_number": number,
            "domain": name,
            **asdict(protocol.domains[name]),
            "is_rated": name in RATED_DOMAINS,
        }
        for number, name in enumerate(DOMAINS, 1)
    ]


def _instruments(protocol: Protocol) -> Rows:
    return [
        {
            **{
                name: value
                for name, value in asdict(instrument).items()
                if name in COLUMNS["instruments"]
            },
            "instrument_number": number,
            "instrument": code,
            **_domain_of(instrument),
            "better": direction(instrument, protocol.domains),
            **_targets(instrument, protocol),
        }
        for number, (code, instrument) in enumerate(protocol.instruments.items(), 1)
    ]


def _domain_of(instrument: Instrument) -> dict[str, Any]:
    if instrument.domain == NO_DOMAIN:
        return {"domain_number": None, "domain": None}
    return {
        "domain_number": DOMAINS.index(instrument.domain) + 1,
        "domain": instrument.domain,
    }


def _targets(instrument: Instrument, protocol: Protocol) -> dict[str, Any]:
    targets = usable_targets(instrument, protocol.domains)
    return {
        "is_percent_of_target": is_percent_of_target(instrument, protocol.domains),
        "takes_unaffected_side": "unaffected_side" in targets,
        "norm": instrument.norm if "norm" in targets else None,
        "takes_goal": "goal" in targets,
    }


def _instrument_units(protocol: Protocol) -> Rows:
    return [
        {"instrument": code, "unit": unit, "factor": factor}
        for code, instrument in protocol.instruments.items()
        for unit, factor in conversions(instrument).items()
    ]
