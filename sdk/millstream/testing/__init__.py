"""For tests of your own flows: a home that goes again, time that passes at once, and notifications that go nowhere.

Usage:
    ```python
    from millstream import flow
    from millstream.testing import FakeClock, harness


    def test_the_second_attempt_comes_an_hour_later():
        attempts = []

        @flow(retries=1, retry_delay_seconds=3600)
        def sync():
            attempts.append(1)
            if len(attempts) == 1:
                raise ConnectionError

        with harness(), FakeClock() as clock:
            sync()
        assert clock.slept == [3600]


    test_the_second_attempt_comes_an_hour_later()
    ```
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from millstream import _outbox, _surroundings
from millstream._history import recorder
from millstream.settings import Settings, temporary_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millstream._outbox import Notification

__all__ = ["FakeClock", "captured_notifications", "harness"]


@contextmanager
def harness() -> Iterator[Path]:
    """Run a block with a `MILLSTREAM_HOME` of its own, which is empty at first and deleted in the end.

    So it has a history, results and blocks of its own, and leaves nothing behind. Settings from the environment and
    files hold, but for where things are kept.

    Yields:
        The folder.
    """
    kept = (Settings.storage.name, Settings.results_storage.name, Settings.blocks_folder.name)
    with tempfile.TemporaryDirectory(prefix="millstream-") as folder:
        home = Path(folder)
        updates = {
            Settings.home.name: home,
            Settings.history_enabled.name: True,
            Settings.api.name: "local",
        }
        with temporary_settings(updates, restore_defaults=kept):
            try:
                yield home
            finally:
                recorder.close(home)


class _Capture(_outbox.Outbox):
    def __init__(self) -> None:
        self.sent: list[Notification] = []

    def send(self, notification: Notification, send: Callable[[Notification], None]) -> None:
        """Keep it."""
        del send
        self.sent.append(notification)

    post = send


@contextmanager
def captured_notifications() -> Iterator[list[Notification]]:
    """Run a block whose notifications are kept in a list instead of being sent.

    Hooks made by `notify` need no block for that. Notifications of other processes are not caught.

    Yields:
        The notifications so far, each with `target`, `subject` and `body`.
    """
    capture = _Capture()
    with _outbox.replaced(capture):
        yield capture.sent


class FakeClock(_surroundings.Surroundings):
    """A clock that goes on only where somebody waits, and then at once: for retries, caches, and schedules.

    It holds for all threads of the process within its block. Timeouts go by the real clock.

    Args:
        start: When it begins; now if not given.

    Attributes:
        slept: The seconds of each wait, in the order in which they began.
    """

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__()
        self.slept: list[float] = []
        self._now = (start or datetime.now(UTC)).timestamp()
        self._moving = Lock()
        self._stack = ExitStack()
        self.time = lambda: self._now

    @property
    def now(self) -> datetime:
        """What it shows, in UTC."""
        return datetime.fromtimestamp(self._now, UTC)

    def advance(self, by: timedelta | float) -> None:
        """Let time pass.

        Args:
            by: How much; a number is one of seconds.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError(f"Time goes on and not back: {seconds} s cannot pass.")
        with self._moving:
            self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass, at once."""
        self._pass(self._now + seconds, seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass, when all else that can go on now has done so."""
        due = self._now + seconds
        await asyncio.sleep(0)
        self._pass(due, seconds)

    def _pass(self, due: float, seconds: float) -> None:
        with self._moving:
            self.slept.append(seconds)
            self._now = max(self._now, due)  # of several who wait at the same time, the last one ends it

    def __enter__(self) -> Self:
        self._stack.enter_context(_surroundings.replaced(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
