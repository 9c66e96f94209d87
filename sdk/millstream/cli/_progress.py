"""How far a run is, at the bottom of a terminal."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from millstream import _surroundings
from millstream.cli._times import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_PATIENCE = 2.0  # seconds in which most runs have ended


def progress(counts: Callable[[], dict[str, int]]) -> AbstractContextManager[None]:
    """Show, while a block takes long and there is a terminal, how many task runs have ended in which state.

    Args:
        counts: Tells it, from any thread.
    """
    return at_the_bottom(lambda seconds: line(counts(), seconds))


@contextmanager
def at_the_bottom(text: Callable[[float], str]) -> Iterator[None]:
    """Show a line below all others, while a block takes long and there is a terminal.

    Args:
        text: The line after so many seconds; called from any thread.
    """
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(text, ended), name="millstream-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def line(counts: dict[str, int], seconds: float) -> str:
    """What is shown."""
    ended = [f"{number} {state}" for state, number in counts.items()] or ["none ended"]
    return f"Running for {duration(seconds)}; task runs: {', '.join(ended)}"


def _show(text: Callable[[float], str], ended: threading.Event) -> None:
    begun = _surroundings.current.time()
    if ended.wait(_PATIENCE):
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and for terminals only
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    def now() -> Text:
        return Text(text(_surroundings.current.time() - begun), style="dim")

    shown = Live(
        get_renderable=now,
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=2,
        redirect_stdout=sys.stdout.isatty(),  # what goes to a file or a pipe is to get there
    )
    with shown:
        ended.wait()
