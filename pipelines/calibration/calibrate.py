"""From a workspace and a protocol to a certificate: shape, registries, findings, rows."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.calibration.certificate import certificate_rows
from analysis.calibration.findings import Finding
from analysis.contracts.errors import UsageError
from analysis.contracts.protocol import Protocol
from analysis.simulation.scenarios import find_scenario
from analysis.simulation.shaping import Shape, find_shape, match_shapes
from analysis.study.strategies import FEWEST_PATIENTS
from pipelines.calibration.certificates import Certificate, write_certificate
from pipelines.calibration.registries import RegistryOrder, require_planted_truth
from pipelines.calibration.runner import finish_registries, seconds_now, time_left
from pipelines.calibration.store import (
    Finished,
    Subject,
    add_finding,
    begin_findings,
    read_findings,
)
from pipelines.progress import detail, report
from pipelines.publication.code import code_version
from pipelines.warehouse.connection import read_frame
from pipelines.warehouse.versions import open_version
from pipelines.workspace import Workspace

# Larger registries take long and teach little more; --episodes asks for them.
MOST_EPISODES: Final = 20_000


@dataclass(frozen=True)
class Wanted:
    """What a certificate is asked to rest on; `episodes` None is as many as the registry has."""

    scenarios: tuple[str, ...]
    registries: int
    seed: int
    episodes: int | None = None
    processes: int | None = None


def calibrate(workspace: Workspace, protocol: Protocol, wanted: Wanted) -> Certificate:
    """Finish the registries that are wanted and not finished yet; write and return the certificate.

    The certificate rests on every registry of this protocol, code, shape and size that was ever
    finished, so a call that was broken off is gone on with by calling again. Raises `UsageError`
    where there is no registry to shape worlds by, or no known truth for the protocol.
    """
    require_planted_truth(protocol)
    for name in wanted.scenarios:
        find_scenario(name)
    shape = registry_shape(workspace, protocol)
    episodes = wanted.episodes or min(shape.episodes, MOST_EPISODES)
    subject = Subject(protocol.hash, code_version().label, shape, episodes)
    report(f"Calibrating on registries of {episodes:,} episodes")
    path = begin_findings(workspace, subject)
    orders = _orders(wanted, subject, read_findings(workspace, subject))
    begun, processes = seconds_now(), wanted.processes or len(os.sched_getaffinity(0))
    for number, finished in enumerate(finish_registries(orders, protocol, processes), 1):
        add_finding(path, finished)
        left = len(orders) - number
        pace = time_left(number, left, seconds_now() - begun)
        detail(f"{number} of {len(orders)} registries, {pace}")
    return write_certificate(
        workspace,
        protocol_hash=protocol.hash,
        code_version=subject.code_version,
        episodes=episodes,
        rows=certificate_rows(_by_scenario(read_findings(workspace, subject)), episodes),
    )


def registry_shape(workspace: Workspace, protocol: Protocol) -> Shape:
    """Return the shape of the registry as last built, under the protocol's primary order."""
    with open_version(workspace) as version:
        baseline = read_frame(version, "marts.episode_baseline")
        adherence = read_frame(version, "marts.episode_adherence")
        outcomes = read_frame(version, "marts.episode_outcomes")
    patients = baseline["patient_key"].n_unique()
    order_name = protocol.study.primary_order
    if patients < FEWEST_PATIENTS:
        raise UsageError(
            f"The registry holds fewer than {FEWEST_PATIENTS} patients of the study; no study is "
            "made of so few, so there is nothing to calibrate."
        )
    if order_name not in adherence["order_name"]:
        raise UsageError(
            f"The registry was last built without the order {order_name}. "
            "Run nmt run with this protocol first."
        )
    return find_shape(
        baseline,
        adherence,
        outcomes,
        order_name=order_name,
        horizon_days=protocol.study.horizon_days,
    )


def _orders(wanted: Wanted, subject: Subject, known: Sequence[Finished]) -> list[RegistryOrder]:
    """Return the registries that are not finished yet, one of every scenario after the other."""
    finished = {(each.scenario, each.seed) for each in known}
    missing = [
        (name, seed)
        for seed in range(wanted.seed, wanted.seed + wanted.registries)
        for name in wanted.scenarios
        if (name, seed) not in finished
    ]
    if not missing:
        report("Every registry that is asked for was finished before")
        return []
    names = tuple(dict.fromkeys(name for name, _ in missing))
    report("Shaping the simulated worlds like the registry")
    knobs = match_shapes(subject.shape, names)
    report(f"Simulating and analysing {len(missing):,} registries")
    return [
        RegistryOrder(name, subject.shape, knobs[name], subject.episodes, seed)
        for name, seed in missing
    ]


def _by_scenario(finished: Sequence[Finished]) -> Mapping[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in finished:
        found.setdefault(each.scenario, []).append(each.finding)
    return found
