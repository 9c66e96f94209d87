"""Programs in a terminal, and what it showed as text and as a picture."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Screen:
    """The terminal of a program that runs."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal

    def read(self, seconds: float) -> str:
        """What is written for some seconds, or until the program ends."""
        written = b""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                try:
                    written += os.read(self._terminal, 65536)
                except OSError:  # nobody has the other end open any more
                    break
        return written.decode().replace("\r\n", "\n")


@contextmanager
def started(
    command: Sequence[str], folder: Path, width: int, environment: Mapping[str, str]
) -> Iterator[Screen]:
    """Start a program in a terminal; it has ended afterwards."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment, "COLUMNS": str(width), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Screen(process, ours)
    finally:
        process.terminate()
        process.wait()
        os.close(ours)


def plain(written: str) -> str:
    """What a terminal showed, without its colours."""
    return Text.from_ansi(written).plain.rstrip()


def picture(written: str, *, title: str, width: int, name: str) -> str:
    """What a terminal showed, as SVG.

    Args:
        written: What programs wrote to it.
        title: What stands above it.
        width: Its columns.
        name: What makes the picture's own names different from those of others on the same page.
    """
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(written), soft_wrap=True)
        drawn = console.export_svg(title=title, unique_id=name)
    return _FONT.sub("", drawn)  # the reader's own will do: a page loads nothing from elsewhere
