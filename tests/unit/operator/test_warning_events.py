import asyncio
from datetime import timedelta

import pytest
from builders import NAMESPACE, NOW

from millstream_operator.kinds import EVENTS
from millstream_operator.warning_events import WarningEvents

OLD, NEW = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"


def event(message, *, uid="uid-of-pod", reason="FailedMount", **times):
    return {
        "metadata": {},
        "involvedObject": {"uid": uid},
        "reason": reason,
        "message": message,
        "lastTimestamp": OLD,
    } | times


class Api:
    """Has Events, and counts how often it is asked for them."""

    def __init__(self, *events):
        self.events = list(events)
        self.calls = []

    async def collect(self, kind, namespace, *, fields):
        self.calls.append((kind, namespace, fields))
        await asyncio.sleep(0)
        if isinstance(self.events, Exception):
            raise self.events
        return self.events, 1


class World:
    def __init__(self, *events):
        self.api, self.now = Api(*events), NOW
        self.warnings = WarningEvents(self.api, lambda: self.now)

    async def message(self, uid="uid-of-pod", namespace=NAMESPACE):
        return (await self.warnings.about(namespace, uid)).message


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], ""),
        ([event("new", lastTimestamp=NEW), event("old")], "new"),
        (
            [
                event("old", eventTime="2026-03-01T12:00:00.5Z", lastTimestamp=None),
                event("new", lastTimestamp=None, metadata={"creationTimestamp": NEW}),
            ],
            "new",
        ),
        ([event("0/3 nodes", reason="FailedScheduling")], ""),
        ([event("of another", uid="uid-of-other")], ""),
    ],
)
async def test_the_latest_that_tells_something_is_told(events, message):
    assert await World(*events).message() == message


async def test_one_list_answers_for_all_that_ask_at_the_same_time_or_soon_after():
    world = World(event("a", uid="a"), event("b", uid="b"))
    assert await asyncio.gather(*map(world.message, "abc")) == ["a", "b", ""]
    world.now += timedelta(seconds=1)
    warning = await world.warnings.about(NAMESPACE, "a")
    assert (warning.uid, warning.message, warning.time) == ("a", "a", NOW)
    assert world.api.calls == [(EVENTS, NAMESPACE, "type=Warning")]


async def test_a_list_gets_old():
    world = World()
    assert await world.message() == ""
    world.api.events = [event("new")]
    world.now += timedelta(seconds=2)
    assert await world.message() == "new"


async def test_each_namespace_has_its_own():
    world = World(event("new"))
    await asyncio.gather(world.message(namespace="a"), world.message(namespace="b"))
    assert [namespace for _, namespace, _ in world.api.calls] == ["a", "b"]


async def test_a_failure_is_told_and_nothing_is_kept_of_it():
    world = World()
    world.api.events = error = TimeoutError()
    asked = await asyncio.gather(world.message(), world.message(), return_exceptions=True)
    assert asked == [error, error]
    world.api.events = [event("new")]
    assert await world.message() == "new"
