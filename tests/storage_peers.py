"""Other processes that use the same storage. They are spawned, so the storage comes to them pickled."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from millstream.filesystems import Storage

_spawning = multiprocessing.get_context("spawn")
MEGABYTES = 10_000_000


class Peer:
    """A process and the pipe to it."""

    def __init__(self, process: SpawnProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    def hear(self, timeout: float = 60) -> Any:
        """What it says next."""
        if not self._pipe.poll(timeout):
            raise TimeoutError("The other process says nothing.")
        return self._pipe.recv()

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self._process.kill()
        self._process.join()


@contextmanager
def peer(job: Callable[..., None], *arguments: Any) -> Iterator[Peer]:
    """Another process that does this job as long as the block lasts."""
    ours, theirs = _spawning.Pipe()
    process = _spawning.Process(target=job, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    with ours:
        other = Peer(process, ours)
        try:
            yield other
        finally:
            other.kill()
            process.close()


def hold(storage: Storage, key: str, pipe: Connection) -> None:
    """Hold a lock for ever."""
    with storage.acquire(key):
        pipe.send("held")
        signal.pause()


def hold_with_child(storage: Storage, key: str, pipe: Connection) -> None:
    """Hold a lock, and have a forked child that outlives this process."""
    storage.write(key, b"")  # so that there is a connection to inherit
    with storage.acquire(key):
        child = os.fork()
        if child == 0:
            pipe.send(os.getpid())
            while True:
                signal.pause()
        signal.pause()


def read_in_child(storage: Storage, key: str, pipe: Connection) -> None:
    """Say what a forked child reads with the storage of its parent, and what the parent reads after it."""
    storage.write(key, b"value")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    pipe.send(storage.read(key))


def increment(storage: Storage, key: str, times: int, pipe: Connection) -> None:
    """Count in steps that would get lost without a lock."""
    for _ in range(times):
        with storage.acquire(key):
            storage.write(key, b"%d" % (int(storage.read(key)) + 1))
    pipe.send("done")


def write_for_ever(storage: Storage, key: str, pipe: Connection) -> None:
    """Write big values one after the other, each of one letter."""
    while True:
        for letter in b"ab":
            storage.write(key, bytes([letter]) * MEGABYTES)
            pipe.send("wrote")
