"""Sending from the background: some threads, a queue with an end, tries that come later, and a last moment at exit."""

from __future__ import annotations

import atexit
import heapq
import os
import sys
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

from millstream import _secrets
from millstream._engine import termination
from millstream.exceptions import BlockError, NotificationError, SettingsError
from millstream.logging import get_logger
from millstream.settings import Settings, get_current_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millstream._outbox import Notification

_PAUSES = (1.0, 4.0, 16.0)
_THREADS = 4
_MOST_WAITING = 1000
_LONGEST_TRY = 60.0
_MOST_TRIES = 20
"""At once, with those that took too long and have not ended yet."""
_logger = get_logger("notifications")


class _Letter:
    """A notification on its way."""

    __slots__ = ("due", "notification", "number", "reason", "send", "tries")

    def __init__(self, number: int, notification: Notification, send: Callable[[Notification], None]) -> None:
        self.number = number
        self.notification = notification
        self.send = send
        self.due = 0.0
        self.tries = 0
        self.reason = "there was no time for it"

    def __lt__(self, other: _Letter) -> bool:
        return (self.due, self.number) < (other.due, other.number)


class Delivery:
    """Sends what is posted, in threads that keep no process from its end.

    Args:
        pauses: Seconds before each further try.
        most_waiting: How much may wait to be sent.
        longest_try: Seconds until a try has failed.
        most_tries: How many tries there may be at once, with those that have failed and still go on.
    """

    def __init__(
        self,
        pauses: Sequence[float] = _PAUSES,
        most_waiting: int = _MOST_WAITING,
        longest_try: float = _LONGEST_TRY,
        most_tries: int = _MOST_TRIES,
    ) -> None:
        self._pauses = pauses
        self._most_waiting = most_waiting
        self._longest_try = longest_try
        self._room = threading.Semaphore(most_tries)
        self._changed = threading.Condition()
        self._waiting: list[_Letter] = []
        self._under_way: set[_Letter] = set()
        self._threads = 0
        self._idle = 0
        self._numbers = count()

    def post(self, notification: Notification, send: Callable[[Notification], None]) -> None:
        """Have a notification sent; with too many waiting it is dropped, and the log says so."""
        with self._changed:
            if len(self._waiting) < self._most_waiting:
                self._take(_Letter(next(self._numbers), notification, send))
                return
        self._tell(30, notification, f"dropped: {self._most_waiting} others wait to be sent")

    def _take(self, letter: _Letter) -> None:
        heapq.heappush(self._waiting, letter)
        if self._idle < len(self._waiting) and self._threads < _THREADS:
            name = f"millstream-notifications_{self._threads}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more of them, or the interpreter ends
                if not self._threads:
                    letter.reason = "no thread could be started"
            else:
                self._threads += 1
        self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait for what is to be sent, as long as it can be sent within this time; tell of the rest."""
        deadline = time.monotonic() + seconds
        with self._changed:
            pending = len(self._waiting) + len(self._under_way)
            if pending and seconds:
                _logger.info(
                    "Waiting up to %g s for %d notification(s) that are not sent yet.", seconds, pending
                )
            try:
                while (self._threads and self._worth_waiting(deadline)) and (
                    left := deadline - time.monotonic()
                ) > 0:
                    self._changed.wait(left)
            except KeyboardInterrupt:  # somebody will not wait
                pass
            lost = sorted([*self._waiting, *self._under_way], key=lambda letter: letter.number)
            self._waiting.clear()
            self._under_way.clear()
        for letter in lost:
            self._tell(40, letter.notification, f"not sent before the process ended: {letter.reason}")

    def _worth_waiting(self, deadline: float) -> bool:
        return bool(self._under_way) or any(letter.due < deadline for letter in self._waiting)

    def _work(self) -> None:
        while True:
            letter = self._next()
            reason, again = self._try_in_time(letter)
            with self._changed:
                if letter not in self._under_way:  # it was told that there is no time left
                    continue
                self._under_way.discard(letter)
                again = again and letter.tries < len(self._pauses)
                if again:
                    letter.reason = reason
                    letter.due = time.monotonic() + self._pauses[letter.tries]
                    letter.tries += 1
                    self._take(letter)
                self._changed.notify_all()
            if reason and not again:
                self._tell(40, letter.notification, f"not sent: {reason}")

    def _try_in_time(self, letter: _Letter) -> tuple[str, bool]:
        """In a thread of its own, which is left to itself if it takes too long: a socket's timeouts are for each part."""
        if not self._room.acquire(blocking=False):
            return "too many others that took too long still go on", True
        outcome: list[tuple[str, bool]] = []
        attempt = threading.Thread(
            target=self._try, args=(letter, outcome), name="millstream-notification", daemon=True
        )
        try:
            attempt.start()
        except RuntimeError:  # as from Python 3.12 on, when the process is at its end
            self._try(letter, outcome)
        else:
            attempt.join(self._longest_try)
        return outcome[0] if outcome else (f"nobody answered within {self._longest_try:g} s.", True)

    def _try(self, letter: _Letter, outcome: list[tuple[str, bool]]) -> None:
        try:
            outcome.append(_outcome(letter))
        finally:
            self._room.release()

    def _next(self) -> _Letter:
        with self._changed:
            while True:
                wait = self._waiting[0].due - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    letter = heapq.heappop(self._waiting)
                    self._under_way.add(letter)
                    return letter
                self._idle += 1
                self._changed.wait(wait)
                self._idle -= 1

    def _tell(self, level: int, notification: Notification, what: str) -> None:
        text = _secrets.mask(f"The notification to {notification.shown} was {what}")
        _logger.log(level, "%s", text, extra=notification.log_fields)


def _outcome(letter: _Letter) -> tuple[str, bool]:
    """Send it; gives why that did not work, if it did not, and whether it may work later."""
    try:
        letter.send(letter.notification)
    except NotificationError as error:
        return str(error), True
    except (BlockError, SettingsError) as error:
        return str(error), False
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        return f"{type(error).__name__}: {error}", True
    return "", False


_delivery: Delivery | None = None
_making = threading.Lock()


def delivery() -> Delivery:
    """The one of this process."""
    global _delivery  # noqa: PLW0603 - one per process on purpose
    with _making:
        if _delivery is None:
            _delivery = Delivery()
            termination.goes_on = True
            if (multiprocessing := sys.modules.get("multiprocessing.util")) is not None:
                # Its processes end without `atexit`, and begin without what was to be done at the end of their parent.
                multiprocessing.Finalize(None, _drain, exitpriority=0)
    return _delivery


def _drain() -> None:
    if _delivery is None:
        return
    try:
        seconds = get_current_settings().notifications_drain_seconds
    except SettingsError as error:
        seconds = float(Settings.notifications_drain_seconds.default)
        _logger.warning("%s", error)
    _delivery.drain(seconds)


def _forget() -> None:
    """In a copy of the process: what waits is its parent's, and the threads are not there."""
    global _delivery, _making
    _delivery, _making = None, threading.Lock()


atexit.register(_drain)
termination.before_the_end.append(_drain)
os.register_at_fork(after_in_child=_forget)
