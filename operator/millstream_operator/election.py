"""Takes part in the election of the operator that may write, and holds its lease as long as it can."""

import asyncio
import logging
import math
import socket
import uuid
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from millstream_operator.api import Api, ApiError, NotFoundError
from millstream_operator.lease import LEASE_SECONDS, LEASES, NOBODY_YET, RENEW_SECONDS, Record, Step, decide

__all__ = ["CALL_SECONDS", "Election", "LeadershipLostError", "Unopposed", "make_identity"]

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0
CALL_SECONDS = 1.5
"""A call to the API server must end before the next is due."""
_RELEASE_TRIES = 2
_FAILURES = (ApiError, aiohttp.ClientError, TimeoutError, ValueError)
"""What a call may end with; `ValueError` if the answer is no Lease."""
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class LeadershipLostError(RuntimeError):
    """The lease is lost; the process must end, since what it does next was planned by a leader."""


def make_identity() -> str:
    """Name this process: a container that was started anew in the same pod is another one."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


class Election:
    """One candidate for a lease.

    Attributes:
        leading: set when the lease was acquired first. It stays set: who loses a lease never gets it back.
    """

    def __init__(
        self,
        api: Api,
        lease: tuple[str, str],
        identity: str,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        """Make a candidate that does not yet stand.

        Args:
            api: the API server, with a bound of `CALL_SECONDS` for a call.
            lease: namespace and name of the Lease.
            identity: unique for each process.
            clock: gives seconds; must not go back, nor stand still while the process does.
            now: gives the time of day, which is only shown.
            jitter: gives a number between 0 and 1.
        """
        self._api = api
        self._namespace, self._name = lease
        self._identity = identity
        self._clock = clock
        self._now = now
        self._jitter = jitter
        self._record = Record()
        self._seen = 0.0
        self._current = False  # nobody can have changed the lease without our next write being refused
        self._held_until = -math.inf
        self._told = ""
        self.leading = asyncio.Event()

    def held(self) -> bool:
        """Whether this process may write, at this very moment."""
        return self._clock() < self._held_until

    def led(self) -> bool:
        """Whether this process may write, or has seen of late that another one renews the lease."""
        another = self._record.holder not in {"", NOBODY_YET, self._identity}
        return self.held() or (another and self._clock() - self._seen < LEASE_SECONDS)

    async def run(self) -> None:
        """Stand until cancelled.

        Raises:
            LeadershipLostError: it was acquired, and is lost.
        """
        while True:
            wait = await self.step()
            await asyncio.sleep(wait)

    async def step(self) -> float:
        """Do what is to be done now, and give the seconds until the next time."""
        self._check()
        try:
            await self._act()
        except _FAILURES as error:
            self._current = False
            self._tell_failure(error)
        wait = _RETRY_SECONDS * (0.8 + 0.4 * self._jitter())
        return max(0.0, min(wait, self._held_until - self._clock())) if self.leading.is_set() else wait

    async def _act(self) -> None:
        if not self._current:
            await self._look()
        unchanged = self._clock() - self._seen
        step = decide(self._record, self._identity, unchanged, leading=self.held())
        if step is Step.LOSE:
            self._held_until, self._current = -math.inf, False
            raise LeadershipLostError(f"{self} is held by {self._record.holder}")
        if step is Step.ANNOUNCE:
            self._observe(await self._write(NOBODY_YET))
            step = Step.WAIT
        if step is Step.WAIT:
            self._current = False
            self._tell(logging.INFO, f"Standing by: {self} is held by {self._record.holder}.")
            return
        begin = self._clock()
        stored = await self._write(self._identity)
        self._check()
        # Only a change is seen by the others, and puts off what they would do without it.
        if stored.version != self._record.version and stored.holder == self._identity:
            self._held_until = begin + RENEW_SECONDS
        self._observe(stored)
        self._current = True
        if self.held():
            self._tell(logging.INFO, f"Leading: {self} is held by {self._identity}.")
            self.leading.set()

    def _check(self) -> None:
        """End a leadership that has been interrupted, even if it could go on now: writes have been refused."""
        if self.leading.is_set() and not self.held():
            self._current = False
            raise LeadershipLostError(f"{self} could not be renewed for {RENEW_SECONDS:.0f} s")

    async def _look(self) -> None:
        try:
            self._observe(Record.from_object(await self._api.get(LEASES, self._namespace, self._name)))
        except NotFoundError:
            self._observe(Record())

    def _observe(self, record: Record) -> None:
        if record != self._record:
            self._record, self._seen = record, self._clock()

    async def _write(self, holder: str) -> Record:
        spec = self._record.held_by(holder, self._now())
        if not self._record.version:
            meta = {"name": self._name, "namespace": self._namespace}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
            return Record.from_object(await self._api.create(LEASES, body))
        operations: list[dict[str, Any]] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": self._record.version},
            {"op": "add", "path": "/spec", "value": spec},
        ]
        return Record.from_object(await self._api.patch(LEASES, self._namespace, self._name, operations))

    async def release(self) -> None:
        """Write no more, and give the lease back, so that nobody has to wait until it expires."""
        self._held_until = -math.inf
        for _ in range(_RELEASE_TRIES):
            try:
                if not self._current:
                    await self._look()
                if self._record.holder == self._identity:
                    await self._write("")
                    _log.info("Released %s.", self)
            except _FAILURES as error:
                self._current = False
                self._tell_failure(error)
            else:
                return

    def _tell_failure(self, error: Exception) -> None:
        text = f"{self} could not be read or written: {error!r}."
        if isinstance(error, ApiError) and error.code in _DENIED:
            text += f" The operator needs get, create and patch on leases in {self._namespace}."
        self._tell(logging.WARNING, text)

    def _tell(self, level: int, text: str) -> None:
        """Log what is new, and not every two seconds."""
        if text != self._told:
            self._told = text
            _log.log(level, "%s", text)

    def __str__(self) -> str:
        return f"lease {self._name} in {self._namespace}"


class Unopposed:
    """Takes the place of an election where there is only one operator."""

    def __init__(self) -> None:
        self.leading = asyncio.Event()
        self.leading.set()

    def held(self) -> bool:
        """Whether this process may write."""
        return True

    def led(self) -> bool:
        """Whether any process may write."""
        return True

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Do nothing."""
