"""A cluster model as a Hypothesis state machine: the operator's work and what it gets to see, call by call."""

from cluster_model import Cluster, Operator
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

WHICH = st.integers(0, 5)
COMPLETED = (0, (RunState.COMPLETED, None))
INTERRUPTED = (143, (RunState.CRASHED, Reason.INTERRUPTED))
ROUNDS = 60


class ClusterMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.cluster = Cluster()
        self.api = self.cluster.api
        self.operator = Operator(self.api)
        self.missed = False

    # --- what the operator does, step by step, and what it gets to see ---

    @rule(which=WHICH)
    def take(self, which):
        if keys := self.operator.waiting():
            self.operator.take(keys[which % len(keys)])

    @rule(which=WHICH)
    def step(self, which):
        if keys := self.operator.working():
            self.operator.step(keys[which % len(keys)])

    @rule()
    def work(self):
        for key in [*self.operator.working(), *self.operator.waiting()]:
            while key in self.operator.working():
                self.operator.step(key)
            if key in self.operator.waiting():
                self.operator.reconcile(key)

    @rule(which=WHICH, again=st.booleans())
    def see(self, which, again):
        events = self.api.events
        if events:
            index = which % len(events)
            event = events[index] if again else events.pop(index)
            self.operator.see(*event)

    @rule()
    def see_all(self):
        while self.api.events:
            self.operator.see(*self.api.events.pop(0))

    @rule()
    def miss_all(self):
        self.missed |= bool(self.api.events)
        self.api.events.clear()

    @rule()
    def resync(self):
        self.operator.resync()
        self.missed = False

    @rule()
    def crash(self):
        self.operator.die()
        self.api.events.clear()
        self.operator = Operator(self.api)
        self.missed = False

    # --- what Kubernetes does ---

    def go_on(self):
        """Let everybody do what is to be done next, but the flow does not end."""
        self.see_all()
        self.work()
        moved = self.cluster.control_jobs() | self.cluster.collect_garbage()
        for pod in self.cluster.pods:
            moved |= self.cluster.bind(pod) or self.cluster.start(pod)
            moved |= self.cluster.stop(pod, *INTERRUPTED)
        return moved
