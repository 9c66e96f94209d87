import asyncio

from millstream_operator.api import ApiError, NotFoundError
from millstream_operator.deletions import Deletions
from millstream_operator.rate_limit import RateLimit


class Api:
    def __init__(self, error=None):
        self.deleted, self.error = [], error

    async def delete(self, kind, namespace, name, uid):
        self.deleted.append((kind.plural, namespace, name, uid))
        if self.error:
            raise self.error


async def work(deletions):
    task = asyncio.create_task(deletions.work())
    while not deletions._waiting.empty() or deletions._known:  # noqa: ASYNC110
        await asyncio.sleep(0)  # the next step of the worker
    task.cancel()


async def test_each_run_is_deleted_once():
    api = Api()
    deletions = Deletions(api, RateLimit(1000, 1000, lambda: 0.0))
    for _ in range(3):
        deletions.add("team", "a", "uid-a")
    deletions.add("team", "b", "uid-b")
    await work(deletions)
    assert api.deleted == [("flowruns", "team", "a", "uid-a"), ("flowruns", "team", "b", "uid-b")]


async def test_one_that_could_not_be_deleted_can_be_asked_for_again():
    for error in (ApiError(403, "no"), NotFoundError(404, "gone"), TimeoutError()):
        api = Api(error)
        deletions = Deletions(api, RateLimit(1000, 1000, lambda: 0.0))
        for _ in range(2):
            deletions.add("team", "a", "uid-a")
            await work(deletions)
        assert len(api.deleted) == 2
