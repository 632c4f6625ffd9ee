"""A journal: a file of JSON lines that only grows, each holding the hash of the line before it.

A line that was changed, removed or put in later is therefore noticed. Whoever writes holds the
registry, so that two writers never take the same place.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.contracts.errors import IntegrityError
from pipelines.publication.files import sha256, write_atomically


@dataclass(frozen=True)
class Journal:
    """Where a journal lies, what its lines are about, and what is lost without it (a sentence)."""

    path: Path
    subject: str
    loss: str

    def damaged(self) -> IntegrityError:
        """Return the error for a journal that is not what was written."""
        return IntegrityError(
            f"The ledger of {self.subject} {self.path} is not what was written. Put the file back "
            f"from a backup; without one move it away, and {self.loss}."
        )


def read_lines(journal: Journal) -> list[tuple[str, dict[str, Any]]]:
    """Return the kind and the entry of every line, the oldest first.

    Raises `IntegrityError` when the journal is not what was written, line by line.
    """
    found, previous = [], ""
    for line in _texts(journal):
        try:
            content = json.loads(line)
            if content["previous"] != previous:
                raise journal.damaged()
            found.append((str(content["kind"]), dict(content["entry"])))
        except (ValueError, KeyError, TypeError):
            raise journal.damaged() from None
        previous = sha256(line.encode())
    return found


def append_line(journal: Journal, kind: str, entry: Mapping[str, Any]) -> None:
    """Write the entry as the journal's last line; the caller holds the registry."""
    read_lines(journal)
    lines = _texts(journal)
    previous = sha256(lines[-1].encode()) if lines else ""
    content = {"entry": dict(entry), "kind": kind, "previous": previous}
    lines.append(json.dumps(content, sort_keys=True))
    write_atomically(journal.path, "".join(f"{line}\n" for line in lines).encode())


def _texts(journal: Journal) -> list[str]:
    try:
        return journal.path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise journal.damaged() from None
