"""The root of all commands."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from millstream.cli._errors import reporting
from millstream.cli._groups import LazyGroup

PLUGIN: Final = "kubectl-millstream"

COMMANDS = {
    "backfill": "Create a run for each tick of a schedule in a range of time.",
    "block": "Keep configuration and secrets under a name.",
    "completion": "Print the script that lets a shell complete commands and names.",
    "config": "See and change settings.",
    "deploy": "Bring flows into the cluster, with their files and schedules.",
    "deployment": "See, run and pause the deployments of the cluster.",
    "doctor": "Say what is wrong with this machine and the cluster, and what to do.",
    "history": "See what ran on this machine.",
    "init": "Make a project: a flow, its test, its deployment and an image.",
    "result": "Print or save what a run of the cluster returned.",
    "run": "Run a flow here; see and steer the runs of the cluster.",
    "version": "Print the version.",
}
"""What each command does; a noun's module has its verbs."""


class _Root(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        with reporting():
            return super().invoke(ctx)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - Click's way to call
    del param
    if value and not ctx.resilient_parsing:
        ctx.invoke(root.get_command(ctx, "version"))  # type: ignore[arg-type] # there is one
        ctx.exit()


@click.group(
    cls=_Root,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def root() -> None:
    """Run flows, here or in a cluster, and see what became of them."""


def main() -> None:
    """The program, whose exit codes docs/cli.md lists."""
    name = program()
    # kubectl shows its plugins as commands of its own.
    root.main(prog_name=name.replace("-", " ", 1), complete_var=completion_variable(name))


def program() -> str:
    """The name of the program that was started."""
    called = os.path.basename(sys.argv[0]).removesuffix(".exe")  # noqa: PTH119 - pathlib is slow to import
    return PLUGIN if called == PLUGIN else "millstream"


def completion_variable(name: str) -> str:
    """The variable in which a shell says what it wants to know of a program."""
    return f"_{name.replace('-', '_')}_COMPLETE".upper()
