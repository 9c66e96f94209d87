"""`millstream init`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FILES = ("flows.py", "test_flows.py", "millstream.yaml", "Dockerfile", ".gitignore")


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
def command(directory: str) -> None:
    """Make a project: a flow, its test, its deployment and an image.

    What is there already is never overwritten.

    \b
    Examples:
      millstream init
      millstream init reports
    """
    from pathlib import Path  # noqa: PLC0415 - slow to import

    from millstream.resources.names import object_name  # noqa: PLC0415 - as above

    if not directory:
        raise click.UsageError("The name of the folder is empty: leave it out to make the project here.")
    folder = Path(directory)
    name = object_name(folder.resolve().name)
    texts = {file: _text(file, name) for file in _FILES}
    missing = [file for file in _FILES if not (folder / file).exists()]
    taken = [file for file, text in texts.items() if _has_another(folder / file, text)]
    if taken:
        raise click.UsageError(f"{folder} has other files of these names, which stay: {', '.join(taken)}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in missing:
            with (folder / file).open("x", encoding="utf-8") as stream:
                stream.write(texts[file])
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written to: {error.strerror}.") from error
    click.echo(_next_steps(directory, name, missing))


def _text(file: str, name: str) -> str:
    from importlib.resources import files  # noqa: PLC0415 - slow to import
    from string import Template  # noqa: PLC0415

    template = files("millstream.cli").joinpath("_project", f"{file.removeprefix('.')}.template")
    return Template(template.read_text(encoding="utf-8")).substitute(name=name)


def _has_another(path: Path, text: str) -> bool:
    """Whether there is something else than what is to be written; the same is there if this was interrupted."""
    if not path.exists():
        return path.is_symlink()
    return not path.is_file() or path.read_bytes() != text.encode()


def _next_steps(directory: str, name: str, made: Sequence[str]) -> str:
    from shlex import quote  # noqa: PLC0415 - as above

    steps = [
        *([] if directory == "." else [f"cd {quote(directory)}"]),
        "millstream run flows.py -p 'names=[\"Ada\"]'",
        "pytest                                   # pip install pytest, if there is none",
        "millstream deploy                        # the files travel along; --build makes an image of them",
        f"millstream deployment run {name}",
    ]
    said = f"Made {', '.join(made)}." if made else "All of the project is there already."
    return "\n".join([f"{said} Next:", *(f"  {step}" for step in steps)])
