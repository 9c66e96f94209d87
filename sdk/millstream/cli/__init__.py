"""The command line: `millstream`, and `kubectl millstream`."""

from millstream.cli._app import main

__all__ = ["main"]
