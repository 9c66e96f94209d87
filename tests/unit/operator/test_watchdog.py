import asyncio

import pytest

from millstream_operator.watchdog import Watchdog


class Setting:
    def __init__(self):
        self.now, self.missing, self.ended = 0.0, ["jobs"], []
        self.stop = asyncio.Event()
        self.dog = Watchdog(lambda: self.missing, self.stop, lambda: self.now, self.ended.append)

    def look(self, now, missing=()):
        self.now, self.missing = now, list(missing)
        self.dog.look()
        return bool(self.ended)


@pytest.fixture
async def setting():
    return Setting()


def test_gives_kopf_time_to_begin(setting):
    assert not setting.look(60, ["jobs"])
    assert setting.look(61, ["jobs"])
    assert setting.dog.problem() == "not watched: jobs"


def test_ends_the_process_when_a_watch_is_gone_for_a_while(setting):
    assert not setting.look(5)
    assert not setting.look(19, ["pods"])
    assert setting.dog.problem() == ""
    assert setting.look(21, ["pods"])
    assert setting.ended == [1]


def test_a_watch_that_comes_back_is_no_problem(setting):
    for now, missing in ((5, ()), (10, ["jobs"]), (15, ()), (29, ["jobs"]), (30, ())):
        assert not setting.look(now, missing)


def test_ends_the_process_when_it_does_not_end_by_itself(setting):
    setting.stop.set()
    assert not setting.look(5)
    assert not setting.look(25, ["jobs"])
    assert setting.look(26, ["jobs"])
