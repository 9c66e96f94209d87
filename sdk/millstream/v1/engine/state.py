"""States of tasks and flows of the declarative style: what `flow.run()` gives, and triggers and handlers see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NoReturn

from millstream import _surroundings
from millstream.v1._missing import missing

__all__ = [
    "Cached",
    "Cancelled",
    "Failed",
    "Finished",
    "Looped",
    "Mapped",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "Success",
    "TimedOut",
    "TriggerFailed",
    "ValidationFailed",
]


class State:
    """Where a task or a flow is. Its class says what happened.

    Attributes:
        message: One sentence for people.
        result: What the task returned, or its exception; of a flow, the state of each task.
    """

    def __init__(self, message: str | None = None, result: Any = None) -> None:
        self.message = message
        self.result = result

    def is_pending(self) -> bool:
        """Whether it has not begun, or waits for its next attempt."""
        return isinstance(self, Pending)

    def is_scheduled(self) -> bool:
        """Whether it waits for a time."""
        return isinstance(self, Scheduled)

    def is_retrying(self) -> bool:
        """Whether it waits for its next attempt."""
        return isinstance(self, Retrying)

    def is_running(self) -> bool:
        """Whether it is at work."""
        return isinstance(self, Running)

    def is_finished(self) -> bool:
        """Whether it has ended."""
        return isinstance(self, Finished)

    def is_successful(self) -> bool:
        """Whether it ended well; what was skipped or mapped did."""
        return isinstance(self, Success)

    def is_failed(self) -> bool:
        """Whether it failed."""
        return isinstance(self, Failed)

    def is_skipped(self) -> bool:
        """Whether it was skipped."""
        return isinstance(self, Skipped)

    def is_mapped(self) -> bool:
        """Whether it stands for the runs of a `map`."""
        return isinstance(self, Mapped)

    def is_cached(self) -> bool:
        """Whether the result is that of an earlier run."""
        return isinstance(self, Cached)

    def is_looped(self) -> bool:
        """Whether it is about to run once more."""
        return isinstance(self, Looped)

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: "{self.message}">' if self.message else f"<{type(self).__name__}>"


class Pending(State):
    """It has not begun."""


class Scheduled(Pending):
    """It waits for a time.

    Attributes:
        start_time: When it begins; now unless given.
    """

    def __init__(
        self, message: str | None = None, result: Any = None, start_time: datetime | None = None
    ) -> None:
        super().__init__(message, result)
        self.start_time = start_time or datetime.fromtimestamp(_surroundings.current.time(), UTC)


class Retrying(Scheduled):
    """It waits for its next attempt.

    Attributes:
        run_count: How many attempts there were.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        start_time: datetime | None = None,
        run_count: int = 0,
    ) -> None:
        super().__init__(message, result, start_time)
        self.run_count = run_count


class Running(State):
    """It is at work."""


class Finished(State):
    """It has ended."""


class Looped(Finished):
    """One pass of a loop has ended.

    Attributes:
        loop_count: Which one.
    """

    def __init__(self, message: str | None = None, result: Any = None, loop_count: int = 1) -> None:
        super().__init__(message, result)
        self.loop_count = loop_count


class Success(Finished):
    """It ended well."""


class Cached(Success):
    """The result is that of an earlier run."""


class Mapped(Success):
    """It stands for the runs of a `map`, some of which may have failed.

    Attributes:
        map_states: Their states, in order; `result` has their results.
    """

    def __init__(
        self, message: str | None = None, result: Any = None, map_states: list[State] | None = None
    ) -> None:
        super().__init__(message, result)
        self.map_states = map_states or []

    @property
    def n_map_states(self) -> int:
        """How many there are."""
        return len(self.map_states)


class Skipped(Success):
    """It was not run, as nothing needed it; its result is None."""


class Failed(Finished):
    """It failed; the result is the exception."""


class TimedOut(Failed):
    """It took longer than its `timeout`."""


class TriggerFailed(Failed):
    """It was not run, as its trigger did not allow it."""


class ValidationFailed(Failed):
    """What it gave did not stand a check."""


class Cancelled(Finished):
    """It was cancelled."""


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
