"""`nmt sql`: questions to the registry as last built."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from analysis.contracts.errors import UsageError
from pipelines.cli.options import chosen_workspace, data_option, json_option
from pipelines.cli.output import columns, json_text, print_lines, print_object

if TYPE_CHECKING:
    import polars as pl

FORMATS: Final = ("table", "csv", "json", "parquet")


@click.command("sql")
@click.argument("query")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="How rows are written; default: as the ending of --output says, else table.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to FILE instead of standard output.",
)
@data_option
@json_option
def command(
    *, query: str, file_format: str | None, output: Path | None, data: Path | None, as_json: bool
) -> None:
    """Answer QUERY from the registry as last built; nothing can be written by it.

    When deliveries were ingested since, the registry is built first. These are records of people:
    keep what you write to files as safe as the registry itself.
    """
    from pipelines.line import refresh_registry
    from pipelines.progress import watched
    from pipelines.warehouse.versions import open_version, run_query

    workspace = chosen_workspace(data)
    with watched():
        refresh_registry(workspace)
    with open_version(workspace) as registry:
        rows = run_query(registry, query)
    chosen = file_format or _format_of(output)
    if output is not None:
        _write(output, _bytes(rows, chosen))
        click.echo(f"{rows.height:,} rows: {output}", err=True)
    elif as_json:
        print_object({"columns": rows.columns, "rows": rows.to_dicts()})
    elif chosen == "table":
        print_lines(columns(rows.columns, rows.iter_rows()))
    else:
        click.echo(_bytes(rows, chosen), nl=False)


def _format_of(output: Path | None) -> str:
    ending = output.suffix.removeprefix(".") if output else ""
    return ending if ending in FORMATS else "table"


def _bytes(rows: "pl.DataFrame", file_format: str) -> bytes:
    from io import BytesIO

    if file_format == "csv":
        return _flat(rows).write_csv().encode()
    if file_format == "json":
        return (_json(rows) + "\n").encode()
    if file_format == "parquet":
        content = BytesIO()
        rows.write_parquet(content)
        return content.getvalue()
    return ("\n".join(columns(rows.columns, rows.iter_rows())) + "\n").encode()


def _flat(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Return the rows with lists as the contract writes them, and what is no cell as JSON."""
    import polars as pl

    def text(value: object) -> str | None:
        if value is None:
            return None
        return value.hex() if isinstance(value, bytes) else json_text(value)

    lists = {name for name, kind in rows.schema.items() if _is_list_of_cells(kind)}
    others = {
        name
        for name, kind in rows.schema.items()
        if name not in lists and (kind.is_nested() or kind == pl.Binary)
    }
    return rows.with_columns(
        *(pl.col(name).cast(pl.List(pl.String)).list.join(";") for name in lists),
        *(pl.Series(name, map(text, rows[name].to_list()), dtype=pl.String) for name in others),
    )


def _is_list_of_cells(kind: "pl.DataType") -> bool:
    import polars as pl

    return isinstance(kind, pl.List) and not kind.inner.is_nested() and kind.inner != pl.Binary


def _json(rows: "pl.DataFrame") -> str:
    import polars as pl

    is_plain = all(
        _is_list_of_cells(kind) or not (kind.is_nested() or kind == pl.Binary)
        for kind in rows.dtypes
    )
    # The quick writer knows neither bytes nor maps.
    return rows.write_json() if is_plain else json_text(rows.to_dicts())


def _write(output: Path, content: bytes) -> None:
    from pipelines.publication.files import write_atomically

    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is no folder; name a file in a folder that is there.")
    write_atomically(output, content)
