"""Runs as processes of their own, seen from the process that serves."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import cloudpickle

from millstream._processes import ending, start
from millstream.serving import _child
from millstream.serving._options import refuse
from millstream.serving._words import title, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from millstream.schedules import Schedule
    from millstream.serving._deployment import Deployment


@dataclass(frozen=True, slots=True)
class Timing:
    """A schedule of a deployment, and what its runs are made of."""

    deployment: Deployment
    schedule: Schedule
    message: bytes

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"{self.deployment.name} ({title(self.schedule)})"


def timings_of(deployments: Iterable[Deployment]) -> list[Timing]:
    """The schedules that fire, with what their runs are made of.

    Raises:
        DeploymentError: Flows or parameters cannot be sent to another process.
    """
    timings: list[Timing] = []
    problems: dict[str, None] = {}  # each once, in their order
    for deployment in deployments:
        for schedule in deployment.schedules if not deployment.paused else ():
            if not schedule.active:
                continue
            parameters = {**deployment.parameters, **schedule.parameters}
            sent = deployment.flow, parameters, deployment.name, deployment.tags
            try:
                timings.append(Timing(deployment, schedule, cloudpickle.dumps(sent)))
            except Exception as error:  # noqa: BLE001 - whatever the object raises that cannot be sent
                problems[
                    f"Deployment {deployment.name!r}: its flow or parameters cannot be sent to the process of a run "
                    f"({type(error).__name__}: {error}). Make files, locks and connections inside of the flow."
                ] = None
    refuse(list(problems))
    return timings


class Run:
    """A run of a schedule.

    Attributes:
        timing: The schedule.
        tick: When it was due; None for a trial, which runs nothing.
        outcome: How it ended, in words, when it has.
        went_well: Whether it said so itself.
    """

    def __init__(self, timing: Timing, tick: datetime | None, ended: Callable[[Run], object]) -> None:
        """Start it.

        Args:
            timing: The schedule.
            tick: When it was due; None to see only whether the process has what the run needs.
            ended: Called from another thread when it has ended.

        Raises:
            OSError: This machine has no room for a further process.
            RuntimeError: As little for a thread.
        """
        self.timing = timing
        self.tick = tick
        self.outcome = ""
        self.went_well = False
        self._asked: dict[int, str] = {}
        self._lock = threading.Lock()
        self._process, self._connection = start(_child.__name__, process_group=0)
        attendant = threading.Thread(
            target=partial(self._attend, ended), name="millstream-serving", daemon=True
        )
        try:
            attendant.start()
        except RuntimeError:
            self.kill()
            self._process.wait()
            raise

    @property
    def title(self) -> str:
        """What to call it in messages."""
        of = "" if self.tick is None else f" of {when(self.tick)}"
        return f"{self.timing.title}: the run{of}, process {self._process.pid},"

    def stop(self) -> None:
        """Ask it to end: the flow is interrupted, its hooks are called.

        By the end of the connection and not by a signal, which the run may have got already, as where a whole service
        is stopped; a second one would end the process at once.
        """
        self._asked = {-signal.SIGTERM: "was interrupted", -signal.SIGKILL: "was killed"}
        with self._lock, suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as ours:
            ours.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End it and what it has started, whatever they do."""
        self._asked[-signal.SIGKILL] = "was killed"
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _attend(self, ended: Callable[[Run], object]) -> None:
        answer: tuple[bool, str] | None = None
        with suppress(OSError):
            self._connection.send_bytes(self.timing.message)
            self._connection.send_bytes(pickle.dumps(self.tick))
        # Not until the connection ends, whose other end may be held by what the run has forked.
        code = self._process.wait()
        with suppress(EOFError, OSError):
            if self._connection.poll():
                answer = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from our own process
        with self._lock:
            self._connection.close()
        self.went_well, self.outcome = answer or (False, self._asked.get(code) or ending(code))
        ended(self)
