"""Jobs of other processes that share limits; see `storage_peers.peer`."""

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from millstream.concurrency import concurrency, rate_limit
from millstream.settings import temporary_settings


def occupy(settings: dict[str, Any], name: str, slots: int, pipe: Connection) -> None:
    """Hold slots for good."""
    with temporary_settings(settings), concurrency(name, occupy=slots):
        pipe.send("held")
        signal.pause()


def mark_presence(settings: dict[str, Any], name: str, folder: Path, times: int, pipe: Connection) -> None:
    """Hold a slot again and again, and say how many were seen to hold one at the same time."""
    me = folder / str(os.getpid())
    most = 0
    with temporary_settings(settings):
        for _ in range(times):
            with concurrency(name):
                me.touch()
                most = max(most, len(list(folder.iterdir())))
                me.unlink()
    pipe.send(most)


def take_turns(settings: dict[str, Any], name: str, times: int, pipe: Connection) -> None:
    """Take turns that are due at once."""
    with temporary_settings(settings):
        for _ in range(times):
            rate_limit(name)
    pipe.send("done")
