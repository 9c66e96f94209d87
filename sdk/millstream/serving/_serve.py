"""The loop that serves: looks at the clock, starts what is due, tells how runs ended, stops them at a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from millstream import _surroundings
from millstream._engine import log_to_console
from millstream._engine.current import current
from millstream.exceptions import DeploymentError
from millstream.serving._child import SECONDS_TO_END
from millstream.serving._options import refuse
from millstream.serving._plan import MOST_MISSED, begin, look
from millstream.serving._runs import Run, timings_of
from millstream.serving._words import next_run, starting, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from millstream.serving._options import Serving
    from millstream.serving._plan import Decision, Due
    from millstream.serving._runs import Timing

    Event = signal.Signals | Run
    """A signal that came, or a run that has ended."""

_logger = logging.getLogger("millstream.serving")
_LONGEST_SLEEP = 2.0  # so that a clock that was set is noticed


def check_place(*, in_loop: bool = False) -> None:
    """Look whether it can be served from here.

    Raises:
        DeploymentError: It cannot.
    """
    if current.get() is not None:
        raise DeploymentError("serve() goes on for ever: call it beside flows, not inside of one.")
    if in_loop:
        return
    if threading.current_thread() is not threading.main_thread():
        raise DeploymentError(
            "serve() listens to Ctrl-C, which only the main thread can: call it there, or use "
            "`await millstream.aserve(...)` in an event loop."
        )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise DeploymentError(
        "serve() would stop the event loop that runs here: use "
        "`await millstream.aserve(my_flow.to_deployment(...))`."
    )


def run(serving: Serving) -> None:
    """Serve until a signal comes or nothing is left to do."""
    inbox: SimpleQueue[Event] = SimpleQueue()
    with _listening(inbox.put):
        _serve(serving, inbox)


async def run_async(serving: Serving) -> None:
    """Do so beside an event loop; cancelling is a signal as well."""
    inbox: SimpleQueue[Event] = SimpleQueue()
    loop = asyncio.get_running_loop()
    in_main = threading.current_thread() is threading.main_thread()
    signals = [number for number in _signals() if in_main]
    for number in signals:
        loop.add_signal_handler(number, inbox.put, number)
    served = asyncio.ensure_future(asyncio.to_thread(_serve, serving, inbox))
    cancelled: asyncio.CancelledError | None = None
    try:
        while not served.done():
            try:
                await asyncio.shield(served)
            except asyncio.CancelledError as error:
                inbox.put(signal.SIGTERM)
                cancelled = error
        if cancelled is not None:
            raise cancelled
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _signals() -> list[signal.Signals]:
    """What asks to stop; not what this process was started to ignore, as Ctrl-C in the background of a shell."""
    return [
        number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN
    ]


@contextmanager
def _listening(told: Callable[[signal.Signals], object]) -> Iterator[None]:
    before = {
        number: signal.signal(number, lambda number, _: told(signal.Signals(number))) for number in _signals()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(serving: Serving, inbox: SimpleQueue[Event]) -> None:
    log_to_console()
    timings = timings_of(serving.deployments)
    if not _try_out(timings, serving.limit, inbox):
        return

    def receive(seconds: float) -> Event | None:
        try:
            return inbox.get(timeout=seconds)
        except Empty:
            return None

    loop = Loop(timings, serving.limit, receive, lambda timing, tick: Run(timing, tick, inbox.put))
    if serving.print_starting_message:
        print(starting(serving, timings, loop.plan), flush=True)  # noqa: T201 - what is asked for
    loop.run()


def _try_out(timings: Sequence[Timing], limit: int, inbox: SimpleQueue[Event]) -> bool:
    """See in processes whether they have what the flows need, such as modules that were found here.

    Returns:
        Whether to go on: no signal came.

    Raises:
        DeploymentError: Naming all deployments that cannot run there.
    """
    ahead = list({id(timing.deployment): timing for timing in timings}.values())
    trials: set[Run] = set()
    problems = []
    try:
        while ahead or trials:
            while ahead and len(trials) < limit:
                trials.add(Run(ahead.pop(0), None, inbox.put))
            event = inbox.get()
            if not isinstance(event, Run):
                return False
            trials.discard(event)
            if not event.went_well:
                name = event.timing.deployment.name
                problems.append(
                    f"Deployment {name!r} cannot run in a process of its own: {event.outcome}. What its flow needs "
                    "has to be importable there, or be defined in the script that serves it."
                )
    finally:
        for trial in trials:
            trial.kill()
    refuse(problems)
    return True


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
                "The clock was set back by some %d s: what has run already does not run again.",
                decision.set_back.total_seconds(),
            )
        for ticks in decision.missed:
            _logger.warning(
                "%s: missed %s%d from %s to %s, as this machine or this process slept, or its clock was put forward",
                self._title(ticks[0]),
                "more than " if len(ticks) == MOST_MISSED else "",
                len(ticks),
                when(ticks[0].tick),
                when(ticks[-1].tick),
            )
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
            deadline = (
                time.monotonic() + SECONDS_TO_END
            )  # not for ever: the kernel, too, may be slow to end one
        if killed_by is not None:
            raise SystemExit(128 + killed_by)

    def _title(self, due: Due) -> str:
        return self._timings[due.schedule].title

    def _next(self, due: Due) -> str:
        return next_run(self.plan.upcoming[due.schedule].tick)


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)
