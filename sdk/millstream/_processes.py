"""Processes of this machine that carry out task runs."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Any

from millstream import _stopping
from millstream._pool import Pool
from millstream.exceptions import CrashedRun
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_TO_END = 5
_START = """
import sys
from importlib import import_module
module, number, sys.path[:] = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
sys.argv[1:] = []
import_module(module).work(number)
"""


class Processes(concurrent.futures.Executor):
    """An executor whose processes are started as they are needed, and anew when one was killed.

    Only the call that a killed process worked at fails. They are no copies of this process, and do not run its main
    module again: copies hang where other threads held locks, and not every script is made to be run twice.
    """

    def __init__(self, max_workers: int) -> None:
        self._pool = Pool(max_workers, "millstream-process")
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Have a function called in one of the processes; it and its arguments must be known to `pickle`."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        message = pickle.dumps((fn, args, kwargs))
        self._pool.submit(lambda: self._carry_out(future, message))
        return future

    def _carry_out(self, future: concurrent.futures.Future[Any], message: bytes) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            if _stopping.stopped:
                raise _stopping.interruption("The task run")  # noqa: TRY301
            future.set_result(self._call(message))
        except BaseException as error:  # noqa: BLE001 - for the one who asked for it
            future.set_exception(error)

    def _call(self, message: bytes) -> Any:
        while True:
            process = self._take()
            begun = process.begin(message)
            if begun or process.is_new:
                break
            self._drop(process)  # it was killed while it had nothing to do
        try:
            answer = process.answer()
        except BaseException:
            self._drop(process)
            raise
        with self._lock:
            if not self._closed:
                self._idle.append(process)
                return answer
        self._drop(process)
        return answer

    def _take(self) -> _Process:
        with self._lock:
            if self._closed:
                raise CrashedRun("the flow run has ended.")
            if self._idle:
                return self._idle.pop()
            process = _Process()
            self._all.add(process)
            return process

    def _drop(self, process: _Process) -> None:
        with self._lock:
            self._all.discard(process)
        process.hang_up()
        process.end()

    def kill_workers(self) -> None:
        """Kill all processes, whatever they do."""
        with self._lock:
            self._closed = True
            for process in self._all:
                process.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """End the processes that have nothing to do."""
        self._pool.close()
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.hang_up()
        deadline = time.monotonic() + _SECONDS_TO_END  # for all of them together
        for process in idle:
            process.end(max(0.0, deadline - time.monotonic()))


def start(
    module: str, process_group: int | None = None
) -> tuple[subprocess.Popen[bytes], Connection[bytes, bytes]]:
    """Start a process that calls `work` of a module with its end of a connection, and gets our settings by it first.

    Args:
        module: Its name.
        process_group: 0 for a group of its own, so that Ctrl-C does not reach it.
    """
    ours, theirs = Pipe()
    number = theirs.fileno()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-c", _START, module, str(number), *sys.path],
            stdin=subprocess.DEVNULL,
            pass_fds=[number],
            process_group=process_group,
        )
    ours.send_bytes(pickle.dumps(get_current_settings().changes()))
    return process, ours


class _Process:
    """A process that waits for calls."""

    def __init__(self) -> None:
        self.is_new = True
        self._killed = False
        self._process, self._connection = start(__name__)

    def begin(self, message: bytes) -> bool:
        """Have a call worked at; false if the process ended before it could begin with it."""
        try:
            self._connection.send_bytes(message)
            self._connection.recv_bytes()
        except (EOFError, OSError):
            return False
        return True

    def answer(self) -> Any:
        """What the function of the call returned.

        Raises:
            CrashedRun: The process has ended.
        """
        try:
            answer = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from our own process
        except (EOFError, OSError):
            code = self.end()
            how = "was ended with the flow" if self._killed else ending(code)
            raise CrashedRun(f"process {self._process.pid} {how}.") from None
        self.is_new = False
        return answer

    def kill(self) -> None:
        """Kill it."""
        self._killed = True
        self._process.kill()

    def hang_up(self) -> None:
        """Have it end when it has nothing to do."""
        self._connection.close()

    def end(self, seconds: float = _SECONDS_TO_END) -> int:
        """Wait until it has ended, not for ever."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def ending(code: int) -> str:
    """How a process ended that was not to end."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = ", as by the kernel when memory runs out" if name == "SIGKILL" else ""
        return f"was killed by {name}{memory}"
    return f"ended by itself with exit code {code}"


def work(number: int) -> None:
    """Be such a process, until the other end hangs up."""
    from millstream.settings import temporary_settings  # noqa: PLC0415 - for the other end only

    # Ctrl-C reaches all processes of a terminal: the one that started this one decides. A function and not SIG_IGN,
    # which programs that are started from here would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    os.set_inheritable(number, False)  # noqa: FBT003 - as the standard library has it
    connection: Connection[bytes, bytes] = Connection(number)
    try:
        with connection, temporary_settings(*pickle.loads(connection.recv_bytes())):  # noqa: S301
            while True:
                message = connection.recv_bytes()
                connection.send_bytes(b"")  # the other end knows now that the call has begun
                fn, args, kwargs = pickle.loads(message)  # noqa: S301
                connection.send_bytes(pickle.dumps(fn(*args, **kwargs)))
    except (EOFError, OSError):
        return
