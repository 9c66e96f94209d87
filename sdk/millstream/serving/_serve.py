"""Where it can be served, what is tried out before, and how signals come to the loop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from millstream._engine import log_to_console
from millstream._engine.current import current
from millstream._loading import is_loading
from millstream.exceptions import DeploymentError
from millstream.serving import _child
from millstream.serving._loop import Loop
from millstream.serving._options import refuse
from millstream.serving._runs import Run, timings_of
from millstream.serving._words import starting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from millstream.serving._loop import Event
    from millstream.serving._options import Serving
    from millstream.serving._runs import Timing

_logger = logging.getLogger("millstream.serving")
_SECONDS_TO_TELL = 10.0


def check_place(*, in_loop: bool = False) -> bool:
    """Look whether it can be served from here.

    Returns:
        Whether to serve: not where a file is loaded for a flow that is in it.

    Raises:
        DeploymentError: It cannot be.
    """
    if _child.is_one:
        raise DeploymentError(
            "serve() is called in a module that the process of a run imports, and would serve there once more: put "
            "it under `if __name__ == '__main__':`."
        )
    if is_loading():
        _logger.info("serve() does nothing here: its file is loaded for a flow that is in it.")
        return False
    if current.get() is not None:
        raise DeploymentError("serve() goes on for ever: call it beside flows, not inside of one.")
    if in_loop:
        return True
    if threading.current_thread() is not threading.main_thread():
        raise DeploymentError(
            "serve() listens to Ctrl-C, which only the main thread can: call it there, or use "
            "`await millstream.aserve(...)` in an event loop."
        )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
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
    own: Mapping[int, asyncio.Handle] = getattr(loop, "_signal_handlers", {})  # which no method gives
    before = {number: (signal.getsignal(number), own.get(number)) for number in _signals() if in_main}
    for number in before:
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
        for number, (handler, handle) in before.items():
            loop.remove_signal_handler(number)
            if handle is None:
                signal.signal(number, handler)
            else:
                loop.add_signal_handler(number, handle._run)  # noqa: SLF001 - what the loop did itself


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
    ahead = list({timing.message: timing for timing in timings}.values())
    trials: set[Run] = set()
    problems: dict[str, None] = {}  # each once, in their order
    try:
        while ahead or trials:
            while ahead and len(trials) < limit:
                trials.add(Run(ahead.pop(0), None, inbox.put))
            try:
                event = inbox.get(timeout=_SECONDS_TO_TELL)
            except Empty:
                _tell_of(trials)
                continue
            if not isinstance(event, Run):
                return False
            trials.discard(event)
            if not event.went_well:
                name = event.timing.deployment.name
                problems[
                    f"Deployment {name!r} cannot run in a process of its own: {event.outcome}. What its flow needs "
                    "has to be importable there, or be defined in the script that serves it."
                ] = None
    finally:
        for trial in trials:
            trial.kill()
    refuse(list(problems))
    return True


def _tell_of(trials: Iterable[Run]) -> None:
    names = ", ".join(sorted({trial.timing.deployment.name for trial in trials}))
    _logger.info(
        "Still trying out %s: a process of its own imports what its flow needs. Ctrl-C stops.", names
    )
