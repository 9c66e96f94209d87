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

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")

FORMATS = ("json", "yaml", "wide", "name")
_GAP = "   "
_LEAST = 12
_LEAST_OF_PROSE = 24
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
        is_kept: Whether it is shown whole on a narrow terminal, too, as is the first column.
        is_prose: Whether it goes on in a next line where there is no room, and is not cut.
    """

    title: str
    text: Callable[[T], str]
    is_wide: bool = False
    is_state: bool = False
    is_kept: bool = False
    is_prose: bool = False


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

    console = Console(highlight=False)
    console.print(_rich_table(columns, titles, rows, console))


def watch_table(columns: Sequence[Column[T]], read: Callable[[], Iterable[T]], *, seconds: float) -> NoReturn:
    """Show a table that is read anew again and again, until Ctrl-C.

    Raises:
        click.UsageError: There is no terminal.
    """
    if not is_terminal():
        raise click.UsageError("A table is watched on a terminal only.")
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.live import Live  # noqa: PLC0415

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(_rich_table(columns, *_texts(columns, read()), console), refresh=True)
            _surroundings.current.sleep(seconds)


def _texts(columns: Sequence[Column[T]], items: Iterable[T]) -> tuple[list[str], list[list[str]]]:
    titles = [column.title.upper() for column in columns]
    return titles, [[harmless(_one_line(column.text(item))) for column in columns] for item in items]


def fitting(columns: Sequence[Column[Any]], widths: Sequence[int], room: int) -> dict[int, int]:
    """The columns for which a terminal has room, by their places, and how wide they are there.

    What is not kept is cut, the widest first, and where that is not enough left out, the last first.
    """
    least = [
        width if place == 0 or column.is_kept else min(width, _LEAST_OF_PROSE if column.is_prose else _LEAST)
        for place, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    shown = list(range(len(widths)))
    room += len(_GAP)  # the last column has none behind it
    while sum(least[place] + len(_GAP) for place in shown) > room:
        spare = [place for place in shown[1:] if not (columns[place].is_kept or columns[place].is_prose)]
        if not spare:
            break
        shown.remove(spare[-1])
    fitted = {place: widths[place] for place in shown}
    while sum(width + len(_GAP) for width in fitted.values()) > room:
        wide = [place for place in shown if fitted[place] > least[place]]
        if not wide:
            break
        fitted[max(wide, key=lambda place: fitted[place])] -= 1
    return fitted


def _rich_table(
    columns: Sequence[Column[T]], titles: list[str], rows: list[list[str]], console: Console
) -> Table:
    from rich.cells import cell_len  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    cells = [[_cell(column, text) for column, text in zip(columns, row, strict=True)] for row in rows]
    widths = (
        [
            max(cell_len(title), *(cell.cell_len for cell in column))
            for title, column in zip(titles, zip(*cells, strict=True), strict=True)
        ]
        if cells
        else [cell_len(title) for title in titles]
    )
    if any(column.is_wide for column in columns):  # of which whoever asks for them wants all
        console.width = max(console.width, sum(widths) + len(_GAP) * len(widths))
    fitted = fitting(columns, widths, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for place, width in fitted.items():
        is_prose = columns[place].is_prose
        table.add_column(
            titles[place], width=width, no_wrap=not is_prose, overflow="fold" if is_prose else "ellipsis"
        )
    for row in cells:
        table.add_row(*(row[place] for place in fitted))
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
