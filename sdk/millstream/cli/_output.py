"""How things are shown: a table for people, and documents and names for programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeVar

import click

from millstream import _surroundings
from millstream.cli._terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")

FORMATS = ("json", "yaml", "wide", "name")
_GAP = "   "
STYLES = {
    "Completed": "green",
    "Failed": "red",
    "Crashed": "red",
    "TimedOut": "red",
    "Cancelled": "yellow",
    "Running": "cyan",
}

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(FORMATS),
    help="Show more columns (wide), a document (json, yaml) or names only (name).",
)


class Column(NamedTuple, Generic[T]):
    """A column of a table.

    Attributes:
        title: What stands above it.
        text: Its text for a row.
        is_wide: Whether it is shown with `-o wide` only.
        is_state: Whether it has names of states, which have colours.
    """

    title: str
    text: Callable[[T], str]
    is_wide: bool = False
    is_state: bool = False


class View(NamedTuple, Generic[T]):
    """How things of one kind are shown.

    Attributes:
        columns: Those of the table.
        name: What `-o name` prints.
        document: What `-o json` and `-o yaml` print.
    """

    columns: Sequence[Column[T]]
    name: Callable[[T], str]
    document: Callable[[T], Mapping[str, Any]]


def show(items: Sequence[T], view: View[T], output: str | None, *, nothing: str = "Nothing found.") -> None:
    """Print things as the user wants to see them.

    Args:
        items: What to show.
        view: How.
        output: One of `FORMATS`, or a table if None.
        nothing: What to say, on stderr, in place of an empty table.
    """
    if output in {"json", "yaml"}:
        show_document([view.document(item) for item in items], output)
    elif output == "name":
        for item in items:
            click.echo(view.name(item))
    elif not items:
        click.echo(nothing, err=True)
    else:
        columns = [column for column in view.columns if output == "wide" or not column.is_wide]
        show_table(columns, items)


def show_document(document: Any, output: str) -> None:
    """Print something as JSON or YAML."""
    if output == "json":
        import json  # noqa: PLC0415 - each of these is for few commands

        click.echo(harmless(json.dumps(document, indent=2, ensure_ascii=False)))
        return
    import yaml  # noqa: PLC0415

    click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def show_table(columns: Sequence[Column[T]], items: Iterable[T]) -> None:
    """Print a table: with colours on a terminal, else in plain columns."""
    titles, rows = _texts(columns, items)
    if not is_terminal():
        for line in aligned([titles, *rows]):
            click.echo(line)
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and for terminals only

    Console(highlight=False).print(_rich_table(columns, titles, rows))


def watch_table(columns: Sequence[Column[T]], read: Callable[[], Iterable[T]], *, seconds: float) -> NoReturn:
    """Show a table that is read anew again and again, until Ctrl-C.

    Raises:
        click.UsageError: There is no terminal.
    """
    if not is_terminal():
        raise click.UsageError("A table is watched on a terminal only.")
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.live import Live  # noqa: PLC0415

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            live.update(_rich_table(columns, *_texts(columns, read())), refresh=True)
            _surroundings.current.sleep(seconds)


def _texts(columns: Sequence[Column[T]], items: Iterable[T]) -> tuple[list[str], list[list[str]]]:
    titles = [column.title.upper() for column in columns]
    return titles, [[harmless(_one_line(column.text(item))) for column in columns] for item in items]


def _rich_table(columns: Sequence[Column[T]], titles: list[str], rows: list[list[str]]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(column, text) for column, text in zip(columns, row, strict=True)))
    return table


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what there is to say of one thing, a line each; what is empty is left out."""
    said = [(f"{name}:", text.splitlines()) for name, text in fields if text.strip()]
    rows = [
        (name if number == 0 else "", harmless(line))
        for name, lines in said
        for number, line in enumerate(lines)
    ]
    for line in aligned(rows):
        click.echo(line)


def is_terminal() -> bool:
    """Whether people look at what is printed, and in colours: not in a pipe, and not with `NO_COLOR`."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(column: Column[Any], text: str) -> Text:
    from rich.text import Text  # noqa: PLC0415 - slow to import, and for terminals only

    return Text(text, STYLES.get(text, "") if column.is_state else "")
