"""The loop that serves: starts what is due, tells how runs ended, stops them at a signal."""

from __future__ import annotations

import logging
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millstream import _surroundings
from millstream._ticks import FURTHEST
from millstream.serving._child import SECONDS_TO_END
from millstream.serving._plan import begin, look
from millstream.serving._runs import Run
from millstream.serving._words import missed, next_run, when

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millstream.serving._plan import Decision, Due
    from millstream.serving._runs import Timing

    Event = signal.Signals | Run
    """A signal that came, or a run that has ended."""

_logger = logging.getLogger("millstream.serving")
_LONGEST_SLEEP = 2.0  # so that a clock that was set is noticed


class Loop:
    """Carries out what the plan says.

    Attributes:
        plan: What is to come.
    """

    def __init__(
        self,
        timings: Sequence[Timing],
        limit: int,
        receive: Callable[[float], Event | None],
        launch: Callable[[Timing, datetime], Run],
    ) -> None:
        self._timings = timings
        self._schedules = [timing.schedule for timing in timings]
        self._limit = limit
        self._receive = receive
        self._launch = launch
        self._running: set[Run] = set()
        self.plan = begin(self._schedules, _now())

    def run(self) -> None:
        """Go on until a signal comes, or no schedule has a further tick and all runs have ended."""
        try:
            while self._running or self.plan.waiting or self.plan.next_tick is not None:
                event = self._receive(self._seconds())
                if isinstance(event, signal.Signals):
                    self._stop(event)
                    return
                if event is not None:
                    self._ended(event)
                self._look()
            _logger.info("Nothing is left to do: no schedule that is not paused has a further tick.")
        finally:
            for run in self._running:  # none, unless something here went wrong
                run.kill()

    def _seconds(self) -> float:
        """How long to sleep."""
        if self.plan.next_tick is None:
            return _LONGEST_SLEEP
        return min(max((self.plan.next_tick - _now()).total_seconds(), 0), _LONGEST_SLEEP)

    def _look(self) -> None:
        decision = look(self._schedules, self.plan, _now(), max(0, self._limit - len(self._running)))
        waited, self.plan = self.plan.waiting, decision.plan
        self._tell(decision)
        for due in decision.start:
            self._start(due)
        for due in self.plan.waiting:
            if due not in waited:
                _logger.info(
                    "%s: the run of %s waits, %d run already; %s",
                    self._title(due),
                    when(due.tick),
                    self._limit,
                    self._next(due),
                )

    def _start(self, due: Due) -> None:
        timing = self._timings[due.schedule]
        try:
            self._running.add(self._launch(timing, due.tick))
        except (OSError, RuntimeError) as error:
            _logger.error(  # noqa: TRY400 - whose traceback tells nobody anything
                "%s: the run of %s could not be started (%s); %s",
                timing.title,
                when(due.tick),
                error,
                self._next(due),
            )
            return
        _logger.info("%s: started the run of %s; %s", timing.title, when(due.tick), self._next(due))

    def _tell(self, decision: Decision) -> None:
        if decision.set_back is not None:
            _logger.warning(
                "The clock was set back by some %d s: %s.",
                decision.set_back.total_seconds(),
                "what has run already does not run again"
                if decision.set_back <= FURTHEST
                else "the schedules go by it as it is now",
            )
        for ticks in decision.missed:
            _logger.warning("%s: %s", self._title(ticks[0]), missed(ticks))
        for due in decision.skipped:
            _logger.warning(
                "%s: the run of %s is left out, as the one before still waits; %s",
                self._title(due),
                when(due.tick),
                self._next(due),
            )

    def _ended(self, run: Run) -> None:
        self._running.discard(run)
        _logger.log(logging.INFO if run.went_well else logging.ERROR, "%s %s", run.title, run.outcome)

    def _stop(self, number: signal.Signals) -> None:
        """End the runs: ask them to, then kill those that are left.

        Raises:
            SystemExit: There was a second signal.
        """
        word = "Ctrl-C" if number is signal.SIGINT else number.name
        if self._running:
            _logger.info(
                "%s: stopping; what runs (%d) has %d s to end, and another %s kills it.",
                word,
                len(self._running),
                SECONDS_TO_END,
                word,
            )
        else:
            _logger.info("%s: stopped, nothing was running.", word)
        for due in self.plan.waiting:
            _logger.warning("%s: the run of %s did not start", self._title(due), when(due.tick))
        for run in self._running:
            run.stop()
        deadline = time.monotonic() + SECONDS_TO_END
        killed_by: signal.Signals | None = None
        while self._running:
            event = self._receive(max(0, deadline - time.monotonic()))
            if isinstance(event, Run):
                self._ended(event)
                continue
            killed_by = killed_by or event
            for run in self._running:
                run.kill()
            deadline = time.monotonic() + SECONDS_TO_END
        if killed_by is not None:
            raise SystemExit(128 + killed_by)

    def _title(self, due: Due) -> str:
        return self._timings[due.schedule].title

    def _next(self, due: Due) -> str:
        return next_run(self.plan.upcoming[due.schedule].tick)


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)
