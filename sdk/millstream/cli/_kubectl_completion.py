"""What kubectl asks when it is to complete `kubectl millstream ...`, and in which form it wants the answer."""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete

from millstream.cli._app import root

_DEFAULT, _NO_FILES = 0, 4
"""Kubectl's words for what its shell is to do beside: complete files, or not."""


def main() -> None:
    """The program `kubectl_complete-millstream`: its arguments are those so far, and the beginning of the next one."""
    *before, incomplete = sys.argv[1:] or [""]
    items = ShellComplete(root, {}, "kubectl millstream", "").get_completions(before, incomplete)
    for item in items:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help or ''}".rstrip())
    click.echo(f":{_NO_FILES if all(item.type == 'plain' for item in items) else _DEFAULT}")
