"""Which protocol was frozen before anybody had looked, and what that makes of a run's results.

The workspace keeps one journal of registrations and looks, in the order in which they came. A look
is a release's results, whatever they say; the same results of the same deliveries are one look,
however often they are made.

Pre-specification: Chan et al. 2013 (SPIRIT). Repeated looks: Armitage, McPherson and Rowe 1969.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from analysis.contracts.protocol import Protocol
from analysis.contracts.standing import EXPLORATORY, NOT_REGISTERED, REGISTERED
from pipelines.journal import Journal, append_line, read_lines
from pipelines.publication.runs import utc_text
from pipelines.registry import Ledger
from pipelines.workspace import Workspace

LEDGER: Final = "registrations.jsonl"


@dataclass(frozen=True)
class Registration:
    """A protocol that was frozen: its content, when, by which code, and what was known by then.

    `input_hash` is of the deliveries then held, `looks` how many looks there had been.
    """

    time: str
    protocol_hash: str
    protocol: str
    code_version: str
    input_hash: str
    deliveries: int
    looks: int


@dataclass(frozen=True)
class Look:
    """Results that could be seen: of which protocol and deliveries, and which effects were shown.

    `shown` names the analyses whose estimates were not sealed.
    """

    time: str
    protocol_hash: str
    input_hash: str
    code_version: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """What results are in the light of the registrations: one word for the protocol, and why.

    The analyses in `spent` had shown their effect on other deliveries before: they are extra looks.
    """

    word: str
    reason: str
    spent: tuple[str, ...] = ()

    def of(self, analysis: str) -> str:
        """Return the word for one analysis."""
        return EXPLORATORY if self.word == REGISTERED and analysis in self.spent else self.word


Entry = Registration | Look
KINDS: Final[dict[str, type[Registration] | type[Look]]] = {
    "registration": Registration,
    "look": Look,
}


def register_protocol(
    workspace: Workspace,
    protocol: Protocol,
    *,
    code_version: str,
    ledger: Ledger,
    now: datetime,
) -> Registration:
    """Freeze the protocol for the workspace and return its registration; the caller holds it.

    A protocol that was the last to be registered is not registered again: the first time counts.
    """
    entries = read_entries(workspace)
    last = next((each for each in reversed(entries) if isinstance(each, Registration)), None)
    if last is not None and last.protocol_hash == protocol.hash:
        return last
    registration = Registration(
        time=utc_text(now),
        protocol_hash=protocol.hash,
        protocol=protocol.canonical,
        code_version=code_version,
        input_hash=ledger.input_hash,
        deliveries=len(ledger.delivery_ids),
        looks=sum(isinstance(each, Look) for each in entries),
    )
    append_line(_journal(workspace), "registration", asdict(registration))
    return registration


def remember_look(workspace: Workspace, look: Look) -> None:
    """Keep on record that these results can be seen; the caller holds the registry."""
    entries = read_entries(workspace)
    known = {_seen(each) for each in entries if isinstance(each, Look)}
    if _seen(look) not in known:
        append_line(_journal(workspace), "look", asdict(look))


def read_entries(workspace: Workspace) -> tuple[Entry, ...]:
    """Return all registrations and looks, the oldest first.

    Raises `IntegrityError` when the ledger is not what was written, line by line.
    """
    journal = _journal(workspace)
    try:
        return tuple(_entry(kind, content) for kind, content in read_lines(journal))
    except (KeyError, TypeError):
        raise journal.damaged() from None


def standing_of(entries: Sequence[Entry], protocol_hash: str, input_hash: str) -> Standing:
    """Return what results of this protocol on these deliveries are.

    Confirmatory are the results of the protocol that was frozen before the first look, for each
    analysis on the first deliveries on which its effect was shown. A look whose estimate was sealed
    shows no effect and spends nothing: when the gates open does not depend on the estimate.
    """
    if not any(isinstance(each, Registration) for each in entries):
        return Standing(NOT_REGISTERED, "No protocol was registered in this workspace.")
    frozen = frozen_protocol(entries)
    if frozen is None:
        reason = "The protocol was registered after results had been seen."
        if not any(
            isinstance(each, Registration) and each.protocol_hash == protocol_hash
            for each in entries
        ):
            reason = "Another protocol is registered, and that after results had been seen."
        return Standing(EXPLORATORY, reason)
    if frozen.protocol_hash != protocol_hash:
        return Standing(EXPLORATORY, "The protocol is not the one that was registered.")
    first_shown: dict[str, str] = {}
    for each in entries:
        for analysis in each.shown if isinstance(each, Look) else ():
            first_shown.setdefault(analysis, each.input_hash)
    return Standing(
        REGISTERED,
        "The protocol was registered before any result was seen.",
        tuple(sorted(name for name, held in first_shown.items() if held != input_hash)),
    )


def frozen_protocol(entries: Sequence[Entry]) -> Registration | None:
    """Return the last registration before the first look: until then a protocol may change."""
    frozen = None
    for each in entries:
        if isinstance(each, Look):
            break
        frozen = each
    return frozen


def ledger_path(workspace: Workspace) -> Path:
    """Return the file of registrations and looks."""
    return workspace.registry_dir / LEDGER


def _journal(workspace: Workspace) -> Journal:
    return Journal(
        ledger_path(workspace), "registered protocols", "results count as not registered"
    )


def _entry(kind: str, content: dict[str, Any]) -> Entry:
    if kind == "look":
        return Look(**{**content, "shown": tuple(content["shown"])})
    return KINDS[kind](**content)


def _seen(look: Look) -> tuple[str, str, str, tuple[str, ...]]:
    return look.protocol_hash, look.input_hash, look.code_version, look.shown
