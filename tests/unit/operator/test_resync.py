import pytest

from millstream_operator.cache import Cache
from millstream_operator.kinds import FLOW_RUNS
from millstream_operator.resync import Resync


class Api:
    """Answers a list with what it is given."""

    def __init__(self, answer):
        self.answer = answer

    async def collect(self, *_):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def resync(answer):
    return Resync(Api(answer), Cache(), (FLOW_RUNS,), (), lambda _: None, lambda: 0.5)


async def test_is_synced_when_all_is_listed():
    listing = resync(([], 1))
    await listing.complete()
    assert listing.synced


@pytest.mark.parametrize(
    "answer",
    [
        ([{"kind": "FlowRun"}], 1),
        ([{"metadata": None}], 1),
        (["x"], 1),
        (None, 1),
        KeyError("items"),
        ValueError("resourceVersion"),
    ],
    ids=str,
)
async def test_an_answer_that_makes_no_sense_is_a_failed_try(answer, caplog):
    listing = resync(answer)
    assert not await listing._try()
    assert not listing.synced
    assert "cannot be understood" in caplog.text
