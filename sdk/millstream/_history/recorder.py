"""Tells the history what happens, in the background: no run waits for it, and none fails on its account."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from millstream._history.rows import Entry, PlainTaskRun, TaskRunRow
    from millstream._history.writer import Writer

_logger = logging.getLogger("millstream.history")
_SECONDS_BETWEEN_BATCHES = 0.5
_LONGEST_PAUSE = 60.0  # after batches that could not be written
_MANY_ENTRIES = 4_000
"""From how many on the thread does not wait for its time; the most that are written at once."""
_MOST_ENTRIES = 100_000
"""What may wait to be written; of what comes faster than the disk takes it, task runs are counted and not kept."""


class Recorder:
    """Writes to the history of one `MILLSTREAM_HOME`.

    Args:
        home: The folder.
        row_of: Gives the row of a task run that has not ended.
    """

    def __init__(self, home: Path, row_of: Callable[[Any], TaskRunRow]) -> None:
        self._home = home
        self._row_of = row_of
        self._entries: deque[Entry] = deque()
        self._missing = 0
        self._live: dict[int, Any] = {}
        self._seen: set[int] = set()
        self._shown: set[int] = set()
        self._writing = threading.Lock()
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._rests = True  # until something comes
        self._hurries = False  # as much has come
        self._closed = False

    def task_run_began(self, serial: int, run: Any) -> None:
        """Look at a task run now and then until it ends: one that takes long is written before."""
        self._live[serial] = run
        if self._rests:
            self._begin()

    def task_run_ended(self, serial: int, entry: TaskRunRow | PlainTaskRun) -> None:
        """Have the end of a task run written soon."""
        self._live.pop(serial, None)
        entries = self._entries
        entries.append(entry)
        if self._rests:
            self._begin()
        if len(entries) > _MANY_ENTRIES:
            self._hurry()

    def add(self, entry: Entry) -> None:
        """Have something written soon."""
        self._entries.append(entry)
        if self._rests:
            self._begin()

    def _begin(self) -> None:
        self._rests = False
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="millstream-history", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is about to end, and `close` writes what there is
                return
        self._wake.set()

    def _hurry(self) -> None:
        if not self._hurries:
            self._hurries = True
            self._wake.set()
        if len(self._entries) > _MOST_ENTRIES:
            self._entries.pop()
            self._missing += 1

    def _work(self) -> None:
        pause = _SECONDS_BETWEEN_BATCHES
        while not self._closed:
            if not self._hurries:
                self._wake.clear()
                if not self._hurries:
                    self._wake.wait(pause)
            written = self.flush()
            pause = _SECONDS_BETWEEN_BATCHES if written else min(pause * 2, _LONGEST_PAUSE)
            if self._is_done():
                self._wake.clear()
                self._rests = True
                if self._is_done():  # else somebody came meanwhile, and saw no rest
                    self._wake.wait()
                self._rests = False

    def _is_done(self) -> bool:
        return not self._entries and self._live.keys() <= self._shown

    def flush(self) -> bool:
        """Write all that there is to write.

        Returns:
            Whether that worked; if not, it is tried again later, and why it did not was logged.
        """
        with self._writing:
            written = self._closed or self._write_all()
        if self._missing:
            missing, self._missing = self._missing, 0
            _logger.warning("%d task runs more are missing in the history: it could not keep up.", missing)
        return written

    def _write_all(self) -> bool:
        # Those that go on come before those that have ended meanwhile, of which the last row holds.
        batch = self._those_that_take_long()
        left = len(self._entries)  # what comes from now on is for the next time
        self._hurries = False
        while batch or left:
            some = min(left, _MANY_ENTRIES)
            left -= some
            batch += [self._entries.popleft() for _ in range(some)]
            if not self._write(batch):
                return False
            batch = []
        return True

    def _write(self, batch: list[Entry]) -> bool:
        if self._writer is None:
            from millstream._history.writer import Writer  # noqa: PLC0415 - slow to import

            self._writer = Writer(self._home)
        if self._writer.write(batch):
            return True
        self._keep_for_later(batch)
        return False

    def _those_that_take_long(self) -> list[Entry]:
        """Of the task runs that go on since the last time, those that nobody has seen yet."""
        live = self._live.copy()
        long = [serial for serial in live if serial in self._seen and serial not in self._shown]
        self._seen = set(live)
        self._shown = self._shown & self._seen | set(long)
        return [self._row_of(live[serial]) for serial in long]

    def _keep_for_later(self, batch: list[Entry]) -> None:
        self._entries.extendleft(reversed(batch))
        while len(self._entries) > _MOST_ENTRIES:
            self._entries.popleft()
            self._missing += 1

    def close(self) -> None:
        """Write what there is, and nothing from then on: this process is gone."""
        self.flush()
        with self._writing:
            self._closed = True
            if self._writer is not None:
                self._writer.close()

    def disown(self) -> None:
        """Write nothing any more: this process is a copy of the one that the recorder belongs to."""
        self._closed, self._rests = True, False
        self._entries, self._live = deque(maxlen=0), {}


_recorders: dict[Path, Recorder] = {}


def recorder_at(home: Path, row_of: Callable[[Any], TaskRunRow]) -> Recorder:
    """The one recorder of this process for a `MILLSTREAM_HOME`."""
    return _recorders.get(home) or _recorders.setdefault(home, Recorder(home, row_of))


def flush(home: Path) -> None:
    """Have written what this process still has to write there."""
    recorder = _recorders.get(home)
    if recorder is not None:
        recorder.flush()


def close(home: Path) -> None:
    """End the recorder of this process there, if there is one; the next run gets a new one."""
    recorder = _recorders.pop(home, None)
    if recorder is not None:
        recorder.close()


def close_all() -> None:
    """End all recorders."""
    for home in tuple(_recorders):
        close(home)


def _disown_all() -> None:
    while _recorders:
        _recorders.popitem()[1].disown()


atexit.register(close_all)
os.register_at_fork(after_in_child=_disown_all)
