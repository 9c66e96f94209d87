"""What is done with several objects: looked at before, asked for, and gone on with where one of them fails."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import click

from millstream.cli._errors import FAILED
from millstream.cli._output import show_table
from millstream.cli._terminal import harmless, note
from millstream.exceptions import ClusterUnreachable, MillstreamError, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.stored import Stored
    from millstream.cli._output import Column

T = TypeVar("T", bound="Stored")


class Noun(NamedTuple, Generic[T]):
    """What objects these are.

    Attributes:
        word: What one of them is called, as `run`.
        filters: Options that choose them, for people.
        named: Gives the one of a name.
        columns: Gives those of the table in which they are shown.
    """

    word: str
    filters: str
    named: Callable[[Cluster, str], T]
    columns: Callable[[], Iterable[Column[T]]]

    def counted(self, number: int) -> str:
        """So many of them."""
        return f"{number} {self.word}" if number == 1 else f"{number} {self.word}s"


class Deed(NamedTuple, Generic[T]):
    """Something that can be done with an object.

    Attributes:
        verb: Its name, as `cancel`.
        done: As `cancelled`.
        do: Does it, and gives what is to be said then.
        objection: Why it cannot be done with one; empty if it can. Those are left out where filters choose.
        is_asked_for: Whether it is asked for also where names are given.
        warning: What is to be known before it is done with some of them.
    """

    verb: str
    done: str
    do: Callable[[Cluster, T], str]
    objection: Callable[[T], str] = lambda _: ""
    is_asked_for: bool = False
    warning: Callable[[Sequence[T]], str] = lambda _: ""


def preview_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--yes` and `--dry-run`."""
    for option in reversed(_PREVIEW):
        command = option(command)
    return command


_PREVIEW = (
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option("--dry-run", is_flag=True, help="Only show which these are."),
)


def carry_out(
    deed: Deed[T],
    noun: Noun[T],
    cluster: Cluster,
    *,
    names: Sequence[str],
    chosen: Iterable[T] | None,
    yes: bool,
    dry_run: bool,
) -> list[T]:
    """Do something with the objects that are named or chosen; gives those with which it was done.

    Args:
        deed: What is done.
        noun: What objects these are.
        cluster: Where they are.
        names: Their names.
        chosen: Those that filters choose, read when they are needed; None if no filter is given.
        yes: Do not ask.
        dry_run: Only show them.

    Raises:
        click.UsageError: None are named or chosen, or nobody can be asked.
        SystemExit: It could not be done with all of them.
    """
    if bool(names) == (chosen is not None):
        raise click.UsageError(
            f"Say which {noun.word}s: either their names, or filters such as {noun.filters}."
        )
    objects = _fitting(chosen, deed) if chosen is not None else _named(cluster, names, noun)
    wanted = len(set(names)) or len(objects)
    if not wanted:
        click.echo(f"No {noun.word}s found to be {deed.done}.", err=True)
        return []
    is_sure = yes or not (deed.is_asked_for or not names)
    if objects and (dry_run or not is_sure):
        show_table([column for column in noun.columns() if not column.is_wide], objects)
    if dry_run:
        told = f"{noun.counted(len(objects))} would be {deed.done}. {deed.warning(objects)}"
        click.echo(told.strip(), err=True)
        done = objects
    else:
        if objects and not is_sure:
            _ask(deed, noun, objects)
        done = _do_all(deed, cluster, objects)
    if len(done) < wanted:
        if wanted > 1:
            click.echo(f"{wanted - len(done)} of {noun.counted(wanted)} could not be {deed.done}.", err=True)
        sys.exit(FAILED)
    return [] if dry_run else done


def _named(cluster: Cluster, names: Sequence[str], noun: Noun[T]) -> list[T]:
    """Those of these names; which of them there are not is told."""
    objects = []
    for name in dict.fromkeys(names):
        try:
            objects.append(noun.named(cluster, name))
        except ObjectNotFound as error:
            note(harmless(str(error), err=True))
    return objects


def _fitting(chosen: Iterable[T], deed: Deed[T]) -> list[T]:
    objects = [one for one in chosen if not deed.objection(one)]
    return sorted(objects, key=lambda one: (one.created, one.name))


def _ask(deed: Deed[T], noun: Noun[T], objects: Sequence[T]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{noun.counted(len(objects))} would be {deed.done}, and there is no terminal to ask on. Give --yes to do "
            "it, or --dry-run to see what it would do."
        )
    question = f"{deed.warning(objects)} {deed.verb.capitalize()} {noun.counted(len(objects))}?".strip()
    click.confirm(question, abort=True, err=True)


def _do_all(deed: Deed[T], cluster: Cluster, objects: Sequence[T]) -> list[T]:
    done = []
    for one in objects:
        if objection := deed.objection(one):
            click.echo(f"{one.name} {objection}", err=True)
            continue
        try:
            click.echo(deed.do(cluster, one), err=True)
        except ClusterUnreachable as error:
            note(harmless(f"{one.name}: {error}", err=True))
            break  # the others would only wait for the same
        except MillstreamError as error:
            note(harmless(f"{one.name}: {error}", err=True))
            continue
        done.append(one)
    return done
