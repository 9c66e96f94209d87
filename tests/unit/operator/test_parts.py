import asyncio

import pytest

from millstream_operator.election import LeadershipLostError
from millstream_operator.parts import OperatorFailedError, Parts, stop_all


class Setting:
    def __init__(self):
        self.stop = asyncio.Event()
        self.parts = Parts(self.stop)


@pytest.fixture
async def setting():
    return Setting()


async def forever():
    await asyncio.Event().wait()


async def fails():
    raise RuntimeError("broken")


async def is_led_by_another():
    raise LeadershipLostError("lease a is held by b")


async def nothing():
    pass


async def test_a_part_that_fails_ends_the_operator(setting, caplog):
    tasks = setting.parts.start(fails, forever)
    await setting.stop.wait()
    assert caplog.messages == ["A part of the operator failed; it ends."]
    assert caplog.records[0].exc_info
    with pytest.raises(OperatorFailedError) as raised:
        setting.parts.fail()
    assert str(raised.value.__cause__) == "broken"
    await stop_all(tasks)


async def test_a_leadership_that_is_lost_is_told_in_one_line(setting, caplog):
    setting.parts.start(is_led_by_another)
    await setting.stop.wait()
    (record,) = caplog.records
    assert record.getMessage() == "The operator ends: lease a is held by b."
    assert not record.exc_info
    with pytest.raises(OperatorFailedError):
        setting.parts.fail()


async def test_a_part_that_is_stopped_or_done_is_no_failure(setting):
    tasks = setting.parts.start(forever, nothing)
    await asyncio.sleep(0)
    await stop_all(tasks)
    setting.parts.fail()
    assert not setting.stop.is_set()


async def test_a_goal_is_reached_or_not(setting):
    assert await setting.parts.reach(nothing)
    assert not await setting.parts.reach(fails)
    setting.stop.set()
    assert not await setting.parts.reach(forever)
