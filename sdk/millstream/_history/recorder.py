"""Tells the history what happens, in the background: no run waits for it, and none fails on its account."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream._history.rows import is_about_flows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Protocol

    from millstream._history.rows import Entry, PlainTaskRun, TaskRunRow
    from millstream._history.writer import Writer

    class RowOf(Protocol):
        """Gives the row of a task run; if it is left, that of its end."""

        def __call__(self, run: Any, *, is_left: bool) -> TaskRunRow: ...


_logger = logging.getLogger("millstream.history")
in_use = threading.RLock()
"""Held while a file of the history is open to be read, or written to."""
_SECONDS_BETWEEN_BATCHES = 0.5
_LONGEST_PAUSE = 60.0  # after batches that could not be written
_MANY_ENTRIES = 1_000
"""From how many on the thread does not wait for its time; the most that are written at once."""
_MOST_ENTRIES = 100_000
"""What may wait to be written; of what comes faster than the disk takes it, task runs are counted and not kept."""


class Bounds(NamedTuple):
    """What is to be forgotten: runs that ended so many days ago, and the oldest from such a size of the file on."""

    days: float
    megabytes: float


class Recorder:
    """Writes to the history of one `MILLSTREAM_HOME`.

    Args:
        home: The folder.
        bounds: What is to be forgotten.
        row_of: Gives the row of a task run that has not ended; told that nobody works at it any more, that of its end.
    """

    def __init__(self, home: Path, bounds: Bounds, row_of: RowOf) -> None:
        self._home = home
        self._bounds = bounds
        self._row_of = row_of
        self._entries: deque[Entry] = deque()
        self._missing = 0
        self._live: dict[int, Any] = {}
        self._seen: set[int] = set()
        self._shown: set[int] = set()
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
        entries = self._entries
        if len(entries) > _MANY_ENTRIES and self._is_too_much():
            self._missing += 1
        else:
            entries.append(entry)
        self._live.pop(serial, None)
        if self._rests:
            self._begin()

    def task_run_left(self, serial: int, run: Any) -> None:
        """Nobody works at a task run any more: if its end was not told, as something interrupted that, it is now."""
        if serial in self._live:
            self.task_run_ended(serial, self._row_of(run, is_left=True))

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

    def _is_too_much(self) -> bool:
        """Have it written at once, and say whether even that is too late."""
        if not self._hurries:
            self._hurries = True
            self._wake.set()
        return len(self._entries) >= _MOST_ENTRIES

    def _work(self) -> None:
        pause = _SECONDS_BETWEEN_BATCHES
        while not self._closed:
            self._wake.clear()
            if not self._is_wanted():  # else somebody has asked just before
                self._wake.wait(pause)
            written = self.flush()
            pause = _SECONDS_BETWEEN_BATCHES if written else min(pause * 2, _LONGEST_PAUSE)
            if self._is_done():
                self._wake.clear()
                self._rests = True
                if self._is_done() and not self._closed:  # else somebody came meanwhile, and saw no rest
                    self._wake.wait()
                self._rests = False

    def _is_wanted(self) -> bool:
        return self._hurries or self._closed

    def _is_done(self) -> bool:
        return not self._entries and self._live.keys() <= self._shown

    def flush(self) -> bool:
        """Write all that there is to write.

        Returns:
            Whether that worked; if not, it is tried again later, and why it did not was logged.
        """
        with in_use:
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
            written = False
            try:
                written = self._write(batch)
            finally:  # even if this is interrupted
                if not written:
                    self._keep_for_later(batch)
            if not written:
                return False
            batch = []
        return True

    def _write(self, batch: list[Entry]) -> bool:
        if self._writer is None:
            from millstream._history.writer import Writer  # noqa: PLC0415 - slow to import

            self._writer = Writer(self._home, self._bounds)
        return self._writer.write(batch)

    def _those_that_take_long(self) -> list[Entry]:
        """Of the task runs that go on since the last time, those that nobody has seen yet."""
        live = self._live.copy()
        long = [serial for serial in live if serial in self._seen and serial not in self._shown]
        self._seen = set(live)
        self._shown = self._shown & self._seen | set(long)
        return [self._row_of(live[serial], is_left=False) for serial in long]

    def _keep_for_later(self, batch: list[Entry]) -> None:
        beyond = len(batch) + len(self._entries) - _MOST_ENTRIES
        kept = []
        for entry in batch:  # the oldest task runs go first
            if beyond > 0 and not is_about_flows(entry):
                beyond -= 1
                self._missing += 1
            else:
                kept.append(entry)
        self._entries.extendleft(reversed(kept))

    def close(self) -> None:
        """Write what there is, and nothing from then on: this process is gone."""
        self.flush()
        with in_use:
            self._closed = True
            self._wake.set()
            if self._entries:
                _logger.warning("%d changes of runs are lost for the history.", len(self._entries))
                self._entries.clear()
            if self._writer is not None:
                self._writer.close()

    def let_go(self) -> None:
        """Hold no file open: there is about to be a copy of this process, which would share it."""
        if self._writer is not None:
            self._writer.let_go()

    def disown(self) -> None:
        """Write nothing any more: this process is a copy of the one that the recorder belongs to."""
        self._closed, self._rests = True, False
        self._entries, self._live = deque(maxlen=0), {}


_recorders: dict[Path, Recorder] = {}


def recorder_at(home: Path, bounds: Callable[[], Bounds], row_of: RowOf) -> Recorder:
    """The one recorder of this process for a `MILLSTREAM_HOME`."""
    recorder = _recorders.get(home)
    if recorder is None:
        if not _recorders:
            _close_at_the_end_of_a_child()
        recorder = _recorders.setdefault(home, Recorder(home, bounds(), row_of))
    return recorder


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


def _close_at_the_end_of_a_child() -> None:
    """Processes of `multiprocessing` end without `atexit`."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, close_all, exitpriority=0)


def _before_fork() -> None:
    # SQLite's locks do not survive a copy of the process, and nobody may be in the middle of something.
    in_use.acquire()
    for recorder in tuple(_recorders.values()):
        recorder.let_go()


def _disown_all() -> None:
    in_use.release()
    while _recorders:
        _recorders.popitem()[1].disown()


atexit.register(close_all)
os.register_at_fork(before=_before_fork, after_in_parent=in_use.release, after_in_child=_disown_all)
