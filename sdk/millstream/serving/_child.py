"""The process of one run: carries out the flow, and ends with it, or when nobody serves any more."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import suppress
from io import TextIOWrapper
from multiprocessing.connection import Connection
from typing import Any

from millstream._engine import FlowRunInfo, log_to_console, run_flow, stop_requested
from millstream._loading import loading
from millstream.settings import temporary_settings
from millstream.states import StateType

_logger = logging.getLogger("millstream.serving")

SECONDS_TO_END = 10.0
"""How long a run may take to end that was asked to, and the process of one that has ended."""

is_one = False
"""Whether this process is one of a run."""

_LONGEST_ANSWER = 10_000  # which fits into the connection, as it is read when this process has ended


def work(number: int) -> None:
    """Be such a process."""
    global is_one  # noqa: PLW0603 - it is the process's
    is_one = True
    os.set_inheritable(number, False)  # noqa: FBT003 - as the standard library has it
    if isinstance(sys.stdout, TextIOWrapper):
        # What a run prints is read while it runs, and what waits in a buffer is lost with a process that is killed.
        sys.stdout.reconfigure(line_buffering=True)
    connection: Connection[bytes, bytes] = Connection(number)
    try:
        settings, message = pickle.loads(connection.recv_bytes()), connection.recv_bytes()  # noqa: S301
        tick = pickle.loads(connection.recv_bytes())  # noqa: S301
    except (EOFError, OSError):
        return
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    with temporary_settings(*settings):
        answer = _trial(message) if tick is None else _run(message, tick)
    with suppress(OSError):
        connection.send_bytes(pickle.dumps(answer))
    threading.Thread(target=_end_soon, daemon=True).start()


def _run(message: bytes, tick: Any) -> tuple[bool, str]:
    try:
        with loading():
            flow, parameters, deployment, tags = pickle.loads(message)  # noqa: S301 - from our own process
    except Exception as error:  # noqa: BLE001 - code that has changed since may raise anything
        return False, f"did not begin: {_told(error)}"
    info = FlowRunInfo(deployment=deployment, scheduled_start_time=tick, tags=tags)
    state = run_flow(flow, parameters, run=info)
    return state.type is StateType.COMPLETED, f"ended in state {state.name}"


def _trial(message: bytes) -> tuple[bool, str]:
    try:
        with loading():
            flow, parameters, _, _ = pickle.loads(message)  # noqa: S301 - from our own process
        log_to_console()
        flow.validate_parameters(parameters)
    except Exception as error:  # noqa: BLE001 - whatever a module raises that is imported
        return False, _told(error)
    return True, ""


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")[:_LONGEST_ANSWER]


def _end_soon() -> None:
    """End this process if it does not end by itself: threads that go on would hold the run's place for ever."""
    time.sleep(SECONDS_TO_END)
    main = threading.main_thread()
    left = [each.name for each in threading.enumerate() if not each.daemon and each is not main]
    _logger.warning(
        "Process %d is killed, as it goes on %d s after its run has ended, in %s: wait for it in the flow.",
        os.getpid(),
        SECONDS_TO_END,
        f"the threads {', '.join(left)}" if left else "what it does at its exit",
    )
    os.killpg(0, signal.SIGKILL)


def _end_with(connection: Connection[bytes, bytes]) -> None:
    """End this process when the connection has ended: what serves is stopping, or was killed."""
    with suppress(EOFError, OSError):
        connection.recv_bytes()
    if not stop_requested():  # by a signal to all of a service: a second one would end this process at once
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.killpg(0, signal.SIGKILL)
