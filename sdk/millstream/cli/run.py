"""`millstream run`: flows that run here, and the runs of the cluster."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from millstream.cli._errors import FAILED, INTERRUPTED
from millstream.cli._groups import LazyGroup
from millstream.cli._parameters import given_parameters, parameter_options
from millstream.cli._texts import Text


def names_a_flow(word: str) -> bool:
    """Whether what follows `run` is a flow to run here, and no command."""
    return ":" in word or word.endswith(".py")


COMMANDS = {
    "cancel": "End runs.",
    "delete": "Delete runs, and with them their pods and logs.",
    "logs": "Print what a run has printed, in all its attempts.",
    "ls": "List the runs of the cluster.",
    "resume": "Let suspended runs go on.",
    "retry": "Run again what has ended: new runs with the same parameters.",
    "show": "Show a run: where it stands and why, its attempts and their ends, its timings, its warnings.",
    "suspend": "Let runs rest until they are resumed.",
}


class _RunGroup(LazyGroup):
    unknown = "A flow is named FILE.py, FILE.py:FLOW or MODULE:FLOW."

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if names_a_flow(args[0]):
            return args[0], local, args[1:]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # The file first: bash's script forgets what came before it.
        return [CompletionItem(incomplete, type="file"), *super().shell_complete(ctx, incomplete)]


@click.group(
    "run",
    cls=_RunGroup,
    lazy=COMMANDS,
    package="millstream.cli.run_commands",
    subcommand_metavar="FILE:FLOW|COMMAND [OPTIONS]",
)
def command() -> None:
    """Run a flow here; see and steer the runs of the cluster.

    What has a colon or ends in .py is a flow: `millstream run FILE:FLOW --help` shows what can be said of its run.
    Other words are commands for the cluster, where `millstream deployment run` makes runs.

    \b
    Examples:
      millstream run etl.py
      millstream run etl.py:nightly -p day=2026-01-31 -p n=3
      millstream run package.module:flow --params-file parameters.yaml
      millstream run ls --state live
      millstream run logs -f etl-x7k2p9
    """


@click.command()
@parameter_options
@click.option("--name", type=Text(), help="What to call the run.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag for the run.")
@click.option("--no-progress", is_flag=True, help="Do not show on a terminal how far a long run is.")
@click.pass_context
def local(
    ctx: click.Context,
    *,
    pairs: tuple[str, ...],
    document: str | None,
    file: str | None,
    name: str | None,
    tags: tuple[str, ...],
    no_progress: bool,
) -> None:
    """Run a flow here and now.

    FILE:FLOW is path/file.py:flow, or package.module:flow; of a file with one flow the file is enough.

    \b
    Examples:
      millstream run etl.py
      millstream run etl.py:nightly -p day=2026-01-31 -p n=3 -p 'tags=["a", "b"]'
      millstream run package.module:flow --params '{"n": 3}' --name trial
    """
    from contextlib import nullcontext  # noqa: PLC0415 - all of these are slow to import

    from millstream._engine import FlowRunInfo, log_to_console, run_flow  # noqa: PLC0415
    from millstream.cli._progress import progress  # noqa: PLC0415
    from millstream.entrypoint import full_entrypoint, load_flow  # noqa: PLC0415
    from millstream.states import StateType  # noqa: PLC0415

    entrypoint = full_entrypoint(str(ctx.info_name))
    flow = load_flow(entrypoint)
    log_to_console()  # the check of the parameters may have something to say
    parameters = given_parameters(flow.parameter_schema(), pairs=pairs, document=document, file=file)
    flow.validate_parameters(parameters)
    sys.argv = [entrypoint]  # our own arguments are none of the flow's
    info = FlowRunInfo(name=name, tags=tags)
    with nullcontext() if no_progress else progress(info.task_counts):
        state = run_flow(flow, parameters, run=info)
    if state.type is not StateType.COMPLETED:
        sys.exit(INTERRUPTED if _was_interrupted(state.data) else FAILED)


def _was_interrupted(data: object) -> bool:
    import asyncio  # noqa: PLC0415 - slow to import, and for runs that fail only

    # Which Ctrl-C is to a coroutine that nobody else awaits.
    return isinstance(data, KeyboardInterrupt | asyncio.CancelledError)
