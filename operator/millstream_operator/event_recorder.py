"""Posts Kubernetes Events about runs, in the background: they are worth a call, but never a wait."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aiohttp

from millstream.resources.flow_run import KIND
from millstream.resources.model import API_VERSION
from millstream_operator.api import AlreadyExistsError, Api, ApiError
from millstream_operator.decide.announcement import Announcement
from millstream_operator.decide.observed import Run
from millstream_operator.kinds import EVENTS
from millstream_operator.rate_limit import RateLimit

__all__ = ["EventRecorder"]

_log = logging.getLogger(__name__)
_MOST_WAITING = 1000


class EventRecorder:
    """Posts Events one after the other; where there are too many, some are left out.

    The status tells the same: an Event is only what `kubectl describe` and `kubectl events` show of it over time.
    """

    def __init__(self, api: Api, limit: RateLimit, now: Callable[[], datetime]) -> None:
        self._api = api
        self._limit = limit
        self._now = now
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_MOST_WAITING)

    def announce(self, run: Run, said: Announcement) -> None:
        """Have an Event posted, soon or, where there are too many, not at all."""
        if not self._waiting.full():
            self._waiting.put_nowait(_event(run, said, self._now()))

    async def work(self) -> None:
        """Post until cancelled."""
        while True:
            event = await self._waiting.get()
            if wait := self._limit.take():
                await asyncio.sleep(wait)
                self._limit.take()
            try:
                await self._api.create(EVENTS, event)
            except AlreadyExistsError:
                continue  # by an operator that died before it knew
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.debug("an Event was not posted: %r", error)


def _event(run: Run, said: Announcement, now: datetime) -> dict[str, Any]:
    # The same change has the same name, whoever posts it: no Event is there twice.
    seed = f"{run.uid} {run.status.attempt} {run.status.state} {said.reason} {said.message}"
    suffix = hashlib.sha256(seed.encode()).hexdigest()[:16]
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{run.name}.{suffix}", "namespace": run.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": run.name,
            "namespace": run.namespace,
            "uid": run.uid,
        },
        "type": said.kind,
        "reason": said.reason,
        "message": said.message,
        "source": {"component": "millstream-operator"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
