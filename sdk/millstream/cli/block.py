"""`millstream block`: configuration with a type and a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._completions import one_of
from millstream.cli._groups import Group
from millstream.cli._output import output_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _titles() -> list[str]:
    from millstream.cli._blocks import all_blocks, title  # noqa: PLC0415 - pydantic is slow to import

    return [title(kept) for kept in all_blocks()]


def _types() -> Iterable[str]:
    from millstream.blocks.core import block_types  # noqa: PLC0415 - as above

    return block_types()


def _import(ctx: click.Context, param: click.Parameter, places: tuple[str, ...]) -> None:
    del ctx, param
    if places:
        from millstream.entrypoint import load_module  # noqa: PLC0415 - the engine is slow to import

        for place in places:
            load_module(place)


_module_option: Callable[[Any], Any] = click.option(
    "--module",
    metavar="FILE|MODULE",
    multiple=True,
    expose_value=False,
    callback=_import,
    help="Where types of your own are: package.module, or a file.",
)
_block_argument: Callable[[Any], Any] = click.argument(
    "block", metavar="TYPE/NAME", shell_complete=one_of(_titles)
)


@click.group("block", cls=Group)
def command() -> None:
    """Keep configuration and secrets under a name.

    docs/blocks.md says what blocks are and where they are found.
    """


@command.command("ls")
@click.option(
    "--type", "slug", metavar="TYPE", shell_complete=one_of(_types), help="Blocks of this type only."
)
@output_option
def list_blocks(*, slug: str | None, output: str | None) -> None:
    """List blocks, and where each is kept.

    \b
    Examples:
      millstream block ls
      millstream block ls --type slack-webhook -o name
    """
    from millstream.cli._blocks import BLOCKS, all_blocks  # noqa: PLC0415 - as above
    from millstream.cli._output import show  # noqa: PLC0415

    show(
        [kept for kept in all_blocks() if slug in {None, kept.slug}],
        BLOCKS,
        output,
        nothing="No blocks found.",
    )


@command.command("show")
@_block_argument
@_module_option
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Show it as a document.")
def show_block(*, block: str, output: str | None) -> None:
    """Show a block, without its secrets.

    \b
    Examples:
      millstream block show slack-webhook/alerts
      millstream block show warehouse/nightly --module blocks.py
    """
    from millstream.cli._blocks import document_of, find  # noqa: PLC0415 - as above
    from millstream.cli._output import show_document, show_fields  # noqa: PLC0415

    document = document_of(find(block))
    if output is None:
        fields = document.pop("fields")
        show_fields([(name.capitalize(), text) for name, text in document.items()])
        click.echo()
        show_fields([(name, str(value)) for name, value in fields.items()])
    else:
        show_document(document, output)


@command.command("types")
@_module_option
@output_option
def list_types(*, output: str | None) -> None:
    """List the types of blocks and their fields.

    \b
    Examples:
      millstream block types
      millstream block types --module blocks.py
    """
    from millstream.blocks.core import block_types  # noqa: PLC0415 - as above
    from millstream.cli._blocks import TYPES  # noqa: PLC0415
    from millstream.cli._output import show  # noqa: PLC0415

    show(list(block_types().values()), TYPES, output)


@command.command("register")
@click.argument("slug", metavar="TYPE", shell_complete=one_of(_types))
@click.argument("name")
@click.argument("pairs", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option(
    "--from-env",
    "variables",
    metavar="FIELD=VARIABLE",
    multiple=True,
    help="Take a field from the environment. May be repeated.",
)
@click.option("--from-stdin", "piped", metavar="FIELD", help="Take a field from standard input.")
@click.option(
    "--ask", "asked", metavar="FIELD", multiple=True, help="Ask for a secret that may be left out, too."
)
@click.option("--overwrite", is_flag=True, help="Replace a block of that name.")
@_module_option
def register(
    *,
    slug: str,
    name: str,
    pairs: tuple[str, ...],
    variables: tuple[str, ...],
    piped: str | None,
    asked: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Save a block in MILLSTREAM_HOME.

    Secrets are asked for, or come from standard input or the environment: what stands in a command, others can see.

    \b
    Examples:
      millstream block register slack-webhook alerts
      millstream block register secret api-key --from-env value=API_KEY
      cat password | millstream block register email ops smtp_server=mail 'email_to=["a@b.c"]' --from-stdin password
    """
    from millstream.blocks.core import block_type  # noqa: PLC0415 - as above
    from millstream.cli._blocks import made  # noqa: PLC0415

    block = made(block_type(slug), pairs=pairs, variables=variables, piped=piped, asked=asked)
    block.save(name, overwrite=overwrite)
    click.echo(f"Saved {slug}/{name}.", err=True)


@command.command("delete")
@_block_argument
def delete(block: str) -> None:
    """Delete a block from MILLSTREAM_HOME.

    \b
    Example:
      millstream block delete slack-webhook/alerts
    """
    from millstream.blocks import _places  # noqa: PLC0415 - as above
    from millstream.cli._blocks import find, title  # noqa: PLC0415

    kept = find(block)
    _places.delete(kept.slug or block.partition("/")[0], kept.name)
    click.echo(f"Deleted {title(kept)}.", err=True)
