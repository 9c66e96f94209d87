import asyncio

import pytest

from millstream_operator.keyed_queue import FRESH, LATER, KeyedQueue

SOON, LATE = 0.01, 0.02


@pytest.fixture
async def queue():
    queue = KeyedQueue[str](lambda: 0.5)
    yield queue
    queue.close()


async def taken(queue):
    """Take the next key and be done with it."""
    key = await asyncio.wait_for(queue.get(), 5)
    queue.done(key)
    return key


async def test_keys_come_in_order(queue):
    for key in "abc":
        queue.add(key)
    assert [await taken(queue) for _ in "abc"] == ["a", "b", "c"]
    assert len(queue) == 0


async def test_a_key_waits_once(queue):
    for key in "aabaa":
        queue.add(key)
    assert len(queue) == 2
    assert [await taken(queue), await taken(queue)] == ["a", "b"]
    assert len(queue) == 0


async def test_what_has_just_happened_comes_first(queue):
    queue.add("old", LATER)
    queue.add("new", FRESH)
    assert [await taken(queue), await taken(queue)] == ["new", "old"]


async def test_a_key_moves_up_but_not_down(queue):
    queue.add("a", LATER)
    queue.add("b", LATER)
    queue.add("b", FRESH)
    queue.add("b", LATER)
    assert len(queue) == 2
    assert [await taken(queue), await taken(queue)] == ["b", "a"]
    queue.add("c")
    assert await taken(queue) == "c"
    assert len(queue) == 0


async def test_a_key_is_never_worked_on_twice_at_a_time(queue):
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    queue.add("b")
    assert await queue.get() == "b"
    queue.done("b")
    assert len(queue) == 0
    queue.done("a")
    assert len(queue) == 1
    assert await taken(queue) == "a"
    assert len(queue) == 0


async def test_what_comes_again_keeps_its_priority(queue):
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a", LATER)
    queue.add("a", FRESH)
    queue.add("b", LATER)
    queue.done("a")
    assert [await taken(queue), await taken(queue)] == ["a", "b"]


async def test_many_workers_share_the_keys_and_each_key_is_serial(queue):
    active, worked, overlaps = set(), [], []

    async def work():
        while (key := await queue.get()) is not None:
            overlaps.append(key in active)
            active.add(key)
            await asyncio.sleep(0)
            active.discard(key)
            worked.append(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for n in range(200):
        queue.add(n % 7)
        if n % 3 == 0:
            await asyncio.sleep(0)
    while len(queue) or active:  # noqa: ASYNC110  (there is no event for it)
        await asyncio.sleep(0)
    queue.close()
    await asyncio.wait_for(asyncio.gather(*workers), 5)
    assert set(worked) == set(range(7))
    assert not any(overlaps)


@pytest.mark.parametrize("delays", [(SOON, 3600), (3600, SOON), (SOON, SOON, LATE)])
async def test_the_earliest_delay_counts_and_once(queue, delays):
    for delay in delays:
        queue.add_after("a", delay)
    assert len(queue) == 0
    assert await taken(queue) == "a"
    await asyncio.sleep(2 * LATE)
    assert len(queue) == 0


async def test_a_key_that_is_added_does_not_wait_for_its_delay(queue):
    queue.add_after("a", 3600)
    queue.add("a")
    assert await taken(queue) == "a"


async def test_failures_wait_longer_each_time_up_to_a_minute(queue):
    waits = [queue.add_failed("a") for _ in range(30)]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert waits[-1] == 60
    assert queue.add_failed("b") == 0.1
    queue.succeeded("a")
    assert queue.add_failed("a") == 0.1


async def test_a_failure_waits_as_long_as_the_server_asks(queue):
    assert queue.add_failed("a", at_least=7) == 7
    assert queue.add_failed("b", at_least=0.01) == 0.1


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0.05), (0.999, 0.1499)])
async def test_waits_are_spread(jitter, wait):
    queue = KeyedQueue[str](lambda: jitter)
    assert queue.add_failed("a") == pytest.approx(wait)
    queue.close()


async def test_closing_frees_every_worker(queue):
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.close()
    assert await asyncio.wait_for(asyncio.gather(*workers), 5) == [None] * 3


async def test_a_closed_queue_gives_out_nothing(queue):
    queue.add("a")
    queue.add_after("b", 0)
    queue.close()
    assert await queue.get() is None
    await asyncio.sleep(SOON)
    assert await queue.get() is None


async def test_the_age_is_that_of_the_oldest(queue):
    assert queue.oldest_seconds() == 0
    queue.add("a")
    await asyncio.sleep(SOON)
    age = queue.oldest_seconds()
    assert age > 0
    queue.add("b")
    queue.add("a", FRESH)
    assert queue.oldest_seconds() >= age
