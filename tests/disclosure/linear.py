"""A reader with a linear program over everything that was ever released.

It knows the rules by which the gate works, but none of its code: it reads released tables, takes
every count of every release as a variable, and writes down what rounding, sums over clinics, groups
and tables, growth and the keeping of values tell. Told beside that is by how much the true counts
of a sum fail to add up, which a real reader does not know. Of a hidden count it knows nothing but
that it is a count: it may be small, or hidden to protect a small one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linprog
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from analysis.contracts.release import ReleasedTable

Cell = tuple[int, str, str, tuple[Any, ...]]
Form = tuple[tuple[int, int], ...]

KEYS = {
    "unit_summaries": (),
    "responders": (),
    "stage_exits": ("stage",),
    "stage_endings": ("stage", "reason"),
    "group_summaries": ("subgroup_kind", "subgroup"),
}
SUMS_OF_ROWS = {
    "responders": ("episodes", ("improved", "not_improved", "unmeasured")),
    "stage_exits": ("episodes", ("exited", "not_exited")),
}
NEVER_SHRINK = {
    "unit_summaries": (
        "patients",
        "episodes",
        "attended_sessions",
        "episodes_ever_violated",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
    "responders": ("episodes", "patients"),
    "stage_exits": ("episodes", "patients", "exited"),
    "stage_endings": ("episodes", "patients"),
    "group_summaries": (
        "patients",
        "episodes",
        "episodes_completed_all",
        "reinjuries",
        "status_known",
    ),
}
ENOUGH, LARGEST_SMALL, BASE, HALF = 16, 12, 5, 2
FAR = 1e6


@dataclass(frozen=True)
class Seen:
    """One release: what was shown, the quarter of its data, and the truth to measure against."""

    released: Mapping[str, ReleasedTable]
    truth: Mapping[str, pl.DataFrame]
    quarter: str


@dataclass
class Program:
    """Variables with their bounds, and rows `low <= sum of coefficients <= high`."""

    cells: list[Cell] = field(default_factory=list)
    place: dict[Cell, int] = field(default_factory=dict)
    truth: list[float] = field(default_factory=list)
    shown: list[float | None] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    row_low: list[float] = field(default_factory=list)
    row_high: list[float] = field(default_factory=list)

    def add_cell(self, cell: Cell, truth: float, shown: float | None) -> None:
        self.place[cell] = len(self.cells)
        self.cells.append(cell)
        self.truth.append(truth)
        self.shown.append(shown)
        self.low.append(0.0)
        self.high.append(FAR)

    def bound(self, place: int, low: float, high: float) -> None:
        self.low[place] = max(self.low[place], low)
        self.high[place] = min(self.high[place], high)

    def add_row(self, form: Sequence[tuple[int, float]], low: float, high: float) -> None:
        number = len(self.row_low)
        self.entries += [(number, place, sign) for place, sign in form]
        self.row_low.append(low)
        self.row_high.append(high)

    def add_sum(self, whole: Cell, parts: Sequence[Cell], *, leaves_some: bool = False) -> None:
        if whole not in self.place or any(part not in self.place for part in parts):
            return
        places = [self.place[whole], *(self.place[part] for part in parts)]
        signs = [1.0, *[-1.0] * len(parts)]
        excess = sum(sign * self.truth[each] for sign, each in zip(signs, places, strict=True))
        form = list(zip(places, signs, strict=True))
        is_open = leaves_some and excess > 0
        self.add_row(form, 0.0 if is_open else excess, FAR if is_open else excess)


def everything_known(releases: Sequence[Seen]) -> Program:
    """Return the program of all releases."""
    program = Program()
    for number, seen in enumerate(releases):
        _add_cells(program, number, seen)
        _add_sums(program, number)
    _add_time(program, releases)
    return program


def counts_of(table: str, rows: pl.DataFrame) -> list[str]:
    ends = "_status"
    return [
        name
        for name in rows.columns
        if f"{name}{ends}" in rows.columns and rows.schema[name] == pl.Int64
    ]


def _add_cells(program: Program, number: int, seen: Seen) -> None:
    for table, released in seen.released.items():
        truth = seen.truth[table].to_dicts()
        for shown, true in zip(released.rows.to_dicts(), truth, strict=True):
            key = (shown["unit_kind"], shown["unit_name"], *(shown[n] for n in KEYS[table]))
            added = _is_added_up(table, shown)
            for count in counts_of(table, released.rows):
                # A total of shown parts is their sum, and tells nothing by itself.
                value = FAR if added == count else shown[count]
                if true[count] is None:
                    continue
                program.add_cell((number, table, count, key), float(true[count]), value)


def _is_added_up(table: str, row: Mapping[str, Any]) -> str | None:
    if table not in SUMS_OF_ROWS:
        return None
    whole, parts = SUMS_OF_ROWS[table]
    return whole if all(row[name] is not None for name in parts) else None


def _add_sums(program: Program, number: int) -> None:
    cells = [cell for cell in program.cells if cell[0] == number]
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for _, table, count, key in cells:
        kind, _, *rest = key
        if kind == "clinic":
            groups.setdefault((table, count, *rest), []).append((number, table, count, key))
        if table in SUMS_OF_ROWS and count == SUMS_OF_ROWS[table][0]:
            parts = [(number, table, part, key) for part in SUMS_OF_ROWS[table][1]]
            program.add_sum((number, table, count, key), parts)
    for (table, count, *rest), parts in groups.items():
        program.add_sum((number, table, count, ("network", "network", *rest)), parts)
    for unit in {key[:2] for *_, key in cells}:
        for whole, parts in _sums_of_unit(cells, number, unit):
            # Care that goes on has not ended, and nobody is told how many that are.
            leaves_some = any(cell[1] == "stage_endings" for cell in parts)
            program.add_sum(whole, parts, leaves_some=leaves_some)


def _sums_of_unit(
    cells: Sequence[Cell], number: int, unit: tuple[Any, ...]
) -> Iterator[tuple[Cell, list[Cell]]]:
    def of(table: str, count: str, key: tuple[Any, ...] = ()) -> Cell:
        return (number, table, count, (*unit, *key))

    own = [cell for cell in cells if cell[3][:2] == unit]
    for kind in ("condition", "region"):
        for count in NEVER_SHRINK["group_summaries"]:
            parts = [
                cell
                for cell in own
                if cell[1:3] == ("group_summaries", count) and cell[3][2] == kind
            ]
            if parts:
                yield of("unit_summaries", count), parts
        parts = [
            cell
            for cell in own
            if cell[1:3] == ("group_summaries", "improved") and cell[3][2] == kind
        ]
        if parts:
            yield of("responders", "improved"), parts
    endings = [cell for cell in own if cell[1:3] == ("stage_endings", "episodes")]
    completed = of("unit_summaries", "episodes_completed_all")
    if endings:
        yield of("unit_summaries", "episodes"), [completed, *endings]
    for count in ("episodes", "patients"):
        yield of("unit_summaries", count), [of("responders", count)]


def _add_time(program: Program, releases: Sequence[Seen]) -> None:
    anchors: dict[int, int] = {}
    for place, (number, table, count, key) in enumerate(program.cells):
        shown, earlier = program.shown[place], program.place.get((number - 1, table, count, key))
        before = None if earlier is None else program.shown[earlier]
        if earlier is not None and count in NEVER_SHRINK[table]:
            program.add_row([(place, 1.0), (earlier, -1.0)], 0.0, FAR)
        if shown is None or shown == FAR:
            continue
        if shown == 0:
            program.bound(place, 0.0, 0.0)
            continue
        ended = number > 0 and releases[number].quarter > releases[number - 1].quarter
        is_unsure = number > 0 and before == FAR
        reach = HALF
        is_same = before == shown
        if is_same or is_unsure:
            # Kept, or shown as itself for the first time: set in a release that is not known.
            reach = HALF + (BASE if ended and is_same else ENOUGH - 1)
        else:
            anchors[place] = place
        if earlier in anchors and is_same:
            anchors[place] = anchors[earlier]
            program.add_row([(place, 1.0), (anchors[earlier], -1.0)], 1 - ENOUGH, ENOUGH - 1)
        elif earlier in anchors and before is not None and not ended:
            is_more = shown > before
            form = [(place, 1.0), (anchors[earlier], -1.0)]
            program.add_row(form, ENOUGH if is_more else -FAR, FAR if is_more else -ENOUGH)
        program.bound(place, max(shown - reach, LARGEST_SMALL + 1), shown + reach)


def secrets(program: Program) -> list[Form]:
    """Return every hidden count of 1 to 10, and every change of 1 to 10 between shown ones."""
    found: list[Form] = []
    for place, (number, *rest) in enumerate(program.cells):
        if program.shown[place] is None and 1 <= program.truth[place] <= 10:
            found.append(((place, 1),))
        earlier = program.place.get((number - 1, *rest))  # type: ignore[arg-type]
        if earlier is None or None in (program.shown[place], program.shown[earlier]):
            continue
        if 1 <= program.truth[place] - program.truth[earlier] <= 10:
            found.append(((place, 1), (earlier, -1)))
    return found


@dataclass(frozen=True)
class Recovered:
    """What a linear program leaves possible of a secret: cells, least and greatest value."""

    cells: tuple[Cell, ...]
    low: float
    high: float
    truth: float


class Attack:
    """The reader at work on one program; every solution is a witness for all secrets."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.programs_solved = 0
        entries = program.entries
        self.matrix = csr_matrix(
            (
                [sign for *_, sign in entries],
                ([row for row, *_ in entries], [place for _, place, _ in entries]),
            ),
            shape=(len(program.row_low), len(program.cells)),
        )
        self.bounds = np.column_stack([program.low, program.high])
        self.components = connected_components(
            self.matrix.T.astype(bool).astype(int) @ self.matrix.astype(bool).astype(int),
            directed=False,
        )[1]

    def recoveries(self, values: int = 5, forms: Sequence[Form] | None = None) -> list[Recovered]:
        """Return the secrets of which at most so many whole numbers remain possible."""
        forms = secrets(self.program) if forms is None else forms
        found = []
        for component in np.unique([self.components[form[0][0]] for form in forms]):
            own = [form for form in forms if self.components[form[0][0]] == component]
            found += self._of_component(component, own, values)
        return found

    def _of_component(self, component: int, forms: list[Form], values: int) -> list[Recovered]:
        columns = np.flatnonzero(self.components == component)
        rows = np.flatnonzero(np.diff(self.matrix[:, columns].indptr))
        part = _Part(self.matrix[rows][:, columns], rows, columns, self)
        aims = part.aims(forms)
        least, greatest = np.full(len(forms), np.inf), np.full(len(forms), -np.inf)

        def solve(aim: np.ndarray) -> None:
            seen = aims @ part.solution(aim)
            np.minimum(least, seen, out=least)
            np.maximum(greatest, seen, out=greatest)

        def left() -> np.ndarray:
            return np.flatnonzero(whole_numbers(least, greatest) <= values)

        for _ in range(4):
            todo = left()
            for sign in (1.0, -1.0):
                if todo.size:
                    solve(sign * np.asarray(aims[todo].sum(axis=0)).ravel())
        for number in left():
            if whole_numbers(least[number], greatest[number]) <= values:
                solve(aims[number].toarray().ravel())
                solve(-aims[number].toarray().ravel())
        return [
            Recovered(
                tuple(self.program.cells[place] for place, _ in forms[number]),
                least[number],
                greatest[number],
                sum(sign * self.program.truth[place] for place, sign in forms[number]),
            )
            for number in left()
        ]


@dataclass(frozen=True)
class _Part:
    matrix: csr_matrix
    rows: np.ndarray
    columns: np.ndarray
    attack: Attack

    def aims(self, forms: Sequence[Form]) -> csr_matrix:
        where = {int(column): number for number, column in enumerate(self.columns)}
        entries = [
            (number, where[place], float(sign))
            for number, form in enumerate(forms)
            for place, sign in form
        ]
        return csr_matrix(
            ([e[2] for e in entries], ([e[0] for e in entries], [e[1] for e in entries])),
            shape=(len(forms), self.columns.size),
        )

    def solution(self, aim: np.ndarray) -> np.ndarray:
        low = np.array(self.attack.program.row_low)[self.rows]
        high = np.array(self.attack.program.row_high)[self.rows]
        equal = low == high
        over, under = ~equal & (high < FAR), ~equal & (low > -FAR)
        from scipy.sparse import vstack

        found = linprog(
            aim,
            A_ub=vstack([self.matrix[over], -self.matrix[under]]),
            b_ub=np.concatenate([high[over], -low[under]]),
            A_eq=self.matrix[equal],
            b_eq=low[equal],
            bounds=self.attack.bounds[self.columns],
            method="highs",
        )
        if found.status != 0:
            raise AssertionError(f"what is released contradicts itself: {found.message}")
        self.attack.programs_solved += 1
        return found.x


def whole_numbers(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return how many whole numbers lie between two ends."""
    return np.floor(high + 1e-6) - np.ceil(low - 1e-6) + 1
