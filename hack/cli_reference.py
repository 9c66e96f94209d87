"""Write docs/cli_reference.md: the help of every command; --check only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from generated import write_or_check

from millstream.cli import run
from millstream.cli._app import root

PAGE = Path(__file__).parents[1] / "docs/cli_reference.md"
WIDTH = 100
HEAD = """# The commands of `millstream`

What `--help` says of each. [cli.md](cli.md) says what they have in common.
"""


def page() -> str:
    """The page as it should be."""
    context = click.Context(root, info_name="millstream", terminal_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return HEAD + "".join(_section(each) for each in _contexts(context))


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    group = context.command
    if group is run.command:
        yield _below(context, run.local, "FILE:FLOW")
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None, name  # noqa: S101 - it is in the list
            yield from _contexts(_below(context, command, name))


def _below(context: click.Context, command: click.Command, name: str) -> click.Context:
    return click.Context(command, parent=context, info_name=name, terminal_width=WIDTH)


def _section(context: click.Context) -> str:
    return f"\n## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
