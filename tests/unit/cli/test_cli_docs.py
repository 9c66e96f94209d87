"""docs/cli.md and docs/cli_reference.md say what the commands do."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from millstream.cli import _errors, run
from millstream.cli._app import root

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "cli.md").read_text()


def commands(group, path=("millstream",)):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = [*commands(root), (("millstream", "run", "FILE:FLOW"), run.local)]
LEAVES = [(path, command) for path, command in ALL if not isinstance(command, click.Group)]


def test_the_reference_is_what_the_help_says():
    script = DOCS.parent / "hack" / "cli_reference.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0


def test_every_command_has_its_section():
    sections = re.findall(r"^## (.+)$", (DOCS / "cli_reference.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(["millstream", *(" ".join(path) for path, _ in ALL)])


def test_every_command_is_in_the_table():
    rows = re.findall(r"^\| `millstream (.+?)` ?(.*?)\|", TEXT, re.MULTILINE)
    named = set()
    for first, others in rows:
        noun, _, verb = first.rstrip(",").replace("`", "").partition(" ")
        named |= {(noun, word) for word in [verb, *re.findall(r"`(\w+)`", others)]}
    assert named == {(path[1], path[2] if len(path) > 2 else "") for path, _ in LEAVES}


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_help_has_examples(path, command):
    examples = re.findall(r"^ +(?:.*\| |source <\()?millstream (\w+)", command.help, re.MULTILINE)
    assert examples
    assert set(examples) == {path[1]}


def test_the_exit_codes():
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert codes == {0, _errors.FAILED, click.UsageError.exit_code, _errors.INTERRUPTED}
