"""The operator is killed after each of its writes of each kind of life, and the life is the same.

tests/control_plane/test_crashes.py has two lives in every run of CI, and counts their writes.
"""

import random
import time

import pytest
from lives import LIVES, Kubelet
from mortal_operator import Operator

pytestmark = pytest.mark.chaos

AT_ONCE = 4
MOST_WRITES = 40
SECONDS = 60


class Killed:
    """A life in a namespace of its own, and an operator that dies after so many writes."""

    def __init__(self, life, writes, ns, start):
        self.kubelet = Kubelet(ns, random.Random(writes))
        self.kubelet.begin([life])
        self.operator = start(ns, writes)

    def go_on(self):
        """Do what is to be done next; True at the end."""
        self.operator.keep_alive()
        self.kubelet.look()
        return self.kubelet.is_over()


@pytest.fixture
def start(forker, limited_kubeconfig, tmp_path):
    started = []

    def start(ns, writes):
        started.append(Operator(forker, limited_kubeconfig, [ns.name], tmp_path / ns.name, writes))
        return started[-1]

    yield start
    for operator in started:
        operator.kill()
        assert "unexpected error" not in operator.log


@pytest.mark.parametrize("life", LIVES)
def test_a_kill_after_any_write_changes_nothing(life, make_namespace, start, watch, seconds_left):
    if seconds_left() < 0:
        pytest.skip("CHAOS_SECONDS are over")
    for first in range(1, MOST_WRITES, AT_ONCE):
        spaces = [make_namespace() for _ in range(AT_ONCE)]
        histories = [watch(ns) for ns in spaces]
        lives = [Killed(life, first + number, ns, start) for number, ns in enumerate(spaces)]
        waiting, end = list(lives), time.monotonic() + SECONDS
        while waiting := [killed for killed in waiting if not killed.go_on()]:
            assert time.monotonic() < end, [killed.kubelet.unfinished() for killed in waiting]
        for killed, history in zip(lives, histories, strict=True):
            killed.kubelet.check(history)
            killed.operator.kill()
        if any(killed.operator.starts == 1 for killed in lives):
            return  # it had so many writes left
    pytest.fail(f"more than {MOST_WRITES} writes")
