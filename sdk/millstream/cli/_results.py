"""How results are printed and written to files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final

import click
from pydantic_core import to_json

from millstream._cluster.results import StoredResult
from millstream.cli._terminal import harmless

_TABLES: Final = {"csv", "parquet"}
_FORMATS: Final = _TABLES | {"name", "pickle", "table", "text", "wide", "yaml", "yml"}
"""What other commands take for `-o`, and the endings of files: none of them is likely to be meant as a file."""


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


def check_output(output: str | None) -> None:
    """Refuse the name of a format that there is not, or that only a file can have.

    Raises:
        click.BadParameter: It says what to give.
    """
    if output in _FORMATS:
        file = f"result.{output}" if output in _TABLES else "result.json"
        raise click.BadParameter(
            f"{output} is no form to print: give json, or a file, as {file}; ./{output} for one that is called so.",
            param_hint="-o",
        )


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
        _write(path.resolve(), content)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error
    kind = f", {found.entry.serializer}" if isinstance(found, StoredResult) and not path.suffix else ""
    click.echo(f"Wrote {len(content):,} bytes to {file}{kind}.", err=True)


def _write(file: Path, content: bytes) -> None:
    """Write all of it, or leave what is there; pipes and devices get it as they can."""
    if file.exists() and not file.is_file():
        file.write_bytes(content)
        return
    part = file.with_name(f".millstream-{os.urandom(8).hex()}")
    try:
        part.write_bytes(content)
        if file.exists():
            shutil.copymode(file, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _value(found: StoredResult | Any) -> Any:
    return found.load() if isinstance(found, StoredResult) else found


def _is_table(value: Any) -> bool:
    """Whether it is a DataFrame, without importing pandas."""
    return hasattr(value, "to_csv") and hasattr(value, "to_parquet")


def _json(value: Any) -> bytes:
    try:
        if _is_table(value):
            text: str = _with_index(value).to_json(orient="records", date_format="iso", indent=2)
            return text.encode()
        return to_json(value, indent=2, inf_nan_mode="constants")
    except Exception as error:  # an object of the user's may raise anything
        raise click.ClickException(
            f"A result of type {type(value).__name__} cannot be written as JSON ({error}). Write its bytes to a file: "
            "-o FILE."
        ) from error


def _with_index(table: Any) -> Any:
    """The table with its index as columns, unless that only counts the rows."""
    index = table.index
    only_counts = type(index).__name__ == "RangeIndex" and (index.name, index.start, index.step) == (
        None,
        0,
        1,
    )
    return table if only_counts else table.reset_index(allow_duplicates=True)


def _table_as(value: Any, suffix: str) -> bytes:
    if not _is_table(value):
        raise click.ClickException(
            f"The result is no DataFrame but of type {type(value).__name__}: write it to a file of another name than "
            f"{suffix}."
        )
    if suffix == ".csv":
        text: str = _with_index(value).to_csv(index=False)
        return text.encode()
    try:
        content: bytes = value.to_parquet()
    except ImportError as error:
        raise click.ClickException("For Parquet files, install pyarrow: pip install pyarrow.") from error
    return content
