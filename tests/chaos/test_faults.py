"""Many runs live while the operator is lied to, cut off and killed, by chance; each comes to its one end.

A failure names the seed that repeats it: CHAOS_SEED says where to begin, 1 if it is not given.
"""

import os
import random
import time
from collections import Counter

import pytest
from faulty_api_server import RandomPlan
from lives import Kubelet
from mortal_operator import NEVER, Operator

from millstream_operator.kinds import FLOW_RUNS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]  # each seed has deadlines of its own

FIRST_SEED = int(os.environ.get("CHAOS_SEED", "1"))
TROUBLE_SECONDS = 10
PEACE_SECONDS = 60
COPIES = 2
REQUESTS = {
    **dict.fromkeys(("401", "409", "410", "422", "429", "500", "503", "504"), 0.015),
    **dict.fromkeys(("closed before", "answer lost", "answer cut", "answer truncated"), 0.015),
    **dict.fromkeys(("answer late", "no answer", "answer slow"), 0.01),
}
EVENTS = {
    **dict.fromkeys(("dropped", "doubled", "delayed", "swapped"), 0.05),
    **dict.fromkeys(("stalled", "line cut", "expired", "failed"), 0.01),
    "hung": 0.005,
}
# Of a run's calls a third or so is spent on faults. A loop without a pause makes hundreds in a second.
CALLS_PER_RUN = 60
CALLS_PER_OBJECT = 60


class Story:
    """Runs, the operator and its troubles, as a seed has it."""

    def __init__(self, seed, ns, proxy, operator):
        self.chance = random.Random(seed)
        self.ns, self.proxy, self.operator = ns, proxy, operator
        self.proxy.plan = RandomPlan(seed, self.times(REQUESTS), self.times(EVENTS))
        self.calls_before = len(proxy.calls)
        self.deadly = self.chance.choice([0, 1, 3])
        self.kubelet = Kubelet(ns, self.chance)
        self.kubelet.begin(copies=COPIES)
        self.away = None

    def times(self, chances):
        """Have one seed differ from the other in what goes wrong most."""
        factor = self.chance.choice([0.2, 1, 2])
        return {fault: chance * factor for fault, chance in chances.items()}

    def trouble(self):
        """Let everything live, and fail, for a while."""
        end = time.monotonic() + TROUBLE_SECONDS
        while time.monotonic() < end:
            self.kubelet.look()
            self.operator.keep_alive(writes=self.chance.choice([NEVER, 5, 10, 20, 40][: 1 + 2 * self.deadly]))
            if self.chance.random() < 0.005 * self.deadly:
                self.operator.kill()
            self.be_away_or_back()
            time.sleep(0.02)

    def be_away_or_back(self):
        if self.away is None and self.chance.random() < 0.01:
            self.away = time.monotonic() + self.chance.uniform(0.5, 3)
            self.chance.choice([self.proxy.refuse_connections, self.proxy.answer_nothing])()
        elif self.away and time.monotonic() > self.away:
            self.away, plan = None, self.proxy.plan
            self.proxy.heal()
            self.proxy.plan = plan

    def peace(self):
        """Let everything come to its end, with no more faults."""
        self.proxy.heal()
        end = time.monotonic() + PEACE_SECONDS
        while waits := self.kubelet.unfinished():
            assert time.monotonic() < end, f"it does not end: {waits}"
            self.kubelet.look()
            self.operator.keep_alive()
            time.sleep(0.02)

    def check_calls(self):
        """See that faults do not make the operator ask without end."""
        calls = [call for call in self.proxy.calls[self.calls_before :] if not call.watch]
        objects = Counter((call.method, call.path) for call in calls if call.names_object)
        assert len(calls) < CALLS_PER_RUN * len(self.ns.items(FLOW_RUNS)), f"{len(calls)} calls"
        assert max(objects.values()) < CALLS_PER_OBJECT, objects.most_common(5)


def test_every_run_comes_to_its_one_end(
    proxy, kubeconfig, forker, make_namespace, watch, tmp_path, seconds_left, say
):
    seed = FIRST_SEED
    while seed == FIRST_SEED or seconds_left() > 0:
        ns = make_namespace()
        history = watch(ns)
        operator = Operator(forker, kubeconfig, [ns.name], tmp_path / f"operator-{seed}.log")
        story = Story(seed, ns, proxy, operator)
        try:
            story.trouble()
            story.peace()
            story.kubelet.check(history)
            story.check_calls()
            assert "unexpected error" not in operator.log
        except AssertionError as error:
            raise AssertionError(f"CHAOS_SEED={seed}, logs in {tmp_path}: {error}") from None
        finally:
            operator.kill()
        calls, faults = len(proxy.calls) - story.calls_before, sum(proxy.faults().values())
        say(f"seed {seed}: {operator.starts} starts, {calls} calls, {faults} faults so far")
        seed += 1
