"""`millstream version`."""

import click


@click.command("version")
def command() -> None:
    """Print the version.

    \b
    Example:
      millstream version
    """
    import millstream  # noqa: PLC0415 - its version is slow to find

    click.echo(millstream.__version__)
