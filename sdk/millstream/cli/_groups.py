"""Groups of commands whose modules are imported only when a command of theirs is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class Group(click.Group):
    """A group that knows what to type in the place of Prefect's commands.

    Attributes:
        unknown: What else is to be said of a name that it has not.
    """

    unknown = ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, its name and what follows it."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            from millstream.cli._prefect_commands import instead_of  # noqa: PLC0415 - for those who come from there

            if found := instead_of([*_path(ctx), *args]):
                message = f"{error.message} In the place of Prefect's `{found[0]}`: {found[1]}."
                raise click.NoSuchCommand(error.command_name, message, ctx=ctx) from None
            message = f"{error.message} {self.unknown}".strip()
            raise click.NoSuchCommand(error.command_name, message, self.commands, ctx) from None


def _path(ctx: click.Context) -> list[str]:
    """The words after the program's name."""
    return [] if ctx.parent is None else [*_path(ctx.parent), str(ctx.info_name)]


class LazyGroup(Group):
    """A group that knows of its commands only the names and what they do, until one of them is used.

    Args:
        lazy: What each command does, by its name. A module of the package has the same name, and it as `command`.
        package: The package of these modules.
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, str], package: str = "millstream.cli", **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy
        self._package = package
        # For what Click says of a name that is nearly right.
        self.commands.update({name: click.Command(name, short_help=text) for name, text in lazy.items()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, which imports none of them."""
        rows = [(name, self.commands[name].get_short_help_str(limit=100)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
