import pytest

from millstream_operator.loop_lag import LoopLag


class Setting:
    def __init__(self):
        self.now = 100.0
        self.lag = LoopLag(lambda: self.now)

    def measure(self, late):
        self.lag._due = self.now
        self.now += late
        self.lag.measure()


@pytest.fixture
def setting():
    return Setting()


def test_shows_how_late_the_last_measurement_was(setting):
    setting.measure(0.25)
    assert setting.lag.seconds() == 0.25


def test_shows_how_late_the_next_one_is(setting):
    setting.measure(0.25)
    setting.now += 5
    assert setting.lag.seconds() == 5.25


def test_late_once_is_no_problem(setting):
    setting.measure(600)
    assert setting.lag.problem() == ""


def test_late_all_the_time_is_one(setting):
    for _ in range(3):
        setting.measure(21)
    assert setting.lag.problem() == "the event loop has been late by 21 s and more"
    setting.measure(0)
    assert setting.lag.problem() == ""


async def test_measures_again_and_again(setting, monkeypatch):
    measured = []
    monkeypatch.setattr(
        setting.lag, "measure", lambda: measured.append(setting.now) or 1 / (len(measured) < 3)
    )
    monkeypatch.setattr("millstream_operator.loop_lag._INTERVAL_SECONDS", 0.001)
    with pytest.raises(ZeroDivisionError):
        await setting.lag.run()
    assert len(measured) == 3
