"""No key and no exact value of a record is in any byte of a release."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipelines.publication.release import current_release
from pipelines.workspace import Workspace
from tests.cli.conftest import PLANTED
from tests.cli.searching import Secrets, found_in_folder

KEYS = ("patient_id", "episode_id", "session_id", "therapist_id", "outcome_id")
LONG_TEXT = 6


def texts_of(release: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of a release as text, Parquet column by column."""
    for path in sorted(release.rglob("*")):
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path)
            yield (
                path.name,
                "\n".join(
                    text for column in rows for text in column.cast(pl.String).drop_nulls().unique()
                ),
            )
        elif path.is_file() and path.name != "plotly.min.js":
            yield path.name, path.read_bytes().decode("utf-8", errors="replace")


def keys_of(tables: dict[str, pl.DataFrame]) -> set[str]:
    return {
        str(key)
        for rows in tables.values()
        for name in KEYS
        if name in rows.columns
        for key in rows[name].drop_nulls().unique()
    }


def test_no_key_of_a_record_is_in_any_file_of_a_release(
    run_once: Workspace, tables: dict[str, pl.DataFrame]
) -> None:
    release = run_once.releases_dir / str(current_release(run_once))
    keys = {key for key in keys_of(tables) if len(key) >= LONG_TEXT}
    assert len(keys) > 1000
    for name, text in texts_of(release):
        words = set(text.replace('"', " ").replace(",", " ").replace("<", " ").split())
        assert not keys & words, name
        assert not any(key in text for key in sorted(keys)[::7]), name


def test_no_exact_value_of_a_record_is_in_any_byte_of_a_release(
    run_once: Workspace, delivery: Path
) -> None:
    secrets = Secrets(PLANTED)
    release = run_once.releases_dir / str(current_release(run_once))
    assert {name for _, name in found_in_folder(secrets, delivery)} == set(PLANTED)
    found = found_in_folder(secrets, release)
    assert [(path, name) for path, name in found if not path.endswith("plotly.min.js")] == []


def test_the_ledger_is_in_no_release_and_not_on_the_site(run_once: Workspace) -> None:
    for release in run_once.releases_dir.iterdir():
        assert not [path for path in release.rglob("*") if path.suffix in {".zip", ".jsonl"}]
        for name, text in texts_of(release):
            assert "__truth" not in text, name
