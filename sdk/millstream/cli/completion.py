"""`millstream completion`."""

import click

from millstream.cli._app import completion_variable, program, root


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that lets a shell complete commands and names.

    \b
    Examples:
      source <(millstream completion bash)      # in ~/.bashrc
      source <(millstream completion zsh)       # in ~/.zshrc
      millstream completion fish > ~/.config/fish/completions/millstream.fish
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - for this command only

    made_by = get_completion_class(shell)
    assert made_by is not None  # noqa: S101 - Click has all three
    name = program()
    click.echo(made_by(root, {}, name, completion_variable(name)).source())
