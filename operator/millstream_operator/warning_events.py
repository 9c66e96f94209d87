"""What Events say of Jobs without pods and of pods that do not start: one list answers for all that ask meanwhile."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from millstream.resources.model import timestamp
from millstream_operator.api import Api
from millstream_operator.decide.observed import PodWarning
from millstream_operator.kinds import EVENTS

__all__ = ["WarningEvents"]

_TELLING = {
    "FailedCreate", "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox",
}  # fmt: skip
"""Reasons of Events that say why a Job has no pod or a pod does not start; others come and go on the way."""
_FRESH = timedelta(seconds=2)
"""So long a list is good for others. Who asks has waited for longer, so it is never older than what it tells about."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The latest telling message about each object of a namespace, by its UID."""

    time: datetime
    messages: Mapping[str, str]


class WarningEvents:
    """Reads the Events of a namespace.

    The API server goes through all Events of a namespace for each question, whatever it is asked for: thousands of
    Jobs that wait for a quota would ask it to read thousands of Events thousands of times.
    """

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._readings: dict[str, _Reading] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def about(self, namespace: str, uid: str) -> PodWarning:
        """Give the latest word about a Job or pod; an empty one if there is none."""
        lock = self._locks.setdefault(namespace, asyncio.Lock())
        async with lock:
            reading = self._fresh().get(namespace) or await self._read(namespace)
        return PodWarning(uid=uid, message=reading.messages.get(uid, ""), time=timestamp(reading.time))

    def _fresh(self) -> Mapping[str, _Reading]:
        now = self._now()
        self._readings = {name: r for name, r in self._readings.items() if now - r.time < _FRESH}
        return self._readings

    async def _read(self, namespace: str) -> _Reading:
        time = self._now()
        events, _ = await self._api.collect(EVENTS, namespace, fields="type=Warning")
        telling = [event for event in events if event.get("reason") in _TELLING]
        messages = {event["involvedObject"]["uid"]: event["message"] for event in sorted(telling, key=_time)}
        self._readings[namespace] = reading = _Reading(time, messages)
        return reading


def _time(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])
