"""When a failed attempt is followed by another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millstream._engine.runs import Run
    from millstream.states import State

NOT_WANTED = "; not retried: retry_condition_fn said no"
_MOST_DELAYS = 50
_LONGEST_DELAY = 10 * 365 * 24 * 3600  # what dates and locks can count; nobody waits longer


class RetryPolicy:
    """How many retries there are, how long each one waits, and which failures get one."""

    __slots__ = ("condition", "delays", "jitter", "retries")

    def __init__(
        self,
        retries: int,
        delays: Sequence[float],
        condition: Callable[[Run, State[Any]], bool] | None = None,
        jitter: float = 0.0,
    ) -> None:
        self.retries = retries
        self.delays = delays
        self.condition = condition
        self.jitter = jitter

    def delay(self, run: Run, state: State[Any]) -> float | None:
        """Seconds until the attempt after this failure; None if there is none."""
        if run.run_count > self.retries or not self._wanted(run, state):
            return None
        delay = self.delays[min(run.run_count, len(self.delays)) - 1]
        return delay * (1 + self.jitter * _surroundings.current.chance()) if self.jitter else delay

    def _wanted(self, run: Run, state: State[Any]) -> bool:
        if self.condition is None:
            return True
        try:
            wanted = bool(self.condition(run, state))
        except Exception as error:  # noqa: BLE001 - the user's function; the failure it was asked about goes first
            run.log(40, "retry_condition_fn raised: there is no retry.", error=error)
            state.message = f"{state.message}; not retried: retry_condition_fn raised {type(error).__name__}"
            return False
        if not wanted:
            state.message = f"{state.message}{NOT_WANTED}"
        return wanted


def retry_delays(
    retries: int,
    option: float | Sequence[float] | Callable[[int], Sequence[float]] | None,
) -> tuple[float, ...]:
    """The waits before each retry, the last one for all that follow.

    Raises:
        TypeError: The option is no number, list of numbers or function that gives one.
        ValueError: A wait is negative, or there are too many.
    """
    given: Any = option(retries) if callable(option) else option
    delays = tuple(given) if isinstance(given, list | tuple) else (given or 0,)
    if any(isinstance(delay, bool) or not isinstance(delay, int | float) for delay in delays):
        raise TypeError(
            "retry_delay_seconds is a number, a list of numbers, or a function that is called as fn(retries) and gives "
            f"such a list, and got {given!r}{f' from {option!r}' if callable(option) else ''}."
        )
    if any(not delay >= 0 for delay in delays):  # not `delay < 0`: NaN is neither
        raise ValueError(f"retry_delay_seconds cannot be negative: {option!r}.")
    if len(delays) > _MOST_DELAYS:
        raise ValueError(
            f"retry_delay_seconds has {len(delays)} entries; at most {_MOST_DELAYS} are allowed."
        )
    return tuple(min(delay, _LONGEST_DELAY) for delay in delays) or (0,)


def check_retries(retries: object) -> int:
    """The number of retries, if it is one.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is negative.
    """
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"retries is a whole number, and got {retries!r}.")
    if retries < 0:
        raise ValueError(f"retries cannot be negative: {retries}.")
    return retries
