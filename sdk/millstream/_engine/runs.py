"""What the runs of flows and of tasks have in common: attempts, retries and how they end.

A run decides and a driver (`_engine.drive`) executes. The decisions are the same for synchronous and asynchronous
functions, and nothing in here calls the user's function or sleeps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar

from millstream import _stopping, _surroundings
from millstream._beside import beside
from millstream._engine import console, origins, prints, recording
from millstream._engine import hooks as hooks_
from millstream._engine.current import current
from millstream._engine.outcomes import (
    crash_message,
    failure_without_exception,
    final_state_of,
    forgotten_await,
)
from millstream._run_ids import run_id
from millstream.exceptions import RunTimeoutError
from millstream.settings import get_current_settings
from millstream.states import AwaitingRetry, Crashed, Failed, Pending, Retrying, Running, State, StateType

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from millstream._definitions import Definition
    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.retries import RetryPolicy
    from millstream._history.recorder import Recorder
    from millstream._history.rows import Transition


class Run:
    """One run of a flow or task, over all its attempts."""

    __slots__ = (
        "_id",
        "_name",
        "_started",
        "_state",
        "args",
        "fn",
        "kwargs",
        "log_prints",
        "parent",
        "past",
        "recorder",
        "retry_policy",
        "return_state",
        "run_count",
        "serial",
    )
    blocks: bool = False
    """Whether what is decided before and after the function may wait for something outside of it."""
    kind: ClassVar[str]
    logger: ClassVar[logging.Logger]
    success_level: ClassVar[int]

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    parent: Run | None
    past: list[Transition] | None
    recorder: Recorder | None
    retry_policy: RetryPolicy | None
    log_prints: bool
    return_state: bool
    run_count: int
    serial: int
    _id: str | None
    _name: str | None
    _state: State[Any] | None
    _started: float

    @property
    def id(self) -> str:
        """A UUID: one that was given, or that of the serial number."""
        return self._id or run_id(self.serial)

    @property
    def flow_run(self) -> FlowRun | None:
        """The innermost flow run: this one, or the one around it."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What to call the run."""
        raise NotImplementedError

    @property
    def definition(self) -> Definition[..., Any]:
        """The flow or task."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The flow or task in messages, as `Task 'load'`."""
        raise NotImplementedError

    @property
    def log_fields(self) -> dict[str, Any]:
        """What log records say about the run."""
        raise NotImplementedError

    @property
    def start_time(self) -> datetime:
        """When the first attempt began."""
        return datetime.fromtimestamp(self._started, UTC)

    @property
    def state(self) -> State[Any]:
        """The state the run is in."""
        if self._state is not None:
            return self._state
        if not self.run_count:
            return Pending()
        return Retrying() if self.run_count > 1 and self.kind == "Task" else Running()

    @property
    def state_name(self) -> str:
        """The name of that state."""
        return self.state.name

    def enter(self) -> None:
        """Make this the current run."""
        parent = self.parent = current.get()
        if parent is None:
            console.configure()
        self._started = _surroundings.current.time()
        current.set(self)

    def leave(self) -> None:
        """Make the surrounding run the current one again."""
        # Not by a token: a coroutine that is thrown away is closed in another context, where tokens are not valid.
        current.set(self.parent)

    def end(self) -> None:
        """Let go of the run: nobody works at it any more."""
        self.leave()

    def resume(self) -> None:
        """Make this the current run once more, as after an item of a generator, whoever asked for the next one."""
        self.parent = current.get()
        current.set(self)

    def gathered(self) -> list[Any] | None:
        """Where the items of a generator go that are to be kept; None if they are not."""
        return None

    def keep_nothing(self) -> None:
        """Do not keep what was gathered: it is not all."""

    def inherit_log_prints(self, own: bool | None) -> None:  # noqa: FBT001 - an option's value, passed on
        """Capture prints if the definition says so or, where it says nothing, if the surrounding run does."""
        if own is None:
            own = get_current_settings().logging_log_prints if self.parent is None else self.parent.log_prints
        self.log_prints = own
        if own:
            prints.install()

    def attempt(self) -> bool:
        """Begin the first or the next attempt.

        Returns:
            Whether the run has ended already, so that the function is not to be called.

        Raises:
            RunInterrupted: The process is stopping.
        """
        if _stopping.stopped:
            raise _stopping.interruption(
                self.title if not self.run_count else f"The next attempt of {self.title}"
            )
        self.run_count += 1
        self._state = None
        if self.run_count > 1:
            self._remember()
        if (hooks := self.definition.hooks) is not None:
            hooks_.call_hooks(hooks, self, self.state)
        return False

    async def attempt_async(self) -> bool:
        """Begin an attempt without holding up the event loop."""
        return await beside(self.attempt)

    def settle(self) -> None:
        """Wait for what belongs to the attempt and has not ended yet; part of the attempt, as it may be interrupted."""

    async def settle_async(self) -> None:
        """Do so without holding up the event loop."""

    def failed(self, error: BaseException) -> float | None:
        """Take note that the attempt raised.

        Returns:
            The seconds to wait before the next attempt, or None if that was the last one.
        """
        if not isinstance(error, Exception):
            self.finish(Crashed(message=crash_message(self.title, error), data=error))
            return None
        origin = origins.origin_of(error)
        if isinstance(error, RunTimeoutError) and origin is None:
            return self._retry_or_finish(State(StateType.FAILED, "TimedOut", str(error), error))
        message = f"{self.title} raised {origins.described(error)}"
        if origin is None:
            message += f" ({self.attempts})"
        else:
            message += f" in {origin}"
            if self.retry_policy is not None:
                message += f", at {self.attempts} of this {self.kind.lower()}"
        return self._retry_or_finish(Failed(message=message, data=error))

    def returned(self, value: Any) -> float | None:
        """Take note of what the attempt returned; the answer is that of `failed`."""
        if type(value) is CoroutineType:
            message = forgotten_await(value, self.title, is_async=self.definition.isasync)
            error = TypeError(message)
            origins.mark(error, self)  # it has no traceback that a log could show
            self.finish(Failed(message=message, data=error))
            return None
        state = final_state_of(value)
        if state.type is not StateType.FAILED:
            self.finish(state)
            return None
        if state.message is None:
            state = failure_without_exception(state, self.title)
        return self._retry_or_finish(state)

    def result(self, value: Any) -> Any:
        """What the call gives to its caller: the state, the value, or the exception of a failed state."""
        state = self._state
        if self.return_state:
            return state
        if state is None or (state.type is StateType.COMPLETED and state.data is value):
            return value
        return state.result()

    def outcome(self) -> Any:
        """What the call gives where the function was not called."""
        return self.state if self.return_state else self.state.result()

    def finish(self, state: State[Any]) -> None:
        """Enter the last state."""
        self._state = state
        self.report(state)
        if (hooks := self.definition.hooks) is not None and state.is_final():
            hooks_.call_hooks(hooks, self, state)

    def report(self, state: State[Any]) -> None:
        """Log the end of the run, with the traceback where it was not shown yet."""
        if state.type is StateType.COMPLETED:
            self.log(self.success_level, "Finished in state %s", state)
            return
        if not state.is_final():
            self.log(30, "Did not begin: %s", state.message)
            return
        error = state.data if isinstance(state.data, BaseException) else None
        new = error is not None and origins.mark(error, self)
        if isinstance(error, RecursionError):
            new = False  # hundreds of lines that say the same
        if state.type is StateType.CRASHED and _stopping.stopped:
            # Whoever stopped the process says what comes of it: a FlowRun may be Cancelled, or have another attempt.
            self.log(40, "Did not finish: %s", state.message, error=error if new else None)
            return
        level = 20 if state.type is StateType.CANCELLED and not self.run_count else 40
        self.log(level, "Finished in state %s: %s", state.name, state.message, error=error if new else None)

    @property
    def attempts(self) -> str:
        """Which attempt this is, and of how many."""
        allowed = 1 if self.retry_policy is None else self.retry_policy.retries + 1
        return f"attempt {self.run_count} of {allowed}"

    @property
    def place(self) -> str:
        """Where an exception comes from, in the message of a run around this one."""
        return f"{self.kind.lower()} run {self.name!r} ({self.attempts})"

    def log(self, level: int, message: str, *args: Any, error: BaseException | None = None) -> None:
        """Log in the run's name."""
        if self.logger.isEnabledFor(level):
            self.logger.log(
                level, message, *args, extra=self.log_fields, exc_info=origins.user_traceback(error)
            )

    def _retry_or_finish(self, state: State[Any]) -> float | None:
        delay = None if self.retry_policy is None else self.retry_policy.delay(self, state)
        if delay is None:
            self.finish(state)
            return None
        due = datetime.fromtimestamp(_surroundings.current.time(), UTC) + timedelta(seconds=delay)
        self._state = AwaitingRetry(scheduled_time=due, message=state.message)
        self._remember()
        self.log(
            30, "%s. The next attempt starts %s.", state.message, f"in {delay:g} s" if delay else "at once"
        )
        return delay

    def _remember(self) -> None:
        """Have the history remember the state that the run is in now, besides the first and the last."""
        if self.recorder is not None:
            self.past = recording.remembered(self, self.state)
            self._tell_history()

    def _tell_history(self) -> None:
        """Tell the history how it is with the run now."""
        raise NotImplementedError
