"""However slow, frozen, cut off or killed the candidates are: two never may write at once, and one finally may."""

import copy
from datetime import timedelta

import aiohttp
from builders import NOW
from depth import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from millstream_operator.api import AlreadyExistsError, ConflictError, NotFoundError
from millstream_operator.election import CALL_SECONDS, Election, LeadershipLostError

WHICH = st.sampled_from([0, 0, 1, 2])
RATES = st.sampled_from([0.9, 1.0, 1.1])
MOST = 3
TICK = 0.25


class Call:
    """A request on its way: it takes effect, and is answered, when the test says so."""

    def __init__(self, verb, version=None, spec=None):
        self.verb, self.version, self.spec = verb, version, spec
        self.answer = None

    def __await__(self):
        answer = yield self
        if isinstance(answer, Exception):
            raise answer
        return answer


class Api:
    async def get(self, kind, namespace, name):
        del kind, namespace, name
        return await Call("get")

    async def create(self, kind, body):
        del kind
        return await Call("create", spec=body["spec"])

    async def patch(self, kind, namespace, name, operations):
        del kind, namespace, name
        return await Call("patch", operations[0]["value"], operations[1]["value"])


class Server:
    def __init__(self):
        self.version, self.lease, self.away = 0, None, False

    def take(self, call):
        if self.away:
            return aiohttp.ClientConnectionError("away")
        if call.verb == "create" and self.lease:
            return AlreadyExistsError(409, "exists")
        if call.verb != "create" and not self.lease:
            return NotFoundError(404, "gone")
        if call.verb == "patch" and call.version != self.lease["metadata"]["resourceVersion"]:
            return ConflictError(409, "changed")
        if call.verb != "get":
            self.version += 1
            self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": call.spec}
        return copy.deepcopy(self.lease)


class Candidate:
    """A process with a clock of its own, which began at any time and is a little slow or fast."""

    def __init__(self, world, identity, rate, offset):
        self.world, self.rate, self.offset = world, rate, offset
        self.frozen = self.stopping = self.ended = False
        self.call, self.wake = None, 0.0
        self.election = Election(
            Api(), ("default", "lease"), identity, clock=self.clock, now=world.wall, jitter=lambda: 0.5
        )
        self.steps = self.election.step()

    def clock(self):
        return self.offset + self.rate * self.world.time

    def go_on(self, answer=None):
        """Run until the next request, or the next sleep."""
        try:
            self.call = self.steps.send(answer)
        except StopIteration as end:
            self.call, self.ended = None, self.stopping
            self.wake = self.clock() + (end.value or 0.0)
            self.steps = self.election.step()
        except LeadershipLostError:
            self.kill()

    def kill(self):
        self.ended = True
        if self.call:
            self.world.late.append(self.call)
        self.steps.close()
        self.call = None

    def stop(self):
        """Be told to stop, whatever is under way."""
        if self.call:
            self.world.late.append(self.call)
        self.steps.close()
        self.call, self.stopping, self.wake = None, True, self.clock()
        self.steps = self.election.release()

    def tick(self):
        """Go on as far as a process can that nothing keeps from it."""
        if self.call:
            self.go_on(self.call.answer or self.world.server.take(self.call))
        elif self.clock() >= self.wake:
            self.go_on()


class ALeaseAndItsCandidates(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.time, self.jump, self.started = 0.0, 0.0, 0
        self.server, self.late, self.candidates = Server(), [], []

    def wall(self):
        self.jump += 1e-6
        return NOW + timedelta(seconds=self.time + self.jump)

    def pick(self, which):
        """Choose a candidate: the leader, or any."""
        leading = [candidate for candidate in self.candidates if candidate.election.held()]
        return leading[0] if leading and not which else self.candidates[which % len(self.candidates)]

    def bury(self):
        for candidate in self.candidates:
            if candidate.ended:
                candidate.steps.close()
        self.candidates = [candidate for candidate in self.candidates if not candidate.ended]

    @initialize(rates=st.lists(RATES, max_size=2), seconds=st.sampled_from([0, 20]))
    def begin(self, rates, seconds):
        for rate in rates:
            self.start(rate, 0.0)
        self.run(seconds)

    @precondition(lambda self: len(self.candidates) < MOST)
    @rule(rate=RATES, offset=st.sampled_from([0.0, 1e6]))
    def start(self, rate, offset):
        self.started += 1
        self.candidates.append(Candidate(self, f"operator-{self.started}", rate, offset))

    @rule(seconds=st.sampled_from([1, 3, 9, 20]))
    def everything_goes_well(self, seconds):
        self.run(seconds)

    def run(self, seconds):
        for _ in range(int(seconds / TICK)):
            self.time += TICK
            for candidate in self.candidates:
                if not candidate.frozen:
                    candidate.tick()
                    self.only_one_may_write()
            self.bury()

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH, seconds=st.sampled_from([3, 7, 13, 20]))
    def one_is_slow_and_the_others_go_on(self, which, seconds):
        """What it sends arrives at once, and it gets the answer in the end."""
        slow = self.pick(which)
        if slow.frozen:
            return
        if not slow.call:
            slow.go_on()
        if slow.call and slow.call.answer is None:
            slow.call.answer = self.server.take(slow.call)
        slow.frozen = True
        self.run(seconds)
        slow.frozen = False
        if slow.call:
            slow.go_on(slow.call.answer)
        self.bury()

    @rule(seconds=st.sampled_from([0.5, 2, 5, 9, 12, 30]))
    def time_passes(self, seconds):
        self.time += seconds

    @rule(seconds=st.sampled_from([-3600, 3600]))
    def clocks_are_set(self, seconds):
        self.jump += seconds

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def one_begins(self, which):
        candidate = self.pick(which)
        if not candidate.frozen and not candidate.call:
            candidate.go_on()
        self.bury()

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def a_request_arrives(self, which):
        call = self.pick(which).call
        if call and call.answer is None:
            call.answer = self.server.take(call)

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def an_answer_arrives(self, which):
        candidate = self.pick(which)
        if not candidate.frozen and candidate.call and candidate.call.answer is not None:
            candidate.go_on(candidate.call.answer)
        self.bury()

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def an_answer_is_too_late(self, which):
        candidate = self.pick(which)
        if not candidate.frozen and candidate.call:
            if candidate.call.answer is None:
                self.late.append(candidate.call)
            self.time += CALL_SECONDS
            candidate.go_on(TimeoutError())
        self.bury()

    @precondition(lambda self: self.late)
    @rule()
    def a_late_request_arrives(self):
        self.server.take(self.late.pop(0))

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def one_is_frozen_or_goes_on(self, which):
        candidate = self.pick(which)
        candidate.frozen = not candidate.frozen

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def one_is_killed(self, which):
        self.pick(which).kill()
        self.bury()

    @precondition(lambda self: self.candidates)
    @rule(which=WHICH)
    def one_is_told_to_stop(self, which):
        candidate = self.pick(which)
        if not candidate.frozen and not candidate.stopping:
            candidate.stop()

    @rule()
    def the_api_server_goes_away_or_comes_back(self):
        self.server.away = not self.server.away

    @precondition(lambda self: self.server.lease)
    @rule()
    def somebody_deletes_the_lease(self):
        self.server.lease = None

    @invariant()
    def only_one_may_write(self):
        may = [candidate for candidate in self.candidates if candidate.election.held()]
        assert len(may) <= 1

    def teardown(self):
        self.server.away = False
        for candidate in self.candidates:
            candidate.frozen = False
        self.run(5)
        if not self.candidates:
            self.start(1.0, 0.0)
        self.run(30)
        if not self.candidates:  # all had lost it, or had been told to stop
            self.start(1.0, 0.0)
            self.run(30)
        assert any(candidate.election.held() for candidate in self.candidates)
        for candidate in self.candidates:
            candidate.steps.close()


def test_two_never_may_write_and_one_finally_may():
    run_state_machine_as_test(
        ALeaseAndItsCandidates,
        settings=settings(max_examples=examples(300), stateful_step_count=40, deadline=None),
    )
