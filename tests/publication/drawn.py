"""A release of drawn tables in a workspace of its own, as a run would have left it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from analysis.contracts.release import ReleaseFacts
from analysis.disclosure import release_tables
from pipelines.publication.code import CodeVersion
from pipelines.publication.pages import files_of
from pipelines.publication.release import ReleaseInputs, point_site, write_release
from pipelines.workspace import Workspace
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL


def published(
    folder: Path,
    tables: Mapping[str, pl.DataFrame],
    facts: ReleaseFacts = FACTS,
    former: str | None = None,
) -> Workspace:
    """Return a workspace whose current release, made after `former`, holds these tables."""
    workspace = Workspace(folder).prepare()
    inputs = ReleaseInputs(
        ("delivery",),
        is_synthetic=True,
        code=CodeVersion("0", "", ()),
        protocol_hash=PROTOCOL.hash,
        former=former,
    )
    named = replace(facts, release_id=inputs.release_id, run_id=inputs.release_id)
    files = files_of(release_tables(tables, DISCLOSURE), named, PROTOCOL)
    write_release(workspace, inputs, PROTOCOL.canonical, files)
    point_site(workspace, inputs.release_id)
    return workspace
