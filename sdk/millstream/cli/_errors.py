"""What the user is told when something is wrong, and the exit codes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from millstream import exceptions
from millstream.cli._terminal import harmless
from millstream.exceptions import MillstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED = 1
INTERRUPTED = 130

_WRONG_USE = (
    exceptions.DeploymentError,
    exceptions.EntrypointError,
    exceptions.ParameterBindError,
    exceptions.ParameterTypeError,
    exceptions.SettingsError,
)
"""What was given is wrong, and nothing has been done: Click's own code for that is 2."""


@contextmanager
def reporting() -> Iterator[None]:
    """Tell users what they can mend; what is a mistake of ours keeps its traceback."""
    try:
        yield
    except MillstreamError as error:
        kind = click.UsageError if isinstance(error, _WRONG_USE) else click.ClickException
        # It may be the words of an API server, or of who has named what it is about.
        raise kind(harmless(str(error), err=True)) from error
    except KeyboardInterrupt:
        click.echo("\nInterrupted.", err=True)
        sys.exit(INTERRUPTED)
