import pytest

from millstream_operator.api import Api, NotLeaderError
from millstream_operator.kinds import JOBS
from millstream_operator.metrics import Metrics

BODY = {"metadata": {"namespace": "team", "name": "etl-1-1"}}


class Sent(Exception):  # noqa: N818  (it is none)
    pass


class Session:
    """Takes no request any further."""

    def request(self, *_, **__):
        raise Sent


CALLS = {
    "create": lambda api: api.create(JOBS, BODY),
    "patch": lambda api: api.patch(JOBS, "team", "etl-1-1", []),
    "delete": lambda api: api.delete(JOBS, "team", "etl-1-1", "uid"),
    "get": lambda api: api.get(JOBS, "team", "etl-1-1"),
    "list": lambda api: api.collect(JOBS, "team"),
    "try": lambda api: api.try_to_create(JOBS, BODY),
}


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
async def test_sends_no_write_that_may_not_be(verb):
    with pytest.raises(NotLeaderError):
        await CALLS[verb](Api(Session(), Metrics(), lambda: False))
    with pytest.raises(Sent):
        await CALLS[verb](Api(Session(), Metrics(), lambda: True))


@pytest.mark.parametrize("verb", ["get", "list", "try"])
async def test_who_may_not_write_may_read(verb):
    with pytest.raises(Sent):
        await CALLS[verb](Api(Session(), Metrics(), lambda: False))
