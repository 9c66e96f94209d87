import logging

import aiohttp
import pytest
from builders import NOW

from millstream_operator.api import ApiError, ConflictError, NotFoundError
from millstream_operator.election import Election, LeadershipLostError
from millstream_operator.lease import LEASE_SECONDS, NOBODY_YET, RENEW_SECONDS


class Api:
    """One Lease, and what is to be answered instead of it, call by call."""

    def __init__(self):
        self.lease, self.version, self.errors, self.calls = None, 0, [], []
        self.before_answer = lambda: None

    def free(self, holder="", **spec):
        self._store({"holderIdentity": holder, **spec})

    def _store(self, spec):
        self.version += 1
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": spec}
        return self.lease

    def _call(self, verb):
        self.calls.append(verb)
        if self.errors:
            error = self.errors.pop(0)
            if error:
                raise error
        self.before_answer()

    async def get(self, *_):
        self._call("get")
        if self.lease is None:
            raise NotFoundError(404, "gone")
        return self.lease

    async def create(self, _, body):
        self._call("create")
        return self._store(body["spec"])

    async def patch(self, _, __, ___, operations):
        self._call("patch")
        version, spec = (operation["value"] for operation in operations)
        if self.lease is None:
            raise NotFoundError(404, "gone")
        if version != self.lease["metadata"]["resourceVersion"]:
            raise ConflictError(409, "changed")
        return self._store(spec)


class Setting:
    def __init__(self):
        self.api, self.time = Api(), 1000.0
        self.election = self.candidate("me")

    def candidate(self, identity):
        return Election(
            self.api,
            ("default", "lease"),
            identity,
            clock=lambda: self.time,
            now=lambda: NOW,
            jitter=lambda: 0.5,
        )

    async def step(self, seconds=0.0):
        self.time += seconds
        return await self.election.step()

    async def lead(self):
        self.api.free()
        await self.step()
        assert self.election.held()


@pytest.fixture
async def setting():
    return Setting()


async def test_acquires_a_free_lease_and_renews_it_with_one_call(setting):
    assert not setting.election.held()
    await setting.lead()
    assert setting.election.leading.is_set()
    assert setting.api.lease["spec"]["holderIdentity"] == "me"
    setting.api.calls.clear()
    assert await setting.step(2) == 2
    assert setting.api.calls == ["patch"]


async def test_who_stands_by_knows_whether_another_leads(setting):
    assert not setting.election.led()
    setting.api.free("other")
    await setting.step()
    assert setting.election.led()
    setting.api.errors = [ApiError(500, "down")] * 2
    await setting.step(LEASE_SECONDS - 0.1)
    assert setting.election.led()
    await setting.step(0.1)
    assert not setting.election.led()


async def test_who_leads_is_led_and_nobody_is_by_a_lease_that_is_free(setting):
    await setting.step()
    assert setting.api.lease["spec"]["holderIdentity"] == NOBODY_YET
    assert not setting.election.led()
    await setting.lead()
    assert setting.election.led()
    setting.time += RENEW_SECONDS
    assert not setting.election.led()


async def test_makes_a_lease_and_waits_as_if_somebody_held_it(setting):
    await setting.step()
    assert setting.api.lease["spec"]["holderIdentity"] == NOBODY_YET
    await setting.step(LEASE_SECONDS - 0.1)
    assert not setting.election.held()
    await setting.step(0.1)
    assert setting.election.held()


async def test_waits_until_a_holder_has_not_renewed_for_long_enough(setting):
    setting.api.free("other", leaseDurationSeconds=1)
    await setting.step()
    setting.api.free("other")
    await setting.step(LEASE_SECONDS)
    await setting.step(LEASE_SECONDS - 0.1)
    assert not setting.election.held()
    await setting.step(0.1)
    assert setting.election.held()
    assert setting.api.lease["spec"]["leaseTransitions"] == 1


@pytest.mark.parametrize("error", [TimeoutError(), aiohttp.ClientConnectionError(), ApiError(503, "later")])
async def test_an_api_server_that_is_away_is_asked_until_the_deadline(setting, error):
    await setting.lead()
    setting.api.errors = [error] * 100
    for _ in range(4):
        assert await setting.step(2) > 0
    assert setting.election.held()
    assert await setting.step(1.5) == 0.5  # what is left
    setting.time += 0.5
    assert not setting.election.held()
    with pytest.raises(LeadershipLostError, match="could not be renewed for 10 s"):
        await setting.step()


async def test_an_answer_that_is_no_lease_is_a_failed_try(setting, caplog):
    await setting.lead()
    stored = setting.api._store
    setting.api._store = lambda _: {"kind": "Status"}
    assert await setting.step(2) > 0
    assert "could not be read or written" in caplog.text
    assert setting.election.held()
    setting.api._store = stored
    await setting.step(2)
    setting.time += RENEW_SECONDS - 0.1
    assert setting.election.held()


async def test_a_release_that_gets_no_lease_ends_all_the_same(setting):
    await setting.lead()
    setting.api._store = lambda _: {"kind": "Status"}
    await setting.election.release()
    assert setting.api.calls[-2:] == ["get", "patch"]
    assert not setting.election.held()


async def test_a_renewal_counts_from_when_it_was_sent(setting):
    await setting.lead()
    setting.time += 2

    def slow():
        setting.time += 7

    setting.api.before_answer = slow
    await setting.step()
    setting.time += RENEW_SECONDS - 7 - 0.1
    assert setting.election.held()
    setting.time += 0.1
    assert not setting.election.held()


async def test_a_leadership_that_was_interrupted_does_not_go_on(setting):
    await setting.lead()

    def frozen():
        setting.time += RENEW_SECONDS

    setting.api.before_answer = frozen
    with pytest.raises(LeadershipLostError):
        await setting.step()
    assert not setting.election.held()


async def test_a_renewal_that_changed_nothing_is_none(setting):
    await setting.lead()
    setting.api._store = lambda _: setting.api.lease
    await setting.step(RENEW_SECONDS - 1)
    setting.time += 1
    assert not setting.election.held()


async def test_a_lost_answer_is_made_up_for(setting):
    await setting.lead()
    setting.api.free("me")  # took effect, and nobody heard of it
    await setting.step(2)
    assert setting.election.held()
    await setting.step(2)
    assert setting.api.calls[-2:] == ["get", "patch"]
    setting.time += RENEW_SECONDS - 0.1
    assert setting.election.held()


async def test_a_lease_that_was_deleted_under_its_holder_is_made_anew(setting):
    await setting.lead()
    setting.api.lease = None
    await setting.step(2)
    await setting.step(2)
    assert setting.api.lease["spec"]["holderIdentity"] == "me"
    assert setting.election.held()


async def test_a_deleted_lease_that_somebody_announced_is_taken_back(setting):
    await setting.lead()
    setting.api.free(NOBODY_YET)
    await setting.step(2)
    await setting.step(2)
    assert setting.api.lease["spec"]["holderIdentity"] == "me"


async def test_a_lease_that_another_holds_is_lost_at_once(setting):
    await setting.lead()
    setting.api.free("other")
    await setting.step(2)
    with pytest.raises(LeadershipLostError, match="is held by other"):
        await setting.step(2)
    assert not setting.election.held()


async def test_a_released_lease_is_free_at_once(setting):
    await setting.lead()
    other = setting.candidate("other")
    await other.step()
    held_while_releasing = []
    setting.api.before_answer = lambda: held_while_releasing.append(setting.election.held())
    await setting.election.release()
    assert held_while_releasing == [False]
    assert setting.api.lease["spec"]["holderIdentity"] == ""
    await other.step()
    assert other.held()


async def test_a_release_that_is_refused_is_tried_again(setting):
    await setting.lead()
    setting.api.free("me")
    await setting.election.release()
    assert setting.api.lease["spec"]["holderIdentity"] == ""


async def test_a_release_that_cannot_be_ends_all_the_same(setting):
    await setting.lead()
    setting.api.errors = [TimeoutError()] * 9
    await setting.election.release()
    assert not setting.election.held()


async def test_who_does_not_hold_the_lease_leaves_it_alone(setting):
    setting.api.free("other")
    await setting.step()
    await setting.election.release()
    assert setting.api.lease["spec"]["holderIdentity"] == "other"


async def test_a_missing_right_is_named_once(setting, caplog):
    caplog.set_level(logging.INFO)
    setting.api.errors = [ApiError(403, "leases is forbidden")] * 3
    for _ in range(3):
        await setting.step(2)
    (line,) = caplog.messages
    assert "leases is forbidden" in line
    assert "get, create and patch on leases in default" in line


async def test_says_who_holds_the_lease_when_that_changes(setting, caplog):
    caplog.set_level(logging.INFO)
    for holder in ("a", "a", "b"):
        setting.api.free(holder)
        await setting.step(2)
    assert caplog.messages == [
        "Standing by: lease lease in default is held by a.",
        "Standing by: lease lease in default is held by b.",
    ]
