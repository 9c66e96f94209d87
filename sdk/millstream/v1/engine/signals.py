"""What a task raises to end in a certain state: `raise signals.SKIP("nothing to do")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from millstream.v1._missing import missing
from millstream.v1.engine.state import (
    Failed,
    Looped,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
    ValidationFailed,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ENDRUN", "FAIL", "LOOP", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL", "VALIDATIONFAIL", "Signal"]


class Signal(Exception):  # noqa: N818 - Prefect's word
    """Ends a task in a state.

    Attributes:
        state: That state.
    """

    _kind: ClassVar[type[State]]

    def __init__(self, message: str | None = None, result: Any = None) -> None:
        super().__init__(message)
        self.state: State = self._kind(message, result)
        if result is None and self.state.is_failed():
            self.state.result = self


class SUCCESS(Signal):
    """The task has done its work, with this result."""

    _kind = Success


class SKIP(Signal):
    """There is nothing to do; tasks that need this one are skipped, too."""

    _kind = Skipped


class FAIL(Signal):
    """The task has failed; with `max_retries` it is run again."""

    _kind = Failed


class TRIGGERFAIL(Signal):
    """Raised by triggers: the task may not run. It is not run again."""

    _kind = TriggerFailed


class VALIDATIONFAIL(Signal):
    """What the task has made did not stand a check."""

    _kind = ValidationFailed


class RETRY(Signal):
    """Run the task again, however often it has been run; at `start_time`, at once unless given."""

    def __init__(
        self, message: str | None = None, result: Any = None, start_time: datetime | None = None
    ) -> None:
        Exception.__init__(self, message)
        self.start_time = start_time
        self.state = Retrying(message, result, start_time)


class LOOP(Signal):
    """Run the task once more; it finds the result as `context.get("task_loop_result")`, and the `task_loop_count`."""

    _kind = Looped


class ENDRUN(Exception):  # noqa: N818
    """Ends a task in this state for good: a failure is not tried again.

    Attributes:
        state: That state.
    """

    def __init__(self, state: Any) -> None:
        if not isinstance(state, State) or not state.is_finished():
            raise TypeError(f"ENDRUN takes a finished state, such as Success(), and got {state!r}.")
        super().__init__(state)
        self.state: State = state


PrefectStateSignal = Signal
"""Prefect's name of it."""


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
