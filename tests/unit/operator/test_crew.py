import asyncio

import pytest

from millstream_operator.crew import Crew
from millstream_operator.election import LeadershipLostError
from millstream_operator.parts import Parts


class Election:
    """An election whose end the test decides."""

    def __init__(self):
        self.leading, self.lost, self.released = asyncio.Event(), asyncio.Event(), False

    async def run(self):
        await self.lost.wait()
        raise LeadershipLostError("lost")

    async def release(self):
        self.released = True


class Setting:
    def __init__(self):
        self.stop = asyncio.Event()
        self.parts, self.election = Parts(self.stop), Election()
        self.done, self.no_more_work, self.began = [], asyncio.Event(), asyncio.Event()
        self.crew = Crew(self.election, self.take_up, self.work)
        self.crew.start(self.parts, 2)

    async def take_up(self):
        self.done.append("take up")

    async def work(self):
        self.done.append("work")
        self.began.set()
        await self.no_more_work.wait()
        assert not self.election.released
        self.done.append("finished")


@pytest.fixture
async def setting():
    return Setting()


async def test_works_once_it_leads_and_finishes_before_others_do(setting):
    await asyncio.sleep(0)
    assert setting.done == []
    setting.election.leading.set()
    await setting.began.wait()
    assert setting.done == ["take up", "work", "work"]
    setting.no_more_work.set()
    await setting.crew.end()
    assert setting.done[3:] == ["finished", "finished"]
    assert setting.election.released
    setting.parts.fail()


async def test_a_standby_ends_without_having_worked(setting):
    await asyncio.wait_for(setting.crew.end(), 10)
    assert setting.done == []
    assert setting.election.released
    setting.parts.fail()


async def test_drops_everything_when_it_leads_no_more(setting):
    setting.election.leading.set()
    await setting.began.wait()
    setting.election.lost.set()
    await setting.stop.wait()
    await asyncio.wait_for(setting.crew.end(), 10)
    assert "finished" not in setting.done


async def test_a_crew_that_was_not_started_can_end():
    election = Election()
    await Crew(election, election.run, election.run).end()
    assert election.released
