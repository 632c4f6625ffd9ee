"""A number of ours beside the one that a book, a paper or another program gives."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

GOLDEN: Final = Path(__file__).resolve().parents[3] / "shared" / "golden"

# Differences below this are another order of the same sums, and another on every machine.
ROUNDED: Final = 1e-12
# Why a difference may be as large as it may.
ROUNDING: Final = "both converge; rounding"
PRINTED: Final = "as many digits as are printed"


class MissingDataError(Exception):
    """The public data are not where they were looked for."""


@dataclass(frozen=True)
class Golden:
    """The folder of public cases; its data.csv files and its given.json files of references."""

    folder: Path = GOLDEN

    def rows(self, case: str, file: str = "data.csv") -> pl.DataFrame:
        """Return the rows of a file; raise MissingDataError where it is absent."""
        path = self._path(case, file)
        return pl.read_csv(path, null_values=["", "NA", "."], infer_schema_length=None)

    def given(self, case: str) -> dict[str, Any]:
        """Return the reference numbers that came with a case."""
        content: dict[str, Any] = json.loads(self._path(case, "given.json").read_text())
        return content

    def _path(self, case: str, file: str) -> Path:
        path = self.folder / case / file
        if not path.exists():
            raise MissingDataError(f"{case}/{file} is not in the folder of public data.")
        return path


@dataclass(frozen=True)
class Row:
    """A quantity of a data set: `reference` and `ours`, one number or several in the same order.

    `within` is the largest difference allowed, relative to the reference unless `is_absolute`,
    for the `reason`; `names` say which number is which. `source` is software or publication.
    """

    data: str
    quantity: str
    source: str
    reference: npt.ArrayLike
    ours: npt.ArrayLike
    within: float
    reason: str = ROUNDING
    is_absolute: bool = False
    names: Sequence[str] = field(default=())

    @property
    def differences(self) -> npt.NDArray[np.float64]:
        """Return every number's difference; one that is not a number is infinitely far off."""
        theirs, ours = _flat(self.reference), _flat(self.ours)
        if theirs.shape != ours.shape or not theirs.size:
            return np.array([np.inf])
        apart = np.abs(ours - theirs)
        if not self.is_absolute:
            apart = np.divide(apart, np.abs(theirs), out=apart, where=theirs != 0.0)
        return np.where(np.isnan(apart), np.inf, apart)

    @property
    def furthest(self) -> int:
        """Return the place of the number that is furthest from its reference."""
        return int(np.argmax(self.differences))

    @property
    def largest(self) -> float:
        """Return the largest difference."""
        return float(self.differences.max())

    @property
    def is_reached(self) -> bool:
        """Return whether every number is as near as it has to be."""
        return self.largest <= self.within

    def cells(self) -> tuple[str, ...]:
        """Return the row for a table, with the number that is furthest from its reference.

        Where all differences are rounding it is the first number, so that machines agree.
        """
        count, at = _flat(self.reference).size, self.furthest if self.largest >= ROUNDED else 0
        which = f": {self.names[at]}" if len(self.names) > at else ""
        many = f" ({count}{which})" if count > 1 else ""
        return (
            self.data,
            self.quantity + many,
            self.source,
            _digits(self.reference, at),
            _digits(self.ours, at),
            self._largest_in_words,
            f"{self.within:g} {self._kind}: {self.reason}",
            "reached" if self.is_reached else "**missed**",
        )

    @property
    def _largest_in_words(self) -> str:
        if self.largest == 0.0:
            return "none"
        if self.largest < ROUNDED:
            return f"below {ROUNDED:g} {self._kind}"
        return f"{self.largest:.1e} {self._kind}"

    @property
    def _kind(self) -> str:
        return "absolute" if self.is_absolute else "relative"


Case = Callable[[Golden], Iterable[Row]]


def rows_of(name: str, case: Case, golden: Golden) -> list[Row]:
    """Return the rows of a case; one that cannot be computed is a row that is missed, in words."""
    try:
        return list(case(golden))
    except MissingDataError:
        raise
    except Exception as error:
        words = f"could not be computed ({type(error).__name__}: {error})"
        return [Row(name, words, "none", np.nan, np.nan, 0.0, "none")]


def columns(people: pl.DataFrame, *expressions: pl.Expr | str) -> npt.NDArray[np.float64]:
    """Return columns as numbers (people x columns)."""
    return people.select(*expressions).cast(pl.Float64).to_numpy()


def numbers(people: pl.DataFrame, *names: str) -> list[npt.NDArray[np.float64]]:
    """Return columns as numbers, each (people,)."""
    return [people[name].to_numpy().astype(np.float64) for name in names]


def _flat(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()


def _digits(values: npt.ArrayLike, at: int) -> str:
    flat = _flat(values)
    return f"{flat[at]:.10g}" if at < flat.size else "none"
