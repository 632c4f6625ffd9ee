"""Results on standard output, for people or for programs."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def print_object(content: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json_text(content, indent=2))


def json_text(content: object, *, indent: int | None = None) -> str:
    """Return the content as JSON; numbers that are not finite are null, and bytes hexadecimal."""
    return json.dumps(
        _sayable(content), indent=indent, ensure_ascii=False, allow_nan=False, default=str
    )


def print_fault(kind: str, exit_code: int, message: str) -> None:
    """Print what ended the command as one JSON object."""
    print_object({"status": "failed", "exit_code": exit_code, "fault": kind, "message": message})


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines."""
    for line in lines:
        click.echo(line)


def columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the rows as text in aligned columns, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    is_number = [
        bool(cells) and all(_looks_numeric(row[at]) for row in cells) for at in range(len(header))
    ]
    widths = [max(len(row[at]) for row in [list(header), *cells]) for at in range(len(header))]
    lines = []
    for row in [list(header), ["-" * width for width in widths], *cells]:
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_number, strict=True)
        )
        lines.append("  ".join(aligned).rstrip())
    return lines


def _sayable(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _sayable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(entry) for entry in value]
    return value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ";".join(map(str, value))
    # A terminal obeys control characters; a table shows them.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


def _looks_numeric(text: str) -> bool:
    return text.strip().replace(".", "", 1).lstrip("-").isdigit() or text == ""
