"""Released tables as rows, by unit; a table that is missing is an empty one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from analysis.contracts.release import ReleasedTable
from analysis.disclosure import rows_beside, why_no_comparison
from analysis.figures import words
from analysis.figures.words import Row
from analysis.pages.answers import UnitRows, first
from analysis.reporting import readable

A_CLINIC: Final = "a clinic"
# Tables in which the column `reason` holds a code of the records or a reviewer's own words.
CODED_REASONS: Final = ("stage_endings", "rebases")


@dataclass(frozen=True)
class Shelf:
    """All released rows of a site, by table, and why clinics are shown alone (None if not).

    `peers` holds those rows of the network that may stand beside a clinic's.
    """

    tables: Mapping[str, list[Row]]
    why_alone: str | None
    peers: Mapping[str, list[Row]]

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table."""
        return self.tables.get(table, [])

    def of_unit(self, table: str, kind: str, name: str | None = None) -> list[Row]:
        """Return the rows of the network, of all clinics, or of one clinic."""
        units = self._by_unit.get(table, {})
        if name is not None:
            return units.get((kind, name), [])
        return [row for (of_kind, _), rows in units.items() if of_kind == kind for row in rows]

    @cached_property
    def _by_unit(self) -> dict[str, dict[tuple[str, str], list[Row]]]:
        """Return the rows of every table about units by unit, so that no page reads them all."""
        found: dict[str, dict[tuple[str, str], list[Row]]] = {}
        for table, rows in self.tables.items():
            if rows and "unit_kind" in rows[0]:
                units = found.setdefault(table, {})
                for row in rows:
                    units.setdefault((row["unit_kind"], row["unit_name"]), []).append(row)
        return found

    def beside(self, table: str) -> list[Row]:
        """Return the network's rows where they may stand beside a clinic."""
        return self.peers.get(table, [])

    def of_clinic(self, name: str) -> "Shelf":
        """Return a shelf with one clinic's rows, and the network's where they may stand beside."""
        tables = {
            table: [*self.beside(table), *self.of_unit(table, "clinic", name)]
            for table, rows in self.tables.items()
            if rows and "unit_kind" in rows[0]
        }
        return Shelf(tables, self.why_alone, self.peers)

    def clinics(self) -> list[str]:
        """Return the names of all clinics of any table, sorted."""
        tables = (
            "unit_summaries",
            "stage_funnel",
            "domain_courses",
            "responders",
            "quality_points",
            "deteriorations",
            "stage_exits",
        )
        return sorted(
            {
                name
                for table in tables
                for kind, name in self._by_unit.get(table, {})
                if kind == "clinic"
            }
        )


def fill(released: Mapping[str, ReleasedTable]) -> Shelf:
    """Return the released tables as rows; what words of the study name a clinic is taken out."""
    tables: dict[str, list[Row]] = {
        name: [row if name in CODED_REASONS else _unnamed(row) for row in table.rows.to_dicts()]
        for name, table in released.items()
    }
    summaries = released.get("unit_summaries")
    why = "No clinic was counted." if summaries is None else why_no_comparison(summaries.rows)
    peers = {} if why else {name: _peers(name, rows) for name, rows in tables.items()}
    return Shelf(tables, why, peers)


def _peers(table: str, rows: list[Row]) -> list[Row]:
    return list(rows_beside(table, rows)) if rows and "unit_kind" in rows[0] else []


def unit_rows(shelf: Shelf, kind: str, name: str | None) -> UnitRows:
    """Return what the answers of a unit's page need."""

    def is_pain(row: Row) -> bool:
        return bool(row["domain"] == "pain" and row["change"] == "important")

    def is_evidence(row: Row) -> bool:
        return bool(row["requirement"] == "exit_evidence")

    def beside(table: str) -> list[Row]:
        return [] if kind == "network" else shelf.beside(table)

    return UnitRows(
        summary=first(shelf.of_unit("unit_summaries", kind, name), lambda _: True),
        pain=first(shelf.of_unit("responders", kind, name), is_pain),
        last_stage=first(
            shelf.of_unit("stage_funnel", kind, name), lambda row: row["stage"] == words.STAGES[-1]
        ),
        evidence=first(shelf.of_unit("data_quality", kind, name), is_evidence),
        network_summary=first(beside("unit_summaries"), lambda _: True),
        network_pain=first(beside("responders"), is_pain),
        network_evidence=first(beside("data_quality"), is_evidence),
        is_network=kind == "network",
    )


def _unnamed(row: dict[str, Any]) -> Row:
    """Return a row whose subgroup and reason name no clinic: all pages show them."""
    clinic = row.get("subgroup") if row.get("subgroup_kind") == "clinic" else None
    reason = row.get("reason")
    if reason:
        row = row | {"reason": readable(reason.replace(clinic, A_CLINIC) if clinic else reason)}
    return row | {"subgroup": A_CLINIC} if clinic else row
