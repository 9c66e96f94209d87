"""The three steps to an attempt's end, on a clock of the test's."""

from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from millstream.resources.reasons import Reason
from millstream.runner._stopping import Stopping


def steps(stopping: Stopping, start: float) -> list[tuple[float, int]]:
    """Follow a plan to its end."""
    now, taken = start, []
    for _ in range(20):
        taken += [(round(now, 3), step) for step in stopping.due(now)]
        wait = stopping.wait_seconds(now)
        if wait is None:
            return taken
        now += wait
    pytest.fail("the plan does not end")


@pytest.mark.parametrize(
    ("grace", "interrupt_at", "kill_at"),
    [(600, 593, 598), (30, 23, 28), (10, 6, 8), (1, 0.6, 0.8), (0, 0, 0)],
)
def test_interruption(grace, interrupt_at, kill_at):
    stopping = Stopping(run_deadline=None, grace_seconds=grace)
    assert stopping.wait_seconds(100.0) is None
    stopping.interrupt(100.0)
    assert steps(stopping, 100.0) == [(100, SIGTERM), (100 + interrupt_at, SIGINT), (100 + kill_at, SIGKILL)]
    assert (stopping.reason, stopping.killed) == (Reason.INTERRUPTED, True)


def test_run_deadline():
    stopping = Stopping(run_deadline=1000.0, grace_seconds=10)
    assert stopping.due(999.9) == []
    assert steps(stopping, 100.0) == [(1000, SIGTERM), (1000, SIGINT), (1008, SIGKILL)]
    assert stopping.reason is Reason.RUN_TIMEOUT


@pytest.mark.parametrize("again", [101.0, 106.5, 107.999])
def test_further_interruptions_change_nothing(again):
    stopping = Stopping(run_deadline=None, grace_seconds=10)
    stopping.interrupt(100.0)
    stopping.due(100.0)
    stopping.interrupt(again)
    assert steps(stopping, again)[-1] == (108, SIGKILL)


def test_run_deadline_during_an_interruption_changes_nothing():
    stopping = Stopping(run_deadline=103.0, grace_seconds=10)
    stopping.interrupt(100.0)
    assert [at for at, _ in steps(stopping, 100.0)] == [100, 106, 108]
    assert stopping.reason is Reason.INTERRUPTED


def test_interruption_after_the_run_deadline_changes_nothing():
    stopping = Stopping(run_deadline=100.0, grace_seconds=10)
    assert stopping.due(100.0) == [SIGTERM, SIGINT]
    stopping.interrupt(105.0)
    assert stopping.reason is Reason.RUN_TIMEOUT
    assert steps(stopping, 105.0) == [(108, SIGKILL)]


def test_signals_that_are_late_are_sent_together():
    stopping = Stopping(run_deadline=None, grace_seconds=10)
    stopping.interrupt(100.0)
    assert stopping.due(200.0) == [SIGTERM, SIGINT, SIGKILL]


@pytest.mark.parametrize(("grace", "reserve"), [(30, 2), (5, 1), (1, 0.2)])
def test_reserve(grace, reserve):
    assert Stopping(run_deadline=None, grace_seconds=grace).reserve_seconds == pytest.approx(reserve)
