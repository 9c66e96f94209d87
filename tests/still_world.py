"""A world in which nothing sleeps and nothing is random."""

import logging
from collections.abc import Callable, Iterator

import pytest

from millstream import _surroundings


class Still(_surroundings.Surroundings):
    """Time goes on only where somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []
        self.while_asleep: Callable[[], object] = lambda: None
        self.time = lambda: self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.while_asleep()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def pick(self, count: int) -> int:
        return count - 1


@pytest.fixture
def still() -> Iterator[Still]:
    with _surroundings.replaced(Still()) as surroundings:
        yield surroundings


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "millstream")
    return caplog
