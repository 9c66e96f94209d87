"""How results are printed and written to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic_core import to_json

from millstream._cluster.results import StoredResult
from millstream.cli._terminal import harmless


def print_result(found: StoredResult | Any, *, as_json: bool) -> None:
    """Print a result: texts and tables as they are, all else as JSON where it can be.

    Raises:
        click.ClickException: It cannot be written as JSON, and was asked for so.
    """
    value = _value(found)
    if not as_json and (isinstance(value, str) or _is_table(value)):
        click.echo(harmless(str(value)))
        return
    try:
        click.echo(_json(value))
    except click.ClickException:
        if as_json:
            raise
        click.echo(repr(value))


def save_result(found: StoredResult | Any, file: str) -> None:
    """Write a result to a file, in the form that the file's name asks for.

    Raises:
        click.ClickException: It cannot be written so.
    """
    path = Path(file)
    match path.suffix:
        case ".csv" | ".parquet" as suffix:
            content = _table_as(_value(found), suffix)
        case ".json":
            content = _json(_value(found)) + b"\n"
        case _:
            content = found.entry.payload if isinstance(found, StoredResult) else _json(found) + b"\n"
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error
    kind = f", {found.entry.serializer}" if isinstance(found, StoredResult) and not path.suffix else ""
    click.echo(f"Wrote {len(content):,} bytes to {file}{kind}.", err=True)


def _value(found: StoredResult | Any) -> Any:
    return found.load() if isinstance(found, StoredResult) else found


def _is_table(value: Any) -> bool:
    """Whether it is a DataFrame, without importing pandas."""
    return hasattr(value, "to_csv") and hasattr(value, "to_parquet")


def _json(value: Any) -> bytes:
    if _is_table(value):
        text: str = value.to_json(orient="records", date_format="iso", indent=2)
        return text.encode()
    try:
        return to_json(value, indent=2, inf_nan_mode="constants")
    except Exception as error:  # an object of the user's may raise anything
        raise click.ClickException(
            f"A result of type {type(value).__name__} cannot be written as JSON ({error}). Write its bytes to a file: "
            "-o FILE."
        ) from error


def _table_as(value: Any, suffix: str) -> bytes:
    if not _is_table(value):
        raise click.ClickException(
            f"The result is no DataFrame but of type {type(value).__name__}: write it to a file of another name than "
            f"{suffix}."
        )
    if suffix == ".csv":
        text: str = value.to_csv(index=False)
        return text.encode()
    try:
        content: bytes = value.to_parquet()
    except ImportError as error:
        raise click.ClickException("For Parquet files, install pyarrow: pip install pyarrow.") from error
    return content
